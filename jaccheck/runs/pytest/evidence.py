"""Verdicts shared by the tests of one process: the laws are asked in one judgement, and each case is judged once."""

from __future__ import annotations

from functools import lru_cache

from jaccheck.case import FAMILIES, Case, DType, boundary_cases
from jaccheck.errors import InvalidCase
from jaccheck.judging import LAWS, REPEATED, CaseReference, Law, explained, judge, try_claim
from jaccheck.methods import Method, calm_torch
from jaccheck.reports import Outcome, Verdict

KEPT_REFERENCES = 256
"""More than the boundary cases of one dtype and the random cases of the profile dev, which all methods share."""

KEPT_VERDICTS = 4096
"""More than one method has on one device; the laws are tested one after the other, so each finds its verdicts here."""

LARGE = 25_000
"""Entries of all Jacobians of a case, above which its reference (some 100 bytes for each) is not kept."""


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
    with calm_torch():
        reference = _reference(case, device)
        if reference is None:
            return None
        return explained(case, judge(case, method, device=device, reference=reference, laws=laws))


@lru_cache(maxsize=KEPT_VERDICTS)
def claim_on(case: Case, method: Method, device: str) -> Verdict | None:
    """The same; a refusal has been tried, and has a failure of the law `claims` where the method is right after all."""
    verdict = verdict_on(case, method, device)
    if verdict is None or verdict.outcome is not Outcome.UNSUPPORTED:
        return verdict
    with calm_torch():
        reference = _reference(case, device)
        return None if reference is None else try_claim(case, method, verdict, reference)


def _reference(case: Case, device: str) -> CaseReference | None:
    return _make_reference(case, device) if case.entries() > LARGE else _kept_reference(case, device)


def _make_reference(case: Case, device: str) -> CaseReference | None:
    try:
        return CaseReference(case, device)
    except InvalidCase:
        return None


_kept_reference = lru_cache(maxsize=KEPT_REFERENCES)(_make_reference)
