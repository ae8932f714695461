"""Rules of convolutions and transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from jaccheck.errors import NotCovered
from jaccheck.methods.rules.use import Use, contract
from jaccheck.methods.samples import Layout


def windows(x: Tensor, kernel: Sequence[int], stride: Any, padding: Any, dilation: Any) -> Tensor:
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


def _joined(rows: Tensor, skipped: int, layout: Layout) -> Tensor:
    """`(…, rows, channels, positions)` with one row for each sample and the positions of all its rows."""
    if not layout.is_split:
        return rows
    rows = layout.first(rows, skipped)
    return rows.movedim(skipped + 1, -2).flatten(-2)


def _by_bias(δ: Tensor, J: Tensor, layout: Layout) -> None:
    J.copy_(_joined(δ.flatten(3), 1, layout).sum(3).transpose(0, 1))


def _check_batch(input: Tensor, weight: Tensor) -> None:
    if input.dim() != weight.dim():
        raise NotCovered(f"a convolution got input of shape {tuple(input.shape)}, a sample without an axis of samples")


def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Use:
    """At each position a Linear of what the kernel sees there; channels of one group see each other only."""
    _check_batch(input, weight)

    def by_weight(δ: Tensor, J: Tensor, layout: Layout) -> None:
        N, C, axes = layout.N, len(δ), weight.dim() - 2
        seen = windows(input.to(δ.dtype), weight.shape[2:], stride, padding, dilation).unflatten(1, (groups, -1))
        # (N, groups, channels, *kernel, *positions): positions last and next to each other are fastest to copy and add.
        seen = seen.permute(0, 1, 2, *range(3 + axes, 3 + 2 * axes), *range(3, 3 + axes))
        seen = _joined(seen.flatten(3 + axes).flatten(1, 2 + axes), 0, layout).unflatten(1, (groups, -1))
        seen = seen.flatten(0, 1).transpose(1, 2)
        δ = _joined(δ.flatten(3), 1, layout).unflatten(2, (groups, -1)).permute(1, 2, 0, 3, 4)
        δ = δ.flatten(2, 3).flatten(0, 1)
        if groups == 1:
            contract(δ, seen, J)
        else:
            J.copy_(torch.bmm(δ, seen).view(N, groups, C, -1, *weight.shape[1:]).transpose(1, 2).reshape(J.shape))

    return Use(1, [input], (weight, by_weight), (bias, _by_bias))


def transposed_convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Use:
    """Each number of the input times the kernel is added to a window of the output: x ⊗ that window of δ."""
    _check_batch(input, weight)

    def by_weight(δ: Tensor, J: Tensor, layout: Layout) -> None:
        N, C, axes, size = layout.N, len(δ), weight.dim() - 2, input.shape[2:]
        seen = windows(δ.flatten(0, 1), weight.shape[2:], stride, padding, dilation)
        for axis, length in enumerate(size):
            seen = seen.narrow(2 + axis, 0, length)
        # (C·rows, channels, *kernel, *positions)
        seen = seen.permute(0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes)).flatten(2 + axes)
        seen = _joined(seen.flatten(1, 1 + axes).unflatten(0, (C, -1)), 1, layout)
        seen = seen.unflatten(2, (groups, -1)).permute(1, 2, 0, 3, 4).flatten(2, 3).flatten(0, 1)
        x = _joined(input.to(δ.dtype).flatten(2), 0, layout).unflatten(1, (groups, -1)).flatten(0, 1)
        shares = torch.bmm(x, seen.transpose(1, 2)).view(N, groups, -1, C, *weight.shape[1:])
        J.copy_(shares.permute(0, 3, 1, 2, *range(4, 5 + axes)).reshape(J.shape))

    return Use(1, [input], (weight, by_weight), (bias, _by_bias))
