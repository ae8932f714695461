"""`jaccheck report`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli


@cli.command(short_help="Show reports again; merge those of parts of a run.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.reports(".html", ".json", ".md (Markdown)", ".xml (JUnit)")
@options.findings
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where runs given by number are stored.  [default: .jaccheck/runs.db]",
)
def report(paths: tuple[Path, ...], reports: tuple[Path, ...], directory: Path, store: Path | None) -> int:
    """Show PATHS, reports of `jaccheck verify` as JSON; those of the parts of one run (`--shard`) as one report.

    In place of a file may stand the number of a stored run (`jaccheck history`).
    """
    from jaccheck.cli.run_report import run

    return run(paths, reports, directory, store)
