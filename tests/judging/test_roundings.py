"""Moved arithmetic moves what rounds, in the dtype that it rounds to, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from jaccheck.judging.stochastic_arithmetic import Moved, Moves

SIZES = {torch.float64: 2.0**-30, torch.float32: 2.0**-18, torch.bfloat16: 2.0**-6, torch.complex64: 2.0**-18}


def moved(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """What comes of a function in moved arithmetic."""
    with Moved(Moves(SIZES, torch.Generator().manual_seed(0))):
        return function(*inputs)


def numbers(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(6, 8, generator=torch.Generator().manual_seed(1)).to(dtype)


SELECTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "amax": lambda x: x.amax(1),
    "aminmax": lambda x: torch.stack(torch.aminmax(x, dim=1)),
    "max": lambda x: x.max(1)[0],
    "max of all": lambda x: x.max(),
    "sort": lambda x: x.sort(1)[0],
    "topk": lambda x: x.topk(3)[0],
    "median": lambda x: x.median(1)[0],
    "quantile of whole order": lambda x: x.kthvalue(2, 1)[0],
    "infinite norm": lambda x: torch.linalg.vector_norm(x, ord=float("inf"), dim=1),
    "scatter_reduce amax": lambda x: x.scatter_reduce(1, torch.zeros(6, 8, dtype=torch.long), x, "amax"),
    "relu": torch.relu,
    "clamp": lambda x: x.clamp(-0.5, 0.75),
    "where": lambda x: torch.where(x > 0, x, -x),
    "pad": lambda x: torch.nn.functional.pad(x, (1, 2)),
    "circular pad": lambda x: torch.nn.functional.pad(x[None], (1, 2), mode="circular"),
    "roll": lambda x: x.roll(1, 0).flip(1),
    "cat": lambda x: torch.cat([x, x.abs()]),
    "gather": lambda x: x.gather(1, torch.zeros(6, 3, dtype=torch.long)),
    "index": lambda x: x[[0, 2]][:, x[0] > 0],
    "maximum pooling": lambda x: torch.nn.functional.max_pool1d(x, 2),
    "to float64": lambda x: x.double(),
    "in place": lambda x: x.clone().relu_().neg_(),
    "cummax": lambda x: x.cummax(1)[0],
    "renamed on no list": lambda x: torch.take_along_dim(x, x.argsort(1), 1).unfold(1, 2, 1).contiguous(),
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_what_is_chosen_or_copied_stays(name: str) -> None:
    """Bit for bit, whether the operation is on a list or seen to hand numbers on."""
    function = SELECTIONS[name]
    assert torch.equal(moved(function, numbers()), function(numbers()))


ROUNDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "product": lambda x: x * x,
    "matrix product": lambda x: x @ x.T,
    "exponential": torch.exp,
    "softmax": lambda x: x.softmax(1),
    "layer norm": lambda x: torch.nn.functional.layer_norm(x, (8,)),
    "in place": lambda x: x.clone().mul_(1.1),
    "sum of a norm": lambda x: torch.linalg.vector_norm(x, dim=1),
    "scatter_reduce sum": lambda x: x.scatter_reduce(1, torch.zeros(6, 8, dtype=torch.long), x, "sum"),
    "spectrum": lambda x: torch.fft.rfft(x).abs(),
    "rounding to bfloat16": lambda x: x.bfloat16(),
    "saturated": lambda x: torch.sigmoid(x.abs() + 40),
}


@pytest.mark.parametrize("name", ROUNDINGS)
def test_what_rounds_is_moved_by_its_own_size(name: str) -> None:
    """In nearly every number, and by no more than the size of the result's dtype."""
    function = ROUNDINGS[name]
    found, right = moved(function, numbers()), function(numbers())
    off = ((found.double() - right.double()) / right.double()).abs()
    where = right != 0
    assert (off[where] > 0).double().mean() > 0.2
    # Some make a few roundings of one line.
    assert off[where].max() < 8 * SIZES[right.dtype]


WHOLE: dict[str, Callable[[Tensor], Tensor]] = {
    "positions": lambda x: torch.arange(8.0) + x[:, :1],
    "counts": lambda x: (x > 2).float().sum(1),
    "product with a mask": lambda x: x * (x > 2).float(),
    "one of several columns": lambda x: torch.cat([x, x + 0.5], 1)[:, :8] - 1,
    "matrix product": lambda x: x @ torch.eye(8),
    "histogram": lambda x: torch.histc(x, 5),
    "running sum in place": lambda x: x.clone().add_(1).cumsum(1),
    "to bfloat16": lambda x: x.bfloat16(),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_made_of_whole_numbers_stay(name: str) -> None:
    """Indices, positions, counts and masks that are held as floats."""
    x = torch.randint(0, 9, (6, 8), generator=torch.Generator().manual_seed(1)).float()
    assert torch.equal(moved(WHOLE[name], x), WHOLE[name](x))


def test_the_gradient_of_a_maximum_is_where_it_was_taken() -> None:
    """The backward pass compares the result with the input, both as they were handed on."""
    x = numbers().requires_grad_()
    found = moved(lambda x: torch.autograd.grad((x * 3).amax(1).sum(), x)[0], x)
    right = torch.autograd.grad((x * 3).amax(1).sum(), x)[0]
    assert torch.equal(found != 0, right != 0)
    assert torch.allclose(found, right, rtol=1e-4)
