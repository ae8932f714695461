"""What tests of pages share: reports of every kind as plain data, the same with hostile text, pages taken apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, TypeVar

from jaccheck.case import Case, LeakyReLU, Linear, Parallel, Residual
from jaccheck.render.html.verify import verify_page
from jaccheck.report import Cell, Environment, Finding, Report, Settings, Spent, Tightness, Totals
from jaccheck.verdict import EXCESS_LIMITS, Excerpt, Outcome, WorstEntry

T = TypeVar("T")

HOSTILE = (
    "</script></style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&amp;{{ 7*7 }}{% raw %}]]>-->"
    "\u202etxt.\x00\x1b[31m\ud800"
)

CASE = Case(
    layers=(
        Linear(out_features=3),
        Residual(layers=(Linear(out_features=3), LeakyReLU(negative_slope=0.5))),
        Parallel(branches=((Linear(out_features=1),), (Linear(out_features=2), LeakyReLU())), merge="cat"),
    ),
    in_shape=(2,),
    batch_size=4,
)

ENVIRONMENT = Environment(
    python="3.11.7",
    platform="Linux",
    jaccheck="0.1.0",
    torch="2.13.0",
    backpack=None,
    numpy="2.4.6",
    hypothesis="6.170",
    devices={"cpu": "x86_64"},
    threads=1,
)

EXCERPT = Excerpt(
    C=2,
    rows=40,
    columns=3,
    first_row=3,
    first_column=0,
    parameters=(("0.weight", 2), ("0.bias", 1)),
    actual=((1.0, -2.0, float("nan")), (float("inf"), 0.0, 1.0)),
    expected=((1.0, -1.0, 0.5), (1.0, 0.0, 1.0 + 1e-9)),
    bound=((0.0, 0.0, 1e-9), (1e-9, 1e-9, 1e-8)),
    worst=(0, 2),
)


def verify_report() -> Report:
    """A run with a finding of numbers, one without numbers, and a cell that compared nothing."""
    worst = WorstEntry(
        parameter="0.bias",
        index=(1, 1, 0),
        actual=float("nan"),
        expected=0.5,
        bound=1e-9,
        wrong=3,
        entries=120,
        around=EXCERPT,
    )
    wrong = Finding(
        id="5d37eeac96",
        method="sqrt_ggn_sum",
        device="cpu",
        law="agreement",
        outcome=Outcome.DISAGREES,
        message=str(worst),
        seen=3,
        case=CASE,
        script="import torch\n\nprint('x' * 3)  # a script\n",
        worst=worst,
    )
    crashed = dataclasses.replace(
        wrong, law="no exception", outcome=Outcome.CRASHED, message="KeyError: 'x'", worst=None
    )
    cells = (
        Cell(method="sqrt_ggn_sum", device="cpu", dtype="float64", family="square", cases=9, compared=9, entries=90),
        Cell(method="sqrt_ggn_sum", device="cpu", dtype="float32", family="frozen", cases=2),
        Cell(
            method="hooks", device="cpu", dtype="float64", family="square", cases=9, compared=8, entries=90, refused=1
        ),
    )
    counts = (5, *range(len(EXCESS_LIMITS) - 1), 2)
    return Report(
        settings=Settings(
            profile="quick",
            seed=1,
            max_examples=None,
            time=None,
            methods=("sqrt_ggn_sum", "hooks"),
            devices=("cpu",),
            dtypes=("float64", "float32"),
            families=("square", "frozen"),
        ),
        environment=ENVIRONMENT,
        totals=Totals(
            cases=11,
            comparisons=34,
            entries=180,
            undecided=2,
            outcomes={**dict.fromkeys(Outcome, 0), Outcome.AGREES: 15, Outcome.DISAGREES: 3},
            modes={"exact": 30, "bound": 4},
            seconds=Spent(total=3.5, methods=1.0),
        ),
        coverage=cells,
        findings=(wrong, crashed),
        tightness=(Tightness(method="sqrt_ggn_sum", device="cpu", dtype="float64", counts=counts),),
    )


def red_pages() -> dict[str, Callable[[Callable[[Any], Any]], str]]:
    """For each command a page of a report in which something is wrong; what it gets changes the report first."""
    return {"verify": lambda change: verify_page(change(verify_report()))}


def hostile(value: Any) -> Any:
    """The value with `HOSTILE` in every text that a model, a method or an exception can choose."""
    match value:
        case Case():
            return dataclasses.replace(value, family=HOSTILE)
        case str() if type(value) is str:
            return value + HOSTILE
        case tuple():
            return tuple(hostile(item) for item in value)
        case dict():
            # Keys are names that are chosen freely only where the values are text too.
            return {hostile(k) if isinstance(v, str) else k: hostile(v) for k, v in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **{name: hostile(item) for name, item in fields.items()})
    return value


class Parsed(HTMLParser):
    """A page's elements with their attributes, and its text, scripts and styles left out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text += data
