"""Where the samples lie in a tensor that a live model computes, found from derivatives alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """Samples along an axis of a tensor, which is `before · N · after` long: `[N, …]`, `[T, N, …]`, rows `[N·T, …]`."""

    N: int
    axis: int = 0
    before: int = 1
    after: int = 1

    def first(self, tensor: Tensor, skipped: int) -> Tensor:
        """The tensor with an axis of samples right behind the `skipped` first axes.

        Where samples fill an axis, it is moved there; else what is left of it stays in its place.
        """
        if self.before == self.after == 1:
            return tensor if self.axis == 0 else tensor.movedim(skipped + self.axis, skipped)
        tensor = tensor.unflatten(skipped + self.axis, (self.before, self.N, self.after))
        tensor = tensor.movedim(skipped + self.axis + 1, skipped)
        return tensor.flatten(skipped + self.axis + 1, skipped + self.axis + 2)

    @property
    def is_split(self) -> bool:
        """Whether the axis holds more than samples."""
        return self.before > 1 or self.after > 1

    def __str__(self) -> str:
        return f"axis {self.axis}"


def layouts(shape: Sequence[int], axes: int, N: int) -> Iterator[Layout]:
    """How samples can lie along one of the first `axes` axes: they fill it, or are its outer or its inner part."""
    for axis, size in enumerate(shape[:axes]):
        if size == N:
            yield Layout(N, axis)
        elif size and size % N == 0:
            yield Layout(N, axis, after=size // N)
            if N > 1:
                yield Layout(N, axis, before=size // N)


class Probe:
    """One more backward pass, with another weight for each sample, which shows how samples lie.

    Where sample n is the only one that output n depends on, the pass gives the sum of those for each output, times the
    sample's weight. What mixes samples, or has them elsewhere, is off by as much as the weights differ. No two weights
    are the same: near samples differ by a power of two, others by a fraction. Outputs have weights, too, no small whole
    numbers, with which derivatives of several outputs would cancel.
    """

    def __init__(self, N: int, C: int, like: Tensor) -> None:
        samples, outputs = (torch.arange(each, device=like.device, dtype=torch.float64) for each in (N, C))
        self.samples = (2 ** (samples % 4) * (1 + samples * 0.6180339887498949 % 1)).to(like.dtype)
        self.outputs = (1 + outputs * 0.7548776662466927 % 1).to(like.dtype)
        self.seed = self.samples[:, None] * self.outputs

    def layout_of(self, δ: Tensor, probed: Tensor, candidates: Iterator[Layout]) -> Layout | None:
        """The first layout that both passes allow, as far as rounding lets us see."""
        if not δ.numel():  # of a layer of width zero there is nothing to see
            return next(candidates, None)
        outputs, samples = self.outputs, self.samples
        if δ.dtype != outputs.dtype:
            outputs, samples = outputs.to(δ.dtype), samples.to(δ.dtype)
        expected, size = torch.tensordot(outputs, δ, 1), torch.tensordot(outputs, δ.abs(), 1)
        for layout in candidates:
            found, one, most = (layout.first(each, 0).reshape(layout.N, -1) for each in (probed, expected, size))
            allowed = torch.finfo(δ.dtype).eps ** 0.5 * samples * most.amax(1)
            if not bool(((found - one * samples[:, None]).abs().amax(1) > allowed).any()):
                return layout
        return None


def halves(N: int, device: torch.device) -> Tensor:
    """Sets of samples, `(sets, N)`: those with a bit of their number set, or not set, for each bit."""
    numbers = torch.arange(N, device=device)
    bits = [numbers >> bit & 1 for bit in range((N - 1).bit_length())]
    return torch.stack([side == value for side in bits for value in (0, 1)])


def layout_without_leaks(δ: Tensor, chosen: Tensor, candidates: Iterator[Layout]) -> Layout | None:
    """The first layout in which derivatives of the chosen samples do not touch the rows of others, `δ (sets, …)`.

    Nothing rounds here: rows are zero or not. What cancels, as two features do in a LayerNorm, leaves rounding alone,
    of which the weights of a `Probe` say nothing.
    """
    for layout in candidates:
        rows = layout.first(δ, 1).reshape(*chosen.shape, -1)
        if not bool((rows[~chosen] != 0).any()):
            return layout
    return None
