"""BackPACK's extensions with options: subsampling, and several of them in one backward pass."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch

from jaccheck.methods.backpack import (
    LEFT,
    SCALING_ROUNDINGS,
    backpack_method,
    beyond_batch_grad,
    beyond_second_order,
    extended,
    missing_ggn,
    saved,
)
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import TooCostly, spreads

if not missing_ggn:
    from backpack import backpack, extend
    from backpack.extensions import BatchGrad, BatchL2Grad, SqrtGGNExact, SqrtGGNMC, SumGradSquared


def parts_of(problem: Problem, *, raising: tuple[str, ...]) -> list[list[int]]:
    """Samples in parts for `subsampling`: all but the last one backwards with one of them twice, and the last alone.

    The first part has no samples, unless the name of a layer begins with one of `raising`: it would raise then, which
    is a known issue of sequences.
    """
    most = list(range(problem.N - 1))[::-1]
    names = [type(module).__name__ for module in problem.model.modules()]
    none: list[list[int]] = [] if any(name.startswith(raising) for name in names) else [[]]
    return none + [part for part in ([*most, *most[:1]], [problem.N - 1]) if part]


def joined(parts: list[torch.Tensor]) -> torch.Tensor:
    """The rows of such parts in the order of samples; of the sample that stands twice those of the second time."""
    *most, last = parts
    return torch.cat([*(rows for part in most for rows in (part[1:-1].flip(0), part[-1:])), last])


def _beyond_batch_grad(problem: Problem) -> str | None:
    return beyond_batch_grad(problem) or (None if problem.N else TooCostly("without samples there are no parts"))


def _beyond_second_order(problem: Problem) -> str | None:
    return beyond_second_order(problem) or (None if problem.N else TooCostly("without samples there are no parts"))


@backpack_method(leaves=(*LEFT, "grad_batch"), unsupported=_beyond_batch_grad, variant_of="batch_grad_loop")
def batch_grad_subsampled(problem: Problem) -> Jacobians:
    """BatchGrad(subsampling=…) of parts of the batch: in another order with one sample twice, one alone."""
    N, C, θ = problem.N, problem.C, problem.parameters
    f = extend(problem.model)(problem.X).reshape(N, C)
    rows: dict[str, list[torch.Tensor]] = {name: [] for name in θ}
    parts = parts_of(problem, raising=("Conv",))
    for c in range(C):
        found: dict[str, list[torch.Tensor]] = {name: [] for name in θ}
        for samples in parts:
            more = c + 1 < C or samples is not parts[-1]
            with backpack(BatchGrad(subsampling=samples), retain_graph=more):
                f[:, c].sum().backward(retain_graph=more)
            for name, p in θ.items():
                found[name].append(saved(problem.told(name), p, "grad_batch", len(samples)))
        for name in θ:
            rows[name].append(joined(found[name]))
    return {name: torch.stack(each, dim=1) for name, each in rows.items()}


@backpack_method(
    missing_ggn,
    leaves=(*LEFT, "sqrt_ggn_exact"),
    roundings=lambda N, C: SCALING_ROUNDINGS,
    unsupported=_beyond_second_order,
    variant_of="sqrt_ggn_sum",
)
def sqrt_ggn_subsampled(problem: Problem) -> Jacobians:
    """SqrtGGNExact(subsampling=…) as sqrt_ggn_sum, of the same parts of the batch."""
    θ = problem.parameters
    f = extended(problem.model)(problem.X).reshape(problem.N, problem.C)
    loss = extend(torch.nn.MSELoss(reduction="sum"))(f, torch.zeros_like(f))
    found: dict[str, list[torch.Tensor]] = {name: [] for name in θ}
    parts = parts_of(problem, raising=("Conv", "Flatten", "MaxPool", "AvgPool"))
    for samples in parts:
        more = samples is not parts[-1]
        with backpack(SqrtGGNExact(subsampling=samples), retain_graph=more):
            loss.backward(retain_graph=more)
        for name, p in θ.items():
            found[name].append(p.sqrt_ggn_exact.transpose(0, 1))
    return {name: joined(each) / sqrt(2) for name, each in found.items()}


@backpack_method(
    missing_ggn,
    leaves=(*LEFT, "sqrt_ggn_exact", "sqrt_ggn_mc", "grad_batch", "batch_l2", "sum_grad_squared"),
    roundings=lambda N, C: SCALING_ROUNDINGS,
    unsupported=_beyond_second_order,
    # Monte-Carlo samples are drawn around finite outputs only: else there is an exception.
    spreads=spreads,
    variant_of="sqrt_ggn_sum",
)
def sqrt_ggn_beside_others(problem: Problem) -> Jacobians:
    """SqrtGGNExact as sqrt_ggn_sum, in one backward pass with extensions of other kinds before and behind it."""
    f = extended(problem.model)(problem.X).reshape(problem.N, problem.C)
    loss = extend(torch.nn.MSELoss(reduction="sum"))(f, torch.zeros_like(f))
    others: list[Any] = [SqrtGGNMC(mc_samples=2), BatchGrad(), SqrtGGNExact(), BatchL2Grad(), SumGradSquared()]
    with torch.random.fork_rng(devices=[]), backpack(*others):
        loss.backward()
    return {name: p.sqrt_ggn_exact.transpose(0, 1) / sqrt(2) for name, p in problem.parameters.items()}
