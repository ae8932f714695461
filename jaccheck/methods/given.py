"""Memory given to a method as `out`: what it must be, so that it can hold the Jacobians and nothing else is harmed."""

from __future__ import annotations

import torch
from torch import Tensor

from jaccheck.errors import InvalidOut
from jaccheck.methods.problem import Jacobians, Problem


def check_given(problem: Problem, out: Jacobians) -> None:
    """Nothing, where a method can write into `out`; raises InvalidOut where it cannot.

    `out` holds, by the names of `problem.parameters` and in their order, a strided tensor `(N, C, *θ.shape)` of θ's
    dtype and device that does not require grad. Views are welcome, such as columns of one matrix `(N, C, all θ)`, as
    long as no entry lies in the memory of another one, of a parameter or of the input.
    """
    parameters = dict(problem.model.named_parameters())
    θ = {name: p for name, p in parameters.items() if p.requires_grad}
    if not isinstance(out, dict) or list(out) != list(θ):
        given_as = list(out) if isinstance(out, dict) else type(out).__name__
        raise InvalidOut(f"out is {given_as}, expected a dict of the trainable parameters, in order: {list(θ)}")
    NC = (problem.X.shape[0], problem.C)
    for name, p in θ.items():
        given = out[name]
        if not isinstance(given, Tensor):
            raise InvalidOut(f"out[{name!r}] is {type(given).__name__}, expected a tensor")
        if given.shape != (shape := (*NC, *p.shape)):
            raise InvalidOut(f"out[{name!r}] has shape {tuple(given.shape)}, expected (N, C, *θ.shape) = {shape}")
        if given.dtype is not p.dtype or given.layout is not torch.strided or given.device != p.device:
            found = f"{given.dtype} on {given.device}, {given.layout}"
            raise InvalidOut(f"out[{name!r}] is {found}; expected {p.dtype} on {p.device}, {torch.strided}")
        if given.requires_grad:
            raise InvalidOut(f"out[{name!r}] requires grad, expected memory that autograd does not follow")
    if shared := _first_overlap(out, {**parameters, "X": problem.X}):
        raise InvalidOut(f"{shared[0]} shares memory with {shared[1]}; give each Jacobian memory of its own")


def _first_overlap(out: Jacobians, others: dict[str, Tensor]) -> tuple[str, str] | None:
    """The first two names of tensors that share an entry, at least one of them given; None where memory is sound."""
    named = [*out.items(), *others.items()]
    spans = [_span(tensor) for _, tensor in named]
    for name, given in out.items():
        if not given.is_contiguous() and _collide([_runs(given)]):
            return f"out[{name!r}]", "itself"
    if not _any_overlap(spans):
        return None
    for i, (name, given) in enumerate(out.items()):
        start, stop = spans[i]
        for j in range(i + 1, len(named)):
            if start < spans[j][1] and spans[j][0] < stop and _share_entries(given, named[j][1]):
                return f"out[{name!r}]", f"out[{named[j][0]!r}]" if j < len(out) else named[j][0]
    return None


def _any_overlap(spans: list[tuple[int, int]]) -> bool:
    reached = 0
    for start, stop in sorted(spans):
        if start < reached and start < stop:
            return True
        reached = max(reached, stop)
    return False


def _span(tensor: Tensor) -> tuple[int, int]:
    """The first address of a tensor's entries and the one behind the last; the same where it has none."""
    start = tensor.data_ptr()
    if tensor.is_contiguous():
        return start, start + tensor.nbytes
    if not tensor.numel():
        return 0, 0
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return start, start + (reach + 1) * tensor.element_size()


def _share_entries(one: Tensor, other: Tensor) -> bool:
    starts, length = _runs(other)
    return _collide([_runs(one), (starts.unique(), length)])


def _runs(tensor: Tensor) -> tuple[Tensor, int]:
    """The addresses at which the contiguous runs of a tensor's entries start, and the bytes of each run.

    A contiguous tensor is one run; the columns of a matrix are one run for each row.
    """
    axes = sorted((stride, size) for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if size != 1)
    length = 1
    while axes and axes[0][0] == length:
        length *= axes.pop(0)[1]
    starts = torch.zeros(1, dtype=torch.int64)
    for stride, size in axes:
        starts = (starts[:, None] + stride * torch.arange(size)).flatten()
    return starts * tensor.element_size() + tensor.data_ptr(), length * tensor.element_size()


def _collide(runs: list[tuple[Tensor, int]]) -> bool:
    """Whether any two runs reach into each other."""
    starts, order = torch.cat([starts for starts, _ in runs]).sort()
    ends = torch.cat([starts + length for starts, length in runs])[order]
    return bool((starts[1:] < ends.cummax(0).values[:-1]).any())
