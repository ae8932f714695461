"""The reference of a part of a live model: a closed form where every layer has a rule, else an estimate."""

from __future__ import annotations

import torch

from jaccheck.judging.autograd import autograd_by_sample, flat_autograd
from jaccheck.judging.estimate import CLOSE, EstimatedReference
from jaccheck.judging.live.network import part_of
from jaccheck.judging.live.parts import Part, in_float64
from jaccheck.judging.reference import ClosedFormReference, Reference
from jaccheck.judging.stochastic_arithmetic import Precision
from jaccheck.methods import Problem
from jaccheck.oracle import Network


def reference_of(problem: Problem, part: Part, network: Network | None) -> Reference:
    """What a part must be: by the closed form of `network` or, where there is none, by estimate."""
    if network is not None:
        return ClosedFormReference(part_of(network, part), problem.dtype, problem.device)
    own = part.of(problem)
    return EstimatedReference(
        own,
        float64_of(own),
        part.layout(problem),
        flat_autograd(own),
        strength=CLOSE,
        roundoff=roundoff(problem),
    )


def roundoff(problem: Problem) -> float:
    """Unit roundoff of the problem's arithmetic; that of TF32 where torch may use it on an NVIDIA device."""
    kind = getattr(torch, problem.dtype)
    coarse = problem.X.device.type == "cuda" and kind is torch.float32
    if coarse and (torch.backends.cudnn.allow_tf32 or torch.get_float32_matmul_precision() != "highest"):
        return 2.0**-11
    if kind is torch.float32 and torch.get_float32_matmul_precision() == "medium":
        return 2.0**-8
    return float(torch.finfo(kind).eps) / 2


def float64_of(problem: Problem) -> Problem | None:
    """The problem in float64, or None where the model does not run in it, or not in it throughout."""
    try:
        double = in_float64(problem)
        with Precision() as precision:
            autograd_by_sample(Problem(double.model, double.X[:1], double.C))
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return None
    return None if precision.coarse else double
