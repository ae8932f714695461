"""`jaccheck methods`, `replay` and `selftest`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli


@cli.command(short_help="List the methods, with what they claim.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def methods(as_json: bool) -> int:
    """List the methods: family, availability and reason, devices, dtypes."""
    from jaccheck.commands.listing import list_methods

    return list_methods(as_json=as_json)


@cli.command(short_help="Run stored findings again.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="`package.module:function`, a method of your own that the findings are about; it is imported. Repeatable.",
)
def replay(paths: tuple[Path, ...], methods: tuple[str, ...]) -> int:
    """Run stored findings again: FIXED, FAILED, ERROR or INCOMPATIBLE for each of PATHS (files or directories).

    A finding says which method it is about, but never what is imported: a module of your own is given by --method.
    """
    from jaccheck.commands.replay import replay_all

    return replay_all(paths, methods)


@cli.command(short_help="Run the checks against planted faults.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Which random cases.")
@options.reports(".html", ".json")
def selftest(seed: int, reports: tuple[Path, ...]) -> int:
    """Run the suite against a catalogue of planted faults: mutation score, false-alarm rate, beside tolerances."""
    from jaccheck.commands.selftest import run

    return run(seed=seed, reports=reports)
