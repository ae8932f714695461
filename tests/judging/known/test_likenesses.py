"""A method of somebody's own that fails as a known issue does is told so, and may say so itself."""

from __future__ import annotations

import pytest
from jaccheck_support.skipping import ELSEWHERE
from torch import nn
from torch.func import functional_call, jacrev, vmap

import jaccheck
from jaccheck.case import Case
from jaccheck.judging import LAYER_ISSUES, explained, judge
from jaccheck.methods import find_method
from jaccheck.methods.registry import forget
from jaccheck.runs.findings import finding_of

ISSUE = next(issue for issue in LAYER_ISSUES if issue.id == "torch-vmap-prelu")


def by_vmap(problem: jaccheck.Problem) -> jaccheck.Jacobians:
    """As people write it after torch's tutorial."""
    assert isinstance(problem.model, nn.Module)
    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(jacrev(lambda θ, x: functional_call(problem.model, θ, (x[None],))[0]), (None, 0))(θ, problem.X)


def registered(known: tuple[str, ...]) -> jaccheck.Method:
    jaccheck.method(family="own", known=known)(by_vmap)
    return find_method("by_vmap")


@pytest.fixture(autouse=True)
def _forgotten() -> object:
    yield
    forget("by_vmap")


def failing() -> Case:
    return ISSUE.case


@pytest.mark.skipif(not ISSUE.is_here, reason=f"{ELSEWHERE}{ISSUE.id}")
def test_a_finding_says_that_it_is_the_same() -> None:
    """By the issue's name, with what to write in the decorator; once it is written the outcome is KNOWN."""
    method = registered(())
    verdict = explained(failing(), judge(failing(), method))
    assert verdict.failures
    finding = finding_of(failing(), method, "cpu", verdict.failures[0])
    assert finding.same_as == (ISSUE.id,)
    assert f"The same as {ISSUE.id}" in finding.likeness
    assert f'known=("{ISSUE.id}",)' in finding.likeness
    forget("by_vmap")
    method = registered((ISSUE.id,))
    verdict = explained(failing(), judge(failing(), method))
    assert (verdict.outcome, verdict.known) == (jaccheck.Outcome.KNOWN, (ISSUE.id,))


@pytest.mark.skipif(not ISSUE.is_here, reason=f"{ELSEWHERE}{ISSUE.id}")
def test_a_built_in_method_is_like_nothing_but_what_it_is_listed_with() -> None:
    """The same failure of one of jaccheck's own methods is a finding as before, and so is another failure."""
    method = find_method("vmap_vjp")
    verdict = judge(failing(), method)
    assert finding_of(failing(), method, "cpu", verdict.failures[0]).same_as == ()


def test_a_run_counts_the_issues_that_it_meets() -> None:
    """By name, in the totals, in text and on the page."""
    from jaccheck.rendering import make_console, print_report, verify_markdown, verify_page

    report = jaccheck.verify(["batch_grad_loop"], seed=1, families=("shared",), dtypes=("float32",), max_examples=12)
    counts = report.totals.known_issues
    assert counts
    assert sum(counts.values()) >= report.totals.outcomes[jaccheck.Outcome.KNOWN] > 0
    console = make_console()
    with console.capture() as said:
        print_report(report, console)
    for name in counts:
        assert name in said.get()
        assert name in verify_page(report)
        assert name in verify_markdown(report).replace("\\", "")
