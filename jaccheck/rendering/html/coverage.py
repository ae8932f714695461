"""What methods were compared on, and how close they came to their bounds, of all devices or of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jaccheck.rendering.html.tables import Row, Table, bars, count, share
from jaccheck.reports import TEST_RATIO_LIMITS, CoverageCell, Finding, Report, Tightness

COUNTS = ("cases", "compared", "refused", "known", "entries")


@dataclass(frozen=True, slots=True)
class OfDevice:
    """One device of a run: its name and what it is, its tables, and its findings, each with its number."""

    id: str
    name: str
    methods: Table
    tightness: Table
    findings: tuple[tuple[int, Finding], ...]


def each_device(report: Report) -> tuple[OfDevice, ...]:
    """The devices in the order of the report, each with all that is known of it alone."""
    names = report.environment.devices
    found = []
    for number, device in enumerate(dict.fromkeys(cell.device for cell in report.coverage), start=1):
        what = names.get(device, "")
        of = [each for each in report.tightness if each.device == device]
        cells = [cell for cell in report.coverage if cell.device == device]
        findings = tuple(each for each in enumerate(report.findings, start=1) if each[1].device == device)
        found.append(
            OfDevice(
                id=f"device-{number}",
                name=f"{device} ({what})" if what else device,
                methods=methods_table(cells, [each for _, each in findings], f"methods-{number}"),
                tightness=tightness_table(of, report.settings.methods, f"tightness-{number}"),
                findings=findings,
            )
        )
    return tuple(found)


def methods_table(coverage: Sequence[CoverageCell], findings: Sequence[Finding], id: str = "methods") -> Table:
    """A row for each method and device."""
    rows: dict[tuple[str, str], list[CoverageCell]] = defaultdict(list)
    for cell in coverage:
        rows[cell.method, cell.device].append(cell)
    found = [(finding.method, finding.device) for finding in findings]
    return Table(
        id=id,
        caption="What each method was compared on",
        columns=("method ", "device ", *COUNTS, "nonzero", "undecided", "findings"),
        rows=tuple(
            Row((*place, *sums(cells), count(found.count(place))), "bad" if place in found else "")
            for place, cells in rows.items()
        ),
    )


def tightness_table(tightness: Sequence[Tightness], methods: Sequence[str], id: str = "tightness") -> Table:
    """A row for each method, device and dtype that a bound decided, with bars."""
    limits = [f"{limit:.2g}" for limit in TEST_RATIO_LIMITS]
    labels = [
        "equal",
        *(f"{low}–{high} × bound" for low, high in pairwise(limits)),
        "outside the bound",
    ]
    rows = []
    order = {method: place for place, method in enumerate(methods)}
    for each in sorted(tightness, key=lambda each: (each.dtype, each.device, order.get(each.method, 0))):
        inside = [limit for limit, number in zip(TEST_RATIO_LIMITS, each.counts, strict=False) if number]
        # Those that are equal are so many that they would hide the rest.
        cells = (bars(each.counts[1:], labels[1:]), count(sum(each.counts)), count(each.counts[0]))
        largest = f"≤ {max(inside):.2g}" if inside else "–"
        outside = each.counts[-1]
        shown = (each.method, each.device, each.dtype, *cells, largest, count(outside))
        rows.append(Row(shown, "warn" if outside else ""))
    return Table(
        id=id,
        caption="How close results come to their bounds",
        columns=(
            *("method ", "device ", "dtype ", "0.001 … 1 × bound, and outside ", "comparisons"),
            *("equal", "largest inside", "outside"),
        ),
        rows=tuple(rows),
    )


def sums(cells: Sequence[CoverageCell]) -> tuple[str, ...]:
    """The counts of some cells together, and the shares of entries that are not zero, and that no bound decided."""
    entries = sum(cell.entries for cell in cells)
    return (
        *(count(sum(getattr(cell, name) for cell in cells)) for name in COUNTS),
        share(sum(cell.nonzero for cell in cells), entries),
        share(sum(cell.undecided for cell in cells), entries),
    )
