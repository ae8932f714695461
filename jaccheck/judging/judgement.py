"""`judge`: one method on one case on one device; the whole check on one screen."""

from __future__ import annotations

import time
from dataclasses import replace

from jaccheck.case import DTYPES, Case
from jaccheck.judging.case_reference import CaseReference
from jaccheck.judging.laws.agreement import AGREEMENT
from jaccheck.judging.laws.globals import observe_globals, restore_globals
from jaccheck.judging.laws.law import Law, LawBroken
from jaccheck.judging.laws.laws import CLAIMS, LAWS, NO_EXCEPTION
from jaccheck.judging.laws.state import observe
from jaccheck.judging.laws.structure import STRUCTURE
from jaccheck.judging.laws.trial import Trial
from jaccheck.methods import Method, TooCostly, never
from jaccheck.reports import Failure, Outcome, OutdatedClaim, Verdict, raised

TOO_WIDE = "the bound is too wide for every entry"
NOT_PROVEN = "no bound is proven; consistent by estimate"
NO_LIMIT = "no bound is proven, and by estimate rounding can make any number of any entry"


def judge(
    case: Case,
    method: Method,
    *,
    device: str = "cpu",
    reference: CaseReference | None = None,
    laws: tuple[Law, ...] = LAWS,
) -> Verdict:
    """The verdict on `method` for `case`; pass the `reference` of the case to share it among methods."""
    reference = reference or CaseReference(case, device)
    problem = reference.problem()
    refusal = method.refuses(problem)
    if refusal:
        return Verdict(method=method.name, device=device, outcome=Outcome.UNSUPPORTED, message=refusal)
    before = observe(problem)
    started = time.perf_counter()
    try:
        jacobians = method.compute(problem)
    except (Exception, SystemExit) as error:  # sys.exit() too: what a method does must not end the run
        seconds = time.perf_counter() - started
        restore_globals(before["torch"], observe_globals(device))
        return _verdict(method, device, [NO_EXCEPTION.failure(Outcome.CRASHED, raised(error))], None, seconds)
    seconds = time.perf_counter() - started
    after = observe(problem)
    restore_globals(before["torch"], after["torch"])
    trial = Trial(case, method, reference, problem, jacobians, before, after)
    failures = []
    for law in (STRUCTURE, *laws):
        try:
            law.ask(trial)
        except LawBroken as broken:
            failures.append(broken.failure)
            if law is STRUCTURE:
                break
    return _verdict(method, device, failures, trial, seconds + trial.again_seconds)


def try_claim(case: Case, method: Method, refusal: Verdict, reference: CaseReference) -> Verdict:
    """The `refusal`, or, if the method is right on the case all the same, one that says so: claims hold both ways."""
    if isinstance(method.refuses(reference.problem()), TooCostly):
        return refusal
    unclaimed = replace(method, unsupported=never, dtypes=DTYPES, devices=("*",))
    tried = judge(case, unclaimed, device=refusal.device, reference=reference, laws=(AGREEMENT,))
    if not tried.outcome.is_usable:
        return replace(refusal, seconds=tried.seconds)
    outdated = CLAIMS.failure(Outcome.UNSUPPORTED, OutdatedClaim(claim=refusal.message))
    return replace(refusal, failures=(outdated,), seconds=tried.seconds)


def _verdict(method: Method, device: str, failures: list[Failure], trial: Trial | None, seconds: float) -> Verdict:
    comparisons = tuple(trial.comparisons) if trial else ()
    if failures:
        outcome, message = failures[0].outcome, failures[0].message
    elif all(c.undecided == c.entries > 0 for c in comparisons):
        outcome, message = Outcome.UNDECIDED, TOO_WIDE
        if trial and any(c.mode == "estimate" for c in comparisons):
            outcome, message = (Outcome.CONSISTENT, NOT_PROVEN) if trial.is_limited else (outcome, NO_LIMIT)
    else:
        outcome, message = Outcome.AGREES, ""
    return Verdict(
        method=method.name,
        device=device,
        outcome=outcome,
        message=message,
        comparisons=comparisons,
        failures=tuple(failures),
        seconds=seconds,
    )
