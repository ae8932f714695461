"""Mutants of structure: names, order, shape, dtype and layout of what is returned."""

from __future__ import annotations

from typing import cast

import torch

from jaccheck.methods import Jacobians, Problem
from jaccheck.selftest.mutants.rare import has_frozen
from jaccheck.selftest.mutants.registry import mutant

structure = frozenset({"structure"})


@mutant(expected=structure)
def missing_parameter(problem: Problem, J: Jacobians) -> Jacobians:
    """The last parameter is missing."""
    J.popitem()
    return J


@mutant(expected=structure)
def extra_parameter(problem: Problem, J: Jacobians) -> Jacobians:
    """There is a Jacobian of a parameter that does not exist."""
    return J | {"extra": torch.zeros(problem.N, problem.C, 1)}


@mutant(expected=structure, when=has_frozen)
def frozen_parameter_included(problem: Problem, J: Jacobians) -> Jacobians:
    """Frozen parameters have a Jacobian too, zero."""
    θ = dict(problem.model.named_parameters())
    return {name: J.get(name, p.new_zeros(problem.N, problem.C, *p.shape)) for name, p in θ.items()}


@mutant(expected=structure, when=lambda problem: len(problem.parameters) > 1)
def wrong_order(problem: Problem, J: Jacobians) -> Jacobians:
    """The parameters come in reverse order."""
    return dict(reversed(J.items()))


@mutant(expected=structure, dtypes=("float64",))
def single_precision(problem: Problem, J: Jacobians) -> Jacobians:
    """The Jacobians of a float64 network are float32."""
    return {name: j.float() for name, j in J.items()}


@mutant(expected=structure, dtypes=("bfloat16", "float16"))
def promoted_half_precision(problem: Problem, J: Jacobians) -> Jacobians:
    """The Jacobians of a network in half precision are float32."""
    return {name: j.float() for name, j in J.items()}


@mutant(expected=structure, when=lambda problem: problem.N != problem.C)
def outputs_before_samples(problem: Problem, J: Jacobians) -> Jacobians:
    """The shape is (C, N, *θ.shape)."""
    return {name: j.transpose(0, 1).contiguous() for name, j in J.items()}


@mutant(expected=structure, when=lambda problem: problem.C == 1)
def squeezed_single_output(problem: Problem, J: Jacobians) -> Jacobians:
    """The axis of the outputs is missing where C = 1."""
    return {name: j.squeeze(1) for name, j in J.items()}


@mutant(expected=structure, when=lambda problem: problem.N == 1)
def squeezed_single_sample(problem: Problem, J: Jacobians) -> Jacobians:
    """The axis of the samples is missing where N = 1."""
    return {name: j.squeeze(0) for name, j in J.items()}


@mutant(expected=structure, when=lambda problem: problem.N == 0)
def empty_batch_of_one(problem: Problem, J: Jacobians) -> Jacobians:
    """The empty batch has one sample, of zeros."""
    return {name: j.new_zeros(1, *j.shape[1:]) for name, j in J.items()}


@mutant(expected=structure)
def flattened_parameters(problem: Problem, J: Jacobians) -> Jacobians:
    """Every parameter is flat, (N, C, number of entries)."""
    return {name: j.reshape(problem.N, problem.C, problem.parameters[name].numel()) for name, j in J.items()}


@mutant(expected=structure)
def samples_and_outputs_in_one_axis(problem: Problem, J: Jacobians) -> Jacobians:
    """The shape is (N·C, *θ.shape)."""
    return {name: j.flatten(0, 1) for name, j in J.items()}


@mutant(expected=structure)
def inputs_before_outputs(problem: Problem, J: Jacobians) -> Jacobians:
    """Weights are (inputs, outputs), as other libraries have them; where square, only values can tell."""
    return {name: j.transpose(2, 3).contiguous() if j.dim() == 4 else j for name, j in J.items()}


@mutant(expected=structure)
def sparse_layout(problem: Problem, J: Jacobians) -> Jacobians:
    """The Jacobians are sparse tensors."""
    return {name: j.to_sparse() for name, j in J.items()}


@mutant(expected=structure)
def list_for_dict(problem: Problem, J: Jacobians) -> Jacobians:
    """A list without names is returned."""
    return cast(Jacobians, list(J.values()))


@mutant(expected=structure)
def none_for_a_parameter(problem: Problem, J: Jacobians) -> Jacobians:
    """The first parameter has None, as autograd.grad gives with allow_unused."""
    return J | {next(iter(J)): cast(torch.Tensor, None)}
