"""Side effects: the result is right, but the model, the input or torch's global state is left changed."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from jaccheck.methods import Jacobians, Problem
from jaccheck.selftest.mutants.rare import has_frozen
from jaccheck.selftest.mutants.registry import mutant

purity = frozenset({"purity"})
purity_or_repeatability = frozenset({"purity", "repeatability"})


def _first_linear(problem: Problem) -> nn.Linear:
    return next(module for module in problem.model.modules() if isinstance(module, nn.Linear))


@mutant(expected=purity)
def mutated_weights(problem: Problem, J: Jacobians) -> Jacobians:
    """The weights of the first layer are halved, as by a step of an optimiser."""
    _first_linear(problem).weight.data.mul_(0.5)
    return J


@mutant(expected=purity)
def mutated_input(problem: Problem, J: Jacobians) -> Jacobians:
    """The first sample of the input is overwritten with ones."""
    problem.X.data[:1].fill_(1)
    return J


@mutant(expected=purity)
def left_gradient(problem: Problem, J: Jacobians) -> Jacobians:
    """Parameters have a .grad that they had not before."""
    for p in problem.parameters.values():
        p.grad = torch.zeros_like(p)
    return J


@mutant(expected=purity)
def consumed_random_numbers(problem: Problem, J: Jacobians) -> Jacobians:
    """A number is drawn from torch's global generator."""
    torch.rand(1)
    return J


@mutant(expected=purity)
def reseeded(problem: Problem, J: Jacobians) -> Jacobians:
    """torch.manual_seed is called, for reproducibility."""
    torch.manual_seed(0)
    return J


@mutant(expected=purity)
def consumed_numpy_random_numbers(problem: Problem, J: Jacobians) -> Jacobians:
    """A number is drawn from numpy's global generator."""
    np.random.rand()
    return J


@mutant(expected=purity)
def consumed_python_random_numbers(problem: Problem, J: Jacobians) -> Jacobians:
    """A number is drawn from Python's global generator."""
    random.random()
    return J


@mutant(expected=purity)
def leaked_hook(problem: Problem, J: Jacobians) -> Jacobians:
    """A forward hook stays on the first layer."""
    _first_linear(problem).register_forward_hook(lambda *_: None)
    return J


@mutant(expected=purity)
def leaked_hook_of_a_parameter(problem: Problem, J: Jacobians) -> Jacobians:
    """A hook stays on a trainable parameter."""
    next(iter(problem.parameters.values())).register_hook(lambda gradient: None)  # type: ignore[no-untyped-call]
    return J


@mutant(expected=purity)
def leaked_hook_of_loading(problem: Problem, J: Jacobians) -> Jacobians:
    """A hook for load_state_dict stays on the first layer."""
    _first_linear(problem).register_load_state_dict_post_hook(lambda *_: None)  # type: ignore[no-untyped-call]
    return J


@mutant(expected=purity)
def leaked_global_hook(problem: Problem, J: Jacobians) -> Jacobians:
    """A forward hook for every module of the process stays."""
    nn.modules.module.register_module_forward_hook(lambda *_: None)
    return J


@mutant(expected=purity)
def changed_default_dtype(problem: Problem, J: Jacobians) -> Jacobians:
    """torch's default dtype is left at bfloat16."""
    torch.set_default_dtype(torch.bfloat16)
    return J


@mutant(expected=purity)
def gradients_left_off(problem: Problem, J: Jacobians) -> Jacobians:
    """Grad mode is left disabled."""
    torch.set_grad_enabled(False)
    return J


@mutant(expected=purity)
def tf32_left_allowed(problem: Problem, J: Jacobians) -> Jacobians:
    """Products of float32 matrices are left allowed to be less precise."""
    torch.set_float32_matmul_precision("high")
    return J


@mutant(expected=purity)
def deterministic_algorithms_left_on(problem: Problem, J: Jacobians) -> Jacobians:
    """torch.use_deterministic_algorithms is left on."""
    torch.use_deterministic_algorithms(True)
    return J


@mutant(expected=purity)
def left_in_training(problem: Problem, J: Jacobians) -> Jacobians:
    """The network is left in training mode."""
    problem.model.train()
    return J


@mutant(expected=purity)
def attribute_of_a_module(problem: Problem, J: Jacobians) -> Jacobians:
    """An attribute stays on the first layer."""
    _first_linear(problem).saved = J  # type: ignore[assignment]
    return J


@mutant(expected=purity)
def registered_buffer(problem: Problem, J: Jacobians) -> Jacobians:
    """The first layer has a buffer that it had not before, which its state_dict saves."""
    _first_linear(problem).register_buffer("calls", torch.ones(()))
    return J


@mutant(expected=purity, base="batch_grad_repeated")
def undeclared_attribute_of_a_parameter(problem: Problem, J: Jacobians) -> Jacobians:
    """Beside the grad_batch that BackPACK declares, a parameter keeps a second attribute."""
    next(iter(problem.parameters.values())).batch_l2 = torch.zeros(problem.N)  # type: ignore[attr-defined]
    return J


@mutant(expected=purity)
def input_made_to_require_grad(problem: Problem, J: Jacobians) -> Jacobians:
    """The input's requires_grad is turned round."""
    problem.X.requires_grad_(not problem.X.requires_grad)
    return J


@mutant(expected=purity_or_repeatability, when=has_frozen)
def unfrozen_parameters(problem: Problem, J: Jacobians) -> Jacobians:
    """Frozen parameters require a gradient afterwards."""
    problem.model.requires_grad_(True)
    return J


@mutant(expected=purity)
def replaced_parameters(problem: Problem, J: Jacobians) -> Jacobians:
    """The first layer has a new Parameter of equal values, unknown to the optimiser."""
    layer = _first_linear(problem)
    layer.weight = nn.Parameter(layer.weight.detach().clone(), requires_grad=layer.weight.requires_grad)
    return J


@mutant(expected=purity_or_repeatability)
def inserted_layer(problem: Problem, J: Jacobians) -> Jacobians:
    """A layer without parameters is put before the others."""
    problem.model.insert(0, nn.Identity())  # type: ignore[operator]
    return J
