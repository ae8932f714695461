"""The report on sequences as text: findings with their scripts, known issues, and one line that says it all."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from jaccheck.core import duration_text, plural
from jaccheck.rendering.fitting import fitted, heading, prose, verbatim
from jaccheck.rendering.text import environment_line
from jaccheck.reports import SequenceReport


def print_sequences(report: SequenceReport, console: Console, *, quiet: bool) -> None:
    """Prints findings and the last line; known issues between them, but where it is quiet."""
    for finding in report.findings:
        heading(console, finding.kind, "red")
        prose(console, finding.message, "bold red")
        if finding.script:
            console.print("\nThis script shows it without jaccheck:", style="bold")
            console.print(Syntax(finding.script.rstrip(), "python", background_color="default"), soft_wrap=True)
        verbatim(console, f"\nTo see it again: {_again(report)}")
    for issue in report.mended:
        prose(
            console,
            f"MENDED: the known issue {issue} was met and never wrong; take it out of jaccheck/judging/known",
            "red",
        )
    if not quiet:
        console.print(fitted(_known(report), console))
        prose(console, environment_line(report.environment))
    prose(
        console,
        f"{plural(report.examples, 'sequence')} ({report.directed} directed), {plural(report.steps, 'step')}, "
        f"{plural(report.passes, 'backward pass', 'backward passes')}, "
        f"{plural(report.compared, 'comparison')} ({report.undecided:,} undecided), "
        f"{plural(sum(report.refused.values()), 'refusal')}; "
        f"{plural(len(report.findings), 'finding')}; seed {report.settings.seed}; {duration_text(report.seconds)}"
        + ("; interrupted" if report.interrupted else ""),
        "red" if report.found_something else "green",
    )
    if report.cluster:
        prose(console, str(report.cluster))


def _again(report: SequenceReport) -> str:
    asked = report.settings
    until = f" --time {report.seconds:.0f}" if asked.examples is None else f" --examples {asked.examples}"
    return f"jaccheck sequences --seed {asked.seed} --steps {asked.steps}{until}"


def _known(report: SequenceReport) -> Table:
    """How often each known issue was met, where it was."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("known issue (`jaccheck known ID` tells of it)", overflow="fold")
    table.add_column("met", justify="right", no_wrap=True)
    table.add_column("wrong", justify="right", no_wrap=True)
    for each in filter(lambda each: each.met, report.known):
        table.add_row(each.id, str(each.met), str(each.wrong))
    return table
