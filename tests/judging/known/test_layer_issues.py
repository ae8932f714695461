"""The known issues of layers hold both ways: each shows where it is listed, and nothing else is excused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from jaccheck_support.skipping import skip_elsewhere, skip_where_absent

from jaccheck.case import Case, Linear
from jaccheck.judging import LAYER_ISSUES, CaseIssue, explained, explanation, judge
from jaccheck.methods import calm_torch, find_method
from jaccheck.reports import Failure, Outcome, Told, Verdict, WorstEntry, WrongEntry

PLAIN = Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=2)


@pytest.mark.parametrize("issue", LAYER_ISSUES, ids=lambda issue: issue.id)
def test_a_known_issue_shows(issue: CaseIssue) -> None:
    """Each of its methods fails on its case, in the listed way; one that no longer does must leave the list."""
    skip_where_absent(issue)
    if not issue.is_here:
        skip_elsewhere(issue.id)
    here = [name for name in issue.shown_by if not find_method(name).missing]
    if not here:
        pytest.skip(f"{issue.package} {issue.versions} does not import")
    assert issue.meets(issue.case)
    with calm_torch():
        for name in here:
            device = issue.device or "cpu"
            verdict = judge(issue.case, find_method(name), device=device)
            failures = verdict.failures
            assert any(issue.explains(issue.case, name, failure, device) for failure in failures), (name, verdict)
            shown = explained(issue.case, verdict)
            assert issue.id in shown.known
            assert shown.outcome is Outcome.KNOWN, shown


def test_outside_its_condition_nothing_is_excused() -> None:
    """The same failure of the same method on another case is a finding."""
    failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=Told(text="0.weight: wrong"))
    for issue in LAYER_ISSUES:
        for name in issue.shown_by:
            assert explanation(PLAIN, name, failure) is None, issue.id


def test_only_the_parameters_that_it_shows_in_are_excused() -> None:
    """Uninitialised memory is in the weight of that convolution, and a wrong Linear behind it is a finding."""
    issue = next(issue for issue in LAYER_ISSUES if issue.id == "torch-bfloat16-conv-unwritten")
    if not issue.is_here:
        skip_elsewhere(issue.id)
    values = {"index": (0, 0, 0), "actual": 1.0, "expected": 0.0, "bound": 0.0, "wrong": 1, "entries": 9}
    for parameter, excused in (("0.weight", issue), ("0.bias", None), ("2.weight", None)):
        worst = WorstEntry(parameter=parameter, **values)  # type: ignore[arg-type]
        failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=WrongEntry(worst=worst))
        assert explanation(issue.case, "hooks", failure) is excused


def test_only_the_kind_of_value_that_it_gives_is_excused() -> None:
    """GroupNorm under vmap in float16 may be NaN; a finite wrong number on the same case is a finding."""
    issue = next(issue for issue in LAYER_ISSUES if issue.id == "torch-vmap-group-norm-float16")
    if not issue.is_here:
        skip_elsewhere(issue.id)
    for actual, excused in ((float("nan"), issue), (2.0, None)):
        worst = WorstEntry(
            parameter="0.weight", index=(0, 0, 0), actual=actual, expected=1.0, bound=0.1, wrong=1, entries=9
        )
        failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=WrongEntry(worst=worst))
        assert explanation(issue.case, issue.methods[0], failure) is excused


def test_another_failure_on_the_same_case_stays() -> None:
    """What an issue does not explain is left, and decides."""
    issue = next(issue for issue in LAYER_ISSUES if issue.id == "conv-padding-mode")
    name = issue.methods[0]
    listed = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=Told(text="0.weight: wrong"))
    other = Failure(law="purity", outcome=Outcome.SIDE_EFFECT, detail=Told(text="0.weight: requires_grad changed"))
    verdict = Verdict(method=name, device="cpu", outcome=Outcome.DISAGREES, failures=(listed, other))
    shown = explained(issue.case, verdict)
    assert (shown.outcome, shown.failures, shown.known) == (Outcome.SIDE_EFFECT, (other,), (issue.id,))


def test_a_method_that_is_right_is_not_called_known() -> None:
    """A verdict without failures stays as it is, also on a case that meets a condition."""
    for issue in LAYER_ISSUES:
        verdict = Verdict(method=issue.methods[0], device="cpu", outcome=Outcome.AGREES)
        assert explained(issue.case, verdict) is verdict


def test_another_version_is_not_excused() -> None:
    """A release outside the listed versions has to be right."""
    issue = LAYER_ISSUES[0]
    failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=Told(text="0.weight: wrong"))
    assert issue.explains(issue.case, issue.methods[0], failure)
    assert not replace(issue, versions="<0.1").explains(issue.case, issue.methods[0], failure)


def test_an_issue_of_a_device_excuses_nothing_on_another() -> None:
    """What XLA gets wrong, a CPU must not."""
    (kink,) = (issue for issue in LAYER_ISSUES if issue.id == "xla-hardtanh-kink")
    everywhere = replace(kink, package="torch", versions=">=2")
    failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=Told(text="0.weight: wrong"))
    assert everywhere.explains(kink.case, "hooks", failure, "xla:0")
    assert not everywhere.explains(kink.case, "hooks", failure, "cpu")
    assert not everywhere.explains(kink.case, "hooks", failure)
