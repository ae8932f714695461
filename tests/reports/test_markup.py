"""Reports and verdicts show themselves in a notebook, and no text of a case, model or exception is markup there."""

from __future__ import annotations

from html.parser import HTMLParser

import torch
from jaccheck_support.testing import ENVIRONMENT, finding_on
from torch import nn

import jaccheck
from jaccheck.case import Case
from jaccheck.methods import find_method
from jaccheck.reports import Failure, Outcome, Report, Settings, Spent, Told, Totals, Verdict
from jaccheck.selftest import catalogue

HOSTILE = "<script>alert('&')</script>\" onload=\"x\x00 \u202e"


class Tags(HTMLParser):
    """The tags of a page, all of which must be closed, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


OWN = {"p", "strong", "table", "thead", "tbody", "tr", "th", "td"}


def test_hostile_text_is_text() -> None:
    """Names and messages come out as they went in, and open no tag."""
    failure = Failure(law=HOSTILE, outcome=Outcome.CRASHED, detail=Told(text=HOSTILE))
    verdict = Verdict(method=HOSTILE, device=HOSTILE, outcome=Outcome.CRASHED, message=HOSTILE, failures=(failure,))
    tags = Tags(verdict._repr_html_())
    assert tags.seen == OWN
    assert not tags.open
    assert tags.text.count("<script>alert('&')</script>") == 4


def test_a_verdict_says_what_was_compared(case: Case) -> None:
    """The law that was broken, and with what it was compared."""
    verdict = jaccheck.judge(case, catalogue()["sample_roll"].method())
    text = Tags(verdict._repr_html_()).text
    assert "mutant:sample_roll on cpu: DISAGREES" in text
    assert "instead of" in text
    assert "compared with closed form: must be equal" in text


def test_a_report_lists_its_findings(case: Case) -> None:
    """The answer first, then each finding, then the versions."""
    failure = Failure(law=HOSTILE, outcome=Outcome.CRASHED, detail=Told(text="why"))
    finding = finding_on(case, method="m", failure=failure, seen=3)
    spent = Spent()
    report = Report(
        settings=Settings(
            profile="quick",
            seed=7,
            max_examples=4,
            time=None,
            methods=("m",),
            devices=("cpu",),
            dtypes=("float64",),
            families=("generic",),
        ),
        environment=ENVIRONMENT,
        totals=Totals(
            cases=4,
            comparisons=8,
            entries=1234,
            undecided=0,
            outcomes={},
            modes={"exact": 8, "bound": 0},
            seconds=spent,
        ),
        coverage=(),
        findings=(finding,),
    )
    tags = Tags(report._repr_html_())
    assert tags.seen == OWN
    assert tags.text.startswith("1 finding: 4 cases, 8 comparisons, 1,234 entries; seed 7")
    assert "<script>alert('&')</script>" in tags.text
    assert f"torch {ENVIRONMENT.torch}" in tags.text


def test_a_model_report_says_which_method_to_use() -> None:
    """A row for each method, and the advice."""
    report = jaccheck.check(
        nn.Sequential(nn.Linear(3, 2)), torch.ones(4, 3), methods=[find_method("hooks"), "outer_products"]
    )
    tags = Tags(report._repr_html_())
    assert tags.seen == OWN
    assert report.advice in tags.text
    assert "AGREES" in tags.text
