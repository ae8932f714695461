"""`Problem`: a live network and input, made fresh from a `Case` for every call of a method.

Three letters stand for the same thing everywhere: N is the number of samples in the batch, C the number of outputs
of the network, θ a trainable parameter. The network maps input `[N, *in_shape]` to `f` of shape `[N, C]`, or `[N]`
where C = 1 and its last layer is `Flatten(start_dim=0)`. The batched Jacobian of θ is a tensor `(N, C, *θ.shape)`
whose entry `[n, c, *i]` is the derivative of `f[n, c]` by `θ[i]`; it has θ's dtype and device. `Jacobians` is one
for each trainable parameter, by name, in the order of `Module.named_parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from jaccheck import networks
from jaccheck.case import Case, Layer, Linear, Parallel, Placed, Repeat, Residual, Sequential
from jaccheck.case.constructors import constructor
from jaccheck.sampling import Sample, sample

Jacobians = dict[str, Tensor]
"""By parameter name: the Jacobian `(N, C, *θ.shape)`, in the order of `Module.named_parameters`."""


@dataclass(slots=True)
class Problem:
    """A network and a batch. The only value that holds live things, for one call of one method."""

    model: nn.Module
    X: Tensor
    C: int

    @property
    def N(self) -> int:
        """Number of samples."""
        return len(self.X)

    @property
    def dtype(self) -> str:
        """Name of the dtype of the trainable parameters, of the first one where they differ."""
        return str(next(iter(self.parameters.values()), self.X).dtype).removeprefix("torch.")

    @property
    def device(self) -> str:
        """Name of the device that the input is on."""
        return str(self.X.device)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The trainable parameters by name, in the order of `Module.named_parameters`."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}


@dataclass(frozen=True, slots=True)
class Tensors:
    """The numbers of a case rounded to its dtype, on the CPU; never handed to a method, only copied."""

    X: Tensor
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, Tensor]:
        """Parameters and buffers together."""
        return self.parameters | self.buffers


def round_sample(case: Case, drawn: Sample | None = None) -> Tensors:
    """The numbers of `case` in its dtype, on the CPU."""
    drawn = drawn or sample(case)
    dtype = getattr(torch, case.dtype)
    parameters, buffers = (
        {name: torch.from_numpy(value).to(dtype) for name, value in numbers.items()}
        for numbers in (drawn.parameters, drawn.buffers)
    )
    X = torch.from_numpy(drawn.X)
    return Tensors(X.long() if case.has_indices else X.to(dtype), parameters, buffers)


def build(case: Case, *, device: str = "cpu", tensors: Tensors | None = None) -> Problem:
    """A fresh network in evaluation mode and a fresh input on `device`; equal numbers for equal cases, always.

    Modules are made without torch's own initialisation, so no random number generator is touched.
    """
    tensors = tensors or round_sample(case)
    trainable = case.trainable()
    numbers: dict[str, Tensor] = {
        name: nn.Parameter(value.to(device, copy=True), requires_grad=name in trainable)
        for name, value in tensors.parameters.items()
    } | {name: value.to(device, copy=True) for name, value in tensors.buffers.items()}
    model = nn.Sequential(*_modules(case.layers, "", {place.path: place for place in case.places()}, numbers))
    model.train(False)
    X = _in_memory_as(case, tensors.X.to(device, copy=True))
    return Problem(model, X.requires_grad_(True) if case.input_requires_grad else X, case.outputs)


def _modules(
    layers: tuple[Layer, ...], prefix: str, places: dict[str, Placed], numbers: dict[str, Tensor]
) -> list[nn.Module]:
    made = []
    for index, layer in enumerate(layers):
        path = f"{prefix}{index}"
        match layer:
            case Sequential(layers=inside):
                made.append(nn.Sequential(*_modules(inside, f"{path}.", places, numbers)))
            case Residual(layers=inside):
                made.append(networks.Residual(*_modules(inside, f"{path}.", places, numbers)))
            case Repeat(layers=inside, times=times):
                made.append(networks.Repeat(*_modules(inside, f"{path}.", places, numbers), times=times))
            case Parallel(branches=branches, merge=merge):
                runs = [_modules(run, f"{path}.{i}.", places, numbers) for i, run in enumerate(branches)]
                made.append(networks.Parallel(*(nn.Sequential(*run) for run in runs), merge=merge))
            case Linear():
                made.append(_linear(numbers[f"{path}.weight"], numbers.get(f"{path}.bias")))
            case _:
                made.append(_leaf(places[path], numbers))
    return made


def _leaf(place: Placed, numbers: dict[str, Tensor]) -> nn.Module:
    """The module as torch constructs it, without its initialisation, which would draw from the global generator."""
    how = constructor(place.layer, place.in_shape)
    kind: type[nn.Module] = getattr(nn, how.name, None) or getattr(networks, how.name)
    own = {name: numbers[f"{place.path}.{name}"] for name in (*place.parameters, *place.buffers)}
    if not own:
        return kind(*how.sizes, **how.options)
    module = kind(*how.sizes, **how.options, device="meta")
    for name, value in own.items():
        setattr(module, name, value)
    if (counter := module._buffers.get("num_batches_tracked")) is not None:
        module.num_batches_tracked = torch.zeros_like(counter, device=next(iter(own.values())).device)
    return module


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A Linear that holds these parameters.

    `nn.Linear.__init__` would draw an initialisation from the global generator, and on the meta device, where it
    draws none, takes four times as long. A test holds the attributes equal to those of a Linear made by torch.
    """
    module = nn.Linear.__new__(nn.Linear)
    nn.Module.__init__(module)
    module.out_features, module.in_features = weight.shape
    module.weight = weight  # type: ignore[assignment]
    module.register_parameter("bias", bias)
    return module


def _in_memory_as(case: Case, X: Tensor) -> Tensor:
    """The same numbers, laid out as the case asks."""
    match case.input_form:
        case "contiguous":
            return X
        case "strided":
            unused = torch.nan if X.is_floating_point() else 0
            return torch.stack([X, torch.full_like(X, unused)], dim=-1)[..., 0]
        case "transposed":
            return X.transpose(0, -1).contiguous().transpose(0, -1)
        case "expanded":
            return X[:1].expand(X.shape) if len(X) else X
