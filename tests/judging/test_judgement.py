"""`judge`: which laws are asked, in which order, and what the verdict says of what they found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jaccheck.case import FAMILIES, Case, Integers, LayerNorm, Linear, ReLU, boundary_cases
from jaccheck.judging import LAWS, CaseReference, Law, Trial, When, judge, observe, try_claim
from jaccheck.judging.judgement import TOO_WIDE
from jaccheck.judging.laws.laws import CALLED_ONCE, REPEATED
from jaccheck.judging.laws.state import observe_problem
from jaccheck.methods import Jacobians, Method, Problem, calm_torch, choose_methods, find_method, registered
from jaccheck.reports import Outcome, OutdatedClaim, Raised, Told, WrongEntry, WrongStructure

CASE = Case(
    layers=(Linear(out_features=2), ReLU(), Linear(out_features=2)), in_shape=(2,), batch_size=2, recipe=Integers()
)
RIGHT = find_method("autograd_loop")


def spoilt(change: Any) -> Method:
    """A method that does something to the result of a right one."""

    def compute(problem: Problem) -> Jacobians:
        changed: Jacobians = change(RIGHT.compute(problem))
        return changed

    return replace(RIGHT, name="spoilt", compute=compute)


def law(name: str, asked: list[str], *, holds: bool = True) -> Law:
    """A law that writes down that it was asked."""

    def ask(trial: Trial) -> None:
        asked.append(name)
        if not holds:
            raise made.broken(Outcome.SIDE_EFFECT, Told(text=f"{name} does not hold"))

    made = Law(name=name, statement="", when=When.ALWAYS, ending=LAWS[0].ending, ask=ask)
    return made


def verdict_on(method: Method, **options: Any) -> Any:
    with calm_torch():
        return judge(CASE, method, **options)


def test_a_right_method_agrees() -> None:
    """Nothing is said but what was compared."""
    verdict = verdict_on(RIGHT)
    assert (verdict.outcome, verdict.message, verdict.failures) == (Outcome.AGREES, "", ())
    assert [comparison.mode for comparison in verdict.comparisons] == ["exact", "exact"]


def test_all_laws_are_asked_whatever_fails() -> None:
    """One failure does not hide another; the first decides, and the worst is known."""
    asked: list[str] = []
    laws = (law("one", asked), law("two", asked, holds=False), law("three", asked, holds=False), *LAWS)
    verdict = verdict_on(spoilt(lambda J: {name: -j for name, j in J.items()}), laws=laws)
    assert asked == ["one", "two", "three"]
    assert [failure.law for failure in verdict.failures][:3] == ["two", "three", "agreement"]
    assert (verdict.outcome, verdict.message) == (Outcome.SIDE_EFFECT, "two does not hold")
    assert verdict.gravest is Outcome.DISAGREES


def test_without_the_right_structure_nothing_else_is_asked() -> None:
    """No other law could look at it."""
    asked: list[str] = []
    verdict = verdict_on(spoilt(lambda J: list(J.values())), laws=(law("one", asked),))
    (failure,) = verdict.failures
    assert (failure.law, asked, verdict.comparisons) == ("structure", [], ())
    assert failure.detail == WrongStructure(aspect="type", actual="list", expected="a dict of tensors")


@pytest.mark.parametrize("error", [RuntimeError("not today\nnor tomorrow"), SystemExit("not today")])
def test_an_exception_is_a_failure_of_its_own(error: BaseException) -> None:
    """By its type and first line, with the user's line; sys.exit() ends nothing but the call."""

    def compute(problem: Problem) -> Jacobians:
        raise error

    verdict = verdict_on(replace(RIGHT, compute=compute))
    (failure,) = verdict.failures
    assert (failure.law, verdict.outcome) == ("no exception", Outcome.CRASHED)
    own_line = f"test_judgement.py, line {compute.__code__.co_firstlineno + 1}: raise error"
    assert failure.detail == Raised(error_type=type(error).__name__, error_text="not today", own_line=own_line)
    assert verdict.message == f"{type(error).__name__}: not today ({own_line})"
    assert failure.key == replace(failure, detail=replace(failure.detail, own_line="")).key  # type: ignore[type-var]


def test_a_refusal_is_unsupported_and_nothing_is_called() -> None:
    """Its message is the reason."""

    def compute(problem: Problem) -> Jacobians:
        raise AssertionError

    verdict = verdict_on(replace(RIGHT, compute=compute, unsupported=lambda problem: "takes nothing"))
    assert (verdict.outcome, verdict.message, verdict.seconds) == (Outcome.UNSUPPORTED, "takes nothing", 0.0)


def test_a_built_in_refusal_only_looks() -> None:
    """So the network that is looked at is built once for all methods: it is as it was, in state and in numbers."""
    methods = choose_methods([])
    assert all(method.refuses_by_own_rule for method in methods)
    for case in [case for family in FAMILIES for case in boundary_cases(family, "float64")][::3]:
        reference = CaseReference(case, "cpu")
        before = observe(reference.template)
        for method in methods:
            method.refuses(reference.template)
            assert observe(reference.template) == before, (case, method.name)
        assert reference.changed_values(reference.template) == [], case


