"""`jaccheck methods`, `replay` and `selftest`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli


@cli.command(short_help="List the methods, with what they claim.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def methods(as_json: bool) -> int:
    """List the methods: family, whether they can run here and why not, devices, dtypes, and what each does."""
    from jaccheck.cli.run_methods import list_methods

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
    """Run stored findings again, and say of each what became of it. PATHS are files or directories.

    \b
    FIXED         the method keeps the law on this case now
    an outcome    it still breaks it, as DISAGREES says
    ERROR         it could not be tried: no finding in the file, no such method or device
    INCOMPATIBLE  the file was written under another schema version

    Exit code 0 where all are FIXED, 1 where one is not, 2 where one could not be tried. A finding says which method it
    is about, but never what is imported: a module of your own is given by --method.
    """
    from jaccheck.cli.run_replay import replay_all

    return replay_all(paths, methods)


@cli.command(short_help="Run the checks against mutants.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", default=0, show_default=True, help="Which random cases."
)
@options.reports(".html", ".json")
def selftest(seed: int, reports: tuple[Path, ...]) -> int:
    """Run the checks against a catalogue of mutants, and against methods that are right.

    Prints how many mutants were killed, how often a right result was called wrong, and what tolerances
    (torch.allclose, torch.testing.assert_close) say of the same results. Exit code 1 where a mutant survived or a
    right result was called wrong.
    """
    from jaccheck.cli.run_selftest import run

    return run(seed=seed, reports=reports)
