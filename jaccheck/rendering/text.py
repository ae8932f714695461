"""A report as text: findings in full, coverage as a table, and one line that says it all."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from jaccheck.core import MUTANT, duration_text, plural, printable
from jaccheck.rendering.fitting import columns_of, fitted, heading, known_width, prose, verbatim
from jaccheck.reports import DOUBT, CoverageCell, Environment, Finding, Outcome, Report

LOG_WIDTH = 140
"""Columns where there is no terminal to ask."""


_SIZES = ("COLUMNS", "LINES")


class SafeConsole(Console):
    """A console on which no text is markup, moves the cursor, changes a colour or rings the bell.

    Styles are given as objects and by name, never inside a text: any text may come from a file of somebody else. Nor is
    it searched for what could be highlighted, which takes minutes for a long one.
    """

    def __init__(self, **options: Any) -> None:
        # rich takes whatever is a digit for a width, and fills lines with so many blanks.
        known = {name: text for name, text in os.environ.items() if name not in _SIZES or columns_of(text)}
        super().__init__(markup=False, emoji=False, highlight=False, _environ=known, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """The text as it is printed, in tables and titles too."""
        return super().render_str(printable(text), **{**options, "markup": False, "emoji": False, "highlight": False})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """What is drawn, also of source that is highlighted and of texts with styles of their own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


COLUMNS = (
    "cases: fewer of a costly variant of another method · refused: cases that the method says it does not cover · "
    "known: cases with a known issue · "
    "nonzero, undecided: shares of entries; undecided if the bound is too wide to tell"
)
"""What the columns of `coverage_table` count."""

MOSTLY_LOADING = 10.0
"""Times the time inside methods and references that a run may take for the ratio to be told."""

SPARE = ("nonzero", "refused", "known", "undecided")
"""Of these columns, those that go first where there is no room."""


def make_console() -> Console:
    """A console as wide as the terminal, or as COLUMNS says, or wide enough for the tables in a log.

    Bound to the standard output that is there now: what models print is sent elsewhere meanwhile.
    """
    console = SafeConsole(file=sys.stdout)
    return console if console.is_terminal else SafeConsole(file=sys.stdout, width=known_width() or LOG_WIDTH)


def finding_text(finding: Finding, *, again: str | None = None) -> str:
    """A finding as plain text: what differs and where, the case, the script, the command to see it again."""
    replay = f"\n\nTo see it again: {again}" if again else ""
    like = f"{finding.likeness}\n\n" if finding.likeness else ""
    return f"{headline(finding)}\n\n{like}{finding.case!r}\n\n{finding.script}{replay}"


def headline(finding: Finding) -> str:
    """One line: which method broke which law where, and how."""
    return f"{finding.outcome}: {finding.method} on {finding.device}, {finding.law}: {finding.message}"


def print_finding(finding: Finding, stored: str, console: Console, names: Collection[str] = ()) -> None:
    """A finding for a terminal or a log: message, case, script, replay command; no frame, so it can be copied.

    `names` are those that the user gave to methods: no file says what is imported, so one of theirs is named again.
    """
    heading(console, f"{finding.method} on {finding.device}: {finding.law}", "red")
    prose(console, f"{finding.outcome}: {finding.message}", "bold red")
    prose(console, finding.outcome.sentence)
    if finding.likeness:
        prose(console, finding.likeness, "yellow")
    if finding.doubt:
        prose(console, finding.doubt, "yellow")
    prose(console, "\nThe smallest case found:", "bold")
    verbatim(console, repr(finding.case))
    prose(console, f"\n{finding.what_shows_it}:", "bold")
    console.print(Syntax(printable(finding.script.rstrip()), "python", background_color="default"), soft_wrap=True)
    foreign = [name for name in (*names, finding.method) if ":" in name and not name.startswith(MUTANT)]
    own = "".join(f" --method {name}" for name in foreign if finding.method in (name, name.rpartition(":")[2]))
    verbatim(console, f"\nTo see it again: jaccheck replay {stored}{own}\n", "bold")