def test_the_refusal_of_others_sees_a_network_of_its_own() -> None:
    """One that changes it changes nothing for anybody else."""

    def spoils(problem: Problem) -> str | None:
        problem.model.spoilt = True
        return "takes nothing"

    reference = CaseReference(CASE, "cpu")
    method = replace(RIGHT, unsupported=spoils)
    assert not method.refuses_by_own_rule
    assert judge(CASE, method, reference=reference).outcome is Outcome.UNSUPPORTED
    assert not hasattr(reference.template.model, "spoilt")


def test_a_refusal_of_what_it_does_right_is_out_of_date() -> None:
    """And one of what it does wrong is not."""
    for method, is_outdated in ((RIGHT, True), (spoilt(lambda J: {name: -j for name, j in J.items()}), False)):
        modest = replace(method, unsupported=lambda problem: "takes nothing")
        with calm_torch():
            reference = CaseReference(CASE, "cpu")
            refusal = judge(CASE, modest, reference=reference)
            verdict = try_claim(CASE, modest, refusal, reference)
        assert verdict.outcome is Outcome.UNSUPPORTED
        assert [failure.detail for failure in verdict.failures] == [OutdatedClaim(claim="takes nothing")] * is_outdated


def test_what_no_bound_decides_is_undecided() -> None:
    """It is said why."""
    wide = replace(CASE, dtype="float16", layers=(Linear(out_features=2),) * 2, modifications=())
    with calm_torch():
        verdict = judge(wide, find_method("central_differences"))
    assert verdict.outcome in (Outcome.UNDECIDED, Outcome.AGREES)
    assert verdict.message == (TOO_WIDE if verdict.outcome is Outcome.UNDECIDED else "")


@pytest.mark.parametrize(
    ("dtype", "step", "outcome"),
    [
        ("float32", 0.0, Outcome.CONSISTENT),
        ("bfloat16", 0.0, Outcome.CONSISTENT),
        ("float32", 1e-3, Outcome.UNDECIDED),
    ],
)
def test_an_estimate_without_a_limit_is_not_consistent(dtype: str, step: float, outcome: Outcome) -> None:
    """Of a difference quotient nothing is estimated, so any value would be within it."""
    layers = (Linear(out_features=4), LayerNorm(), Linear(out_features=2))
    case = Case(layers=layers, in_shape=(3,), batch_size=5, dtype=dtype)  # type: ignore[arg-type]
    verdict = judge(case, replace(find_method("autograd_loop"), step=step))
    assert (verdict.outcome, verdict.failures) == (outcome, ())
    assert verdict.is_telling


def test_the_worst_entry_is_data() -> None:
    """With what contradicts it, and the pattern that the wrong result follows."""
    verdict = verdict_on(spoilt(lambda J: {name: -j for name, j in J.items()}), laws=LAWS[:1])
    (failure,) = verdict.failures
    assert isinstance(failure.detail, WrongEntry)
    assert (failure.detail.contradicts, failure.detail.is_alone) == (("closed form", "autograd"), False)
    assert (failure.detail.pattern, failure.key) == ("negated", "negated")
    assert failure.worst == failure.detail.worst


def test_a_network_that_was_left_as_it_was_serves_the_next_method_too() -> None:
    """One that shows any trace of a call, or got other numbers, does not."""
    reference = CaseReference(CASE, "cpu")

    def network_after(name: str, **kwargs: Any) -> object:
        judge(CASE, registered()[name], reference=reference, **kwargs)
        return reference.kept()[0].model

    pure, leaving = CALLED_ONCE, REPEATED
    fresh = reference.kept()[0]
    reference.keep(fresh, observe_problem(fresh))
    assert network_after("vmap_vjp", laws=pure) is fresh.model
    reference.keep(fresh, observe_problem(fresh))
    assert network_after("vmap_vjp", laws=leaving) is not fresh.model
    reference.keep(fresh, observe_problem(fresh))
    assert network_after("batch_grad_loop", laws=pure) is not fresh.model


@pytest.mark.parametrize(("family", "is_exact"), [("generic", True), ("smooth", False)])
def test_how_near_the_bound_a_result_came_is_told_where_there_is_one(family: str, is_exact: bool) -> None:
    """Where results must be equal there is no ratio."""
    case = boundary_cases(family, "float32")[0]
    verdict = judge(case, find_method("autograd_loop"))
    assert verdict.comparisons
    for comparison in verdict.comparisons:
        assert comparison.mode == ("exact" if is_exact else "bound")
        assert 0 <= comparison.test_ratio <= 1
        assert (comparison.test_ratio == 0) is is_exact or comparison.reference == "autograd"
