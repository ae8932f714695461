"""From the layers of a case to live modules that hold given tensors; no random number generator is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from jaccheck.case import Case, CaseLoss, Dropout, Layer, Linear, Nested, Placed
from jaccheck.methods import containers
from jaccheck.methods.own_losses import SequentialWithLoss


def model_of(case: Case, parameters: dict[str, nn.Parameter], buffers: dict[str, Tensor]) -> nn.Sequential:
    """The network of a case in evaluation mode, made of these parameters and buffers by name."""
    maker = _Maker({place.path: place for place in case.places()}, parameters, buffers)
    layers = maker.modules(case.layers, "")
    model = nn.Sequential(*layers) if case.loss is None else _with_loss(layers, case.loss, buffers)
    for module in model.modules():
        # All but a Dropout whose case says that it is in training mode.
        module.training = module.training and type(module) is nn.Dropout
    return model


def _with_loss(layers: list[nn.Module], loss: CaseLoss, buffers: dict[str, Tensor]) -> nn.Sequential:
    options: dict[str, Any] = {"weight": buffers.get("loss_weight"), **loss.options()}
    inputs, targets = buffers["inputs"], buffers["targets"]
    return SequentialWithLoss(
        *layers, kind=loss.kind, reduction=loss.reduction, inputs=inputs, targets=targets, **options
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    places: dict[str, Placed]
    parameters: dict[str, nn.Parameter]
    buffers: dict[str, Tensor]

    def modules(self, layers: tuple[Layer, ...], prefix: str) -> list[nn.Module]:
        """A module for each layer, named from `prefix` on."""
        return [self._module(layer, f"{prefix}{index}") for index, layer in enumerate(layers)]

    def _module(self, layer: Layer, path: str) -> nn.Module:
        match layer:
            case Nested():
                runs = [self.modules(run, f"{path}.{name}") for name, run in layer.runs]
                inside = [nn.Sequential(*run) for run in runs] if layer.is_branched else runs[0]
                return _made(layer.torch_name)(*inside, **layer.options())
            case Linear():
                return linear(self.parameters[f"{path}.weight"], self.parameters.get(f"{path}.bias"))
            case _:
                return self._leaf(self.places[path])

    def _leaf(self, place: Placed) -> nn.Module:
        return self._made_leaf(place).train(isinstance(place.layer, Dropout) and place.layer.training)

    def _made_leaf(self, place: Placed) -> nn.Module:
        """The module as torch constructs it, but for its initialisation, which would draw from the global generator."""
        how = place.layer.constructor(place.in_shape)
        kind = _made(how.name)
        if not place.parameters and not place.buffers:
            return kind(*how.sizes, **how.options)
        module = kind(*how.sizes, **how.options, **self._uninitialised(kind, place))
        for name in place.parameters:
            owner, _, own = name.rpartition(".")
            # Set, not registered, since recurrent layers keep a list of their weights.
            setattr(module.get_submodule(owner), own, self.parameters[f"{place.path}.{name}"])
        for name in place.buffers:
            module.register_buffer(name, self.buffers[f"{place.path}.{name}"])
        if isinstance(module, containers.AddEmbedding):
            module.indices = module.indices.to(module.embedding.weight.device)
        if "num_batches_tracked" in module._buffers:
            device = self.buffers[f"{place.path}.running_mean"].device
            module.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.long, device=device))
        return module

    def _uninitialised(self, kind: Callable[..., nn.Module], place: Placed) -> dict[str, object]:
        """What keeps a constructor from drawing: `normal_` on the meta device imports torch's compiler, two seconds."""
        if kind is containers.AddEmbedding:
            return {"_weight": self.parameters[f"{place.path}.embedding.weight"]}
        if kind is nn.Embedding:
            return {"_weight": self.parameters[f"{place.path}.weight"]}
        return {"device": "meta"}


def _made(name: str) -> Callable[..., nn.Module]:
    """What makes the module of that name."""
    return getattr(nn, name, None) or getattr(containers, name)


def linear(weight: nn.Parameter, bias: nn.Parameter | None) -> nn.Linear:
    """A Linear that holds these parameters.

    `nn.Linear.__init__` would draw an initialisation from the global generator, and on the meta device, where it
    draws none, takes four times as long. A test holds the attributes equal to those of a Linear made by torch.
    """
    module = nn.Linear.__new__(nn.Linear)
    nn.Module.__init__(module)
    module.out_features, module.in_features = weight.shape
    module.weight = weight
    module.register_parameter("bias", bias)
    return module
