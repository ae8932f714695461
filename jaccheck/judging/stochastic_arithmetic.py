"""What rounding does to a model's Jacobians, estimated by moving every number that is computed on the way.

A float64 copy is evaluated again while the result of every operation, forward and backward, and every parameter and
input is moved by a random relative amount (stochastic arithmetic, as in Parker's Monte Carlo arithmetic and in CADNA).
Moves are uniform in ±size, many times the unit roundoff of the dtype that is judged: a sum of k products is moved once
and its terms once each, but a kernel may round k times. They come in opposite pairs, so that a kink within reach is
crossed by one of the two, and the entries behind it are known to jump.

The estimate proves nothing. What it cannot see: how a fused kernel rounds within, and kinks that no draw reached.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from jaccheck.judging.autograd import flat_autograd
from jaccheck.methods import Problem
from jaccheck.oracle import Array, Layout


class Moved(TorchDispatchMode):
    """While it is on, results of operations are moved by up to ±size of themselves; views and in-place writes not."""

    def __init__(self, size: float, sign: int, seed: int, device: torch.device) -> None:
        super().__init__()
        self._size = size * sign
        self._generator = torch.Generator(device).manual_seed(seed)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result of the operation, moved."""
        result = func(*args, **(kwargs or {}))
        schema = func._schema
        if any(value.alias_info for value in (*schema.arguments, *schema.returns)):
            return result
        return tree_map(self.move, result)

    def move(self, value: Any) -> Any:
        """The same numbers moved; whatever is no tensor of floating numbers is left as it is."""
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.device != self._generator.device:
            return value
        moves = torch.empty_like(value).uniform_(-1, 1, generator=self._generator)
        return value * moves.mul_(self._size).add_(1)


class Precision(TorchDispatchMode):
    """Sees whether any operation on the way returns floating numbers coarser than float64."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse: str | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result of the operation."""
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.is_floating_point() and result.dtype != torch.float64:
            self.coarse = str(result.dtype).removeprefix("torch.")
        return result


def spread(problem: Problem, exact: Array, size: float, pairs: int) -> Array:
    """The largest change of each entry of autograd's Jacobians from `exact` over so many pairs of draws.

    `problem` is left as it was.
    """
    widest = np.zeros_like(exact)
    numbers = _numbers(problem)
    kept = [tensor.detach().clone() for tensor in numbers]
    for seed in range(pairs):
        for sign in (1, -1):
            mode = Moved(size, sign, seed, problem.X.device)
            try:
                with torch.no_grad():
                    for tensor, value in zip(numbers, kept, strict=True):
                        tensor.copy_(mode.move(value))
                with mode:
                    moved = flat_autograd(problem)
            finally:
                with torch.no_grad():
                    for tensor, value in zip(numbers, kept, strict=True):
                        tensor.copy_(value)
            # Where a draw is NaN or infinite nothing is known.
            change = np.nan_to_num(np.abs(moved - exact), nan=np.inf)
            np.maximum(widest, change, out=widest)
    return widest


def _numbers(problem: Problem) -> list[Tensor]:
    return [tensor for tensor in (*problem.model.parameters(), problem.X) if tensor.is_floating_point()]


def pooled(widest: Array, layout: Layout, floor: float) -> Array:
    """The same, nowhere below the root mean square over its parameter, for each sample and output, nor below `floor`.

    Few draws leave single entries nearly unmoved by chance.
    """
    for part in layout.offsets().values():
        rows = widest[part].reshape(layout.N * layout.C, -1)
        finite = np.where(np.isfinite(rows), rows, 0.0)
        typical = np.sqrt(np.mean(np.square(finite), axis=1, keepdims=True)) if rows.size else 0.0
        widest[part] = np.maximum(np.maximum(rows, typical), floor).ravel()
    return widest
