"""Verdicts shared by the tests of one process: the laws are asked in one judgement, and each case is judged once."""

from __future__ import annotations

from functools import lru_cache

from jaccheck.case import Case
from jaccheck.case.families import FAMILIES, boundary_cases
from jaccheck.environment import calm_torch
from jaccheck.errors import InvalidCase
from jaccheck.judgement import judge, try_claim
from jaccheck.known import explained
from jaccheck.laws.laws import LAWS, REPEATED
from jaccheck.methods import Method
from jaccheck.verdict import Outcome, Verdict
from jaccheck.witness import Witness

KEPT_WITNESSES = 256
"""More than the boundary cases of one dtype and the random cases of the profile dev, which all methods share."""

KEPT_VERDICTS = 4096
"""More than one method has on one device; the laws are tested one after the other, so each finds its verdicts here."""

LARGE = 25_000
"""Entries of all Jacobians of a case, above which its witness (some 100 bytes for each) is not kept."""


@lru_cache(maxsize=KEPT_VERDICTS)
def verdict_on(case: Case, method: Method, device: str) -> Verdict | None:
    """The verdict of every law that is due; None where the numbers overflow the dtype: nothing can be compared."""
    with calm_torch():
        witness = _witness(case, device)
        if witness is None:
            return None
        laws = LAWS if has_related_laws(case) else REPEATED
        return explained(case, judge(case, method, device=device, witness=witness, laws=laws))


def has_related_laws(case: Case) -> bool:
    """Whether the laws that call a method on another network are asked: on the first case of each family."""
    return case.family in FAMILIES and case == boundary_cases(case.family, case.dtype)[0]


@lru_cache(maxsize=KEPT_VERDICTS)
def claim_on(case: Case, method: Method, device: str) -> Verdict | None:
    """The same; a refusal has been tried, and has a breach of the law `claims` where the method is right after all."""
    verdict = verdict_on(case, method, device)
    if verdict is None or verdict.outcome is not Outcome.UNSUPPORTED:
        return verdict
    with calm_torch():
        witness = _witness(case, device)
        return None if witness is None else try_claim(case, method, verdict, witness)


def _witness(case: Case, device: str) -> Witness | None:
    return _make_witness(case, device) if case.entries() > LARGE else _kept_witness(case, device)


def _make_witness(case: Case, device: str) -> Witness | None:
    try:
        return Witness(case, device)
    except InvalidCase:
        return None


_kept_witness = lru_cache(maxsize=KEPT_WITNESSES)(_make_witness)
