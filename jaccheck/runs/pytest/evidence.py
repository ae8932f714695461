"""Verdicts shared by the tests of one process: the laws are asked in one judgement, and each case is judged once."""

from __future__ import annotations

from functools import lru_cache

from jaccheck.case import FAMILIES, Case, DType, boundary_cases
from jaccheck.judging import LAWS, REPEATED, Law
from jaccheck.methods import Method
from jaccheck.reports import Outcome, Verdict
from jaccheck.runs.pytest.elsewhere import ELSEWHERE
from jaccheck.runs.pytest.here import claimed_here, judged_here

KEPT_VERDICTS = 4096
"""More than one method has on one device; the laws are tested one after the other, so each finds its verdicts here."""


def verdict_on(case: Case, method: Method, device: str) -> Verdict | None:
    """The verdict of every law that is due; None where the numbers overflow the dtype: nothing can be compared."""
    return _verdict(case, method, device, LAWS if has_related_laws(case, method, device) else REPEATED)


def has_related_laws(case: Case, method: Method, device: str) -> bool:
    """Whether the laws that call a method on another network are asked: in a family until one case told something."""
    return case.family in FAMILIES and case in _until_told(case.family, case.dtype, method, device)


@lru_cache(maxsize=KEPT_VERDICTS)
def _until_told(family: str, dtype: DType, method: Method, device: str) -> tuple[Case, ...]:
    """The first boundary cases of a family, up to one on which this method gave something to compare."""
    asked = []
    for case in boundary_cases(family, dtype):
        asked.append(case)
        verdict = _verdict(case, method, device, LAWS)
        if verdict and verdict.comparisons:
            break
    return tuple(asked)


@lru_cache(maxsize=KEPT_VERDICTS)
def _verdict(case: Case, method: Method, device: str, laws: tuple[Law, ...]) -> Verdict | None:
    if ELSEWHERE.has(device):
        return ELSEWHERE.verdict(case, method, device, tuple(law.name for law in laws))
    return judged_here(case, method, device, laws)


@lru_cache(maxsize=KEPT_VERDICTS)
def claim_on(case: Case, method: Method, device: str) -> Verdict | None:
    """The same; a refusal has been tried, and has a failure of the law `claims` where the method is right after all."""
    verdict = verdict_on(case, method, device)
    if verdict is None or verdict.outcome is not Outcome.UNSUPPORTED:
        return verdict
    if ELSEWHERE.has(device):
        return ELSEWHERE.claim(case, method, verdict)
    return claimed_here(case, method, verdict)
