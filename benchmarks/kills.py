"""Runs killed at random moments: `python benchmarks/kills.py` counts what a hundred kills lose.

Each run is that of `jaccheck verify`, with a store, of a method that is right and three mutants. It is killed
with SIGKILL after a random time, gone on with, killed again, until it comes to its end; its report is then compared
with that of the same run undisturbed: every count, and every failure with the number of cases in which it was seen. The
processes are forked from this one, which has loaded torch and run nothing: loading it takes longer than the run.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import click

from jaccheck.case import PROFILES
from jaccheck.core import to_json
from jaccheck.methods import describe_environment
from jaccheck.reports import Finding, Report, Settings, Spent, load
from jaccheck.runs import Recording, ShardResult, Store, Tally, in_this_process, run_shards, shards
from jaccheck.selftest import choose_with_mutants

NAMES = ("outer_products", "mutant:class_swap", "mutant:sign", "mutant:zeroed_last_sample")
PROFILE = replace(PROFILES["quick"], shrink_seconds=0.3)


class Silent:
    """A listener that hears nothing."""

    def on_result(self, result: ShardResult, tally: Tally) -> None:
        pass

    def on_finding(self, finding: Finding) -> None:
        pass

    def on_given_up(self, method: str) -> None:
        pass


def go_on(path: Path, out: Path, settings: Settings) -> None:
    """Begins the one run of a store, or goes on with it, and writes its report in the end."""
    with Store(path) as store:
        runs = store.runs() or [store.begin(NAMES, settings, describe_environment({"cpu": ""}), ())]
        record, methods = Recording(store, runs[0]), choose_with_mutants(NAMES)
        report = run_shards(
            settings,
            PROFILE,
            methods,
            {"cpu": ""},
            shards=record.left(shards(PROFILE, settings)),
            judges=in_this_process(methods, PROFILE),
            listener=Silent(),
            record=record,
        )
    out.write_text(to_json(report))


def forked(path: Path, out: Path, settings: Settings) -> int:
    """The id of a process that does this."""
    if process := os.fork():
        return process
    try:
        go_on(path, out, settings)
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def ended(process: int, seconds: float | None) -> bool:
    """Whether it came to its end within so many seconds; else it was killed."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while deadline is None or time.monotonic() < deadline:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            if status:
                raise click.ClickException(f"a run ended with {os.waitstatus_to_exitcode(status)}")
            return True
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


def counted(report: Report) -> tuple[Report, set[tuple[object, ...]]]:
    """Everything but times, and in how many cases each failure was seen; how far a case is shrunk depends on time."""
    seen: set[tuple[object, ...]] = {(f.method, f.law, f.outcome, f.seen) for f in report.findings}
    bare = replace(
        report,
        totals=replace(report.totals, seconds=Spent()),
        coverage=tuple(sorted(report.coverage, key=repr)),
        tightness=tuple(sorted(report.tightness, key=repr)),
        findings=(),
        given_up=tuple(sorted(report.given_up)),
    )
    return bare, seen


@click.command()
@click.option("--kills", default=100, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(kills: int, seed: int) -> None:
    """Prints a line for each run; the exit code is 1 where something was lost or counted twice."""
    chance, killed, wrong, stored = random.Random(seed), 0, 0, 0
    for number in count():
        settings = Settings(
            profile="quick",
            seed=number,
            max_examples=30,
            time=None,
            methods=NAMES,
            devices=("cpu",),
            dtypes=("float64", "float32"),
            families=("generic", "kinks", "square"),
        )
        with tempfile.TemporaryDirectory() as folder:
            whole, path, out = (Path(folder) / name for name in ("whole.json", "runs.db", "out.json"))
            started = time.monotonic()
            ended(forked(Path(folder) / "whole.db", whole, settings), None)
            length = time.monotonic() - started
            here = 0
            while not ended(forked(path, out, settings), chance.uniform(0.0, length / 2)):
                here += 1
            expected, found = counted(load(Report, whole)), counted(load(Report, out))
            fine = expected == found
            stored += len(found[1])
        killed += here
        wrong += not fine
        answer = "equal" if fine else "DIFFERENT"
        click.echo(f"run {number}: {here} kills in {length:.1f} s of work, {len(found[1])} failures, {answer}")
        if killed >= kills:
            break
    click.echo(f"{killed} kills in {number + 1} runs with {stored} failures: {wrong} differ from undisturbed runs")
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    main()
