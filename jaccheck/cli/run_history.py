"""`jaccheck history`: the runs in a store, or one of them as a report."""

from __future__ import annotations

import time
from pathlib import Path

from rich import box
from rich.table import Table

from jaccheck.cli.writing import VERIFY, writer
from jaccheck.errors import InvalidRequest
from jaccheck.rendering import make_console, print_report
from jaccheck.runs import DEFAULT_STORE, UNFINISHED, Recording, Store


def list_runs(path: Path | None) -> int:
    """Prints a line for each run, the last one at the end; always 0."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("run", "begun", "state", "profile", "seed", "torch", "BackPACK"):
        table.add_column(column)
    for column in ("cases", "findings", "seconds"):
        table.add_column(column, justify="right")
    with existing(path) as store:
        for run in store.runs():
            record = Recording(store, run)
            is_going_on = run.state == UNFINISHED and store.is_going_on(run)
            table.add_row(
                str(run.id),
                time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started)),
                "going on" if is_going_on else run.state,
                run.settings.profile,
                str(run.settings.seed),
                run.environment.torch,
                run.environment.backpack or "none",
                f"{record.sums().totals.cases:,}",
                str(len(record.findings())),
                f"{run.seconds:,.0f}",
            )
    make_console().print(table)
    return 0


def show_run(number: int, path: Path | None, reports: tuple[Path, ...]) -> int:
    """Prints the report of one run, and writes it where asked; 1 where it found something."""
    write = writer(reports, VERIFY)
    with existing(path) as store:
        report = Recording(store, store.run(number)).report()
    write(report)
    print_report(report, make_console())
    return int(report.found_something)


def existing(path: Path | None) -> Store:
    """The store at a path, or the usual one. Raises InvalidRequest where it is not there: nothing is made."""
    path = path or DEFAULT_STORE
    if not path.exists():
        raise InvalidRequest(f"store {str(path)!r} does not exist; `jaccheck verify` makes it, or give --store")
    return Store(path)
