"""Which fast tests run which line of the judge; for `own_mutants.py`, and as a plugin of pytest while it measures."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOMS = ("judging", "oracle", "selftest", "runs", "models")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=1")
FEW, EXAMPLES = 3, 6
"""Of the sets of parameters of one test, and of Hypothesis's examples: enough to see which lines a test runs."""

COVERAGE = """
[run]
source = jaccheck
parallel = true
concurrency = thread
"""


def environment(copy: Path) -> dict[str, str]:
    """Where jaccheck is that of the copy, in this process's children and in theirs."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (copy, Path(__file__).parent)))}


class Coverage:
    """The tests of each line, measured once for a copy."""

    def __init__(self, copy: Path) -> None:
        self.folder = copy.with_name(f"{copy.name}-coverage")
        if not self.folder.is_dir():
            self._measure(copy)
        from coverage import CoverageData  # of the extra `lint`

        self._data = CoverageData(str(self.folder / "data"))
        self._data.read()
        self._copy = copy
        self._seconds: dict[str, float] = defaultdict(float)
        for path in self.folder.glob("*.json"):
            self._seconds.update(json.loads(path.read_text()))
        decorated = re.compile(r"@given\(.*?\ndef (test_\w+)", re.DOTALL)
        files = ((path, path.read_text()) for path in (copy / "tests").rglob("test_*.py"))
        self._drawn = {f"{path.relative_to(copy)}::{name}" for path, text in files for name in decorated.findall(text)}

    def _measure(self, copy: Path) -> None:
        self.folder.mkdir()
        (self.folder / "rc").write_text(COVERAGE)
        for room in ROOMS:
            seconds = self.folder / f"{room}.json"
            options = (f"--rcfile={self.folder / 'rc'}", f"--data-file={self.folder / 'data'}")
            pytest = (*PYTEST[1:], "-p", "own_mutants_tests", f"tests/{room}", "-m", "fast")
            command = [sys.executable, "-m", "coverage", "run", *options, *pytest]
            subprocess.run(command, cwd=copy, env={**environment(copy), "OWN_MUTANTS": str(seconds)})
        subprocess.run([sys.executable, "-m", "coverage", "combine", "--data-file", self.folder / "data"], check=True)

    def tests_of(self, name: str, line: int) -> list[str]:
        """Those that run this line of the file, the quickest first; those that run any of it, if none is seen to.

        A line that runs while the file is imported, or in a process that has no coverage, has no tests of its own. A
        test by Hypothesis may run any line of a file that another test beside it runs: a few examples do not tell.
        """
        of_lines = self._data.contexts_by_lineno(str(self._copy / name))
        of_file = self._named({context for there in of_lines.values() for context in there})
        beside = {test.split("::")[0] for test in of_file}
        drawn = {test for test in self._drawn if test.split("::")[0] in beside}
        tests = (self._named(of_lines.get(line, [])) or of_file) | drawn
        return sorted(tests, key=lambda test: self._seconds[test]) or [f"tests/{Path(name).parts[1]}"]

    def _named(self, contexts: Any) -> set[str]:
        """The tests of these contexts; all of a module where it was a test's preparation, which others may share."""
        seen = [context.split("|") for context in contexts if context]
        modules = {test.split("::")[0] for test, phase in seen if phase == "setup"}
        return {test for test, _ in seen} | {test for test in self._seconds if test.split("::")[0] in modules}


def function(item: pytest.Item) -> str:
    """The test without its parameters."""
    return item.nodeid.split("[")[0]


class Few:
    """A plugin of pytest: only a few of each test's parameters, the first and the last among them."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        of_functions: dict[str, list[pytest.Item]] = defaultdict(list)
        for item in items:
            of_functions[function(item)].append(item)
        chosen = {id(item) for same in of_functions.values() for item in (*same[:: max(len(same) // FEW, 1)], same[-1])}
        items[:] = [item for item in items if id(item) in chosen]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A few of each test's parameters with few examples."""
    from hypothesis import settings  # which imports jaccheck: not where mutants are planted

    Few().pytest_collection_modifyitems(items)
    for test in [getattr(item, "obj", None) for item in items]:
        if hasattr(test, "hypothesis"):
            inner = getattr(test, "__func__", test)
            usual = inner._hypothesis_internal_use_settings
            inner._hypothesis_internal_use_settings = settings(usual, max_examples=min(usual.max_examples, EXAMPLES))


def named(phase: str) -> Callable[[pytest.Item], Iterator[None]]:
    """A hook that gives what runs from now on the name of the test."""

    @pytest.hookimpl(wrapper=True)
    def hook(item: pytest.Item) -> Iterator[None]:
        from coverage import Coverage as Measured

        if measuring := Measured.current():
            measuring.switch_context(f"{function(item)}|{phase}")
        return (yield)

    return hook


pytest_runtest_setup, pytest_runtest_call, pytest_runtest_teardown = map(named, ("setup", "call", "teardown"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The seconds of each test, into the file that was asked for."""
    seconds: dict[str, float] = defaultdict(float)
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.split("[")[0]] += report.duration
    Path(os.environ["OWN_MUTANTS"]).write_text(json.dumps(seconds))
