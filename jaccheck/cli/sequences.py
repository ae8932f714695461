"""`jaccheck sequences`: random sequences of calls on live models."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import click

from jaccheck import case, core, rendering, reports, runs, sequences
from jaccheck.cli import options
from jaccheck.cli.codes import code_of
from jaccheck.cli.command import Option, command
from jaccheck.cli.places import check_scheduler, cluster_at
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
    scheduler: options.Scheduler = None
    wait: options.Wait = options.WAIT
    reports: Annotated[tuple[Path, ...], report_option(SEQUENCES)] = ()
    quiet: options.Quiet = False


@command("sequences", "Drive BackPACK through random sequences of calls.")
def run(request: Request) -> int:
    """The exit code of a run: 0 nothing found, 1 something found."""
    profile = case.profile(request.profile)
    write = writer(request.reports, SEQUENCES)
    check_scheduler(request.scheduler)
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
            done = note.examples if note.of is None else min(note.examples, note.of)
            progress.show(done, note.of, "sequences", plural(note.compared, "comparison"))

        progress.tell("loading torch and BackPACK")
        if request.scheduler:
            with cluster_at(request.scheduler, request.wait) as cluster:
                report = _driven_on(cluster, settings, lambda done: progress.show(done, None, "parts"))
        else:
            report = sequences.drive(settings, show)
    write(report)
    rendering.print_sequences(report, console, quiet=request.quiet)
    return code_of(report)


def _driven_on(
    cluster: runs.Cluster, asked: reports.SequenceSettings, show: Callable[[int], None]
) -> reports.SequenceReport:
    """The same, some sequences at a time on the workers of a cluster; no more are begun after the first finding."""
    started = time.perf_counter()
    found: list[tuple[sequences.SequencePart, reports.SequenceReport]] = []
    parts = takewhile(lambda part: not any(report.findings for _, report in found), sequences.sequence_parts(asked))
    interrupted = False
    try:
        for part, text in cluster.parts(sequences.answer_part, parts, again=sequences.answer_again):
            found.append((part, core.from_json(reports.SequenceReport, text, where="part of a run")))
            show(len(found))
    except KeyboardInterrupt:
        if not found:
            raise
        interrupted = True
    report = sequences.sequences_of(asked, found, seconds=time.perf_counter() - started, interrupted=interrupted)
    return replace(report, cluster=cluster.use)
