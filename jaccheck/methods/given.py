"""Memory given to a method as `out`: what it must be, so that it can hold the Jacobians and nothing else is harmed."""

from __future__ import annotations

import torch
from torch import Tensor

from jaccheck.errors import InvalidOut
from jaccheck.methods.overlap import first_overlap, overlaps_itself
from jaccheck.methods.problem import Jacobians, Problem


def check_given(problem: Problem, out: Jacobians) -> None:
    """Nothing, where a method can write into `out`; raises InvalidOut where it cannot.

    `out` holds, by the names of `problem.parameters` and in their order, a strided tensor `(N, C, *θ.shape)` of θ's
    dtype and device that does not require grad. Views are welcome, such as columns of one matrix `(N, C, all θ)`, as
    long as no entry lies in the memory of another one, of a parameter or of the input.
    """
    parameters = dict(problem.model.named_parameters())
    θ = {name: p for name, p in parameters.items() if p.requires_grad}
    told = problem.told
    if not isinstance(out, dict) or list(out) != list(θ):
        given_as = list(map(told, out)) if isinstance(out, dict) else type(out).__name__
        raise InvalidOut(
            f"out is {given_as}, expected a dict of the trainable parameters, in order: {list(map(told, θ))}"
        )
    NC = (problem.X.shape[0], problem.C)
    for name, p in θ.items():
        given = out[name]
        if not isinstance(given, Tensor):
            raise InvalidOut(f"out[{told(name)!r}] is {type(given).__name__}, expected a tensor")
        if given.shape != (shape := (*NC, *p.shape)):
            raise InvalidOut(f"out[{told(name)!r}] has shape {tuple(given.shape)}, expected (N, C, *θ.shape) = {shape}")
        if given.dtype is not p.dtype or given.layout is not torch.strided or given.device != p.device:
            found = f"{given.dtype} on {given.device}, {given.layout}"
            raise InvalidOut(f"out[{told(name)!r}] is {found}; expected {p.dtype} on {p.device}, {torch.strided}")
        if given.requires_grad:
            raise InvalidOut(f"out[{told(name)!r}] requires grad, expected memory that autograd does not follow")
    if shared := _first_overlap({told(name): given for name, given in out.items()}, {**parameters, "X": problem.X}):
        raise InvalidOut(f"{shared[0]} shares memory with {shared[1]}; give each Jacobian memory of its own")


def _first_overlap(out: Jacobians, others: dict[str, Tensor]) -> tuple[str, str] | None:
    """The first two names of tensors that share an entry, at least one of them given; None where memory is sound."""
    given = [(f"out[{name!r}]", tensor) for name, tensor in out.items()]
    for name, tensor in given:
        if overlaps_itself(tensor):
            return name, "itself"
    return first_overlap([*given, *others.items()], len(given))
