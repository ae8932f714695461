"""The reference of a part of a live model: a closed form where every layer has a rule, else an estimate."""

from __future__ import annotations

from math import inf

import torch

from jaccheck.judging.autograd import autograd_by_sample, flat_autograd
from jaccheck.judging.doubling import default_dtype
from jaccheck.judging.estimate import CLOSE, EstimatedReference
from jaccheck.judging.live.network import part_of
from jaccheck.judging.live.parts import Part, in_float64
from jaccheck.judging.live.proofs import PartlyProven, proofs_of
from jaccheck.judging.reference import ClosedFormReference, Reference
from jaccheck.methods import Problem
from jaccheck.oracle import Network

PROOF_BYTES = 2**29
"""What backward passes through graphs may take at a time."""

CONTRADICTED = "what autograd cuts, as a difference quotient shows"


def reference_of(
    problem: Problem, part: Part, network: Network | None, *, seconds: float = inf, is_contradicted: bool = False
) -> Reference:
    """What a part must be: by the closed form of `network` or, where there is none, by what a forward pass computes or
    by estimate, whose draws end after so many seconds of processor time. What a forward pass computes proves nothing
    where a difference quotient contradicts autograd: it is cut where that is.
    """
    if network is not None:
        return ClosedFormReference(part_of(network, part), problem.dtype, problem.device)
    proofs, reason = (
        ({}, CONTRADICTED) if is_contradicted else proofs_of(problem, lambda: float64_of(problem), part, PROOF_BYTES)
    )
    found: Reference
    if proofs:
        found = PartlyProven(problem, part, proofs, lambda: estimate_of(problem, part, seconds=seconds))
    else:
        found = estimate_of(problem, part, seconds=seconds)
    found.unproven = reason
    return found


def estimate_of(problem: Problem, part: Part, *, seconds: float = inf) -> EstimatedReference:
    """The estimate alone, whatever could be proven."""
    own = part.of(problem)
    return EstimatedReference(
        own,
        float64_of(own),
        part.layout(problem),
        flat_autograd(part.of(problem)),
        strength=CLOSE,
        coarsest=roundoff(problem),
        seconds=seconds,
    )


def roundoff(problem: Problem) -> float:
    """Unit roundoff of TF32 or bfloat16 where torch may compute float32 so, else zero."""
    kind = getattr(torch, problem.dtype)
    coarse = problem.X.device.type == "cuda" and kind is torch.float32
    if coarse and (torch.backends.cudnn.allow_tf32 or torch.get_float32_matmul_precision() != "highest"):
        return 2.0**-11
    if kind is torch.float32 and torch.get_float32_matmul_precision() == "medium":
        return 2.0**-8
    return 0.0


def float64_of(problem: Problem) -> Problem | None:
    """The problem in float64, or None where the model does not run in it; parts of it may compute more coarsely."""
    try:
        double = in_float64(problem)
        with default_dtype(torch.float64):
            jacobians = autograd_by_sample(Problem(double.model, double.X[:1], double.C))
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return None
    is_double = all(jacobian.dtype == torch.float64 for jacobian in jacobians.values())
    return double if is_double else None
