"""A check ranks by times that it has reason to believe, says where it has none, and how the method is called."""

from __future__ import annotations

import time
from dataclasses import replace
from math import inf

import pytest
import torch
from torch import nn

import jaccheck
from jaccheck.methods import find_method
from jaccheck.models.advice import advice
from jaccheck.rendering import model_markdown
from jaccheck.reports import MethodAnswer, Outcome, Spread, answer_table


def timed(method: str, median: float, low: float | None = None, high: float | None = None) -> MethodAnswer:
    """A method that agrees; without an interval it was called a few times, with one often."""
    spread = Spread(
        samples=3 if low is None else 20,
        median_s=median,
        low_s=low or 0.0,
        high_s=inf if high is None else high,
        lower_quartile_s=median,
        upper_quartile_s=median,
        shortest_s=median,
    )
    return MethodAnswer(
        method=method, outcome=Outcome.AGREES, comparison="bound", median_s=median, warm=spread, chunks=1
    )


def said(*answers: MethodAnswer) -> str:
    return advice(answers, "float32", "3 samples", 1)[1]


CLEAR = (timed("quick", 1.0, 0.9, 1.1), timed("slow", 2.0, 1.9, 2.1))
CLOSE = (timed("quick", 1.0, 0.9, 1.2), timed("near", 1.1, 1.0, 1.3), timed("slow", 2.0, 1.9, 2.1))


def test_intervals_apart_are_a_rank() -> None:
    """No word of noise; the time has its `±`."""
    assert said(*CLEAR) == "use quick: 1.00 s ±10%, the fastest of the 2 that agree with the closed form"


def test_intervals_that_overlap_are_none() -> None:
    """The sentence names those that may be as fast, and those only."""
    assert said(*CLOSE).endswith("by its median, but too noisy to rank before near")
    many = (CLOSE[0], *(timed(f"near_{n}", 1.1, 1.0, 1.3) for n in range(5)))
    assert said(*many).endswith("too noisy to rank before near_0, near_1, near_2 and 2 more")


@pytest.mark.parametrize(("other", "is_ranked"), [(3.9, False), (4.1, True)])
def test_a_few_calls_may_each_be_off_by_two(other: float, *, is_ranked: bool) -> None:
    """They have no interval: `?`; what takes more than four times as long is slower all the same."""
    text = said(timed("quick", 1.0), timed("other", other))
    assert text.startswith("use quick: 1.00 s ?")
    assert ("too noisy" not in text) is is_ranked


def test_a_first_call_says_little() -> None:
    """A warm time comes before a shorter cold one; alone, the cold one is said to be one, and ranks nothing near."""
    cold = replace(timed("cold", 0.5), warm=None)
    assert advice((cold, *CLEAR), "float32", "3 samples", 1)[0] == "quick"
    assert "the fastest of 2 that were timed, of 3 that agree" in said(cold, *CLEAR)
    alone = said(cold, replace(timed("other", 0.6), warm=None))
    assert alone.startswith("use cold: 500 ms in a first call, ")
    assert alone.endswith("too noisy to rank before other")


def test_a_real_check_ranks_what_it_can() -> None:
    """One that waits is never among those that may be as fast; every time has ± or ?; the call is a line that runs."""
    right = find_method("func_jacrev")

    def wait(problem: jaccheck.Problem) -> jaccheck.Jacobians:
        time.sleep(0.05)
        return right.compute(problem)

    torch.manual_seed(0)
    model, X = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), torch.randn(3, 4)
    waiting = replace(right, name="waiting", compute=wait)
    report = jaccheck.check(model, X, methods=(waiting, "vmap_vjp", "hooks"), seconds=20.0)
    assert report.recommended in ("vmap_vjp", "hooks")
    assert "waiting" not in report.advice
    assert all(row.time.split()[-1].startswith(("±", "?")) for row in answer_table(report).rows)
    assert report.call_line == f"to call it: jaccheck.jacobians(model, X, method='{report.recommended}')"
    J = eval(report.call, {"jaccheck": jaccheck, "model": model, "X": X})
    assert {name: tuple(j.shape[:2]) for name, j in J.items()} == dict.fromkeys(dict(model.named_parameters()), (3, 2))
    versions = report.environment.versions_said
    assert f"torch {torch.__version__}" in versions
    assert versions in repr(report)
    assert versions in report._repr_html_()
    assert versions.replace(" ", "") in model_markdown(report).replace("\\", "").replace(" ", "")
