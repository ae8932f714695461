"""`CaseIssue`: an issue of a released version that shows on single cases, with its condition.

Strict both ways: a wrong result outside the condition is a finding. Each method fails on `case`, which the tests run,
and the script shows the same without jaccheck, which `jaccheck known --run` runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from jaccheck.case import Case, Integers, Layer
from jaccheck.judging.known.issue import KnownIssue
from jaccheck.methods import known_of
from jaccheck.reports import Changed, Failure, Outcome, Raised

BATCH_GRAD = ("batch_grad_loop", "batch_grad_layers", "batch_grad_repeated")
SQRT_GGN = ("sqrt_ggn_sum", "sqrt_ggn_layers", "sqrt_ggn_mean", "sqrt_ggn_cross_entropy")
ALIKE = {
    "sqrt_ggn_bce": "sqrt_ggn_sum",
    "batch_grad_subsampled": "batch_grad_loop",
    "sqrt_ggn_beside_others": "sqrt_ggn_sum",
    "sqrt_ggn_subsampled": "sqrt_ggn_sum",
    "sqrt_ggn_converted": "sqrt_ggn_sum",
    "sqrt_ggn_modules": "sqrt_ggn_sum",
}
"""A method that fails as another does: with options of its own, or not on the listed cases, which it refuses."""


def is_of_backpack(method: str) -> bool:
    """Whether the method is one of jaccheck's that use BackPACK."""
    return method in {*BATCH_GRAD, *SQRT_GGN, *ALIKE}


VMAP_FORWARD_MODE = ("vmap_jacfwd", "vmap_jacfwd_chunked")
FORWARD_MODE = ("func_jacfwd", "func_linearize", *VMAP_FORWARD_MODE)
BACKPACK = "backpack-for-pytorch"

WRONG = Outcome.DISAGREES
CRASH = Outcome.CRASHED


@dataclass(frozen=True, slots=True)
class Processor:
    """Processors with one flag and perhaps without another, by the names in /proc/cpuinfo; known on Linux only."""

    name: str
    flag: str
    but: str

    def is_here(self) -> bool:
        """Whether this computer has such a processor."""
        return self.flag in _flags() and self.but not in _flags()

    def can_behave_so(self) -> bool:
        """Whether it has the flag: what newer ones have beside it can be switched off."""
        return self.flag in _flags()


CPU_WITH_AMX = Processor("a processor with AMX for bfloat16", "amx_bf16", "")
CPU_WITHOUT_BFLOAT16 = Processor("a processor with AVX-512 and no bfloat16 of its own", "avx512bw", "avx512_bf16")


@cache
def _flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseIssue(KnownIssue):
    """An issue of `package` that `methods` show on every case that meets the condition, or on most.

    `inherited_by` are methods of other packages that show it too, since they call what has it. `outcomes` are the
    failures that it may give. An exception must match the pattern `error_text`, and a wrong value be of the kind
    `value`, a failure's key. A wrong value or a side effect must break `law`, and a side effect change `aspect`, where
    these are named.
    """

    processor: Processor | None = None
    """The processors that show it, where not all do."""
    device: str = ""
    """The kind of device that shows it, where not all do."""
    inherited_by: tuple[str, ...] = ()
    shows_in_others: bool = False
    """Whether any other method may show it as well, since it lies below all of them."""
    meets: Callable[[Case], bool]
    parameters: Callable[[Case], frozenset[str]] | None = None
    """The parameters whose Jacobians show it, where not all do."""
    outcomes: tuple[Outcome, ...]
    error_text: str = ""
    value: str = ""
    law: str = ""
    aspect: str = ""
    case: Case

    def explains(self, case: Case, method: str, failure: Failure, device: str = "cpu") -> bool:
        """Whether this is why a method breaks a law on a case."""
        if self.device and device.split(":")[0] != self.device:
            return False
        return self._fits(failure) and self.may_show(case, method) and self._is_where_it_shows(case, failure)

    def is_like(self, case: Case, failure: Failure) -> bool:
        """Whether a listed method could fail so on this case, with the versions that are installed."""
        return self._fits(failure) and self.is_here and self.meets(case) and self._is_where_it_shows(case, failure)

    def may_show(self, case: Case, method: str) -> bool:
        """Whether the method is listed with it, the installed version has it, and the case meets its condition."""
        is_listed = self.shows_in_others or self.is_shown_by(method)
        return (is_listed or self.id in known_of(method)) and self.is_here and self.meets(case)

    def _is_where_it_shows(self, case: Case, failure: Failure) -> bool:
        return self.parameters is None or (failure.worst and failure.worst.parameter) in self.parameters(case)

    def _fits(self, failure: Failure) -> bool:
        if failure.outcome not in self.outcomes:
            return False
        match failure.outcome, failure.detail:
            case Outcome.DISAGREES, detail:
                return self.value in ("", detail.key) and self.law in ("", failure.law)
            case _, Raised(error_text=text):
                return re.search(self.error_text, text) is not None
            case Outcome.CRASHED, _:
                return not self.error_text
            case _, detail:
                is_law = self.law in ("", failure.law)
                return is_law and (not self.aspect or (isinstance(detail, Changed) and self.aspect in detail.aspects))

    def is_shown_by(self, method: str) -> bool:
        """Whether a method is listed with it, or one that it is like."""
        return not {method, ALIKE.get(method, method)}.isdisjoint(self.shown_by)

    @property
    def shown_by(self) -> tuple[str, ...]:
        """Every method that is listed with it."""
        return (*self.methods, *self.inherited_by)

    @property
    def is_here(self) -> bool:
        """Whether the installed version is one of those that have it, and the processor."""
        return self.is_in_installed and (self.processor is None or self.processor.is_here())

    @property
    def absence(self) -> str:
        """Why the script, which makes newer processors behave as the listed ones, cannot show it here."""
        # Without arguments, `super()` would look for the class that slots have replaced.
        if reason := super(CaseIssue, self).absence:
            return reason
        lacks = self.processor is not None and not self.processor.can_behave_so()
        return f"it needs {self.processor.name}" if self.processor and lacks else ""


L = TypeVar("L")


def layers_of(case: Case, kind: type[L]) -> Iterator[L]:
    """Every layer of that kind."""
    return (place.layer for place in case.places() if isinstance(place.layer, kind))


def small_case(shape: tuple[int, ...], *layers: Layer, dtype: str = "float32") -> Case:
    """Two samples of small integers through these layers."""
    return Case(
        layers=layers,
        in_shape=shape,
        batch_size=2,
        dtype=dtype,  # type: ignore[arg-type]
        recipe=Integers(magnitude=1, fan_in=2),
        family="known",
    )
