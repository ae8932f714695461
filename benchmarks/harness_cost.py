"""What the harness costs: `python benchmarks/harness_cost.py` prints where the wall time of the quick profile goes.

The ratio that counts is wall time over time inside methods, the autograd reference and the oracle. Run it on a quiet
machine; the ratio is of one run, so that a slow machine slows both of its parts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import click

from jaccheck.reports import Report, load


@click.command()
@click.option("--runs", default=3, show_default=True, help="Runs, each with another seed.")
@click.option("--profile", default="quick", show_default=True)
def main(runs: int, profile: str) -> None:
    """Prints a line for each run, in seconds of wall time."""
    print("seed  cases  total  methods  reference  oracle  drawing  rest  ratio")
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(runs):
            path = Path(folder) / "report.json"
            command = [sys.executable, "-m", "jaccheck", "verify", "--quiet", "--profile", profile, "--seed", str(seed)]
            subprocess.run([*command, "--report", str(path)], check=True, capture_output=True, cwd=folder)
            report = load(Report, path)
            s = report.totals.seconds
            inside = s.methods + s.reference + s.oracle
            rest = s.total - inside - s.drawing
            print(
                f"{seed:4} {report.totals.cases:6} {s.total:6.1f} {s.methods:8.1f} {s.reference:10.1f} {s.oracle:7.1f} "
                f"{s.drawing:8.1f} {rest:5.1f} {s.total / inside:6.2f}"
            )


if __name__ == "__main__":
    main()
