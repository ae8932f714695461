"""Memory over a long run: `python benchmarks/memory.py --cases 100000` prints resident memory as cases go by.

Runs `jaccheck verify` in a process of its own and reads its resident set from /proc. Memory is flat if the second
half of the run adds nothing that grows with the number of cases: the last column is MiB for each further 1,000 cases.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import click


@click.command()
@click.option("--cases", default=100_000, show_default=True)
@click.option("--method", "methods", multiple=True, default=("outer_products", "batch_grad_loop"), show_default=True)
@click.option("--every", default=60.0, show_default=True, help="Seconds between readings.")
def main(cases: int, methods: tuple[str, ...], every: float) -> None:
    """Prints seconds, cases so far as the run itself tells them, MiB resident, MiB per 1,000 cases since halfway."""
    chosen = [option for name in methods for option in ("--method", name)]
    command = [sys.executable, "-u", "-m", "jaccheck", "verify", "--seed", "1", "--max-examples", str(cases), *chosen]
    log = Path("memory.log")
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        readings: list[tuple[int, float]] = []
        started = time.monotonic()
        while process.poll() is None:
            time.sleep(every if readings else min(every, 20))
            status = Path(f"/proc/{process.pid}/status")
            resident = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
            told = re.findall(r": (\d+) of \d+ cases", log.read_text())
            if resident is None or not told:
                continue
            readings.append((int(told[-1]), int(resident[1]) / 1024))
            done, mib = readings[-1]
            middle, mib_then = readings[len(readings) // 2]
            slope = (mib - mib_then) / max((done - middle) / 1000, 1e-9) if done > middle else 0.0
            print(
                f"{time.monotonic() - started:6.0f} s {done:8,} cases {mib:8.1f} MiB {slope:+.3f} MiB/1,000", flush=True
            )
    print(log.read_text().splitlines()[-1])
    log.unlink()
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
