"""Three methods that are wrong on purpose, each by little, made of the loop's own Jacobians of this model and batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from jaccheck.methods import Jacobians, Method, Problem

from .loop import Blocks, jacobian_blocks, rows

PLANTED = ("swapped_samples", "factor_1_0001", "block_of_another_batch")


def autograd_rows(problem: Problem) -> Jacobians:
    """By autograd, row after row, whatever the model; the right result that the wrong ones are made of."""
    samples: list[list[Tensor]] = []
    parameters = problem.parameters
    for n in range(problem.N):
        f = problem.model(problem.X[n : n + 1]).flatten()
        outputs = [torch.autograd.grad(y, list(parameters.values()), retain_graph=True, allow_unused=True) for y in f]
        samples.append(
            [
                torch.stack([torch.zeros_like(p) if row[k] is None else row[k].to_dense() for row in outputs])
                for k, p in enumerate(parameters.values())
            ]
        )
    blocks = zip(*samples, strict=True)
    return {name: torch.stack(block).detach() for name, block in zip(parameters, blocks, strict=True)}


def planted(model: nn.Module, X: Any, other: Any, truth: Blocks) -> tuple[tuple[Method, ...], str]:
    """The three methods, and the name of the parameter whose block is that of `other`, a batch of the same shape.

    It is the parameter whose block differs most between the two batches: a bias of the last layer has the same, and
    one whose derivative is nothing but the rest of a cancellation, as by a bias of keys, has none that matters.
    """
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    dtype = next(p.dtype for p in model.parameters() if p.requires_grad)
    blocks = jacobian_blocks(model, other, dtype)
    largest = max(float(b.double().norm()) for b in truth)
    changes = [
        float((a.double() - b.double()).norm()) / max(float(b.double().norm()), 1e-2 * largest, 1e-300)
        for a, b in zip(blocks, truth, strict=True)
    ]
    chosen = max(range(len(names)), key=lambda k: (min(changes[k], 2.0), -k))

    def swapped_samples(problem: Problem) -> Jacobians:
        order = [1, 0, *range(2, problem.N)] if problem.N > 1 else [0]
        return {name: block[order] for name, block in autograd_rows(problem).items()}

    def factor_1_0001(problem: Problem) -> Jacobians:
        return {name: 1.0001 * block for name, block in autograd_rows(problem).items()}

    def block_of_another_batch(problem: Problem) -> Jacobians:
        found = autograd_rows(problem)
        name = list(found)[chosen]
        return found | {name: rows(blocks[chosen], slice(0, problem.N)).to(found[name])}

    functions = (swapped_samples, factor_1_0001, block_of_another_batch)
    methods = (Method(name=f.__name__, family="planted", compute=f, summary="wrong on purpose") for f in functions)
    return tuple(methods), names[chosen]
