"""What a person waits for, measured: `python benchmarks/waiting.py` writes docs/waiting.md.

    python benchmarks/waiting.py --row "first line" --row known

Every row is one command, run on this machine, with its wall time and the processor time of all its processes. On a
busy machine only the processor time says something, and the page says how busy it was. Without `--row` all are run,
which takes half an hour; a row that is not run keeps what the page says of it.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "waiting.md"
JACCHECK = f"{sys.executable} -m jaccheck"
PYTEST = f"{sys.executable} -m pytest"

MODEL = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 7), nn.ReLU(), nn.Linear(7, 5)), torch.rand(15, 10)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How long a command took, when it said its first word, and the last line of what it printed."""

    wall: float
    cpu: float
    first: float
    last: str

    @property
    def seconds(self) -> str:
        return f"{self.wall:.0f} s, {self.cpu:.0f} s of CPU"


def _ratio(ran: Ran) -> str:
    """What `jaccheck verify` says of itself in its last line."""
    found = re.search(r"([\d.]+) × the time inside methods", ran.last)
    return f"{found[1]} ×" if found else f"not said: {ran.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a person starts, the command, how long it may take, and what of it is told."""

    what: str
    command: str
    aim: str
    told: Callable[[Ran], str] = lambda ran: ran.seconds
    at_root: bool = False


VERIFY = f"{JACCHECK} verify --seed 1 --workers 2 --no-store --quiet"

ROWS = {
    "verify": Row(what="the README's main job", command=VERIFY, aim="45 s on two cores"),
    "ratio": Row(
        what="wall time ÷ time inside methods, reference and oracle",
        command=f"{JACCHECK} verify --seed 1 --workers 1 --max-examples 200 --no-store --quiet",
        aim="1.2 ×",
        told=_ratio,
    ),
    "first line": Row(
        what="the first line of `jaccheck verify` on a terminal",
        command=f"{JACCHECK} verify --seed 1 --max-examples 1 --family generic --method hooks --no-store",
        aim="2 s",
        told=lambda ran: f"{ran.first:.1f} s",
    ),
    "check": Row(what="`jaccheck check` of a small model", command=f"{JACCHECK} check model.py:make", aim="3 s"),
    "bench": Row(what="`jaccheck bench`", command=f"{JACCHECK} bench", aim="90 s"),
    "known": Row(what="`jaccheck known --run`", command=f"{JACCHECK} known --run", aim="3 min"),
    "fast": Row(what="the README's tests", command=f"{PYTEST} -n 2 -m fast -q", aim="4 min", at_root=True),
    "full": Row(
        what="the tests of `.ci/run`", command=f'{PYTEST} -n 2 -m "fast or full" -q', aim="8 min", at_root=True
    ),
}


def measured(row: Row, folder: Path) -> Ran:
    """The command on a terminal of its own, so that it says what it says to a person."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    mine, theirs = os.openpty()
    with subprocess.Popen(
        shlex.split(row.command), cwd=ROOT if row.at_root else folder, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said, first = b"", 0.0
        while part := _read(mine):
            first = first or time.perf_counter() - started
            said = (said + part)[-(2**16) :]
    os.close(mine)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    if process.returncode:
        raise click.ClickException(f"{row.command} ended with {process.returncode}: {lines[-1] if lines else ''}")
    return Ran(wall, cpu, first, " ".join(lines[-8:]))


def _read(terminal: int) -> bytes:
    """What is drawn; nothing once the other side is closed, which Linux calls an error."""
    try:
        return os.read(terminal, 2**16)
    except OSError:
        return b""


def _machine() -> str:
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return f"{len(os.sched_getaffinity(0))} cores of {names[0] if names else platform.machine()}"


def _commit() -> str:
    command = ("git", "rev-parse", "--short", "HEAD")
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def kept(page: str) -> dict[str, str]:
    """The lines of the table that a page holds, by row."""
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in page.splitlines() if line.startswith("| ")}
    return {name: line for name, line in lines.items() if name in ROWS}


def page_of(lines: dict[str, str]) -> str:
    """The page with the lines of its table."""
    return "\n".join(
        [
            "# What one waits for",
            "",
            "`python benchmarks/waiting.py` runs these commands and writes this page; `--row NAME` measures one anew.",
            "Busy is the load of the machine for each of its cores when the command began: above 1 the wall time is",
            "that of other work, too, and the seconds of CPU are what to compare.",
            "",
            "| row | what | command | measured | aim | busy | commit and day |",
            "|---|---|---|---|---|---|---|",
            *(lines[name] for name in ROWS if name in lines),
            "",
            f"Measured on {_machine()}, Python {platform.python_version()}.",
            "",
        ]
    )


@click.command(help=__doc__.split("\n")[0])
@click.option("--row", "rows", multiple=True, type=click.Choice(list(ROWS)), help="Only this one. Repeatable.")
@click.option("--into", type=click.Path(path_type=Path), default=PAGE, show_default=True)
def main(rows: tuple[str, ...], into: Path) -> None:
    """Measures, and writes the page after each row."""
    lines = kept(into.read_text()) if into.exists() else {}
    day = f"{datetime.date.today():%Y-%m-%d}"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.py").write_text(MODEL)
        for name in rows or ROWS:
            row = ROWS[name]
            busy = os.getloadavg()[0] / len(os.sched_getaffinity(0))
            told = row.told(measured(row, Path(folder)))
            command = row.command.replace(JACCHECK, "jaccheck").replace(PYTEST, "pytest")
            lines[name] = (
                f"| {name} | {row.what} | `{command}` | {told} | {row.aim} | {busy:.1f} | {_commit()}, {day} |"
            )
            click.echo(lines[name])
            into.write_text(page_of(lines))


if __name__ == "__main__":
    main()
