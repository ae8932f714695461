"""Whether the gradient of a sample depends on the other samples, where its output does not.

Derivatives cannot, but what a backward pass of a model's own returns can: one that divides by the size of the batch, or
an embedding with `scale_grad_by_freq`, which counts how often an index is in the batch. Then there is no Jacobian of a
sample, and methods differ without being wrong.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from jaccheck.errors import InvalidModel
from jaccheck.judging.live.cuts import own_backwards
from jaccheck.judging.live.subject import runs_in
from jaccheck.methods import Problem, deep_copy, nodes_of, run
from jaccheck.reports import told_apart

TRIED = 8
"""Samples whose gradients are compared, spread evenly over the batch."""

DIFFERENT = 2.0**-20, 2.0**-4
"""Of the largest entry, in float64 and in coarser numbers: far more than rounding does."""

COUNTS = "_saved_scale_grad_by_freq"
"""How torch's node of an embedding says that it does."""


def check_gradients(problem: Problem) -> None:
    """Nothing, or InvalidModel where what autograd gives for a sample depends on the other samples.

    Models without a backward pass of their own are not run again.
    """
    base, model, eps = runs_in(problem)
    if not base.N:
        return
    f = run(model, base.X)
    counting = any(getattr(node, COUNTS, False) for node in nodes_of(f))
    causes = ["an embedding with scale_grad_by_freq"] * counting + own_backwards(deep_copy(base.model), base.X)
    if not causes:
        return
    limit = DIFFERENT[eps > torch.finfo(torch.float64).eps]
    for n in sorted({round(i * (base.N - 1) / (TRIED - 1)) for i in range(TRIED)}):
        try:
            alone = _gradient(Problem(base.model, base.X[n : n + 1], base.C), 0)
            whole = _gradient(base, n)
            beside = _gradient(Problem(base.model, base.X[[n, n]], base.C), 0)
        except (RuntimeError, TypeError, NotImplementedError):  # a backward pass of its own need not run in float64
            return
        for batch, others in (("in the batch", whole), ("beside a copy of the sample", beside)):
            if found := _further_apart(alone, others, limit):
                name, alone_there, there = found
                one, other = told_apart(alone_there, there)
                raise InvalidModel(
                    f"what autograd gives for the outputs of sample {n} by {problem.told(name)} is another one {batch} "
                    f"than for the sample alone, as {other} and {one}: {' and '.join(causes)} lets it depend "
                    "on the other samples, so there is no Jacobian of a sample that could be compared"
                )


def _further_apart(
    alone: dict[str, Tensor], others: dict[str, Tensor], limit: float
) -> tuple[str, float, float] | None:
    """The first parameter in which two gradients are further apart, and the two numbers where they are furthest."""
    for name, together in others.items():
        one, other = (each.detach().double().cpu().numpy() for each in (alone[name], together))
        apart = np.where(np.isfinite(one) & np.isfinite(other), np.abs(np.subtract(one, other)), 0.0)
        size = np.nan_to_num(np.maximum(np.abs(one), np.abs(other)), nan=0.0, posinf=0.0)
        if apart.size and apart.max() > limit * size.max():
            at = np.unravel_index(int(apart.argmax()), apart.shape)
            return name, float(one[at]), float(other[at])
    return None


def _gradient(problem: Problem, n: int) -> dict[str, Tensor]:
    """Autograd's of a weighted sum of the outputs of sample `n`, of a copy that did not run."""
    model = deep_copy(problem.model)
    θ = {name: p for name, p in model.named_parameters() if p.requires_grad}
    f = run(model, problem.X).reshape(problem.N, -1)
    weights = torch.linspace(1, 2, f.shape[1], dtype=f.dtype, device=f.device)
    found = torch.autograd.grad(f[n] @ weights, [*θ.values()], allow_unused=True, materialize_grads=True)
    return {name: g.to_dense() if g.is_sparse else g for name, g in zip(θ, found, strict=True)}
