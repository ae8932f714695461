"""`merge`: the reports on the parts of one run, made on machines that know nothing of each other, as one report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

from jaccheck.errors import InvalidRequest
from jaccheck.reports.cluster import cluster_uses
from jaccheck.reports.counts import added, added_by, cell_key, tightness_key
from jaccheck.reports.verify import Environment, Finding, Report, Settings

VERSIONS = ("python", "jaccheck", "torch", "backpack", "numpy", "hypothesis", "backpack_commit", "torch_commit")
"""Those of which another one may give other results."""


def merge(reports: Sequence[Report]) -> Report:
    """The report on a run of which these are parts, the same in whatever order they are given.

    Counts and seconds are summed up, findings of the same id become one. Where a part is missing, or was interrupted,
    the whole counts as interrupted. Raises InvalidRequest for reports that are no parts of the same run.
    """
    if not reports:
        raise InvalidRequest("no report to merge")
    if len(reports) == 1:
        return reports[0]
    reports = sorted(reports, key=_number)
    first = reports[0]
    for other in reports[1:]:
        _check_same("settings", _settings_of(first), _settings_of(other))
        _check_same("versions", _versions_of(first.environment), _versions_of(other.environment))
    is_whole = _check_parts(reports)
    return Report(
        settings=replace(first.settings, part=None),
        environment=_together([report.environment for report in reports]),
        totals=reduce(added, (report.totals for report in reports)),
        coverage=added_by(cell_key, (cell for report in reports for cell in report.coverage)),
        tightness=added_by(tightness_key, (one for report in reports for one in report.tightness)),
        findings=_united(finding for report in reports for finding in report.findings),
        given_up=tuple(sorted({name for report in reports for name in report.given_up})),
        interrupted=not is_whole or any(report.interrupted for report in reports),
        cluster=cluster_uses(report.cluster for report in reports),
    )


def _number(report: Report) -> int:
    return report.settings.part.number if report.settings.part else 0


def _settings_of(report: Report) -> dict[str, object]:
    settings = replace(report.settings, part=None)
    count = report.settings.part.of if report.settings.part else 1
    return {name: getattr(settings, name) for name in Settings.__dataclass_fields__} | {"number of parts": count}


def _versions_of(environment: Environment) -> dict[str, object]:
    return {name: getattr(environment, name) for name in VERSIONS}


def _check_same(what: str, one: dict[str, object], other: dict[str, object]) -> None:
    for name, value in one.items():
        if value != other[name]:
            raise InvalidRequest(
                f"these reports are of different {what}: {name} is {value!s:.200} in one and {other[name]!s:.200} in "
                "another; only parts of one run can be merged"
            )


def _check_parts(reports: Sequence[Report]) -> bool:
    """Whether they are all parts there are. Raises InvalidRequest where one is there twice, or is no part."""
    numbers = [_number(report) for report in reports]
    for number in numbers:
        if number == 0:
            raise InvalidRequest(f"a report of a whole run among {len(reports)}: only parts of one run can be merged")
        if numbers.count(number) > 1:
            raise InvalidRequest(f"part {reports[numbers.index(number)].settings.part} is there twice")
    part = reports[0].settings.part
    return part is not None and len(numbers) == part.of


def _together(environments: Sequence[Environment]) -> Environment:
    """One for all: every platform and device that there was, the fewest threads."""
    devices: dict[str, set[str]] = {}
    for environment in environments:
        for name, description in environment.devices.items():
            devices.setdefault(name, set()).add(description)
    return replace(
        environments[0],
        platform=", ".join(sorted({environment.platform for environment in environments})),
        devices={name: ", ".join(sorted(descriptions)) for name, descriptions in sorted(devices.items())},
        threads=min(environment.threads for environment in environments),
    )


def _united(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each id, which says in how many cases of all it was seen, and whether any part confirmed it."""
    together: dict[str, Finding] = {}
    for finding in findings:
        known = together.get(finding.id)
        if known:
            is_confirmed = known.confirmed or finding.confirmed
            finding = replace(known, seen=known.seen + finding.seen, confirmed=is_confirmed)
        together[finding.id] = finding
    return tuple(together.values())
