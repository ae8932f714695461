"""What tests of pages share: pages of every kind, the same with hostile text, pages taken apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from typing import Any, get_type_hints

from jaccheck.case import Case
from jaccheck.cli import writing
from jaccheck_support.example_reports.judged import matrix_report, selftest_report, sequence_report, verify_report
from jaccheck_support.example_reports.models import bench_report, model_report
from jaccheck_support.example_reports.upgrades import gate_report

HOSTILE = (
    "</script></style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&amp;{{ 7*7 }}{% raw %}]]>-->"
    "$\\frac$\u202etxt.\x00\x1b[31m\ud800"
)


REPORTS: dict[str, tuple[Callable[[], Any], writing.Formats[Any]]] = {
    "bench": (bench_report, writing.BENCH),
    "check": (model_report, writing.CHECK),
    "gate": (gate_report, writing.GATE),
    "matrix": (matrix_report, writing.MATRIX),
    "selftest": (selftest_report, writing.SELFTEST),
    "sequences": (sequence_report, writing.SEQUENCES),
    "verify": (verify_report, writing.VERIFY),
}
"""For each command a report in which something is wrong, and how it is written."""


@cache
def page(command: str, change: Callable[[Any], Any] = lambda report: report) -> str:
    """The page of the command's report, after a change of the report."""
    report, formats = REPORTS[command]
    return formats[".html"](change(report()))


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
        closed = {name for name, hint in get_type_hints(type(value)).items() if "Literal[" in str(hint)}
        free = [f.name for f in dataclasses.fields(value) if f.name not in closed]
        return dataclasses.replace(value, **{name: hostile(getattr(value, name)) for name in free})
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
