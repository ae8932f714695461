"""Faults planted in jaccheck's own judge: would its tests notice?

    pip install cosmic-ray
    python benchmarks/own_mutants.py [--mutants 80] [--seed 0] [--results FILE] [--table]

Works on a copy of the commit in the temporary folder. First the fast tests run once, with few examples, and coverage
tells which test runs which line. Then cosmic-ray changes one place at a time, chosen at random by the seed, one in each
file before a second in any. The tests that run this line are run, the quickest first, until one fails: with a few of
their parameters, then with all, then the full tests of the rooms. Each mutant is a line of JSON in the file of results;
those that are there are not done again, and `told` may be added by hand to one that survived: `equivalent: why`, or
which test notices it by now. `own_mutants_sample.py` chooses mutants, `own_mutants_tests.py` tests, and
`own_mutants_forks.py` runs them.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import subprocess
import tarfile
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from own_mutants_forks import first_failure, planted
from own_mutants_tests import Coverage, Few

if TYPE_CHECKING:
    from own_mutants_sample import Mutant

ROOT = Path(__file__).parents[1]
FULL = ("tests/judging", "tests/oracle", "tests/selftest", "tests/runs")


def copy_of_the_commit(folder: Path) -> Path:
    """The tree of HEAD below the folder, made once for each commit."""
    name = commit()
    if not (copy := folder / name).is_dir():
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(copy, filter="data")
    return copy


def commit() -> str:
    """The short name of HEAD."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def result(copy: Path, mutant: Mutant, number: int, coverage: Coverage) -> dict[str, Any]:
    """What was changed, and which test noticed."""
    path = copy / mutant.file
    source = path.read_text()
    started = time.monotonic()
    tests = coverage.tests_of(mutant.file, mutant.line)
    with planted(path, mutant.code, number):
        killer, tier = first_failure(copy, tests, "fast", Few()), "fast"
        if not killer:
            killer = first_failure(copy, tests, "fast")
        if not killer:
            killer, tier = first_failure(copy, list(FULL), "full"), "full"
    return {
        "file": mutant.file,
        "operator": mutant.operator,
        "occurrence": mutant.occurrence,
        "line": mutant.line,
        "before": source.splitlines()[mutant.line - 1].strip(),
        "after": mutant.code.splitlines()[mutant.line - 1].strip(),
        "tests": len(tests),
        "killed_by": killer,
        "tier": tier if killer else "",
        "seconds": round(time.monotonic() - started, 1),
        "commit": copy.name,
    }


def identity(line: dict[str, Any]) -> tuple[str, str, int]:
    """What makes a mutant the same as another."""
    return line["file"], line["operator"], line["occurrence"]


def run(folder: Path, results: Path, count: int, seed: int) -> None:
    """Puts each mutant of the sample that has no line yet to the tests."""
    from own_mutants_sample import mutants  # which needs cosmic-ray

    copy = copy_of_the_commit(folder)
    coverage = Coverage(copy)
    done = {identity(line) for line in lines_of(results)}
    for heavy in ("torch", "scipy.stats", "backpack", "flint"):
        importlib.import_module(heavy)  # once, for all the forks
    for number, mutant in enumerate(mutants(copy, seed, count), 1):
        if (mutant.file, mutant.operator, mutant.occurrence) in done:
            continue
        line = result(copy, mutant, number, coverage)
        with results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{number}/{count} {mutant.file}:{mutant.line} {line['killed_by'] or 'SURVIVED'}", flush=True)
        if not line["killed_by"]:
            print(f"  - {line['before']}\n  + {line['after']}", flush=True)


def lines_of(results: Path) -> list[dict[str, Any]]:
    """One for each mutant that was put to the tests."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def table(lines: list[dict[str, Any]]) -> str:
    """How many of each room were noticed, by which tests."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        told = line.get("told", "")
        fate = line["tier"] or ("equivalent" if told.startswith("equivalent") else "tested now" if told else "open")
        room = (
            "/".join(Path(line["file"]).parts[1:3])
            if len(Path(line["file"]).parts) > 3
            else Path(line["file"]).parts[1]
        )
        for row in (room, "all"):
            counts[row].update((fate, "mutants"))
    columns = ("mutants", "fast", "full", "equivalent", "tested now", "open")
    rows = [("room", *columns), ("---",) * (len(columns) + 1)]
    rows += [
        (room, *(str(counts[room][column]) for column in columns)) for room in (*sorted(counts.keys() - {"all"}), "all")
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "jaccheck-own-mutants"))
    parser.add_argument("--results", type=Path, default=Path("own-mutants.jsonl"))
    parser.add_argument("--table", action="store_true", help="only count what the results say")
    options = parser.parse_args()
    if not options.table:
        run(options.folder, options.results, options.mutants, options.seed)
    print(table(lines_of(options.results)))


if __name__ == "__main__":
    main()
