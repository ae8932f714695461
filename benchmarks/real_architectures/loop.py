"""The truth of its own: a loop of `torch.autograd.grad`, one sample and one output at a time; nothing of jaccheck.

It says of each method's result whether it is right, in float64 and in the model's own dtype.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

Blocks = list[Tensor]
"""For each trainable parameter, in the order of the model: `(N, C, *θ.shape)`."""

RIGHT, WRONG = 1e-8, 1e-6
"""In float64, by the block of a parameter, sample and output: right up to the first, wrong above the second."""

COARSE = 1e-5, 5e-5
"""The same where the model computes a part in float32 even in float64, by a `.float()` of its own."""

OWN = 10.0
"""In its own dtype: so many times autograd's own distance from float64 is still right, five times that is wrong."""


def rows(X: Any, which: slice) -> Any:
    """Those samples, of a tensor or of each tensor in a tuple or dict."""
    if isinstance(X, Tensor):
        return X[which]
    if isinstance(X, dict):
        return {name: rows(x, which) for name, x in X.items()}
    return tuple(rows(x, which) for x in X)


def to(X: Any, dtype: torch.dtype) -> Any:
    """Floating-point inputs in that dtype, the others as they are."""
    if isinstance(X, Tensor):
        return X.to(dtype) if X.is_floating_point() else X
    if isinstance(X, dict):
        return {name: to(x, dtype) for name, x in X.items()}
    return tuple(to(x, dtype) for x in X)


def called(model: nn.Module, X: Any) -> Tensor:
    """The output for X, given as a tensor, positional arguments or named ones."""
    if isinstance(X, Tensor):
        return model(X)
    return model(**X) if isinstance(X, dict) else model(*X)


def length(X: Any) -> int:
    """N."""
    return len(X) if isinstance(X, Tensor) else len(next(iter(X.values() if isinstance(X, dict) else X)))


def jacobian_blocks(model: nn.Module, X: Any, dtype: torch.dtype) -> Blocks:
    """By the loop, on a copy in that dtype. Raises TypeError where the output has another one."""
    model, X = copy.deepcopy(model).to(dtype), to(X, dtype)
    parameters = [p for p in model.parameters() if p.requires_grad]
    samples = []
    for n in range(length(X)):
        f = called(model, rows(X, slice(n, n + 1))).flatten()
        if f.dtype != dtype:
            raise TypeError(f"the output is {f.dtype}, expected {dtype}")
        outputs = [torch.autograd.grad(y, parameters, retain_graph=True, allow_unused=True) for y in f]
        samples.append(
            [
                torch.stack([torch.zeros_like(p) if row[k] is None else row[k].to_dense() for row in outputs])
                for k, p in enumerate(parameters)
            ]
        )
    return [torch.stack(blocks).detach() for blocks in zip(*samples, strict=True)]


def distance(found: Sequence[Tensor], truth: Blocks) -> float:
    """The largest difference, each as a multiple of the largest entry of its parameter, sample and output.

    What is small beside the sample's and output's other parameters counts as a multiple of 10⁻⁴ of their largest: a
    derivative that is exactly zero may come out as the rest of a cancellation. Infinite for another shape or NaN.
    """
    if [tuple(a.shape) for a in found] != [tuple(b.shape) for b in truth]:
        return torch.inf
    flat = [_rows(block) for block in truth]
    largest = torch.stack(
        [block.abs().amax(2) if block.shape[2] else block.new_zeros(block.shape[:2]) for block in flat]
    )
    scale = torch.maximum(largest, 1e-4 * largest.amax(0)).clamp(min=1e-300)
    worst = 0.0
    for a, b, s in zip(found, flat, scale, strict=True):
        off = (_rows(a.detach()) - b).abs() / s[..., None]
        if off.numel():
            worst = max(worst, float(off.nan_to_num(nan=torch.inf).max()))
    return worst


def _rows(block: Tensor) -> Tensor:
    """`(N, C, numbers of θ)`, also where θ is one number without an axis."""
    return block.double().flatten(2) if block.dim() > 2 else block.double()[..., None]


class _Dtypes(TorchDispatchMode):
    """Looks whether a floating-point number of less than float64 is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for each in out if isinstance(out, tuple | list) else (out,):
            if isinstance(each, Tensor) and each.is_floating_point() and each.dtype != torch.float64:
                self.coarse = True
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The loop's Jacobians in the highest precision that the model runs in, and how far its own dtype is from them."""

    blocks: Blocks
    dtype: torch.dtype
    own_dtype: torch.dtype
    own: Blocks
    own_distance: float
    coarse: bool
    """Whether a part is computed in less than float64 all the same."""


def truth_of(model: nn.Module, X: Any) -> Truth:
    """In float64 where the model runs in it, else in its own dtype."""
    own_dtype = next(p for p in model.parameters() if p.requires_grad).dtype
    own = jacobian_blocks(model, X, own_dtype)
    looking = _Dtypes()
    try:
        blocks, dtype = jacobian_blocks(model, X, torch.float64), torch.float64
        double, sample = copy.deepcopy(model).to(torch.float64), to(rows(X, slice(0, 1)), torch.float64)
        with looking:
            called(double, sample).sum().backward()
    except Exception:
        blocks, dtype = own, own_dtype
    return Truth(
        blocks=blocks,
        dtype=dtype,
        own_dtype=own_dtype,
        own=own,
        own_distance=distance(own, blocks),
        coarse=looking.coarse,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What a method did when it was called directly: its distance from the truth, or what it raised."""

    distance: float | None = None
    raised: str = ""
    """A type and the first line of its message."""

    def verdict(self, right: float, wrong: float) -> str:
        """`right` up to the first distance, `wrong` above the second, `unclear` between; `raised`."""
        if self.distance is None:
            return "raised"
        return "right" if self.distance <= right else "wrong" if self.distance > wrong else "unclear"


def called_directly(compute: Callable[[], Sequence[Tensor]], truth: Truth) -> Called:
    """`compute` returns the method's result, a tensor for each parameter."""
    try:
        return Called(distance=distance(compute(), truth.blocks))
    except Exception as error:
        return Called(raised=f"{type(error).__name__}: {error}".split("\n")[0])


def verdicts(own: Called, precise: Called | None, truth: Truth) -> tuple[str, str]:
    """Of the call in the model's own dtype, and of the one in float64, empty where the model does not run in it."""
    noise = OWN * max(truth.own_distance, 8 * torch.finfo(truth.own_dtype).eps)
    limits = COARSE if truth.coarse else (RIGHT, WRONG)
    in_own, in_float64 = own.verdict(noise, 5 * noise), "" if precise is None else precise.verdict(*limits)
    if in_float64 == "wrong" and in_own in ("right", "unclear"):
        in_own = "hidden"  # wrong by less than its own dtype shows
    return in_own, in_float64
