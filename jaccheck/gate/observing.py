"""What a method does to everything around it in a call: what it returns, warns of and leaves behind."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from jaccheck.bench import Call as TimedCall
from jaccheck.bench import peak_bytes, synchronizer, time_once
from jaccheck.case import Case
from jaccheck.gate.protocol import Ask, Call
from jaccheck.judging import all_changes, observe, observe_globals, restore_globals
from jaccheck.methods import Jacobians, Method, Problem, Tensors, build
from jaccheck.reports import first_line

FACTOR = "sqrt_ggn_exact"
"""The attribute in which BackPACK leaves the factor that Jacobians are read from."""


@dataclass(slots=True)
class Capture:
    """Does what a method does, and keeps what its first call returned, warned of and left behind."""

    method: Method
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """The Jacobians, then the factors, copied to the CPU."""
    warnings: set[str] = field(default_factory=set)
    leaves: set[str] = field(default_factory=set)
    _called: bool = False

    def __call__(self, problem: Problem, **given: Jacobians) -> Jacobians:
        """The Jacobians; `given` is the memory that they are to be written into, if any."""
        if self._called:
            return self.method.compute(problem, **given)
        self._called = True
        before = observe(problem)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            jacobians = self.method.compute(problem, **given)
        self.warnings = {f"{w.category.__name__}: {str(w.message).splitlines()[0][:200]}" for w in caught}
        self.leaves = all_changes(before, observe(problem))
        self.tensors = tensors_of(jacobians, problem)
        return jacobians


def tensors_of(jacobians: object, problem: Problem) -> dict[str, Tensor]:
    """Copies of the Jacobians by name, and of the factors that BackPACK left on the parameters."""
    found = dict(jacobians) if isinstance(jacobians, dict) else {}
    for name, p in problem.model.named_parameters():
        found[f"{FACTOR} of {name}"] = getattr(p, FACTOR, None)
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in found.items() if _holds(value)}


def _holds(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided


def called(method: Method, ask: Ask, tensors: Tensors) -> Call:
    """What a method does on a case, and in a second call if that is asked for."""
    if method.missing:
        return Call(method=method.name, refusal=method.missing)
    problem = build(ask.case, device=ask.device, tensors=tensors)
    if refusal := method.refuses(problem):
        return Call(method=method.name, refusal=refusal)
    capture, before = Capture(method), observe_globals(ask.device)
    again: dict[str, Tensor] = {}
    error = ""
    try:
        capture(problem)
        if ask.is_called_again:
            reversed_batch = Problem(problem.model, problem.X.detach().flip(0), problem.C)
            again = tensors_of(method.compute(reversed_batch), problem)
    except (Exception, SystemExit) as exception:
        error = f"{type(exception).__name__}: {first_line(exception)}"  # lines of code differ between the sides
    finally:
        restore_globals(before, observe_globals(ask.device))
    factors = sum(tensor.numel() for name, tensor in capture.tensors.items() if name.startswith(FACTOR))
    return Call(
        method=method.name,
        error=error,
        digests=(_digest(capture.tensors), _digest(again)),
        entries=sum(tensor.numel() for tensor in capture.tensors.values()) - factors,
        factor_entries=factors,
        warnings=tuple(sorted(capture.warnings)),
        leaves=tuple(sorted(capture.leaves)),
    )


def timed(method: Method, case: Case, device: str) -> float:
    """Seconds of processor time that one call takes, on a fresh model, made before the clock is read."""
    call = TimedCall(method.name, method.compute, partial(build, case, device=device))
    return time_once(call, synchronizer(device)).cpu_s


def weighed(method: Method, case: Case, device: str) -> float:
    """Bytes that torch holds at most in one call, on a device on which torch counts them."""
    problem = build(case, device=device)
    return float(peak_bytes(lambda: method.compute(problem), device) or 0)


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
