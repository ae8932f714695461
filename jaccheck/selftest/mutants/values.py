"""Mutants of value that any case shows: the wrong sample, class, scale, sign or parameter."""

from __future__ import annotations

from math import sqrt

import torch

from jaccheck.methods import Jacobians, Problem
from jaccheck.selftest.mutants.registry import mutant

agreement = frozenset({"agreement"})


@mutant(expected=agreement)
def sample_roll(problem: Problem, J: Jacobians) -> Jacobians:
    """Every sample has the Jacobian of the one before it."""
    return {name: j.roll(1, 0) for name, j in J.items()}


@mutant(expected=agreement)
def class_swap(problem: Problem, J: Jacobians) -> Jacobians:
    """The outputs come in reverse order."""
    return {name: j.flip(1) for name, j in J.items()}


@mutant(expected=agreement)
def first_sample_for_all(problem: Problem, J: Jacobians) -> Jacobians:
    """The Jacobian of the first sample is replicated along the batch."""
    return {name: j[:1].expand_as(j).clone() for name, j in J.items()}


@mutant(expected=agreement)
def summed_over_samples(problem: Problem, J: Jacobians) -> Jacobians:
    """Every sample has the sum over the batch."""
    return {name: j.sum(0, keepdim=True).expand_as(j).clone() for name, j in J.items()}


@mutant(expected=agreement)
def mean_for_sum(problem: Problem, J: Jacobians) -> Jacobians:
    """Divided by N, as the gradients of a mean over the batch are."""
    return {name: j / max(problem.N, 1) for name, j in J.items()}


@mutant(base="sqrt_ggn_sum", expected=agreement)
def root_of_two_missing(problem: Problem, J: Jacobians) -> Jacobians:
    """SqrtGGNExact's factor √2 is not divided out."""
    return {name: j * sqrt(2) for name, j in J.items()}


@mutant(base="sqrt_ggn_mean", expected=agreement)
def root_of_outputs_missing(problem: Problem, J: Jacobians) -> Jacobians:
    """The mean is taken over N entries instead of N·C, a factor of √C."""
    return {name: j / sqrt(problem.C) for name, j in J.items()}


@mutant(expected=agreement)
def sign(problem: Problem, J: Jacobians) -> Jacobians:
    """The derivative of −f."""
    return {name: -j for name, j in J.items()}


@mutant(expected=agreement)
def sign_of_biases(problem: Problem, J: Jacobians) -> Jacobians:
    """Biases, and only they, have the wrong sign."""
    return {name: -j if name.endswith("bias") else j for name, j in J.items()}


@mutant(expected=agreement)
def zeroed_last_sample(problem: Problem, J: Jacobians) -> Jacobians:
    """The last sample has the Jacobian zero."""
    for j in J.values():
        j[-1:] = 0
    return J


@mutant(expected=agreement)
def only_one_class(problem: Problem, J: Jacobians) -> Jacobians:
    """All outputs but the first have the Jacobian zero."""
    for j in J.values():
        j[:, 1:] = 0
    return J


@mutant(expected=agreement)
def one_wrong_entry(problem: Problem, J: Jacobians) -> Jacobians:
    """The largest entry of the first parameter is too large by a 64th."""
    entries = next(iter(J.values())).view(-1)
    if len(entries):
        entries[entries.abs().argmax()] *= 1 + 2**-6
    return J


@mutant(expected=agreement)
def zero_entry_is_not_zero(problem: Problem, J: Jacobians) -> Jacobians:
    """The smallest entry of the last parameter is off by 2⁻²⁰ of the largest."""
    entries = list(J.values())[-1].view(-1)
    if len(entries):
        entries[entries.abs().argmin()] += entries.abs().max() * 2**-20
    return J


@mutant(expected=agreement)
def nan_in_last_parameter(problem: Problem, J: Jacobians) -> Jacobians:
    """The last entry of the last parameter is NaN."""
    list(J.values())[-1].view(-1)[-1:] = torch.nan
    return J


@mutant(expected=agreement)
def infinity_in_first_parameter(problem: Problem, J: Jacobians) -> Jacobians:
    """The first entry of the first parameter is infinite."""
    next(iter(J.values())).view(-1)[:1] = torch.inf
    return J


@mutant(expected=agreement)
def all_nan(problem: Problem, J: Jacobians) -> Jacobians:
    """Memory that was never written: every entry is NaN."""
    return {name: torch.full_like(j, torch.nan) for name, j in J.items()}


@mutant(expected=agreement)
def first_layer_forgotten(problem: Problem, J: Jacobians) -> Jacobians:
    """The first parameter has the Jacobian zero, as if backpropagation had stopped before it."""
    next(iter(J.values())).zero_()
    return J


@mutant(expected=agreement)
def zeros_never_written(problem: Problem, J: Jacobians) -> Jacobians:
    """Where a derivative is zero nothing is written, and whatever was in memory stays."""
    unwritten = {name: torch.empty_like(j, memory_format=torch.contiguous_format) for name, j in J.items()}
    for name, j in J.items():
        unwritten[name][j != 0] = j[j != 0]
    return unwritten
