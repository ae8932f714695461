"""`jaccheck check`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli
from jaccheck.core import bound_native_caches


@cli.command(short_help="Check every method on a model of your own.")
@click.argument("place", metavar="FILE.py:FUNCTION")
@options.methods
@click.option(
    "--memory",
    type=options.Size(),
    metavar="SIZE",
    help="What the process may have in all, as in 2GiB; larger Jacobians are compared part by part.  "
    "[default: half of what is free]",
)
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Time for each method; where it ends before the last part, the answer says how far it came.",
)
@options.reports(".html", ".json")
def check(place: str, methods: tuple[str, ...], memory: int | None, seconds: float, reports: tuple[Path, ...]) -> int:
    """Check every method on a model of your own: which are right, how fast, with how much memory, which one to use.

    FUNCTION in FILE.py takes no arguments and returns the pair (model, X): an nn.Module in evaluation mode, and a batch
    with one row for each sample. The file is run.

    \b
    AGREES      equal to the closed form, or within its proven bound (models whose layers all have a bound rule)
    CONSISTENT  other models: within what rounding is estimated to do to autograd in float64; no proof
    DISAGREES   further off than rounding explains
    UNSUPPORTED the method says beforehand that it does not cover the model
    TOO_LARGE   needs more memory than --memory leaves it
    CRASHED, UNDECIDED, NOT_RUN

    Only values are judged, on copies of the model. Ctrl-C ends a check with the answer for what was done.
    """
    bound_native_caches()
    from jaccheck.cli.run_check import run

    return run(place, methods=methods, memory=memory, seconds=seconds, reports=reports)