def coverage_table(coverage: Sequence[CoverageCell], findings: Sequence[Finding]) -> Table:
    """What each method was compared on, a row for each method and device."""
    rows: dict[tuple[str, str], list[CoverageCell]] = defaultdict(list)
    for cell in coverage:
        rows[cell.method, cell.device].append(cell)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("method", "device"):
        table.add_column(column, overflow="fold")
    for column in ("cases", "compared", "refused", "known", "entries", "nonzero", "undecided", "findings"):
        table.add_column(column, justify="right", no_wrap=True)
    for (method, device), cells in rows.items():
        found = sum(f.method == method and f.device == device for f in findings)
        entries = sum(cell.entries for cell in cells)
        table.add_row(
            method,
            device,
            f"{sum(cell.cases for cell in cells):,}",
            f"{sum(cell.compared for cell in cells):,}",
            f"{sum(cell.refused for cell in cells):,}",
            f"{sum(cell.known for cell in cells):,}",
            f"{entries:,}",
            _share(sum(cell.nonzero for cell in cells), entries),
            _share(sum(cell.undecided for cell in cells), entries),
            str(found) if found else "",
            style="red" if found else None,
        )
    return table


def known_rows(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The known issues that were met and on how many results, the most frequent first."""
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def known_table(counts: Mapping[str, int]) -> Table:
    """A row for each known issue that was met; `jaccheck known ID` tells of one."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("known issue (`jaccheck known ID` tells of it)", overflow="fold")
    table.add_column("results", justify="right", no_wrap=True)
    for name, count in known_rows(counts):
        table.add_row(name, f"{count:,}")
    return table


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def environment_line(e: Environment) -> str:
    """Versions and devices, in one line."""
    devices = ", ".join(f"{name} ({text})" if text else name for name, text in e.devices.items())
    return f"{e.versions_said} · {devices}"


def verify_summary(report: Report) -> str:
    """The answer in one sentence, with the numbers that it rests on."""
    t = report.totals
    s = t.seconds
    inside = s.methods + s.reference + s.oracle
    times = _beside(s.total, inside)
    methods = len({cell.method for cell in report.coverage})
    families = len({cell.family for cell in report.coverage})
    findings = len(report.findings)
    answer = plural(findings, "finding") if findings else "no finding" if t.comparisons else "nothing was compared"
    text = (
        f"{answer}: {plural(t.cases, 'case')}, {plural(methods, 'method')}, {plural(families, 'family', 'families')}, "
        f"{plural(t.comparisons, 'comparison')} "
        f"({t.modes.get('exact', 0):,} exact, {t.modes.get('bound', 0):,} by bound{_by_estimate(t.modes)}), "
        f"{plural(t.entries, 'entry', 'entries')}"
        f"{f', {_share(t.undecided, t.entries)} undecided' if t.entries else ''}; "
        f"{duration_text(s.total)}{times}; "
        f"seed {report.settings.seed}"
    )
    if known := t.outcomes.get(Outcome.KNOWN, 0):
        text += f"; {plural(known, 'result')} wrong as a known issue (`jaccheck known`)"
    if t.overflowing:
        text += f"; {plural(t.overflowing, 'case')} left out: their numbers overflow their dtype"
    if t.not_computed:
        text += (
            f"; {plural(t.not_computed, 'case')} left out: torch has no kernel for one of their layers in their dtype"
        )
    if report.interrupted:
        text = f"interrupted; {text}"
    if unsure := sum(not finding.confirmed for finding in report.findings):
        text += f"\nNOT CONFIRMED: {unsure} of {plural(findings, 'finding')}. {DOUBT}"
    if report.cluster:
        text += f"\n{report.cluster}"
    for name in report.given_up:
        text += f"\nGIVEN UP: {name} ended so many worker processes that it was left out of the rest"
    for cell in () if report.interrupted else report.vacuous:
        text += f"\nVACUOUS: {cell.method} on {cell.device} compared nothing in {cell.dtype}, {cell.family}"
    return text


def print_report(report: Report, console: Console) -> None:
    """Coverage, environment and summary."""
    devices = {cell.device for cell in report.coverage}
    spare = SPARE if len(devices) > 1 else (*SPARE, "device")  # the line of versions names it
    console.print(fitted(coverage_table(report.coverage, report.findings), console, spare))
    prose(console, COLUMNS, "dim")
    if report.totals.known_issues:
        console.print(known_table(report.totals.known_issues))
    prose(console, environment_line(report.environment))
    prose(console, verify_summary(report), "red" if report.found_something else "green")


def _beside(total: float, inside: float) -> str:
    """How long a run took beside what it is for; with several workers that is more than the run took.

    Of a run that did little else than load torch, the ratio says nothing.
    """
    if total < inside:
        return f" for {duration_text(inside)} inside methods and references, all workers together"
    return f", {total / inside:.2f} × the time inside methods and references" if total < MOSTLY_LOADING * inside else ""


def _by_estimate(modes: Mapping[str, int]) -> str:
    """How many comparisons could only be made by estimate, where there are some."""
    count = modes.get("estimate", 0)
    return f", {count:,} by estimate" if count else ""
