"""`jaccheck history`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli


@cli.command(short_help="List the runs that are stored, or show one again.")
@click.argument("run", required=False, type=click.IntRange(min=1))
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where the runs are stored.  [default: .jaccheck/runs.db]",
)
@options.reports(".html", ".json", ".md (Markdown)", ".xml (JUnit)")
def history(run: int | None, store: Path | None, reports: tuple[Path, ...]) -> int:
    """List the runs of `jaccheck verify` that are stored; with the number of a RUN, show its report, whole or not.

    Exit code 1 where the run that is shown found something.
    """
    from jaccheck.cli.run_history import list_runs, show_run

    return list_runs(store) if run is None else show_run(run, store, reports)
