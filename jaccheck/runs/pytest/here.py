"""Verdicts by this process itself, or by the fork of it that judges; references are shared by the methods."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from jaccheck.case import Case
from jaccheck.errors import InvalidCase
from jaccheck.judging import CaseReference, Law, explained, judge, try_claim
from jaccheck.methods import Method, calm_torch
from jaccheck.reports import Verdict

KEPT_REFERENCES = 256
"""More than the boundary cases of one dtype and the random cases of the profile dev, which all methods share."""

LARGE = 25_000
"""Entries of all Jacobians of a case, above which its reference (some 100 bytes for each) is not kept."""


def judged_here(case: Case, method: Method, device: str, laws: tuple[Law, ...]) -> Verdict | None:
    """The verdict by these laws; None where the numbers overflow the dtype: nothing can be compared."""
    with calm_torch():
        reference = _reference(case, device)
        if reference is None:
            return None
        return explained(case, judge(case, method, device=device, reference=reference, laws=laws))


def claimed_here(case: Case, method: Method, refusal: Verdict) -> Verdict | None:
    """The verdict on a refusal, which is tried."""
    with calm_torch():
        reference = _reference(case, refusal.device)
        if reference is None:
            return None
        # It comes from another process, as text; whether it is for cost is asked for again.
        again = replace(refusal, message=method.refuses(reference.problem()) or refusal.message)
        return try_claim(case, method, again, reference)


def _reference(case: Case, device: str) -> CaseReference | None:
    return _make_reference(case, device) if case.entries() > LARGE else _kept_reference(case, device)


def _make_reference(case: Case, device: str) -> CaseReference | None:
    try:
        return CaseReference(case, device)
    except InvalidCase:
        return None


_kept_reference = lru_cache(maxsize=KEPT_REFERENCES)(_make_reference)
