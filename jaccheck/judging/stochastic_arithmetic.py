"""What rounding does to a model's Jacobians, measured by moving every number that is computed on the way.

Autograd runs again while the result of every operation that rounds, forward and backward, and every parameter, buffer
and input is moved by a random relative amount (stochastic arithmetic, as in Parker's Monte Carlo arithmetic and in
CADNA). Moves are uniform in ±K·u for the unit roundoff u of the number's own dtype, so whatever is computed more
coarsely on the way, as under autocast, counts as what it is. K is many roundings: a sum of k products is moved once and
its terms once each, but a kernel may round k times.

It proves nothing. What it cannot see: how a fused kernel rounds within, and kinks that no draw reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from jaccheck.judging.compiled import as_written
from jaccheck.judging.roundings import Operation, whole
from jaccheck.methods import Problem

_OPERATIONS: dict[Any, Operation] = {}
"""What is known of each overload; also that it was once seen to round."""

Sizes = Mapping[torch.dtype, float]
"""By dtype: the largest relative move."""


def generator_for(device: torch.device, seed: int) -> torch.Generator:
    """A generator of the device or, where it has none of its own, of the CPU."""
    try:
        return torch.Generator(device).manual_seed(seed)
    except (RuntimeError, NotImplementedError):
        return torch.Generator().manual_seed(seed)


@dataclass(slots=True)
class Moves:
    """Where moves come from, and how large they are."""

    sizes: Sizes
    generator: torch.Generator
    numbers: int = field(default=0, init=False)
    """How many numbers have been moved, by so many operations."""
    operations: int = field(default=0, init=False)

    def factors(self, value: Tensor) -> Tensor:
        """A factor near 1 for each number of a tensor."""
        size = self.sizes[value.dtype]
        kind = value.dtype.to_real() if value.is_complex() else value.dtype
        # Near 1, bfloat16 has steps as large as the moves.
        kind = torch.float32 if kind in (torch.bfloat16, torch.float16) else kind
        self.numbers += value.numel()
        self.operations += 1
        # Like the tensor, so that what is moved lies in memory as it did.
        moves = torch.empty_like(value, dtype=kind, requires_grad=False)
        if self.generator.device == value.device:
            return moves.uniform_(1 - size, 1 + size, generator=self.generator)
        drawn = torch.empty(value.shape, dtype=kind, device=self.generator.device)
        return moves.copy_(drawn.uniform_(1 - size, 1 + size, generator=self.generator))

    def can_move(self, value: object) -> bool:
        """Whether it is a plain tensor of numbers with a size of moves.

        Zeros that forward mode makes up for what has no tangent lie nowhere in memory: to read them ends the process.
        Tensors of the device "meta", with which it finds out shapes, hold nothing either.
        """
        is_plain = isinstance(value, Tensor) and value.dtype in self.sizes and value.layout == torch.strided
        return is_plain and not value._is_zerotensor() and not value.is_meta  # type: ignore[attr-defined]

    def moved(self, value: Tensor, whole_entries: Tensor | None = None) -> Tensor:
        """The same numbers moved, but for those of a mask."""
        found = (value * self.factors(value)).to(value.dtype)
        return found if whole_entries is None else torch.where(whole_entries, value, found)


class Moved(TorchDispatchMode):
    """While it is on, the results of operations that round are moved.

    torch.distributions does not look then whether what it is given is in its support, as a simplex: it no more sums to
    one than numbers of fewer digits do.
    """

    def __init__(self, moves: Moves) -> None:
        super().__init__()
        self.moves = moves
        self._validates: list[bool] = []

    def __enter__(self) -> Self:
        """On, until it is left as often as it was entered."""
        self._validates.append(Distribution._validate_args)
        Distribution.set_default_validate_args(False)
        super().__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """Off again, and validation as it was."""
        super().__exit__(kind, error, trace)
        Distribution.set_default_validate_args(self._validates.pop())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result of the operation, moved where it rounds."""
        operation = _OPERATIONS.get(func)
        if operation is None:
            operation = _OPERATIONS[func] = Operation(func)
        if operation.is_left:
            return func(*args, **(kwargs or {}))
        if operation.is_in_place:
            return self._in_place(operation, func, args, kwargs or {})
        result = func(*args, **(kwargs or {}))
        numbers = [value for value in tree_leaves(result) if self.moves.can_move(value) and value.numel()]
        if not numbers or (not operation.rounds and operation.hands_on(numbers, args, kwargs or {})):
            return result
        if not operation.keeps_whole or result.is_complex():
            return tree_map(self._moved, result)
        return self.moves.moved(result, operation.whole_entries(result, args))

    def _in_place(self, operation: Operation, func: Any, args: Any, kwargs: Any) -> Any:
        """The same for one that writes; what it has written is moved where it lies."""
        if operation.is_cast and operation.hands_on(args[:1], args, kwargs):
            return func(*args, **kwargs)
        # Afterwards what it writes to is among the inputs.
        before = tree_map(lambda value: value.clone() if isinstance(value, Tensor) else value, args)
        result = func(*args, **kwargs)
        numbers = [value for value in tree_leaves(result) if self.moves.can_move(value) and value.numel()]
        if not numbers or operation.hands_on(numbers, before, kwargs):
            return result
        for value in numbers:
            keeps = operation.keeps_whole and not value.is_complex()
            mask = operation.whole_entries(value, before) if keeps else None
            value.copy_(self.moves.moved(value, mask))
        return result

    def _moved(self, value: Any) -> Any:
        return self.moves.moved(value) if self.moves.can_move(value) else value


@contextmanager
def moved_numbers(problem: Problem, moves: Moves) -> Iterator[None]:
    """While it lasts, parameters, buffers and the input of the problem are moved; whole numbers are not."""
    tensors = (*problem.model.parameters(), *problem.model.buffers(), problem.X)
    numbers = [tensor for tensor in tensors if moves.can_move(tensor)]
    kept = [tensor.detach().clone() for tensor in numbers]
    try:
        with torch.no_grad():
            for tensor, value in zip(numbers, kept, strict=True):
                tensor.copy_(moves.moved(value, None if value.is_complex() else whole(value)))
        with as_written():
            yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(numbers, kept, strict=True):
                tensor.copy_(value)
