"""Runs that are disturbed in every way at once: `python benchmarks/soak.py --seconds 600` compares them with others.

Each run is `jaccheck verify` with a store, of a right method, two mutants and some methods that misbehave. Its command
is killed with SIGKILL at random moments, its worker processes too, and the disk is full now and then (no file may
become longer than a store is); it goes on with --resume until it has come to its end. Every count and every finding
must be those of the same run undisturbed.
"""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import click
import psutil
from jaccheck_support import misbehaving
from jaccheck_support.mutated_copies import with_first
from kills import counted

from jaccheck.errors import JaccheckError
from jaccheck.reports import Report, load
from jaccheck.runs import FINISHED, Store

MISBEHAVING = ("segmentation_fault", "exit_as_if_done", "system_exit", "other_folder", "recursion", "stray_thread")
"""Whose outcome depends on the case alone."""

METHODS = (
    *("outer_products", "mutant:class_swap", "mutant:zeroed_last_sample"),
    *(f"{misbehaving.__name__}:{name}" for name in MISBEHAVING),
)
CASES = 6
FULL_BYTES = 20_000
"""The longest file on a full disk: stores and reports are longer."""

END_SECONDS = 600.0


def command(folder: Path, seed: int, *, again: bool) -> list[str]:
    """The run, or what goes on with it."""
    begun = ["--resume"]
    if not again:
        begun = ["--seed", str(seed), "--max-examples", str(CASES), "--family", "generic", "--dtype", "float32"]
        begun += [word for name in METHODS for word in ("--method", name)]
    else:
        begun += [word for name in METHODS if ":" in name and "mutant" not in name for word in ("--method", name)]
    return [sys.executable, "-m", "jaccheck", "verify", "--quiet", "--report", str(folder / "report.json"), *begun]


def started(folder: Path, seed: int, *, again: bool, is_full: bool) -> subprocess.Popen[bytes]:
    """A process that does this, in the folder; on a full disk where so."""

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, FULL_BYTES))

    return subprocess.Popen(
        command(folder, seed, again=again),
        cwd=folder,
        env=with_first(Path(misbehaving.__file__).parents[1]),
        stdout=subprocess.DEVNULL,
        stderr=(folder / "said").open("ab"),
        preexec_fn=fill if is_full else None,
    )


def disturb(process: subprocess.Popen[bytes], chance: random.Random, longest_s: float, done: Counter[str]) -> bool:
    """Whether it was killed before it came to its end; workers are killed on the way."""
    until = time.monotonic() + chance.uniform(0.0, longest_s)
    while time.monotonic() < until:
        if process.poll() is not None:
            return False
        time.sleep(chance.uniform(0.1, 1.0))
        with suppress(psutil.Error):
            below = psutil.Process(process.pid).children(recursive=True)
            if len(below) > 2 and chance.random() < 0.3:  # the command, what workers are forked from, workers
                chance.choice(below[2:]).kill()
                done["workers killed"] += 1
    process.kill()
    process.wait()
    done["kills"] += 1
    return True


def run_to_its_end(folder: Path, seed: int, chance: random.Random | None, done: Counter[str]) -> float:
    """Seconds that it took; without `chance` nothing disturbs it. Raises ClickException where it has no end."""
    began, again = time.monotonic(), False
    while time.monotonic() - began < END_SECONDS:
        is_full = chance is not None and chance.random() < 0.2
        done["full disks"] += is_full
        process = started(folder, seed, again=again, is_full=is_full)
        is_killed = chance is not None and disturb(process, chance, 25.0, done)
        code = process.wait(END_SECONDS)
        state = state_of(folder)
        again = state is not None
        if state == FINISHED and not (folder / "report.json").exists():  # killed before it was written
            history = [sys.executable, "-m", "jaccheck", "history", "1", "--report", "report.json"]
            subprocess.run(history, cwd=folder, check=False, stdout=subprocess.DEVNULL)
        if (folder / "report.json").exists() and (state == FINISHED or (not is_killed and code == 1)):
            return time.monotonic() - began
        if not is_killed and not is_full and code not in (1, 2):
            raise click.ClickException(f"exit code {code}: {said(folder)[-500:].decode(errors='replace')}")
    raise click.ClickException(f"no end: {said(folder)[-500:].decode(errors='replace')}")


def state_of(folder: Path) -> str | None:
    """That of the run that is stored; None where there is none."""
    path = folder / ".jaccheck" / "runs.db"
    if not path.exists():
        return None
    with suppress(JaccheckError), Store(path) as store:
        return next((run.state for run in store.runs()), None)
    return None


def said(folder: Path) -> bytes:
    """What was said on standard error so far."""
    return (folder / "said").read_bytes()


@click.command()
@click.option("--seconds", default=600.0, show_default=True, help="Begin new runs until then.")
@click.option("--seed", default=0, show_default=True)
def main(seconds: float, seed: int) -> None:
    """Prints a line for each run; the exit code is 1 where one differs, or says a traceback."""
    chance, began, wrong, number = random.Random(seed), time.monotonic(), 0, 0
    done: Counter[str] = Counter()
    while time.monotonic() - began < seconds:
        number += 1
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            quiet, loud = Path(name, "quiet"), Path(name, "loud")
            quiet.mkdir()
            loud.mkdir()
            length = run_to_its_end(quiet, seed + number, None, Counter())
            before = done.copy()
            took = run_to_its_end(loud, seed + number, chance, done)
            whole, disturbed = (load(Report, folder / "report.json") for folder in (quiet, loud))
            is_equal = counted(whole) == counted(disturbed)
            has_trace = b"Traceback (most recent call last)" in said(loud)
        wrong += not is_equal or has_trace
        what = ", ".join(f"{done[each] - before[each]} {each}" for each in ("kills", "workers killed", "full disks"))
        answer = "equal" if is_equal else "DIFFERENT"
        click.echo(f"run {number}: {length:.0f} s quiet, {took:.0f} s with {what}: {answer}{', TRACEBACK' * has_trace}")
    total = ", ".join(f"{count} {each}" for each, count in done.items())
    click.echo(f"{number} runs, {total}, {time.monotonic() - began:.0f} s: {wrong} differ from undisturbed runs")
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    main()
