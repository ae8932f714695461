"""Jacobians by a loop of `torch.autograd.grad` in float64, one sample and one number at a time, without jaccheck."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn


def doubled(tensor: Tensor) -> Tensor:
    """In float64, where it has floating numbers."""
    return tensor.double() if tensor.is_floating_point() else tensor


def loop(model: nn.Module, N: int, outputs: Callable[[nn.Module, int], Tensor]) -> dict[str, Tensor]:
    """The Jacobians `(N, C, *θ.shape)`; `outputs(model, n)` are the numbers asked for of sample n, run alone."""
    model = copy.deepcopy(model).double()
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    rows: dict[str, list[Tensor]] = {name: [] for name in parameters}
    for n in range(N):
        f = outputs(model, n).reshape(-1)
        for name, p in parameters.items():
            gradients = [
                torch.autograd.grad(each, p, retain_graph=True, allow_unused=True, materialize_grads=True)[0]
                for each in f
            ]
            rows[name].append(torch.stack(gradients))
    return {name: torch.stack(each) for name, each in rows.items()}


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], *, roundings: float = 2.0**-18) -> None:
    """The same names in order, shapes, and values up to this share of the largest; NaN fails."""
    assert list(found) == list(expected)
    for name, right in expected.items():
        assert found[name].shape == right.shape, name
        off = (found[name].double() - right).abs()
        assert bool((off <= roundings * max(1.0, float(right.abs().max()))).all()), name
