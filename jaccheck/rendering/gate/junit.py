"""A gate's report as JUnit XML: one test case for each method × device × family."""

from __future__ import annotations

from collections import defaultdict

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from jaccheck.rendering.xml import xml_text
from jaccheck.reports import Change, GateCell, GateReport, GateUse


def gate_junit(report: GateReport) -> str:
    """The XML text; a change that matters fails the test case of its method, device and kind."""
    suite = TestSuite("jaccheck.gate")
    for name, side in (("base", report.base), ("candidate", report.candidate)):
        suite.add_property(name, side.asked)
        for package, version in side.versions.items():
            suite.add_property(f"{name}.{package}", version)
    cells: dict[tuple[str, str], list[GateCell]] = defaultdict(list)
    for cell in report.cells:
        cells[cell.method, cell.device].append(cell)
    for (method, device), found in cells.items():
        changes = [c for c in report.changes if (c.method, c.device) == (method, device) and c.matters]
        suite.add_testcase(_test_case(method, device, found, changes))
    for use in report.uses:
        shut = [c for c in report.changes if c.method == "sequences" and c.matters]
        suite.add_testcase(_use_case(use, is_shut=any(c.candidate.startswith(use.candidate) for c in shut)))
    document = JUnitXml("jaccheck")
    document.add_testsuite(suite)
    return xml_text(document)


def _use_case(use: GateUse, *, is_shut: bool) -> TestCase:
    case = TestCase(use.name, classname="jaccheck.gate.sequences")
    if use.kind and use.kind.is_regression and is_shut:
        failure = Failure(use.candidate, str(use.kind))
        failure.text = f"base: {use.base}\ncandidate: {use.candidate}"
        case.result = [failure]
    return case


def _test_case(method: str, device: str, cells: list[GateCell], changes: list[Change]) -> TestCase:
    case = TestCase(f"unchanged[{device}]", classname=f"jaccheck.gate.{method}")
    failures: list[FinalResult] = []
    for change in changes:
        failure = Failure(change.candidate, str(change.kind))
        failure.text = f"base: {change.base}\ncandidate: {change.candidate}\n{change.case!r}\n{change.script}"
        failures.append(failure)
    if not failures and all(cell.refused == cell.cases for cell in cells):
        failures = [Skipped("refused on both sides")]
    case.result = failures
    return case
