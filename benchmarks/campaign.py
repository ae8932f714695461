"""A long campaign: `python benchmarks/campaign.py --cases 1000000` prints the memory of every process as it goes on.

One cheap method on small networks, so that a million cases take hours and not weeks. What must not grow: the resident
memory of the run and of its workers from quarter to quarter, and the store.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import psutil

from jaccheck.runs import Recording, Store

CHEAP = ("--method", "outer_products", "--family", "single_sample", "--family", "batched_scalar")


def cases_done(path: Path) -> int:
    """How many cases the one run in a store has had."""
    if not path.exists():
        return 0
    with Store(path) as store:
        return sum(Recording(store, run).sums().totals.cases for run in store.runs())


def memory_of(process: psutil.Process) -> dict[str, int]:
    """MiB that are resident, of the run and of each process that it has started."""
    found = {}
    for number, one in enumerate([process, *process.children(recursive=True)]):
        try:
            found["run" if one == process else f"child {number}"] = one.memory_info().rss >> 20
        except psutil.Error:
            continue
    return found


@click.command()
@click.option("--cases", default=1_000_000, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--lines", default=8, show_default=True, help="How often memory is printed.")
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Kept, and gone on with if it is there: a campaign in several parts.",
)
def main(cases: int, workers: int, lines: int, store: Path | None) -> None:
    """Prints a line for each part of the run, and the size of the store."""
    with tempfile.TemporaryDirectory() as folder:
        path = (store or Path(folder) / "runs.db").absolute()
        new = ("--seed", "1", "--profile", "ci", "--max-examples", str(cases), *CHEAP)
        which = ("--resume",) if path.exists() else new
        command = [sys.executable, "-m", "jaccheck", "verify", "--quiet", "--store", str(path), *which]
        done = cases_done(path)
        if done:
            click.echo(f"{done:9,} cases were judged before")
        run = psutil.Popen([*command, "--workers", str(workers)], cwd=folder, stdout=subprocess.PIPE, text=True)
        line = done * (lines + 1) // cases + 1
        while run.poll() is None:
            time.sleep(1)
            if (done := cases_done(path)) >= line * cases / (lines + 1):
                line += 1
                click.echo(f"{done:9,} cases, load {os.getloadavg()[0]:.1f}, MiB: {memory_of(run)}")
        click.echo((run.stdout.read() if run.stdout else "").strip())
        sizes = {file.name: file.stat().st_size >> 10 for file in path.parent.glob(f"{path.name}*") if file.is_file()}
        click.echo(f"store, KiB: {sizes}")
        sys.exit(run.returncode)


if __name__ == "__main__":
    main()
