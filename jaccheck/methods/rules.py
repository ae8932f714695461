"""Rules: for a function of torch that takes parameters, their Jacobians from the derivative δ by what it returned.

Such a call, `y = function(input, weight, …)`, becomes a `Use`. Its δ is `(C, N, *y.shape[1:])`: the derivative of
each output of the network by y, whose first axis must be that of the samples. Each rule has the signature of its
function.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Write = Callable[[Tensor, Tensor], Any]
"""`write(δ, J)` fills J, `(N, C, *θ.shape)`, with the share of one use in the Jacobian."""


class Use:
    """One call: its input, and each parameter that it was called with beside what writes its Jacobian."""

    def __init__(self, input: Tensor, *parts: tuple[Tensor | None, Write]) -> None:
        self.input = input
        self.version = 0 if input.is_inference() else input._version
        self.parts = [(parameter, write) for parameter, write in parts if parameter is not None]
        self.edge: Any = None
        """Where the derivative by what was returned can be asked for, also if it is changed in place later."""
        self._origin = input.grad_fn

    def behind(self, ruled: Container[int]) -> list[tuple[Tensor, Any]]:
        """What went in, each with what it came from, but for the parameters with these ids."""
        others = [(parameter, parameter.grad_fn) for parameter, _ in self.parts if id(parameter) not in ruled]
        return [(self.input, self._origin), *others]


def _contract(δ: Tensor, a: Tensor, J: Tensor) -> None:
    """J[n, m] = Σ_l δ[n, m, l] a[n, l], written in place where strides allow."""
    if J.is_contiguous():
        torch.bmm(δ, a, out=J.view(len(a), δ.shape[1], a.shape[2]))
    else:
        J.copy_(torch.bmm(δ, a).view(J.shape))


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Use:
    """`y = x Wᵀ + b`: δ ⊗ x and δ, summed over axes between the first and the last."""

    def by_weight(δ: Tensor, J: Tensor) -> None:
        if input.dim() == 2:
            torch.mul(δ.transpose(0, 1).unsqueeze(-1), input[:, None, None], out=J)
        else:
            rows = δ.flatten(2, -2).permute(1, 0, 3, 2).flatten(1, 2)
            _contract(rows, input.flatten(1, -2), J)

    def by_bias(δ: Tensor, J: Tensor) -> None:
        J.copy_((δ if input.dim() == 2 else δ.flatten(2, -2).sum(2)).transpose(0, 1))

    return Use(input, (weight, by_weight), (bias, by_bias))


def _windows(x: Tensor, kernel: Sequence[int], stride: Any, padding: Any, dilation: Any) -> Tensor:
    """What a convolution sees at each position, `(N, channels, *positions, *kernel)`, as a view of the padded input."""
    axes = len(kernel)
    strides, dilations = _each(stride, axes), _each(dilation, axes)
    if padding == "same":
        spans = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
        margins = [(span // 2, span - span // 2) for span in spans]
    else:
        margins = [(p, p) for p in _each(0 if padding == "valid" else padding, axes)]
    x = functional.pad(x, [side for margin in reversed(margins) for side in margin])
    for axis, (k, s, d) in enumerate(zip(kernel, strides, dilations, strict=True)):
        x = x.unfold(2 + axis, d * (k - 1) + 1, s)[..., ::d]
    return x


def _each(option: Any, axes: int) -> tuple[int, ...]:
    values = (option,) if isinstance(option, int) else tuple(option)
    return values * axes if len(values) == 1 else values


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Use:
    """At each position a Linear of what the kernel sees there; channels of one group see each other only."""

    def by_weight(δ: Tensor, J: Tensor) -> None:
        N, C, axes = len(input), len(δ), weight.dim() - 2
        seen = _windows(input, weight.shape[2:], stride, padding, dilation).unflatten(1, (groups, -1))
        # (N, groups, channels, *kernel, *positions): positions last and next to each other are fastest to copy and add.
        seen = seen.permute(0, 1, 2, *range(3 + axes, 3 + 2 * axes), *range(3, 3 + axes))
        seen = seen.flatten(3 + axes).flatten(2, 2 + axes).flatten(0, 1).transpose(1, 2)
        δ = δ.flatten(3).unflatten(2, (groups, -1)).permute(1, 2, 0, 3, 4)
        δ = δ.flatten(2, 3).flatten(0, 1)
        if groups == 1:
            _contract(δ, seen, J)
        else:
            J.copy_(torch.bmm(δ, seen).view(N, groups, C, -1, *weight.shape[1:]).transpose(1, 2).reshape(J.shape))

    def by_bias(δ: Tensor, J: Tensor) -> None:
        J.copy_(δ.flatten(3).sum(3).transpose(0, 1))

    return Use(input, (weight, by_weight), (bias, by_bias))


def _normalisation(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, normalised: Callable[[], Tensor], summed: tuple[int, ...]
) -> Use:
    """`y = x̂ ∘ weight + bias`: δ ∘ x̂ and δ, summed over axes along which weight and bias are the same."""

    def add_up(δ: Tensor, J: Tensor) -> None:
        J.copy_((δ.sum(summed) if summed else δ).transpose(0, 1))

    return Use(input, (weight, lambda δ, J: add_up(δ * normalised(), J)), (bias, add_up))


def _layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Use:
    shape = list(normalized_shape)
    summed = range(2, input.dim() + 1 - len(shape))
    return _normalisation(
        input, weight, bias, lambda: functional.layer_norm(input, shape, None, None, eps), tuple(summed)
    )


def _group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Use:
    summed = range(3, input.dim() + 1)
    return _normalisation(
        input, weight, bias, lambda: functional.group_norm(input, num_groups, None, None, eps), tuple(summed)
    )


def _batch_norm(
    input: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Use:
    def normalised() -> Tensor:
        return functional.batch_norm(input, running_mean, running_var, None, None, training, 0.0, eps)

    return _normalisation(input, weight, bias, normalised, tuple(range(3, input.dim() + 1)))


def _embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Use:
    """Row v of the weight is what each index v in the input becomes, but for the padding, which has no gradient."""

    def by_weight(δ: Tensor, J: Tensor) -> None:
        rows = δ.unsqueeze(2).flatten(2, -2).transpose(0, 1)
        where = input.reshape(len(input), 1, -1, 1).expand(rows.shape)
        if padding_idx is not None:
            rows = rows.masked_fill(where == padding_idx % len(weight), 0)
        J.zero_().scatter_add_(2, where, rows)

    return Use(input, (weight, by_weight))


RULES: dict[Any, Callable[..., Use]] = {
    functional.linear: _linear,
    functional.conv1d: _convolution,
    functional.conv2d: _convolution,
    functional.conv3d: _convolution,
    functional.layer_norm: _layer_norm,
    functional.group_norm: _group_norm,
    functional.batch_norm: _batch_norm,
    functional.embedding: _embedding,
}
