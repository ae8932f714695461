"""From a fault to findings: its failing cases shrunk, told apart, and written down with a script."""

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
from jaccheck.reports import Breach, Finding, Outcome
from jaccheck.runs.judging import Announce, silently
from jaccheck.runs.results import Fault, Suspect, Suspects, Try

MOST_FINDINGS = 4
"""For one method and law; a fault that depends on earlier calls shrinks to something else every time."""


HANGING = 6
"""Times as long may be tried to shrink a case on which a method hangs: each trial that hangs takes seconds."""

ONCE = "failed once in this run, but not when tried again"


class Probe(Protocol):
    """Finds out how a case shows a fault, if it does; in haste where it is one trial of many."""

    def __call__(self, ask: Try, method: Method, *, is_trial: bool = False) -> Breach | None:
        """The breach, or None."""


def investigate(
    suspects: Suspects,
    method: Method,
    *,
    seconds: float,
    known: tuple[Finding, ...] = (),
    probe: Probe | None = None,
) -> Iterator[Finding]:
    """A finding for each suspect case that shrinks, in `seconds` each, to something other than what is `known` already.

    One fault shrinks to the same kind of case from wherever it was seen; another fault of the same method under the
    same law does not. Cases are tried by `probe`, in this process where none is given.
    """
    started = time.perf_counter()
    kinds = {_kind(finding.case) for finding in known}
    found = len(known)
    for suspect in sorted(suspects.cases, key=lambda suspect: complexity(suspect.case)):
        if found >= MOST_FINDINGS or time.perf_counter() - started > 2 * seconds:
            return
        finding = _shrunk(suspects.fault, suspect, method, seconds, probe or breach_of)
        if _kind(finding.case) not in kinds:
            kinds.add(_kind(finding.case))
            found += 1
            yield finding


def breach_of(ask: Try, method: Method, *, is_trial: bool = False, announce: Announce = silently) -> Breach | None:
    """How the method breaks the law in this way (and with this symptom) on the case, or None if it does not."""
    fault, case = ask.fault, ask.case
    announce(case, 0, "")
    with calm_torch():
        try:
            reference = CaseReference(case, fault.device)
        except InvalidCase:
            return None
        announce(case, 0, method.name)
        verdict = judge(case, method, device=fault.device, reference=reference)
        if verdict.outcome is Outcome.UNSUPPORTED:
            verdict = try_claim(case, method, verdict, reference)
    for breach in verdict.breaches:
        if (breach.law, breach.outcome) == (fault.law, fault.outcome) and ask.symptom in (None, breach.symptom):
            return breach
    return None


def _shrunk(fault: Fault, suspect: Suspect, method: Method, seconds: float, probe: Probe) -> Finding:
    def still_fails(smaller: Case) -> bool:
        breach = probe(Try(fault=fault, case=smaller, symptom=suspect.symptom), method, is_trial=True)
        return breach is not None and explanation(smaller, method.name, breach) is None

    if fault.outcome is Outcome.HUNG:
        seconds *= HANGING
    smallest = shrink(suspect.case, still_fails, seconds=seconds)
    for case in dict.fromkeys((smallest, suspect.case)):
        if breach := probe(Try(fault=fault, case=case, symptom=suspect.symptom), method):
            return finding_of(case, method, fault.device, breach)
    # It does not fail again: still a finding, with the case as it was seen.
    once = Breach(law=fault.law, outcome=fault.outcome, message=ONCE)
    return finding_of(suspect.case, method, fault.device, once)


def finding_of(case: Case, method: Method, device: str, breach: Breach) -> Finding:
    """A breach on one case, seen once, as a finding with its script."""
    fault = Fault(method=method.name, device=device, law=breach.law, outcome=breach.outcome)
    return Finding(
        id=_identity(fault, case),
        method=method.name,
        device=device,
        law=breach.law,
        outcome=breach.outcome,
        message=breach.message,
        seen=1,
        case=case,
        script=write_script(case, method, device, breach),
        worst=breach.worst,
    )


def _identity(fault: Fault, case: Case) -> str:
    text = f"{fault.method}/{fault.device}/{fault.law}/{fault.outcome}/{to_json(case)}"
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
