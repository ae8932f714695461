"""Kinds of misbehaviour that a run survives: `python benchmarks/misbehaviour.py` prints what it says of each.

One run of `jaccheck verify` has all the methods of `jaccheck_support.misbehaving`, and `closed_form` beside them, which
must be compared on every case. The table has what was expected of each method and what the report says.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import click
import psutil
from jaccheck_support import misbehaving
from jaccheck_support.mutated_copies import with_first

from jaccheck.reports import Report, load

METHODS = (*(f"{misbehaving.__name__}:{name}" for name in misbehaving.KINDS), "closed_form")


def run(folder: Path, *options: object) -> Report:
    """The report of one run with all of them."""
    environment = with_first(Path(misbehaving.__file__).parents[1])
    command = [sys.executable, "-m", "jaccheck", "verify", "--quiet", "--report", "report.json"]
    for method in METHODS:
        command += ["--method", method]
    done = subprocess.run([*command, *map(str, options)], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 1:
        raise click.ClickException(f"exit code {done.returncode}: {done.stderr}")
    return load(Report, folder / "report.json")


def said_of(report: Report, method: str) -> str:
    """What was found of a method, on one line."""
    found = {f"{f.outcome}: {f.message}" for f in report.findings if f.method == method}
    return "; ".join(sorted(found)) or "no finding"


def is_as_expected(report: Report, method: str) -> bool:
    """Whether the report says of a method what it should."""
    outcome, _, words = misbehaving.KINDS[method].partition(": ")
    said = said_of(report, method)
    return outcome in said and words in said if outcome else said == "no finding"


def strays() -> list[str]:
    """Processes of this user that a run has left behind."""
    return [p.info["name"] for p in psutil.process_iter(["name", "cmdline"]) if "time.sleep(3600)" in str(p.info)]


@click.command()
@click.option("--max-examples", default=12, show_default=True)
@click.option("--case-seconds", default=5.0, show_default=True)
@click.option("--workers", default=2, show_default=True)
def main(max_examples: int, case_seconds: float, workers: int) -> None:
    """Prints a line for each kind; the exit code is 1 where something is not as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        limits = ("--case-seconds", case_seconds, "--case-memory", "1GiB")
        few = ("--family", "generic", "--dtype", "float32", "--dtype", "float64", "--max-examples", max_examples)
        report = run(Path(folder), "--workers", workers, *limits, *few)
    wrong = 0
    for method in misbehaving.KINDS:
        fine = is_as_expected(report, method)
        wrong += not fine
        click.echo(f"{'as expected' if fine else 'OTHERWISE':12} {method:22} {said_of(report, method)[:110]}")
    whole = next(sum(c.compared for c in report.coverage if c.method == m) for m in ["closed_form"])
    click.echo(f"closed_form was compared on {whole} of {report.totals.cases} cases; processes left: {len(strays())}")
    click.echo(f"given up: {', '.join(report.given_up) or 'none'}; {report.totals.seconds.total:.0f} s")
    sys.exit(int(bool(wrong or strays() or whole != report.totals.cases)))


if __name__ == "__main__":
    main()
