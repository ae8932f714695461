"""Reports, saved runs and findings of before, beside which something is put: none is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jaccheck_support.pages import bench_report, matrix_report

from attack_groups.attack import Attack, bash_text, refused
from attack_groups.files import CONTENTS, MADE
from attack_groups.processes import METHOD, finding
from attack_groups.texts import TEXTS, changed
from jaccheck.core import to_json

BENCH = "jaccheck bench --shape tutorial --dtype float32 --time 1 --method outer_products"
MATRIX = "jaccheck matrix --dtype float64 --method outer_products"


def attacks() -> Iterator[Attack]:
    """Of `bench`, `matrix` and `replay`."""
    yield from _earlier()
    yield from _replayed()


def _earlier() -> Iterator[Attack]:
    for command, line in (("bench --compare", BENCH), ("matrix --compare", MATRIX)):
        report = to_json(bench_report() if command.startswith("bench") else matrix_report())
        for name, content in CONTENTS.items():
            yield refused(f"{command}, {name}", f"{line} --compare=e.json", files={"e.json": content})
        for name, prelude in MADE.items():
            shell = f"{prelude.replace('file.json', 'e.json')}; {line} --compare=e.json"
            yield refused(f"{command}, {name}", shell)
        half = {"e.json": json.dumps(changed(json.loads(report), "environment.torch", "\ud800"))}
        yield refused(f"{command}, half a letter", f"{line} --compare=e.json", files=half)
    for number in ("0", "7", "9999", "-1", "²", "9" * 5000, "latest", "../x", "[/x]"):
        yield refused(f"bench --compare {number[:9]!r}, nothing saved", f"{BENCH} --compare=$'{bash_text(number)}'")
    for name in ("", "a/b", "..", "/etc/x", "a" * 300, "\x1b[5m", "\u202e", "a\nb", "*"):
        shell = f"{BENCH} --save=$'{bash_text(name)}'; c=$?; test -z \"$(ls -A)\" || exit 98; exit $c"
        yield (
            refused(f"bench --save {name[:9]!r}", shell)
            if name != ".."
            else Attack(name="bench --save '..'", shell=f"{BENCH} --save=..", codes=(0,))
        )
    yield from _compared()


def _compared() -> Iterator[Attack]:
    """Reports that can be read: their texts are told, and what is not comparable is no green answer."""
    earlier = {"b.json": to_json(bench_report())}
    for name, text in TEXTS.items():
        if name == "half a letter":
            continue
        tree = json.loads(_tutorial())
        yield Attack(
            name=f"bench --compare, {name} as torch's version",
            shell=f"{BENCH} --compare=e.json",
            files={"e.json": json.dumps(changed(tree, "environment.torch", text))},
            codes=(0,),
            seconds=240,
        )
    for field, value in (("median_s", 5e-324), ("median_s", 1e308), ("low_s", 0), ("high_s", float("inf"))):
        tree = json.loads(_tutorial())
        for regime in ("fresh", "reused"):
            tree["cells"][0]["methods"][0][regime][field] = value
        yield Attack(
            name=f"bench --compare, {field} = {value}",
            shell=f"{BENCH} --compare=e.json",
            files={"e.json": json.dumps(tree)},
            codes=(0, 2),
            never=("nan",),
        )
    yield refused("bench --compare, none of the problems", f"{BENCH} --compare=b.json", files=earlier)
    other = json.loads(to_json(matrix_report()))
    for cell in other["cells"]:
        cell["method"] = "[link=https://evil.example]\x1b[5m"
    yield Attack(
        name="matrix --compare, no cell in common",
        shell=f"{MATRIX} --compare=e.json",
        files={"e.json": json.dumps(other)},
        codes=(1,),
    )
    yield Attack(
        name="matrix --compare, no cells",
        shell=f"{MATRIX} --compare=e.json",
        files={"e.json": json.dumps({**other, "cells": []})},
        codes=(1, 2),
    )
    yield Attack(
        name="bench --save, after number 9999",
        shell=f"mkdir -p .jaccheck/bench; cp e.json .jaccheck/bench/9999_x.json; {BENCH} --save a && "
        f"{BENCH} --compare | grep -q _a.json",
        files={"e.json": _tutorial()},
        codes=(0, 2),
        never=("9999_x",),
        seconds=240,
    )
    yield Attack(
        name="bench --save, two at once",
        shell=f"({BENCH} --save a & {BENCH} --save a & wait) && test $(ls .jaccheck/bench | wc -l) = 2",
        codes=(0,),
        seconds=240,
    )
    yield Attack(
        name="bench --compare, a saved run that is a folder",
        shell=f"mkdir -p .jaccheck/bench/0001_x.json; {BENCH} --compare",
        codes=(2,),
        is_one_line=True,
    )


def _tutorial() -> str:
    """A report on the problem of `BENCH`, with times of its method."""
    report: Any = json.loads(to_json(bench_report()))
    spread = dict.fromkeys(("median_s", "low_s", "high_s", "lower_quartile_s", "upper_quartile_s", "shortest_s"), 1e-3)
    timing = {**spread, "samples": 9}
    method = {"method": "outer_products", "outcome": "AGREES", "fresh": timing, "reused": timing}
    cell = {"shape": "tutorial", "network": "10-7-5", "dtype": "float32", "device": "cpu", "N": 1, "C": 1}
    sizes = {"parameters": 1, "jacobian_bytes": 8, "methods": [method], "seconds": 1.0}
    return json.dumps({**report, "cells": [{**cell, **sizes}], "growth": [], "since": None, "clock": "wall"})


def _replayed() -> Iterator[Attack]:
    """Findings that say of a method what it never did, or of a case that is not theirs; and methods of other names."""
    tree = json.loads(finding())
    files = {"mine.py": METHOD.format(act="return {k: v * 2 for k, v in right(problem).items()}")}
    shell = "jaccheck replay f.json --method mine:mine"
    for name, place, value in (
        ("a law that is none", "finding.failure.law", "no such law"),
        ("a law that is markup", "finding.failure.law", "[/x]\x1b[5m"),
        ("a method that is none", "finding.method", "nobody"),
        ("a method that is a mutant of none", "finding.method", "mutant:nobody"),
        ("a method that is another module's", "finding.method", "os:system"),
        ("a device that is none", "finding.device", "cuda:77"),
        ("another case than the finding's", "finding.case.batch_size", 5),
        ("no cases", "cases", []),
        ("no finding", "finding", None),
    ):
        content = json.dumps(changed(json.loads(json.dumps(tree)), place, value))
        yield Attack(
            name=f"replay, {name}",
            shell=shell,
            files={**files, "f.json": content},
            codes=(2,),
            never=("FIXED",),
        )
    for law in (
        "permutation",
        "locality",
        "repeatability",
        "purity",
        "structure",
        "claims",
        "no_exception",
        "survival",
    ):
        content = json.dumps(changed(json.loads(json.dumps(tree)), "finding.failure.law", law))
        yield Attack(
            name=f"replay of a method that is twice too large, of the law {law}",
            shell=shell,
            files={**files, "f.json": content},
            codes=(1, 2),
            never=("FIXED",),
        )
