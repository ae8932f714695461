"""How far jaccheck can be trusted, measured: `python benchmarks/trust.py` writes docs/trust.md.

    python benchmarks/trust.py --minutes 60

Every number of the page comes from a command that this script runs, all on the same commit. `--minutes` is about how
long it takes. The page names each measurement that does not fit into that time. The script refuses to run with changes
that are not committed, unless `--draft` is given: then the page says so.
"""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "trust.md"
PACKAGES = ("torch", "backpack-for-pytorch", "numpy", "hypothesis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A question, the command that answers it, and how to read what the command prints.

    `{}` in the command stands for `per_minute` times the minutes of the run. `least` is how many minutes the run must
    have for this measurement to be made.
    """

    question: str
    command: str
    per_minute: float = 0.0
    least: float = 0.0
    reading: str

    def line(self, minutes: float) -> str:
        """The command as a user types it."""
        return self.command.format(max(1, round(self.per_minute * minutes)))


MEASUREMENTS = (
    Measurement(
        question="Is it silent when nothing is wrong?",
        command="jaccheck verify --seed 1 --workers 2 --no-store --quiet",
        least=2,
        reading="The quick profile on every method. A finding would be a false alarm, or a new issue of a library.",
    ),
    Measurement(
        question="What does a longer run find?",
        command="jaccheck verify --profile nightly --seed 2 --time {} --no-store --quiet",
        per_minute=15,
        reading="Every law on every case, for a quarter of the time of this page.",
    ),
    Measurement(
        question="Does it find what is wrong?",
        command="jaccheck selftest --seed 1",
        least=2,
        reading="A mutant is a method that is wrong on purpose; it is killed when a check finds it. "
        "The tolerances are torch's defaults. Limits have 95 % confidence.",
    ),
    Measurement(
        question="Does it find errors in BackPACK's own code?",
        command="python benchmarks/backpack_mutants.py --seed 0 --jobs 2",
        least=60,
        reading="Each row is a copy of BackPACK with one edit, put to the quick profile.",
    ),
    Measurement(
        question="Does the gate find the same errors in a new version?",
        command="python benchmarks/gate_mutants.py",
        least=240,
        reading="Each row is a copy of BackPACK with one edit, compared with a copy without it.",
    ),
    Measurement(
        question="Does it find errors that depend on the order of calls?",
        command="python benchmarks/sequence_mutants.py --seeds {}",
        per_minute=1 / 12,
        least=10,
        reading="`found` counts seeds, or the directed ones as one; `after` and `most` count sequences until then.",
    ),
    Measurement(
        question="Are there such errors in the installed BackPACK?",
        command="jaccheck sequences --seed 3 --steps 50 --time {} --quiet",
        per_minute=4,
        reading="Known issues are counted and are no finding.",
    ),
    Measurement(
        question="Are the bounds right, and are they tight?",
        command="python benchmarks/bound_tightness.py --cases {}",
        per_minute=1 / 6,
        least=2,
        reading="Evaluations with simulated rounding. A ratio above 1.00 would refute a bound; `adverse` rounds "
        "as badly as the assumptions allow, so a ratio of 1.00 shows that a bound cannot be smaller.",
    ),
    Measurement(
        question="How often does the paired comparison of times give a false alarm?",
        command="python benchmarks/paired_calibration.py --clock cpu --units 4 --seconds 5 --comparisons {}",
        per_minute=0.5,
        least=30,
        reading="A call is compared with itself, then with 1.1 and 1.25 times the work.",
    ),
    Measurement(
        question="Does every misbehaviour of a method end in a verdict?",
        command="python benchmarks/misbehaviour.py --max-examples 6",
        least=20,
        reading="Each method crashes, hangs or damages its process; the right method beside them must not notice.",
    ),
    Measurement(
        question="Does a killed run lose anything?",
        command="python benchmarks/kills.py --kills {}",
        per_minute=0.5,
        reading="Runs are killed and resumed; each must end with the report of an undisturbed run.",
    ),
    Measurement(
        question="What does isolation cost, and what does a second worker gain?",
        command="python benchmarks/isolation_cost.py --cases {}",
        per_minute=10,
        reading="The same cases in the process of the command, in one worker and in two.",
    ),
    Measurement(
        question="What does the harness cost?",
        command="python benchmarks/harness_cost.py --runs 1",
        least=10,
        reading="`ratio` is the wall time over the time inside methods, reference and oracle.",
    ),
    Measurement(
        question="Does memory grow with the number of cases?",
        command="python benchmarks/campaign.py --workers 2 --cases {}",
        per_minute=500,
        reading="Resident memory of each process while the run goes on, and the size of the store at its end.",
    ),
    Measurement(
        question="Do broken files end in one line?",
        command="python benchmarks/fuzz_readers.py {} 1",
        per_minute=500,
        reading="Valid files with random changes. Each must be read, or be refused with one line.",
    ),
)


def measured(line: str) -> str:
    """What the command prints on standard output, run in an empty folder, and its exit code where that is not 0."""
    program, *rest = shlex.split(line)
    words = ["-m", "jaccheck", *rest] if program == "jaccheck" else [str(ROOT / rest[0]), *rest[1:]]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COLUMNS": "140"}
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
    code = f"\n(exit code {done.returncode})" if done.returncode else ""
    return "\n".join(text.rstrip() for text in done.stdout.strip("\n").splitlines()) + code


def section(measurement: Measurement, minutes: float) -> str:
    """One section of the page."""
    line, started = measurement.line(minutes), time.perf_counter()
    click.echo(line, err=True)
    printed = measured(line)
    seconds = time.perf_counter() - started
    session = f"```text\n$ {line}\n{printed}\n```\n\nTook {seconds:.0f} s.\n"
    return f"## {measurement.question}\n\n{measurement.reading}\n\n{session}"


def git(*words: str) -> str:
    """What git prints of this repository."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def head(minutes: float, *, is_clean: bool) -> str:
    """What the page was made with."""
    commit = git("rev-parse", "--short=12", "HEAD") + ("" if is_clean else ", with changes that are not committed")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    machine = f"{os.cpu_count()} cores ({platform.machine()}), load average {os.getloadavg()[0]:.1f} at the start"
    return (
        "# How far to trust it\n\n"
        f"Written by `python benchmarks/trust.py --minutes {minutes:g}` on {datetime.date.today()}, "
        f"at commit {commit}. Python {platform.python_version()}, {packages}; {machine}. "
        "Each section shows one command and all that it printed.\n"
    )


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="About how long.")
@click.option("--draft", is_flag=True, help="Also with changes that are not committed; the page then says so.")
@click.option("--output", type=click.Path(path_type=Path), default=PAGE, show_default="docs/trust.md")
def main(minutes: float, draft: bool, output: Path) -> None:
    """Runs the measurements and writes the page."""
    is_clean = not git("status", "--porcelain", "--", ".", f":!{PAGE.relative_to(ROOT)}")
    if not (is_clean or draft):
        raise click.UsageError("the working tree has changes that are not committed; commit them, or give --draft")
    made = [measurement for measurement in MEASUREMENTS if measurement.least <= minutes]
    left_out = [measurement for measurement in MEASUREMENTS if measurement.least > minutes]
    parts = [head(minutes, is_clean=is_clean), *(section(measurement, minutes) for measurement in made)]
    if left_out:
        lines = (f"- {one.question} `{one.line(one.least)}`, from `--minutes {one.least:g}`\n" for one in left_out)
        parts.append(f"## Not measured in this run\n\n{''.join(lines)}")
    output.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
