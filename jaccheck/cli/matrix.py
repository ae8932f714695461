"""`jaccheck matrix`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli


@cli.command(short_help="Measure what works with which layer.")
@click.option("--method", "methods", multiple=True, metavar="NAME", help="Only this method. Repeatable.")
@click.option("--dtype", "dtypes", multiple=True, metavar="NAME", help="Only this dtype. Repeatable.")
@click.option("--device", "devices", multiple=True, metavar="NAME", help="Only this device. Repeatable.")
@options.reports(".html", ".json", ".md")
@click.option(
    "--compare",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Print the cells that differ from this JSON; 1 if any do.",
)
def matrix(
    methods: tuple[str, ...],
    dtypes: tuple[str, ...],
    devices: tuple[str, ...],
    reports: tuple[Path, ...],
    compare: Path | None,
) -> int:
    """Measure the support matrix: every method on every layer and option, in every dtype, on every device.

    Right, wrong, refused beforehand, crashed, undecided, or right but with something left behind.
    """
    from jaccheck.cli.run_matrix import Request, run

    return run(Request(methods=methods, dtypes=dtypes, devices=devices, reports=reports, compare=compare))
