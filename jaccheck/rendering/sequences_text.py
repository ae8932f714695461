"""The report on sequences as text: findings with their scripts, known issues, and one line that says it all."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from jaccheck.core import plural
from jaccheck.reports import SequenceReport


def print_sequences(report: SequenceReport, console: Console, *, quiet: bool) -> None:
    """Prints findings and the last line; known issues between them, but where it is quiet."""
    for finding in report.findings:
        console.rule(finding.kind, align="left", style="red")
        console.print(finding.message, style="bold red", soft_wrap=True, highlight=False, markup=False)
        console.print("\nThis script shows it without jaccheck:", style="bold")
        console.print(Syntax(finding.script.rstrip(), "python", background_color="default"), soft_wrap=True)
        console.print(f"\nTo see it again: {_again(report)}", soft_wrap=True, highlight=False)
    for issue in report.mended:
        console.print(
            f"MENDED: the known issue {issue} was met and never wrong; "
            "take it out of jaccheck/judging/known/sequences.py",
            style="red",
            soft_wrap=True,
        )
    if not quiet:
        console.print(_known(report))
    console.print(
        f"{report.examples} sequences, {report.steps} steps, {report.passes} backward passes, "
        f"{report.compared:,} comparisons ({report.undecided} undecided), {sum(report.refused.values())} refusals; "
        f"{plural(len(report.findings), 'finding')}; seed {report.settings.seed}; {report.seconds:.0f} s"
        + ("; interrupted" if report.interrupted else ""),
        style="red" if report.found_something else "green",
        highlight=False,
        soft_wrap=True,
    )


def _again(report: SequenceReport) -> str:
    asked = report.settings
    until = f" --time {report.seconds:.0f}" if asked.examples is None else f" --examples {asked.examples}"
    return f"jaccheck sequences --seed {asked.seed} --steps {asked.steps}{until}"


def _known(report: SequenceReport) -> Table:
    """How often each known issue was met, where it was."""
    table = Table(box=box.SIMPLE_HEAD, title="known issues", title_justify="left")
    table.add_column("id")
    table.add_column("met", justify="right")
    table.add_column("wrong", justify="right")
    for each in filter(lambda each: each.met, report.known):
        table.add_row(each.id, str(each.met), str(each.wrong))
    return table
