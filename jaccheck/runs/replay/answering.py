"""What becomes of a stored finding, in the process that may end of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from jaccheck.case import Case
from jaccheck.errors import InvalidCase, InvalidRequest, UnknownName
from jaccheck.judging import (
    AGREEMENT,
    CLAIMS,
    LAW_OF,
    NO_EXCEPTION,
    STRUCTURE,
    CaseReference,
    explanation,
    judge,
    try_claim,
)
from jaccheck.methods import Method, calm_torch, choose_devices
from jaccheck.reports import SURVIVAL, Changed, Finding, Outcome, Told, Verdict
from jaccheck.runs.culprits import AFTERWARDS
from jaccheck.runs.reference import REFERENCE
from jaccheck.runs.replay.asking import Replayed, ReplayNote, ReplayRequest
from jaccheck.selftest import choose_stored, choose_with_mutants

MOST_ASKED, ENOUGH_SECONDS = 10, 10.0
"""How often a case is asked that holds, and for how long at most: what is wrong now and then holds now and then."""

BY_JUDGE = (NO_EXCEPTION.name, SURVIVAL)
"""Laws that are asked by calling the method, whatever it returns."""


def answer(request: ReplayRequest, tell: Callable[[ReplayNote], None]) -> Replayed:
    """Fixed only where the law of the finding was asked on each of the cases, several times, and all held each time.

    Raises a JaccheckError where it cannot be asked.
    """
    finding = request.finding
    if finding.law not in LAW_OF:
        raise UnknownName(f"law {finding.law!r:.80} is not known; known are {', '.join(LAW_OF)}")
    choose_with_mutants(request.own)
    if isinstance(finding.failure.detail, Changed) and finding.failure.detail.aspects == AFTERWARDS:
        beside = "shows in other methods that run after it; run it beside them with `jaccheck verify`"
        return Replayed(outcome=Outcome.UNDECIDED, message=f"{finding.method}: {finding.message}: {beside}")
    is_reference = finding.method == REFERENCE.name
    method = REFERENCE if is_reference else choose_stored(finding.method, request.own)
    choose_devices([finding.device])
    with calm_torch():
        for number, case in enumerate(request.cases):
            note = ReplayNote(case=number)
            tell(note)
            try:
                reference = CaseReference(case, finding.device)
            except InvalidCase as error:
                raise InvalidRequest(f"its case has nothing to compare with here: {error}") from None
            started = time.perf_counter()
            for asked in range(MOST_ASKED):
                if asked and time.perf_counter() - started > ENOUGH_SECONDS:
                    break
                tell(note)
                if left := _left(finding, case, method, reference):
                    return left
    return _held(finding)


def _held(finding: Finding) -> Replayed:
    """What is known where all was well now: not that it is mended, where the case alone was well then, too."""
    keeps = f"{finding.method} keeps the law {finding.law!r} on this case now"
    detail = finding.failure.detail
    if isinstance(detail, Told) and not detail.is_of_case:
        when = "as it did when the finding was made: what had run before it counts, which `jaccheck verify` repeats"
        return Replayed(outcome=Outcome.UNDECIDED, message=f"{keeps}, {when}")
    doubt = "" if finding.confirmed else "; that it broke it here was never seen in a process of its own"
    return Replayed(outcome=None, message=f"{keeps}{doubt}")


def _left(finding: Finding, case: Case, method: Method, reference: CaseReference) -> Replayed | None:
    """What is wrong on one case, or None where all is well."""
    asked: set[str] = set()
    verdict = judge(case, method, device=finding.device, reference=reference, asked=asked)
    if verdict.outcome is Outcome.UNSUPPORTED:
        return _refused(finding, case, method, verdict, reference)
    failures = [failure for failure in verdict.failures if failure.law == finding.law] or [*verdict.failures]
    if failures:
        failure = next((each for each in failures if each.outcome == finding.outcome), failures[0])
        listed = explanation(case, method.name, failure, finding.device)
        known = f"; listed as {listed.id} (`jaccheck known {listed.id}`)" if listed else ""
        return Replayed(
            outcome=failure.outcome,
            message=f"{finding.method}, {failure.law}: {failure.message}{known}",
            is_same=(failure.law, failure.outcome) == (finding.law, finding.outcome),
        )
    if not _is_answered(finding.law, asked, verdict):
        why = verdict.message or "it has no meaning for it"
        message = f"{finding.method}: the law {finding.law!r} says nothing of this case now: {why}"
        return Replayed(outcome=Outcome.UNDECIDED, message=message)
    return None


def _is_answered(law: str, asked: set[str], verdict: Verdict) -> bool:
    """Whether a law was asked of a result, and the result was one that says something about it."""
    if law in BY_JUDGE:
        return True
    is_decided = verdict.outcome.is_usable
    if law == CLAIMS.name:
        return is_decided
    is_of_values = AGREEMENT.name in (law, LAW_OF[law].backs)
    return (law in asked or law == STRUCTURE.name) and (is_decided or not is_of_values)


def _refused(
    finding: Finding, case: Case, method: Method, refusal: Verdict, reference: CaseReference
) -> Replayed | None:
    """A method that refuses the case keeps one law, that its claims are true, and is asked no other."""
    if finding.law != CLAIMS.name:
        message = f"{finding.method} refuses the case now, so nobody knows: {refusal.message}"
        return Replayed(outcome=Outcome.UNSUPPORTED, message=message)
    tried = try_claim(case, method, refusal, reference)
    if tried is refusal:
        message = f"{finding.method} refuses the case for its cost, which nobody tries: {refusal.message}"
        return Replayed(outcome=Outcome.UNSUPPORTED, message=message)
    if tried.failures:
        failure = tried.failures[0]
        message = f"{finding.method}, {failure.law}: {failure.message}"
        return Replayed(outcome=failure.outcome, message=message, is_same=failure.outcome == finding.outcome)
    return None
