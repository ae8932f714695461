"""Nothing was compared: never green, whatever the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from jaccheck_support.example_reports.judged import verify_report

from attack_groups.attack import SMALL, Attack, refused
from attack_groups.files import CASES
from jaccheck.core import to_json
from jaccheck.reports import NOTHING, Part, Report, as_json


def empty(**changes: object) -> Report:
    """The report of a run that did nothing."""
    bare = replace(verify_report(), totals=NOTHING, coverage=(), findings=(), tightness=(), given_up=())
    return replace(bare, **changes)  # type: ignore[arg-type]


def part(number: int) -> str:
    """The report on a part that did nothing."""
    return as_json(empty(settings=replace(verify_report().settings, part=Part(number=number, of=2))))


CONFORMS = "from jaccheck.conformance import conforms\ntest_mine = conforms({})\n"

REFUSING = """
import jaccheck

@jaccheck.method(family="mine", unsupported=lambda problem: "not today")
def mine(problem):
    raise NotImplementedError("as it says")
"""


def attacks() -> Iterator[Attack]:
    """Cases, reports, runs and tests of nothing."""
    other = json.loads(CASES)
    other["cases"][0]["family"] = "[link=https://evil.example]x"
    for name, file, options in (
        ("cases of an unknown family", json.dumps(other), ""),
        ("no cases", json.dumps({**other, "cases": []}), ""),
        ("cases of another dtype", CASES, "--dtype float16"),
        ("cases of another family", CASES.replace('"custom"', '"generic"'), "--family kinks"),
    ):
        files = {"c.json": file}
        yield refused(name, f"jaccheck verify --no-store --cases c.json {options}", "nothing would be", files=files)
    says = ("nothing was compared",)
    for name, reports in {
        "a report": {"a.json": as_json(empty())},
        "an interrupted report": {"a.json": as_json(empty(interrupted=True))},
        "the parts of a report": {"a.json": part(1), "b.json": part(2)},
        "a part of a report": {"a.json": part(1)},
    }.items():
        yield Attack(name=f"{name} of nothing", shell="jaccheck report *.json", files=reports, codes=(1,), says=says)
    for name, shell in {
        "no report": "jaccheck report",
        "no finding": "mkdir f; jaccheck replay f",
    }.items():
        yield Attack(name=name, shell=shell, codes=(2,))
    files = {"mine.py": REFUSING}
    shell = f"jaccheck verify {SMALL} --method mine:mine"
    yield Attack(name="a method that refuses all", shell=shell, files=files, codes=(1,), says=says)
    yield Attack(
        name="a bench of a method that refuses all",
        shell="jaccheck bench --shape tutorial --dtype float32 --time 5 --method mine:mine",
        files=files,
        codes=(1, 2),
    )
    yield Attack(
        name="a matrix of methods that are in none",
        shell="jaccheck matrix --dtype float64 --method loss_gradients_loop",
        codes=(1, 2),
    )
    tests = {"test_it.py": CONFORMS.format("'mine:mine'"), "mine.py": REFUSING}
    yield Attack(
        name="tests of a method that refuses all",
        shell="python -m pytest -q -p no:cacheprovider --jaccheck-dtype float64",
        files=tests,
        codes=(1,),
        says=says,
        seconds=400,
    )
    text = as_json(verify_report())
    yield Attack(
        name="two whole reports are no parts",
        shell="jaccheck report a.json b.json",
        files={"a.json": text, "b.json": text},
        codes=(2,),
    )
    assert to_json(verify_report())
