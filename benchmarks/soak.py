"""Runs that are disturbed in every way at once: `python benchmarks/soak.py --seconds 600` compares them with others.

Each run is `jaccheck verify` with a store, of a right method, two mutants and some methods that misbehave. Its command
is killed with SIGKILL at random moments, its worker processes too, and its disk is full now and then, in the middle of
a run or when it starts, and has room again later; it goes on with --resume until it has come to its end. Every count
and every finding must be those of the same run undisturbed, which is made first, and says how long a run takes: for
twice as long it is disturbed, then it may come to its end. No run is begun that would not end within the seconds that
are given. Where no disk can be mounted, no file may become longer than a store is, in some of the starts.
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
from dataclasses import dataclass
from pathlib import Path

import click
import psutil
from disks import Disk, small_disk
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
FAMILIES = ("deep", "repeated_shapes", "no_bias", "single_sample")
"""Of one or two boundary cases each: what is killed in the middle of a family begins that one again, and no other."""

CASES = 7
"""All of them; fewer than the workers that a method may end before it is given up, which each start counts anew."""

FULL_BYTES = 20_000
"""The longest file on a full disk, or the room that is left on one at most: stores and reports are longer."""

DISTURBED = 2.0
"""For how many times the length of an undisturbed run one is disturbed."""

LONGEST_SECONDS = 600.0
"""For one start of a command, killed or not: more is a hang."""


@dataclass
class Disturbance:
    """What happens to a run: until when, how long it goes on between kills at most, and what was done so far."""

    chance: random.Random
    length_s: float
    until: float
    done: Counter[str]
    disk: Disk | None

    def pause_s(self) -> float:
        """Until the next worker is killed: longer than a method has on a case, which is CRASHED at the third time."""
        return self.chance.uniform(0.05, 0.2) * self.length_s

    def change_disk(self) -> None:
        """It is full from now on, or has room again."""
        if self.disk and self.disk.is_full:
            self.disk.free()
        elif self.disk:
            self.disk.fill(self.chance.choice((0, 4096, FULL_BYTES)))
            self.done["full disks"] += 1


def command(folder: Path, seed: int, *, again: bool) -> list[str]:
    """The run, or what goes on with it."""
    begun = ["--resume"]
    if not again:
        begun = ["--seed", str(seed), "--max-examples", str(CASES), "--dtype", "float32"]
        begun += [word for name in FAMILIES for word in ("--family", name)]
        begun += [word for name in METHODS for word in ("--method", name)]
    else:
        begun += [word for name in METHODS if ":" in name and "mutant" not in name for word in ("--method", name)]
    return [sys.executable, "-m", "jaccheck", "verify", "--quiet", "--report", str(folder / "report.json"), *begun]


def started(folder: Path, seed: int, *, again: bool, is_limited: bool) -> subprocess.Popen[bytes]:
    """A process that does this, in the folder, temporary files included; with a limit to the length of files if so."""

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, FULL_BYTES))

    return subprocess.Popen(
        command(folder, seed, again=again),
        cwd=folder,
        env={**with_first(Path(misbehaving.__file__).parents[1]), "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=_said(folder).open("ab"),
        preexec_fn=fill if is_limited else None,
    )


def disturb(process: subprocess.Popen[bytes], by: Disturbance) -> bool:
    """Whether it was killed before it came to its end; workers are killed on the way."""
    kill_at = min(time.monotonic() + by.chance.uniform(0.0, by.length_s), by.until)
    worker_at, disk_at = (time.monotonic() + by.pause_s() for _ in range(2))
    while time.monotonic() < kill_at:
        if process.poll() is not None:
            return False
        time.sleep(0.1)
        if time.monotonic() > disk_at:
            by.change_disk()
            disk_at = time.monotonic() + by.pause_s()
        if time.monotonic() < worker_at:
            continue
        with suppress(psutil.Error):
            below = psutil.Process(process.pid).children(recursive=True)
            if len(below) > 2:  # the command, what workers are forked from, workers
                by.chance.choice(below[2:]).kill()
                by.done["workers killed"] += 1
                worker_at = time.monotonic() + by.pause_s()
    process.kill()
    process.wait()
    by.done["kills"] += 1
    return True


def run_to_its_end(folder: Path, seed: int, by: Disturbance | None) -> float:
    """Seconds that it took; without `by` nothing disturbs it. Raises ClickException where it has no end."""
    began, again = time.monotonic(), False
    while True:
        disturbed = by if by and time.monotonic() < by.until else None
        is_limited = disturbed is not None and disturbed.disk is None and disturbed.chance.random() < 0.2
        process = started(folder, seed, again=again, is_limited=is_limited)
        is_killed = disturbed is not None and disturb(process, disturbed)
        if by and by.disk and not (is_killed and time.monotonic() < by.until):
            by.disk.free()  # what has come to an end by itself has said what it has to say of a full disk
        try:
            code = process.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise click.ClickException(f"no end after {LONGEST_SECONDS:.0f} s: {last_words(folder)}") from None
        if disturbed:
            disturbed.done["limits to files"] += is_limited
        state = state_of(folder)
        again = state is not None
        if state == FINISHED and not (folder / "report.json").exists():  # killed before it was written
            history = [sys.executable, "-m", "jaccheck", "history", "1", "--report", "report.json"]
            subprocess.run(history, cwd=folder, check=False, stdout=subprocess.DEVNULL)
        if (folder / "report.json").exists() and (state == FINISHED or (not is_killed and code == 1)):
            return time.monotonic() - began
        if not disturbed or (not is_killed and code not in (1, 2)):
            raise click.ClickException(f"exit code {code}, and the run is {state}: {last_words(folder)}")


def state_of(folder: Path) -> str | None:
    """That of the run that is stored; None where there is none."""
    path = folder / ".jaccheck" / "runs.db"
    if not path.exists():
        return None
    with suppress(JaccheckError), Store(path) as store:
        return next((run.state for run in store.runs()), None)
    return None


def _said(folder: Path) -> Path:
    """Beside the folder, which may be full."""
    return folder.with_suffix(".said")


def said(folder: Path) -> bytes:
    """What was said on standard error so far."""
    return _said(folder).read_bytes()


def last_words(folder: Path) -> str:
    """The end of it, as it can be printed."""
    return ascii(said(folder)[-500:].decode(errors="replace"))


@click.command()
@click.option("--seconds", default=600.0, show_default=True, help="All runs together.")
@click.option("--seed", default=0, show_default=True)
def main(seconds: float, seed: int) -> None:
    """Prints a line for each run; the exit code is 1 where one differs, or says a traceback."""
    chance, began, wrong, number = random.Random(seed), time.monotonic(), 0, 0
    longest = 0.0
    done: Counter[str] = Counter()
    while time.monotonic() - began + longest < seconds:
        number += 1
        round_began = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            quiet, loud = Path(name, "quiet"), Path(name, "loud")
            quiet.mkdir()
            loud.mkdir()
            length = run_to_its_end(quiet, seed + number, None)
            before = done.copy()
            until = min(time.monotonic() + DISTURBED * length, began + seconds - length)
            with small_disk(loud) as disk:
                took = run_to_its_end(loud, seed + number, Disturbance(chance, length, until, done, disk))
                whole, disturbed = (load(Report, folder / "report.json") for folder in (quiet, loud))
            is_equal = counted(whole) == counted(disturbed)
            has_trace = b"Traceback (most recent call last)" in said(loud)
        wrong += not is_equal or has_trace
        longest = max(longest, time.monotonic() - round_began)
        what = ", ".join(f"{count - before[each]} {each}" for each, count in done.items())
        answer = "equal" if is_equal else f"DIFFERENT: {difference(whole, disturbed)}"
        click.echo(f"run {number}: {length:.0f} s quiet, {took:.0f} s with {what}: {answer}{', TRACEBACK' * has_trace}")
    total = ", ".join(f"{count} {each}" for each, count in done.items())
    click.echo(f"{number} runs, {total}, {time.monotonic() - began:.0f} s: {wrong} differ from undisturbed runs")
    sys.exit(int(wrong > 0))


def difference(whole: Report, disturbed: Report) -> str:
    """Which counts and failures differ, those of the undisturbed run first."""
    (bare, found), (other, seen) = counted(whole), counted(disturbed)
    fields = [name for name in Report.__dataclass_fields__ if getattr(bare, name) != getattr(other, name)]
    return f"{', '.join(fields)}; failures {sorted(map(str, found - seen))} and {sorted(map(str, seen - found))}"


if __name__ == "__main__":
    main()
