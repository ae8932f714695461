"""`jaccheck sequences`: from options to a run, its report and an exit code."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from jaccheck.case import profile
from jaccheck.cli.writing import SEQUENCES, writer
from jaccheck.core import plain_data, plural
from jaccheck.methods import choose_methods
from jaccheck.rendering import make_console
from jaccheck.reports import SequenceReport, SequenceSettings
from jaccheck.sequences import Tally, play

SPEAK_SECONDS = 10.0


@plain_data
class Request:
    """The options of the command, as given."""

    profile: str
    examples: int | None
    steps: int | None
    seconds: float | None
    seed: int | None
    reports: tuple[Path, ...]
    quiet: bool


def run(request: Request) -> int:
    """The exit code of a run: 0 nothing found, 1 something found."""
    chosen = profile(request.profile)
    write = writer(request.reports, SEQUENCES)
    choose_methods(("batch_grad_loop",))  # raises where BackPACK cannot run
    is_bounded = request.examples is not None or request.seconds is not None
    settings = SequenceSettings(
        profile=chosen.name,
        examples=request.examples if is_bounded else chosen.sequences,
        steps=request.steps or chosen.sequence_steps,
        seconds=request.seconds,
        seed=secrets.randbits(32) if request.seed is None else request.seed,
    )
    console = make_console()
    report = play(settings, on_round=Progress(console, settings, quiet=request.quiet))
    write(report)
    _print(report, console, quiet=request.quiet)
    return int(report.found_something)


class Progress:
    """Prints a line now and then."""

    def __init__(self, console: Console, settings: SequenceSettings, *, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._of = "" if settings.examples is None else f" of {settings.examples}"
        self._started = self._spoken = time.monotonic()

    def __call__(self, tally: Tally) -> None:
        """Says how far the run is, if the last line is a while ago."""
        now = time.monotonic()
        if not self._quiet and now - self._spoken >= SPEAK_SECONDS:
            self._spoken = now
            self._console.print(
                f"{now - self._started:.0f} s: {tally.failed_after or tally.examples}{self._of} sequences, "
                f"{tally.compared:,} comparisons",
                highlight=False,
            )


def _print(report: SequenceReport, console: Console, *, quiet: bool) -> None:
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
