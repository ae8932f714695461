"""`jaccheck history`: the runs in a store, or one of them as a report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click

from jaccheck import rendering, runs
from jaccheck.cli import options
from jaccheck.cli.codes import MISUSE, code_of
from jaccheck.cli.command import Argument, Option, command
from jaccheck.cli.writing import VERIFY, report_option, writer
from jaccheck.core import duration_text, printable
from jaccheck.errors import InvalidRequest, UnreadableFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """List the runs of `jaccheck verify` that are stored; with the number of a RUN, show its report, whole or not.

    Exit code 1 where the run that is shown found something.
    """

    run: Annotated[int | None, Argument(type=options.AT_LEAST_ONE)] = None
    store: Annotated[
        Path | None, Option("--store", "PATH", help="Where the runs are stored.  [default: .jaccheck/runs.db]")
    ] = None
    reports: Annotated[tuple[Path, ...], report_option(VERIFY)] = ()


@command("history", "List the runs that are stored, or show one again.")
def run(request: Request) -> int:
    """Lists all the runs, or shows one of them; 1 where that one found something."""
    if request.run is None:
        return _list_runs(request.store)
    write = writer(request.reports, VERIFY)
    with existing(request.store) as store:
        report = runs.Recording(store, store.run(request.run)).report()
    write(report)
    rendering.print_report(report, rendering.make_console())
    return code_of(report, unanswered=MISUSE)


def _list_runs(path: Path | None) -> int:
    """Prints a line for each run, the last one at the end; 0, or 2 where one cannot be read, which hides no other."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("run", "begun", "state", "profile", "seed", "torch", "BackPACK"):
        table.add_column(column, overflow="fold")
    for column in ("cases", "findings", "took"):
        table.add_column(column, justify="right", no_wrap=True)
    unreadable: list[UnreadableFile] = []
    with existing(path) as store:
        for each in store.rows_of_runs():
            if isinstance(each, UnreadableFile):
                unreadable.append(each)
                continue
            record = runs.Recording(store, each)
            try:
                cases, findings = f"{record.sums().totals.cases:,}", str(len(record.findings()))
            except UnreadableFile as error:
                unreadable.append(error)
                cases, findings = "?", "?"
            is_going_on = each.state == runs.UNFINISHED and store.is_going_on(each)
            table.add_row(
                str(each.id),
                time.strftime("%Y-%m-%d %H:%M", time.localtime(each.started)),
                "going on" if is_going_on else each.state,
                each.settings.profile,
                str(each.settings.seed),
                each.environment.torch,
                each.environment.backpack or "none",
                cases,
                findings,
                duration_text(each.seconds),
            )
    console = rendering.make_console()
    console.print(rendering.fitted(table, console, ("profile", "BackPACK", "torch")))
    for reason in unreadable:
        click.echo(f"jaccheck: {printable(str(reason))}", err=True)
    return 2 * bool(unreadable)


def existing(path: Path | None) -> runs.Store:
    """The store at a path, or the usual one. Raises InvalidRequest where it is not there: nothing is made."""
    path = path or runs.DEFAULT_STORE
    if not path.exists():
        raise InvalidRequest(f"store {str(path)!r} does not exist; `jaccheck verify` makes it, or give --store")
    return runs.Store(path)
