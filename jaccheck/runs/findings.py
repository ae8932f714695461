"""From a failure to findings: its failing cases shrunk, told apart, and written down with a script."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

from jaccheck.case import Case, Integers, complexity, shrink
from jaccheck.core import to_json
from jaccheck.errors import InvalidCase
from jaccheck.judging import CaseReference, explanation, judge, likenesses, try_claim, write_script
from jaccheck.methods import Method, calm_torch
from jaccheck.reports import Failure, Finding, Outcome, Told
from jaccheck.runs.culprits import Probe, culprit_of, spoiling
from jaccheck.runs.judging import Announce, silently
from jaccheck.runs.results import Candidate, Candidates, FailureGroup, Try

MOST_FINDINGS = 4
"""For one method and law; a failure that depends on earlier calls shrinks to something else every time."""


HANGING = 6
"""Times as long may be tried to shrink a case on which a method hangs: each trial that hangs takes seconds."""

TRIES = 2
"""How often a failing case is tried again, each time in a new process, before another method is suspected."""


def investigate(
    candidates: Candidates,
    method: Method,
    *,
    seconds: float,
    known: tuple[Finding, ...] = (),
    probe: Probe | None = None,
    others: tuple[Method, ...] = (),
) -> Iterator[Finding]:
    """A finding for each candidate that shrinks, in `seconds` each, to something other than what is `known` already.

    What does not fail again when the method runs alone is looked into: one of the `others`, which ran before it in the
    same process, may have made it fail, and then the finding is about that one.

    One failure shrinks to the same kind of case from wherever it was seen; another failure of the same method under the
    same law does not. Cases are tried by `probe`, in this process where none is given.
    """
    started = time.perf_counter()
    kinds = {_kind(finding.case) for finding in known}
    found = len(known)
    for candidate in sorted(candidates.cases, key=lambda candidate: complexity(candidate.case)):
        if found >= MOST_FINDINGS or time.perf_counter() - started > 2 * seconds:
            return
        look = _Look(candidates.group, candidate, method, probe or failure_of)
        finding = look.shrunk(seconds) or look.blamed(others)
        if finding.method != method.name or _kind(finding.case) not in kinds:
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


class _Look:
    """One failing case, looked at again: shrunk where it fails again, else explained as far as can be."""

    def __init__(self, group: FailureGroup, candidate: Candidate, method: Method, probe: Probe) -> None:
        self._group, self._candidate, self._method, self._probe = group, candidate, method, probe
        self._is_fresh = probe is not failure_of  # any other one asks a process of its own
        self._tries = 0

    def shrunk(self, seconds: float) -> Finding | None:
        """The smallest case that fails, made out in so many seconds; None where none fails when the method is alone."""
        case, hangs = self._candidate.case, self._group.outcome is Outcome.HUNG
        again = None if hangs else self._again(case)  # a case on which it hangs is shrunk first: that costs less
        if again is None and not hangs:
            return None
        smallest = shrink(case, self._still_fails, seconds=seconds * HANGING if hangs else seconds)
        if smallest != case and (failure := self._fails(smallest, self._candidate.key)):
            return self._finding(smallest, self._method, failure)
        again = again or self._again(case)
        return self._finding(case, self._method, again) if again else None

    def blamed(self, others: tuple[Method, ...]) -> Finding:
        """Who is to blame where the method alone does not fail again: the finding tells what was tried."""
        group, candidate = self._group, self._candidate
        culprit = culprit_of(candidate, group, self._method, others, self._probe)
        if culprit and culprit.method.name != self._method.name:
            return self._finding(candidate.case, culprit.method, spoiling(group, culprit.failure))
        tries = f"{self._tries} {'try' if self._tries == 1 else 'tries'} of the method alone"
        seen = culprit.failure.message if culprit else candidate.message or str(group.outcome)
        when = "only after earlier calls of the same method" if culprit else f"failed once in this run, not in {tries}"
        told = Failure(law=group.law, outcome=group.outcome, detail=Told(text=f"{seen} ({when})", is_of_case=False))
        return self._finding(candidate.case, self._method, told, seen_again=culprit is not None)

    def _finding(self, case: Case, method: Method, failure: Failure, *, seen_again: bool = True) -> Finding:
        return finding_of(case, method, self._group.device, failure, confirmed=seen_again and self._is_fresh)

    def _again(self, case: Case) -> Failure | None:
        """The failure, where it shows in one of some tries, in the last of them whatever its key is."""
        keys = (*[self._candidate.key] * TRIES, None)
        for key in keys[:1] if self._group.outcome is Outcome.HUNG else keys:  # each of those takes a minute
            if failure := self._fails(case, key):
                return failure
        return None

    def _fails(self, case: Case, key: str | None) -> Failure | None:
        self._tries += 1
        return self._probe(Try(group=self._group, case=case, key=key), self._method)

    def _still_fails(self, smaller: Case) -> bool:
        ask = Try(group=self._group, case=smaller, key=self._candidate.key)
        failure = self._probe(ask, self._method, is_trial=True)
        return failure is not None and explanation(smaller, self._method.name, failure, self._group.device) is None


def finding_of(case: Case, method: Method, device: str, failure: Failure, *, confirmed: bool = False) -> Finding:
    """A failure on one case, seen once, as a finding with its script; `confirmed` where a new process showed it."""
    group = FailureGroup(method=method.name, device=device, law=failure.law, outcome=failure.outcome)
    return Finding(
        id=_identity(group, case),
        method=method.name,
        device=device,
        failure=failure,
        seen=1,
        case=case,
        script=write_script(case, method, device, failure),
        same_as=likenesses(case, method, failure),
        confirmed=confirmed,
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
