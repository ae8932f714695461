"""`CheckItem`: a check as pytest runs it: boundary cases, then random ones by Hypothesis; failures as plain text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, seed

from jaccheck.case import Case, cases
from jaccheck.core import to_json
from jaccheck.errors import JaccheckError, UnreadableFile
from jaccheck.methods import available_devices, calm_torch, describe_environment
from jaccheck.rendering import finding_text
from jaccheck.reports import Environment, Finding, finding_path, save_finding
from jaccheck.runs.pytest.checks import Check, Choice, checks_of
from jaccheck.runs.pytest.conformance import Conformance
from jaccheck.runs.pytest.examination import Broken, Examination
from jaccheck.runs.pytest.places import definition_of, line_of
from jaccheck.runs.pytest.record import Record, Run
from jaccheck.runs.pytest.settings import SHRINK_SECONDS, profile
from jaccheck.runs.pytest.xfails import Expected, reason_for


class Vacuous(Exception):
    """A test compared nothing; that is no failure that could have been expected."""


class CheckItem(pytest.Function):
    """One test of `examination`. `record` says, once it has run, what it covered and found."""

    def __init__(self, *, examination: Examination, run: Run, asked: str | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._name = asked
        self.examination = examination
        self._run = run
        self._findings: list[Finding] = []
        self.add_marker(pytest.mark.jaccheck)
        check = examination.check
        self.user_properties += [
            ("method", check.method.name),
            ("device", check.device),
            ("dtype", check.dtype),
            ("law", check.law.name),
            ("seed", run.seed),
        ]
        expected = examination.check.expected_failure
        if expected is not None:
            self.add_marker(pytest.mark.xfail(reason=expected, strict=True, raises=pytest.fail.Exception))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The line of the test file that asks for it; of an installed method of somebody's own its definition."""
        place = None if self._name else definition_of(self.examination.check.method)
        path, line = place or (self.path, line_of(self.path, self._name or "every_method"))
        return path, line, self.name

    def runtest(self) -> None:
        """As asked; how many cases were judged is then among the properties of the test."""
        try:
            self._ask()
        finally:
            cases = sum(cell.cases for cell in self.examination.cells)
            self.user_properties.append(("cases", cases))

    def _ask(self) -> None:
        """Boundary cases, the question whether anything was compared, then Hypothesis."""
        examination = self.examination
        with calm_torch():
            examination.ask_boundaries()
            if examination.is_broken:
                self._fail(
                    examination.findings(seconds=0.0 if self._is_expected else SHRINK_SECONDS[self._run.profile])
                )
            if examination.refusal:
                pytest.skip(f"unsupported, as the method declares: {examination.refusal}")
            if examination.vacuous:
                raise Vacuous(f"VACUOUS: nothing was compared in {', '.join(examination.vacuous)}")
            if broken := self._broken_by_random_cases():
                self._fail([examination.finding(one) for one in broken])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *given: Any, **options: Any) -> Any:
        """What failed, as text."""
        if isinstance(excinfo.value, Vacuous):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *given, **options)

    def record(self) -> str:
        """What this test covered and found, as JSON."""
        return to_json(
            Record(
                law=self.examination.check.law.id,
                cells=tuple(self.examination.cells),
                findings=tuple(self._findings),
                environment=environment_here(),
                run=self._run,
            )
        )

    def _broken_by_random_cases(self) -> list[Broken]:
        """What Hypothesis found and shrunk; whatever else is raised is an error of our own, and goes on.

        A function of its own, so that the test fails outside the `except` and shows no exception before its own.
        """
        try:
            super().runtest()
        except (Broken, BaseExceptionGroup) as error:
            raised = list(_leaves(error))
            broken = [one for one in raised if isinstance(one, Broken)]
            if len(broken) < len(raised):
                raise
            return broken
        return []

    @property
    def _is_expected(self) -> bool:
        return self.examination.check.expected_failure is not None

    def _fail(self, findings: list[Finding]) -> NoReturn:
        """Ends the test with the findings as text and no traceback; what was not expected is stored."""
        texts = []
        for finding in findings:
            path = finding_path(Path(self._run.directory), finding)
            if not self._is_expected:
                self._findings.append(finding)
                try:
                    save_finding(finding, path)
                except UnreadableFile as error:
                    texts.append(f"this finding is not stored: {error}")
            texts.append(self._where() + finding_text(finding, again=self._again(path)))
        pytest.fail("\n\n".join(texts), pytrace=False)

    def _where(self) -> str:
        """The line of the method, in the form that terminals and IDEs make a link of."""
        place = definition_of(self.examination.check.method)
        if place is None:
            return ""
        path, line = place
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{line + 1}: {self.examination.check.method.name}\n"

    def _again(self, path: Path) -> str:
        if self.examination.check.is_replayable:
            name = self.examination.check.method.name
            return f"jaccheck replay {path}" + (f" --method {name}" if ":" in name else "")
        return f"pytest {shlex.quote(self.nodeid)} --hypothesis-seed={self._run.seed}"


@cache
def environment_here() -> Environment:
    """What the tests of this process run with; looked up once."""
    return describe_environment(available_devices())


def collect(
    conformance: Conformance,
    name: str,
    parent: pytest.Module | pytest.Class,
    choice: Choice,
    run: Run,
    xfails: tuple[Expected, ...] = (),
) -> list[CheckItem]:
    """The tests of a `Conformance` that stands under `name` in a test file. Raises CollectError, in one line."""
    try:
        checks = list(checks_of(conformance, choice, module=parent.obj.__name__))
    except JaccheckError as error:
        raise parent.CollectError(f"{name}: {error}") from None
    asked = name if conformance.subject else None
    return [_item(check, asked, parent, run, xfails) for check in checks]


def _item(
    check: Check, name: str | None, parent: pytest.Module | pytest.Class, run: Run, xfails: tuple[Expected, ...]
) -> CheckItem:
    cell = f"{check.device}-{check.dtype}"
    full = f"{name}[{check.law.id}-{cell}]" if name else f"{check.law.id}[{check.method.name}-{cell}]"
    if reason := reason_for(full, xfails):
        check = replace(check, expected_failure=reason)
    examination = Examination(check)
    test = _random_test(full, examination, run)
    item = CheckItem.from_parent(parent, name=full, callobj=test, examination=examination, run=run, asked=name)
    if not parent.nodeid:  # of `--pyargs jaccheck.conformance` outside of the folder: this can be passed back
        _set_node_id(item, f"{parent.obj.__name__}::{full}")
    return item


def _set_node_id(item: Any, node_id: str) -> None:
    """pytest has no public way to say it: 9.2 keeps an object, earlier ones a text."""
    if hasattr(item, "_id"):
        item._id = item._id.parse(node_id)
    else:
        item._nodeid = node_id


def _random_test(full: str, examination: Examination, run: Run) -> Callable[[], None]:
    """A Hypothesis test of this check, under a name of its own, since Hypothesis stores failures by name and source.

    All tests have the same seed, so that the laws see the same cases, each of which is judged once.
    """

    def test(case: Case) -> None:
        examination.ask(case)

    test.__name__ = test.__qualname__ = re.sub(r"\W", "_", full)
    seeded = seed(run.seed)(given(case=cases(dtypes=(examination.check.dtype,)))(test))
    return profile(run.profile, run.database)(seeded)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Every exception in a group, which is what Hypothesis raises where it has told several failures apart."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
