"""Mutants of precision: results that any tolerance would have to be tight to see."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from jaccheck.methods import Compute, Jacobians, Problem
from jaccheck.selftest.mutants.rare import has
from jaccheck.selftest.mutants.registry import mutant, stateful_mutant

agreement = frozenset({"agreement"})


def _through(dtype: torch.dtype, J: Jacobians) -> Jacobians:
    return {name: j.to(dtype).to(j.dtype) for name, j in J.items()}


@mutant(expected=agreement, dtypes=("float32",))
def relative_error_1e_6(problem: Problem, J: Jacobians) -> Jacobians:
    """Every entry is too large by 10⁻⁶ of itself, eight units in the last place of float32."""
    return {name: j * (1 + 1e-6) for name, j in J.items()}


@mutant(expected=agreement, dtypes=("float64",))
def relative_error_1e_12(problem: Problem, J: Jacobians) -> Jacobians:
    """Every entry is too large by 10⁻¹² of itself."""
    return {name: j * (1 + 1e-12) for name, j in J.items()}


@mutant(expected=agreement, dtypes=("float64", "float32"))
def result_through_bfloat16(problem: Problem, J: Jacobians) -> Jacobians:
    """The result was rounded to bfloat16 on its way."""
    return _through(torch.bfloat16, J)


@mutant(expected=agreement, dtypes=("float16",))
def float16_through_bfloat16(problem: Problem, J: Jacobians) -> Jacobians:
    """A float16 result was rounded to bfloat16, three bits fewer, on its way."""
    return _through(torch.bfloat16, J)


@mutant(expected=agreement, dtypes=("float64", "float32"))
def result_through_float16(problem: Problem, J: Jacobians) -> Jacobians:
    """The result was rounded to float16, with its small range, on its way."""
    return _through(torch.float16, J)


@stateful_mutant(expected=agreement, dtypes=("float64",))
def computed_in_float32(compute: Compute) -> Compute:
    """A float64 network is computed in float32."""

    def mutated(problem: Problem) -> Jacobians:
        narrow = Problem(deepcopy(problem.model).float(), problem.X.detach().float(), problem.C)
        return {name: j.double() for name, j in compute(narrow).items()}

    return mutated


def to_tf32(values: Tensor) -> Tensor:
    """float32 values rounded to the ten stored bits of TF32."""
    return ((values.detach().contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


@stateful_mutant(expected=agreement, dtypes=("float32",))
def computed_in_tf32(compute: Compute) -> Compute:
    """Weights and input are rounded to TF32 before they are multiplied."""

    def mutated(problem: Problem) -> Jacobians:
        model = deepcopy(problem.model)
        for p in model.parameters():
            p.data = to_tf32(p)
        return compute(Problem(model, to_tf32(problem.X), problem.C))

    return mutated


@mutant(expected=agreement, dtypes=("bfloat16", "float16"))
def last_bit_of_half(problem: Problem, J: Jacobians) -> Jacobians:
    """The largest entry of each parameter is off by one unit in the last place of its half precision."""
    for j in J.values():
        entries = j.view(-1)
        if len(entries):
            entries[entries.abs().argmax()] *= 1 + torch.finfo(j.dtype).eps
    return J


@mutant(expected=agreement, dtypes=("float64", "float32"))
def small_entries_dropped(problem: Problem, J: Jacobians) -> Jacobians:
    """Entries below 10⁻⁸ become zero."""
    return {name: torch.where(j.abs() < 1e-8, 0, j) for name, j in J.items()}


@mutant(expected=agreement, dtypes=("float64", "float32"))
def offset_of_1e_8(problem: Problem, J: Jacobians) -> Jacobians:
    """10⁻⁸ is added to every entry, as an ε against division by zero is."""
    return {name: j + 1e-8 for name, j in J.items()}


class FastTanh(nn.Module):
    """Tanh with a relative error of 2⁻¹⁵, as fast approximations in hardware have."""

    def forward(self, z: Tensor) -> Tensor:
        """Value of the approximation."""
        return torch.tanh(z) * (1 - 2.0**-15)


@stateful_mutant(expected=agreement, base="autograd_batched", when=has(nn.Tanh), dtypes=("float64", "float32"))
def approximate_tanh(compute: Compute) -> Compute:
    """Tanh is approximated to 2⁻¹⁵ of itself."""

    def mutated(problem: Problem) -> Jacobians:
        model = deepcopy(problem.model)
        for parent in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
            for name, child in parent.named_children():
                if isinstance(child, nn.Tanh):
                    parent[int(name)] = FastTanh()
        return compute(Problem(model, problem.X, problem.C))

    return mutated
