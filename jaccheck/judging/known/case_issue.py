"""`CaseIssue`: an issue of a released version that shows on single cases, with its condition.

Strict both ways: a wrong result outside the condition is a finding. Each method fails on `case`, which
`jaccheck known --run` and CI run: an issue that no longer shows there is reported as mended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from packaging.specifiers import SpecifierSet

from jaccheck.case import Case, Integers, Layer
from jaccheck.reports import Changed, Failure, Outcome, Raised

BATCH_GRAD = ("batch_grad_loop", "batch_grad_repeated")
SQRT_GGN = ("sqrt_ggn_sum", "sqrt_ggn_mean", "sqrt_ggn_cross_entropy")
ALIKE = {"sqrt_ggn_bce": "sqrt_ggn_sum"}
"""A method that fails as another does, but not on the listed cases: it takes one output only."""

FORWARD_MODE = ("vmap_jacfwd", "vmap_jacfwd_chunked")
BACKPACK = "backpack-for-pytorch"

WRONG = Outcome.DISAGREES
CRASH = Outcome.CRASHED


@dataclass(frozen=True, slots=True)
class Processor:
    """Processors with one flag and without another, by the names in /proc/cpuinfo; known on Linux only."""

    name: str
    flag: str
    but: str

    def is_here(self) -> bool:
        """Whether this computer has such a processor."""
        return self.flag in _flags() and self.but not in _flags()


CPU_WITHOUT_BFLOAT16 = Processor("a processor with AVX-512 and no bfloat16 of its own", "avx512bw", "avx512_bf16")


@cache
def _flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseIssue:
    """An issue of `package` in `versions` that `methods` show on every case that meets the condition, or on most.

    `outcomes` are the failures that it may give. An exception must match the pattern `error_text`, and a wrong value be
    of the kind `value`, a failure's key. A side effect must break `law`, and change `aspect`, where these are named.
    """

    id: str
    title: str
    package: str
    versions: str
    processor: Processor | None = None
    """The processors that show it, where not all do."""
    methods: tuple[str, ...]
    shows_in_others: bool = False
    """Whether any other method may show it as well, since it lies below all of them."""
    condition: str
    meets: Callable[[Case], bool]
    parameters: Callable[[Case], frozenset[str]] | None = None
    """The parameters whose Jacobians show it, where not all do."""
    outcomes: tuple[Outcome, ...]
    error_text: str = ""
    value: str = ""
    law: str = ""
    aspect: str = ""
    instead: str
    reason: str
    reference: str = ""
    case: Case

    def explains(self, case: Case, method: str, failure: Failure) -> bool:
        """Whether this is why a method breaks a law on a case."""
        return (
            (self.shows_in_others or ALIKE.get(method, method) in self.methods)
            and failure.outcome in self.outcomes
            and self._fits(failure)
            and self.is_in_installed
            and self.meets(case)
            and (self.parameters is None or (failure.worst and failure.worst.parameter) in self.parameters(case))
        )

    def _fits(self, failure: Failure) -> bool:
        match failure.outcome, failure.detail:
            case Outcome.DISAGREES, detail:
                return self.value in ("", detail.key)
            case _, Raised(error_text=text):
                return re.search(self.error_text, text) is not None
            case Outcome.CRASHED, _:
                return not self.error_text
            case _, detail:
                is_law = self.law in ("", failure.law)
                return is_law and (not self.aspect or (isinstance(detail, Changed) and self.aspect in detail.aspects))

    @property
    def is_in_installed(self) -> bool:
        """Whether the installed version is one of those that have it, and the processor."""
        return _installed(self.package, self.versions) and (self.processor is None or self.processor.is_here())


@cache
def _installed(package: str, versions: str) -> bool:
    try:
        return SpecifierSet(versions).contains(version(package), prereleases=True)
    except PackageNotFoundError:
        return False


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
