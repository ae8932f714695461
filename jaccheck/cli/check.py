"""`jaccheck check`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli
from jaccheck.native_caches import bound_native_caches


class Size(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes: 2GiB, 500MB, or a plain number."""

    name = "size"
    _UNITS: ClassVar[dict[str, int]] = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes; MB and MiB are both 2²⁰ bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", value, re.IGNORECASE)
        if match is None or not float(match[1]):
            self.fail(f"{value!r} is no size; expected a number with KiB, MiB, GiB or TiB, as in 2GiB", param, ctx)
        return int(float(match[1]) * self._UNITS[match[2].upper()])


@cli.command(short_help="Check every method on a model of your own.")
@click.argument("place", metavar="FILE.py:FUNCTION")
@options.methods
@click.option(
    "--memory",
    type=Size(),
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
    AGREES      equal to the closed form, or within its proven bound (nn.Sequential of Linear and activations)
    CONSISTENT  other models: within what rounding is estimated to do to autograd in float64; no proof
    DISAGREES   further off than rounding explains
    REFUSES     the method says beforehand that it does not cover the model
    TOO_LARGE   needs more memory than --memory leaves it
    CRASHED, UNDECIDED, NOT_RUN

    Only values are judged, on copies of the model. Ctrl-C ends a check with the answer for what was done.
    """
    bound_native_caches()
    from jaccheck.commands.check import run

    return run(place, methods=methods, memory=memory, seconds=seconds, reports=reports)
