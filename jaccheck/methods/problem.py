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

from jaccheck.case import Case, Sample, sample
from jaccheck.core import checked
from jaccheck.methods.adapters import own_model, prefix
from jaccheck.methods.devices import check_device, load_device
from jaccheck.methods.modules import model_of
from jaccheck.oracle import Layout

Jacobians = dict[str, Tensor]
"""By parameter name: the Jacobian `(N, C, *θ.shape)`, in the order of `Module.named_parameters`."""


@dataclass(slots=True)
class Problem:
    """A network and a batch. The only value that holds live things, for one call of one method."""

    model: nn.Module
    X: Tensor
    C: int
    notes: tuple[str, ...] = ()
    """What a user must know of how the model and its inputs were taken, a line each."""

    @property
    def N(self) -> int:
        """Number of samples."""
        return len(self.X)

    @property
    def dtype(self) -> str:
        """Name of the dtype of the trainable parameters, of the least precise where they differ."""
        kinds = {p.dtype for p in self.parameters.values()} or {self.X.dtype}
        coarsest = max(kinds, key=_roundoff) if len(kinds) > 1 else next(iter(kinds))
        return str(coarsest).removeprefix("torch.")

    @property
    def dtypes(self) -> dict[str, str]:
        """By the user's name of a trainable parameter the name of its dtype, which is that of its Jacobian."""
        return {self.told(name): str(p.dtype).removeprefix("torch.") for name, p in self.parameters.items()}

    @property
    def device(self) -> str:
        """Name of the device that the input is on."""
        return str(self.X.device)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The trainable parameters by name, in the order of `Module.named_parameters`."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    @property
    def own(self) -> nn.Module:
        """The user's model itself, inside all adapters."""
        return own_model(self.model)

    def told(self, name: str) -> str:
        """The name that a parameter of `model` has in the user's own model."""
        return name.removeprefix(prefix(self.model))

    def inside(self, jacobians: Jacobians) -> Jacobians:
        """The same tensors under the names of `model`; what is of no parameter of it keeps its name."""
        names = {self.told(name): name for name in self.parameters}
        return {names.get(name, name): jacobian for name, jacobian in jacobians.items()}

    @property
    def layout(self) -> Layout:
        """How its Jacobians lie in one flat vector, by the names of the user's model where an adapter is around it."""
        return Layout(self.N, self.C, {self.told(name): tuple(p.shape) for name, p in self.parameters.items()})


def _roundoff(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).eps if dtype.is_floating_point else 0.0


@dataclass(frozen=True, slots=True)
class Tensors:
    """The numbers of a case rounded to its dtype, on the CPU; never handed to a method, only copied.

    With a loss, X are row numbers, and inputs, targets and weights are among the buffers.
    """

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
    X = X.long() if case.has_indices else X.to(dtype)
    if case.loss is None:
        return Tensors(X, parameters, buffers)
    assert drawn.targets is not None
    y = torch.from_numpy(drawn.targets)
    buffers |= {"inputs": X, "targets": y.to(dtype) if case.loss.has_numbers else y.long()}
    if drawn.loss_weight is not None:
        buffers["loss_weight"] = torch.from_numpy(drawn.loss_weight).to(dtype)
    return Tensors(torch.arange(len(X)), parameters, buffers)


@checked()
def build(case: Case, *, device: str = "cpu", tensors: Tensors | None = None) -> Problem:
    """A fresh network in evaluation mode and a fresh input on `device`; equal numbers for equal cases, always.

    No random number generator is touched. Raises UnknownName for a device that is not here.
    """
    check_device(device)
    load_device(device)
    tensors = tensors or round_sample(case)
    trainable = case.trainable()
    parameters = {
        name: nn.Parameter(value.to(device, copy=True), requires_grad=name in trainable)
        for name, value in tensors.parameters.items()
    }
    buffers = {name: value.to(device, copy=True) for name, value in tensors.buffers.items()}
    X = _in_memory_as(case, tensors.X.to(device, copy=True))
    X = X.requires_grad_(True) if case.input_requires_grad else X
    return Problem(model_of(case, parameters, buffers), X, case.outputs)


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
