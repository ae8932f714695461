"""`jaccheck sequences`: random sequences of calls on live models."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click

from jaccheck import case, rendering, reports, sequences
from jaccheck.cli import options
from jaccheck.cli.command import Option, command
from jaccheck.cli.progress import Progress
from jaccheck.cli.writing import SEQUENCES, report_option, writer
from jaccheck.core import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Drive BackPACK, and the other methods in between, through sequences of calls on live models.

    A run begins with directed ones, for each layer, each odd way of use and each known issue; then they are drawn.
    Every number is exact, so equality decides; nothing may be left over, and every model must be freed. What is wrong
    ends in a short script without jaccheck. Known issues of BackPACK are counted, and are no finding.
    """

    profile: Annotated[
        str,
        Option("--profile", "quick|ci|nightly", offers=options.PROFILE_NAMES, help="How many sequences, and how long."),
    ] = "quick"
    examples: Annotated[
        int | None,
        Option(
            "--examples", "N", type=options.AT_LEAST_ONE, help="Draw this many sequences, whatever the profile says."
        ),
    ] = None
    steps: Annotated[
        int | None,
        Option("--steps", "N", type=click.IntRange(1, 500), help="Steps of each sequence, whatever the profile says."),
    ] = None
    time: Annotated[
        float | None,
        Option(
            "--time",
            "SECONDS",
            type=options.ABOVE_ZERO,
            help="After the directed sequences, draw new ones for this many seconds.",
        ),
    ] = None
    seed: Annotated[
        int | None, Option("--seed", "N", type=options.SEED, help="Makes the run repeatable.  [default: random]")
    ] = None
    reports: Annotated[tuple[Path, ...], report_option(SEQUENCES)] = ()
    quiet: options.Quiet = False


@command("sequences", "Drive BackPACK through random sequences of calls.")
def run(request: Request) -> int:
    """The exit code of a run: 0 nothing found, 1 something found."""
    profile = case.profile(request.profile)
    write = writer(request.reports, SEQUENCES)
    is_bounded = request.examples is not None or request.time is not None
    settings = reports.SequenceSettings(
        profile=profile.name,
        examples=request.examples if is_bounded else profile.sequences,
        steps=request.steps or profile.sequence_steps,
        seconds=request.time,
        seed=secrets.randbits(32) if request.seed is None else request.seed,
    )
    console = rendering.make_console()
    with Progress(console, quiet=request.quiet, seconds=settings.seconds) as progress:

        def show(note: sequences.SequenceNote) -> None:
            progress.show(note.examples, settings.examples, "sequences", plural(note.compared, "comparison"))

        progress.tell("loading torch and BackPACK")
        report = sequences.drive(settings, show)
    write(report)
    rendering.print_sequences(report, console, quiet=request.quiet)
    return int(report.found_something)
