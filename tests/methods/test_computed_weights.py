"""BackPACK sets its results on a layer's weight; where that is computed from a parameter, it is refused beforehand."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from jaccheck.methods import Problem, choose_methods


def perceptron() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2))


def pruned() -> nn.Module:
    model = perceptron()
    prune.l1_unstructured(model[0], "weight", 0.5)
    return model


def pruned_bias() -> nn.Module:
    model = perceptron()
    prune.random_unstructured(model[2], "bias", 1)
    return model


def normalised() -> nn.Module:
    model = perceptron()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.nn.utils.weight_norm(model[0])
    return model


@pytest.mark.parametrize("make", [pruned, pruned_bias, normalised])
def test_a_computed_weight_is_refused_by_every_method_of_backpack(make: Callable[[], nn.Module]) -> None:
    """None of them crashes on it, and none returns numbers."""
    problem = Problem(make(), torch.randn(5, 3), 2)
    methods = [method for method in choose_methods([]) if method.family == "backpack" and not method.only_of_losses]
    assert len(methods) > 8
    assert [method.name for method in methods if not method.refuses(problem)] == []
    reasons = {str(method.refuses(problem)) for method in methods if method.name in ("batch_grad_loop", "sqrt_ggn_sum")}
    assert all("is computed from other parameters, as prune and weight_norm do" in reason for reason in reasons)
    whole = Problem(perceptron(), torch.randn(5, 3), 2)
    assert [method.name for method in methods if not method.refuses(whole)]
