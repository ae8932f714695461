"""`CheckItem`: a check as pytest runs it: boundary cases, then random ones by Hypothesis; failures as plain text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, seed

from jaccheck.case import Case, cases
from jaccheck.core import to_json
from jaccheck.errors import JaccheckError
from jaccheck.methods import available_devices, calm_torch, describe_environment
from jaccheck.rendering import finding_text
from jaccheck.reports import CaseFile, Environment, Finding, finding_path, save
from jaccheck.runs.pytest.checks import Check, Choice, checks_of
from jaccheck.runs.pytest.conformance import Conformance
from jaccheck.runs.pytest.examination import Broken, Examination
from jaccheck.runs.pytest.record import Record, Run
from jaccheck.runs.pytest.settings import SHRINK_SECONDS, profile


class CheckItem(pytest.Function):
    """One test. `record` says, once it has run, what it covered and found."""

    def __init__(self, *, examination: Examination, run: Run, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._examination = examination
        self._run = run
        self._findings: list[Finding] = []
        self.add_marker(pytest.mark.jaccheck)
        expected = examination.check.expected_failure
        if expected is not None:
            self.add_marker(pytest.mark.xfail(reason=expected, strict=True, raises=pytest.fail.Exception))

    def runtest(self) -> None:
        """Boundary cases, the question whether anything was compared, then Hypothesis."""
        examination = self._examination
        with calm_torch():
            examination.ask_boundaries()
            if examination.is_broken:
                self._fail(
                    examination.findings(seconds=0.0 if self._is_expected else SHRINK_SECONDS[self._run.profile])
                )
            if examination.refusal:
                pytest.skip(f"unsupported, as the method declares: {examination.refusal}")
            if examination.vacuous:
                pytest.fail(f"VACUOUS: nothing was compared in {', '.join(examination.vacuous)}", pytrace=False)
            if broken := self._broken_by_random_cases():
                self._fail([examination.finding(one) for one in broken])

    def record(self) -> str:
        """What this test covered and found, as JSON."""
        return to_json(
            Record(
                law=self._examination.check.law.id,
                cells=tuple(self._examination.cells),
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
        return self._examination.check.expected_failure is not None

    def _fail(self, findings: list[Finding]) -> NoReturn:
        """Ends the test with the findings as text and no traceback; what was not expected is stored."""
        texts = []
        for finding in findings:
            path = finding_path(Path(self._run.directory), finding)
            if not self._is_expected:
                self._findings.append(finding)
                save(CaseFile(cases=(finding.case,), finding=finding), path)
            texts.append(finding_text(finding, again=self._again(path)))
        pytest.fail("\n\n".join(texts), pytrace=False)

    def _again(self, path: Path) -> str:
        if self._examination.check.is_replayable:
            name = self._examination.check.method.name
            return f"jaccheck replay {path}" + (f" --method {name}" if ":" in name else "")
        return f"pytest {shlex.quote(self.nodeid)} --hypothesis-seed={self._run.seed}"


@cache
def environment_here() -> Environment:
    """What the tests of this process run with; looked up once."""
    return describe_environment(available_devices())


def collect(
    conformance: Conformance, name: str, parent: pytest.Module | pytest.Class, choice: Choice, run: Run
) -> list[CheckItem]:
    """The tests of a `Conformance` that stands under `name` in a test file. Raises CollectError, in one line."""
    try:
        checks = list(checks_of(conformance, choice, module=parent.obj.__name__))
    except JaccheckError as error:
        raise parent.CollectError(f"{name}: {error}") from None
    return [_item(check, name if conformance.subject else None, parent, run) for check in checks]


def _item(check: Check, name: str | None, parent: pytest.Module | pytest.Class, run: Run) -> CheckItem:
    cell = f"{check.device}-{check.dtype}"
    full = f"{name}[{check.law.id}-{cell}]" if name else f"{check.law.id}[{check.method.name}-{cell}]"
    examination = Examination(check)
    return CheckItem.from_parent(
        parent, name=full, callobj=_random_test(full, examination, run), examination=examination, run=run
    )


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
