"""From a failure to findings: its failing cases shrunk, told apart, and written down with a script."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Protocol

from jaccheck.case import Case, Integers, complexity, shrink
from jaccheck.core import to_json
from jaccheck.errors import InvalidCase
from jaccheck.judging import CaseReference, explanation, judge, try_claim, write_script
from jaccheck.methods import Method, calm_torch
from jaccheck.reports import Failure, Finding, Outcome, Told
from jaccheck.runs.judging import Announce, silently
from jaccheck.runs.results import Candidate, Candidates, FailureGroup, Try

MOST_FINDINGS = 4
"""For one method and law; a failure that depends on earlier calls shrinks to something else every time."""


HANGING = 6
"""Times as long may be tried to shrink a case on which a method hangs: each trial that hangs takes seconds."""

ONCE = "failed once in this run, but not when tried again"


class Probe(Protocol):
    """Finds out how a case shows a failure, if it does; in haste where it is one trial of many."""

    def __call__(self, ask: Try, method: Method, *, is_trial: bool = False) -> Failure | None:
        """The failure, or None."""


def investigate(
    candidates: Candidates,
    method: Method,
    *,
    seconds: float,
    known: tuple[Finding, ...] = (),
    probe: Probe | None = None,
) -> Iterator[Finding]:
    """A finding for each candidate that shrinks, in `seconds` each, to something other than what is `known` already.

    One failure shrinks to the same kind of case from wherever it was seen; another failure of the same method under the
    same law does not. Cases are tried by `probe`, in this process where none is given.
    """
    started = time.perf_counter()
    kinds = {_kind(finding.case) for finding in known}
    found = len(known)
    for candidate in sorted(candidates.cases, key=lambda candidate: complexity(candidate.case)):
        if found >= MOST_FINDINGS or time.perf_counter() - started > 2 * seconds:
            return
        finding = _shrunk(candidates.group, candidate, method, seconds, probe or failure_of)
        if _kind(finding.case) not in kinds:
            kinds.add(_kind(finding.case))
            found += 1
            yield finding


def failure_of(ask: Try, method: Method, *, is_trial: bool = False, announce: Announce = silently) -> Failure | None:
    """How the method breaks the law in this way (and with this key) on the case, or None if it does not."""
    group, case = ask.group, ask.case
    announce(case, 0, "")
    with calm_torch():
        try:
            reference = CaseReference(case, group.device)
        except InvalidCase:
            return None
        announce(case, 0, method.name)
        verdict = judge(case, method, device=group.device, reference=reference)
        if verdict.outcome is Outcome.UNSUPPORTED:
            verdict = try_claim(case, method, verdict, reference)
    for failure in verdict.failures:
        if (failure.law, failure.outcome) == (group.law, group.outcome) and ask.key in (None, failure.key):
            return failure
    return None


def _shrunk(group: FailureGroup, candidate: Candidate, method: Method, seconds: float, probe: Probe) -> Finding:
    def still_fails(smaller: Case) -> bool:
        failure = probe(Try(group=group, case=smaller, key=candidate.key), method, is_trial=True)
        return failure is not None and explanation(smaller, method.name, failure) is None

    if group.outcome is Outcome.HUNG:
        seconds *= HANGING
    smallest = shrink(candidate.case, still_fails, seconds=seconds)
    for case in dict.fromkeys((smallest, candidate.case)):
        if failure := probe(Try(group=group, case=case, key=candidate.key), method):
            return finding_of(case, method, group.device, failure)
    # It does not fail again: still a finding, with the case as it was seen.
    once = Failure(law=group.law, outcome=group.outcome, detail=Told(text=ONCE))
    return finding_of(candidate.case, method, group.device, once)


def finding_of(case: Case, method: Method, device: str, failure: Failure) -> Finding:
    """A failure on one case, seen once, as a finding with its script."""
    group = FailureGroup(method=method.name, device=device, law=failure.law, outcome=failure.outcome)
    return Finding(
        id=_identity(group, case),
        method=method.name,
        device=device,
        failure=failure,
        seen=1,
        case=case,
        script=write_script(case, method, device, failure),
    )


def _identity(group: FailureGroup, case: Case) -> str:
    text = f"{group.method}/{group.device}/{group.law}/{group.outcome}/{to_json(case)}"
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _kind(case: Case) -> tuple[object, ...]:
    """What tells two shrunk cases apart: everything but sizes, order, seeds and family."""
    sizes = (case.batch_size, case.outputs)
    return (
        frozenset(layer.kind for _, layer in case.leaves()),
        tuple(min(size, 2) for size in sizes),
        case.dtype,
        isinstance(case.recipe, Integers),
        tuple(modification.kind for modification in case.modifications),
        case.input_form,
        case.input_requires_grad,
        bool(case.frozen),
    )
