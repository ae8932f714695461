"""`judge`: one method on one case on one device; the whole check on one screen."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from jaccheck.case import DTYPES, Case
from jaccheck.core import checked, only_here
from jaccheck.judging.case_reference import CaseReference
from jaccheck.judging.laws.agreement import AGREEMENT
from jaccheck.judging.laws.law import Law, LawBroken, NotAsked
from jaccheck.judging.laws.laws import CLAIMS, LAWS, NO_EXCEPTION
from jaccheck.judging.laws.purity import PURITY
from jaccheck.judging.laws.repeatability import REPEATABILITY
from jaccheck.judging.laws.state import observe_problem
from jaccheck.judging.laws.structure import STRUCTURE
from jaccheck.judging.laws.surroundings import Surroundings
from jaccheck.judging.laws.trial import Trial
from jaccheck.methods import Method, TooCostly, arrived, lacks, never
from jaccheck.reports import Changed, Failure, Outcome, OutdatedClaim, Verdict, raised

TOO_WIDE = "the bound is too wide for every entry"
NOT_PROVEN = "no bound is proven; consistent by estimate"
NO_LIMIT = "no bound is proven, and by estimate rounding can make any number of any entry"


@checked()
def judge(
    case: Case,
    method: Method,
    *,
    device: str = "cpu",
    reference: CaseReference | None = None,
    laws: tuple[Law, ...] = LAWS,
    asked: set[str] | None = None,
    around: Surroundings | None = None,
) -> Verdict:
    """The verdict on `method` for `case`; methods may share the `reference` of the case, and what is `around` calls.

    The names of those `laws` that were asked are put into `asked`: not all have a meaning on every case.
    """
    reference = reference or CaseReference(case, device)
    # Somebody else's function may change what it looks at, which nobody else may see.
    own = None if method.refuses_by_own_rule else reference.problem()
    refusal = method.refuses(own or reference.template)
    if refusal:
        return Verdict(method=method.name, device=device, outcome=Outcome.UNSUPPORTED, message=refusal)
    problem, before = (own, observe_problem(own)) if own else reference.kept()
    around = around or Surroundings(problem.model, device)
    started = perf_counter()
    try:
        with only_here():
            jacobians = method.compute(problem)
            arrived(jacobians, device)
    except (Exception, SystemExit) as error:  # sys.exit() too: what a method does must not end the run
        seconds = perf_counter() - started
        around.look()
        if operation := lacks(device, error):
            message = f"the device {device} has no {operation}"
            return Verdict(method=method.name, device=device, outcome=Outcome.UNSUPPORTED, message=message)
        return _verdict(method, device, [NO_EXCEPTION.failure(Outcome.CRASHED, raised(error))], None, seconds)
    seconds = perf_counter() - started
    was, now = around.look()
    try:
        after = observe_problem(problem)
    except Exception as error:
        spoilt = Changed(
            aspects=("network",), changes=(f"the network cannot be looked at any more: {error!r}",), count=1
        )
        return _verdict(method, device, [PURITY.failure(Outcome.SIDE_EFFECT, spoilt)], None, seconds)
    trial = Trial(case, method, reference, problem, jacobians, before | was, after | now, around)
    failures = []
    for law in (STRUCTURE, *laws):
        try:
            law.ask(trial)
            if asked is not None:
                asked.add(law.name)
        except NotAsked:
            continue
        except LawBroken as broken:
            failures.append(broken.failure)
            if law is STRUCTURE:
                break
    if method.is_built_in and not failures and before == after and PURITY in laws and REPEATABILITY not in laws:
        reference.keep(problem, after)
    return _verdict(method, device, failures, trial, seconds + trial.again_seconds)


def try_claim(
    case: Case, method: Method, refusal: Verdict, reference: CaseReference, *, around: Surroundings | None = None
) -> Verdict:
    """The `refusal`, or, if the method is right on the case all the same, one that says so: claims hold both ways.

    The message of a refusal for cost is a `TooCostly`; what has come from another process is so no more.
    """
    if isinstance(refusal.message, TooCostly):
        return refusal
    unclaimed = replace(method, unsupported=never, dtypes=DTYPES, devices=("*",))
    tried = judge(case, unclaimed, device=refusal.device, reference=reference, laws=(AGREEMENT,), around=around)
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
