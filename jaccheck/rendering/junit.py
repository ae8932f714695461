"""A report as JUnit XML: one test case for each method × device × family, for CI systems that show test results."""

from __future__ import annotations

from collections import defaultdict

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from jaccheck.rendering.text import finding_text
from jaccheck.rendering.xml import xml_text
from jaccheck.reports import CoverageCell, Finding, Report


def junit_xml(report: Report) -> str:
    """The XML text; a finding fails the test case of its method, device and family, a wholly refused one is skipped."""
    cells: dict[tuple[str, str, str], list[CoverageCell]] = defaultdict(list)
    for cell in report.coverage:
        cells[cell.device, cell.method, cell.family].append(cell)
    vacuous = frozenset(report.vacuous)
    findings: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        findings[finding.device, finding.method, finding.case.family].append(finding)
    document = JUnitXml("jaccheck")
    for device in report.environment.devices:
        suite = TestSuite(f"jaccheck.{device}")
        for key, value in _properties(report).items():
            suite.add_property(key, value)
        for place in cells:
            if place[0] == device:
                suite.add_testcase(_test_case(place, cells[place], findings[place], vacuous))
        if report.interrupted:
            suite.add_testcase(_unfinished(device))
        document.add_testsuite(suite)
    return xml_text(document)


def _test_case(
    key: tuple[str, str, str], cells: list[CoverageCell], findings: list[Finding], vacuous: frozenset[CoverageCell]
) -> TestCase:
    device, method, family = key
    case = TestCase(f"{family}[{device}]", classname=f"jaccheck.{method}")
    results: list[FinalResult] = []
    for finding in findings:
        failure = Failure(finding.message, str(finding.outcome))
        failure.text = "\n\n".join(text for text in (finding_text(finding), finding.doubt) if text)
        results.append(failure)
    for cell in cells:
        if cell in vacuous:
            results.append(Failure(f"no comparison was made in {cell.dtype}: {cell.cases} cases", "VACUOUS"))
    if not results and all(cell.refused == cell.cases for cell in cells):
        results.append(Skipped("unsupported, as the method declares"))
    case.result = results
    return case


def _unfinished(device: str) -> TestCase:
    """What stands for all that was not compared."""
    case = TestCase(f"the whole run[{device}]", classname="jaccheck")
    case.result = [Error("the run was interrupted: the other tests say what was found until then", "INTERRUPTED")]
    return case


def _properties(report: Report) -> dict[str, str]:
    environment = report.environment
    return {
        "torch": environment.torch_said,
        "backpack": environment.backpack_said,
        "jaccheck": environment.jaccheck,
        "seed": str(report.settings.seed),
    }
