"""`jaccheck sequences`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli
from jaccheck.core import bound_native_caches


@cli.command(short_help="Drive BackPACK through random sequences of calls.")
@click.option(
    "--profile",
    "profile_name",
    default="quick",
    show_default=True,
    metavar="quick|ci|nightly",
    help="How many sequences, and how long.",
)
@click.option(
    "--examples", type=click.IntRange(min=1), metavar="N", help="Run this many sequences, whatever the profile says."
)
@click.option(
    "--steps", type=click.IntRange(1, 500), metavar="N", help="Steps of each sequence, whatever the profile says."
)
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Run new sequences until this many seconds have passed.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="Makes the run repeatable.  [default: random]"
)
@options.reports(".html", ".json")
@click.option("--quiet", is_flag=True, help="Print findings and the last line only.")
def sequences(
    profile_name: str,
    examples: int | None,
    steps: int | None,
    seconds: float | None,
    seed: int | None,
    reports: tuple[Path, ...],
    quiet: bool,
) -> int:
    """Drive BackPACK, and the other methods in between, through random sequences of calls on live models.

    Every number is exact, so equality decides; nothing may be left over, and every model must be freed. What is wrong
    ends in a short script without jaccheck. Known issues of BackPACK are counted, and are no finding.
    """
    bound_native_caches()
    from jaccheck.cli.run_sequences import Request, run

    return run(
        Request(
            profile=profile_name,
            examples=examples,
            steps=steps,
            seconds=seconds,
            seed=seed,
            reports=reports,
            quiet=quiet,
        )
    )
