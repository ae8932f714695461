"""Does `jaccheck verify` find mutants of the installed backpack? Those of `jaccheck_support.backpack_mutants`.

    python benchmarks/backpack_mutants.py --seed 0 --json mutants.json
    python benchmarks/backpack_mutants.py --only relu_slope_at_kink --profile ci

Every mutant has a run of its own in a process of its own, restricted to the methods of BackPACK. The script of the
first finding of each law is evaluated with the copy, where it must fail, and without it, where it must not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from jaccheck_support.backpack_mutants import MUTANTS, find
from jaccheck_support.mutated_copies import (
    BATCH_GRAD,
    SQRT_GGN,
    BackpackMutant,
    mutated_copy,
    shows_failure,
    with_first,
)
from rich.console import Console
from rich.table import Table

from jaccheck.reports import Report, load

METHODS = (*BATCH_GRAD, *SQRT_GGN)
LIMIT_S = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run over one mutant did."""

    name: str
    difficulty: str
    profile: str
    seed: int
    found: bool
    missing_methods: tuple[str, ...]
    """Methods that show the mutant and gave no finding."""
    exit_code: int
    findings: dict[str, int]
    """Number of findings by method and law."""
    cases: int
    scripts: dict[str, str]
    """By law: what the script of the first finding says, "shows it" if all is well."""
    first_finding_s: float | None
    """From the start of the process, its imports and shrinking of that finding included."""
    wall_s: float
    message: str
    case: str
    note: str


def run(mutant: BackpackMutant, profile: str, seed: int, keep: Path | None) -> Result:
    """Runs `jaccheck verify` on a copy with the mutant. `keep` gets the report, findings and output."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as temporary:
        work = Path(temporary) if keep is None else keep / mutant.name
        work.mkdir(parents=True, exist_ok=True)
        mutated = mutated_copy(mutant, Path(temporary) / "path")
        command = [sys.executable, "-m", "jaccheck", "verify", "--profile", profile, "--seed", str(seed)]
        command += [part for method in METHODS for part in ("--method", method)]
        command += ["--report", str(work / "out.json"), "--findings", str(work / "findings"), "--quiet"]
        started = time.monotonic()
        lines, seen, exit_code = [], None, 0
        environment = {**with_first(mutated), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=temporary, env=environment
        ) as process:
            for line in process.stdout or ():
                lines.append(line)
                if seen is None and line.startswith(("DISAGREES", "SIDE_EFFECT", "CRASHED")):
                    seen = time.monotonic() - started
            exit_code = process.wait(timeout=LIMIT_S)
        wall_s = time.monotonic() - started
        report = load(Report, work / "out.json") if (work / "out.json").exists() else None
        if not report:
            print("".join(lines[-20:]), file=sys.stderr)
        scripts = {}
        for finding in report.findings if report else ():
            if finding.law not in scripts:
                scripts[finding.law] = _evaluate(finding.script, mutated)
        return _result(mutant, profile, seed, exit_code, report, scripts, seen, wall_s)


def _evaluate(script: str, mutated: Path) -> str:
    if not shows_failure(script, mutated):
        return "shows nothing with the mutant"
    return "shows something without the mutant" if shows_failure(script, None) else "shows it"


def _result(
    mutant: BackpackMutant,
    profile: str,
    seed: int,
    exit_code: int,
    report: Report | None,
    scripts: dict[str, str],
    seen: float | None,
    wall_s: float,
) -> Result:
    findings = report.findings if report else ()
    count = Counter(f"{finding.method}: {finding.law}" for finding in findings)
    found_by = {finding.method for finding in findings}
    first = findings[0] if findings else None
    return Result(
        name=mutant.name,
        difficulty=mutant.difficulty,
        profile=profile,
        seed=seed,
        found=bool(findings),
        missing_methods=tuple(method for method in mutant.shown_by if method not in found_by),
        exit_code=exit_code,
        findings=dict(count),
        scripts=scripts,
        cases=report.totals.cases if report else 0,
        first_finding_s=seen,
        wall_s=wall_s,
        message=first.message if first else "",
        case=repr(first.case) if first else "",
        note=mutant.note,
    )


def table(results: list[Result]) -> Table:
    """A row for each mutant."""
    shown = Table(title="mutants")
    columns = (
        "mutant",
        "difficulty",
        "found",
        "exit",
        "findings",
        "not by",
        "script",
        "first s",
        "wall s",
        "said first",
    )
    for column in columns:
        shown.add_column(column, overflow="fold")
    for result in results:
        shown.add_row(
            result.name,
            result.difficulty,
            "yes" if result.found else "no",
            str(result.exit_code),
            str(sum(result.findings.values())),
            ", ".join(result.missing_methods),
            ", ".join(sorted(set(result.scripts.values()))),
            "" if result.first_finding_s is None else f"{result.first_finding_s:.1f}",
            f"{result.wall_s:.1f}",
            result.message[:100] or result.note,
        )
    return shown


def summary(results: list[Result]) -> Iterator[str]:
    """One line for each difficulty, one for the controls."""
    for difficulty in ("easy", "medium", "hard"):
        graded = [result for result in results if result.difficulty == difficulty]
        if graded:
            yield f"{difficulty}: {sum(result.found for result in graded)} of {len(graded)} found"
    controls = [result for result in results if result.difficulty == "control"]
    if controls:
        yield f"controls: {sum(result.found for result in controls)} of {len(controls)} gave a finding, must be 0"


def main() -> int:
    """0 where every mutant was found and no control gave a finding, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="only this mutant; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time (default 1)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the results here")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep each run's report and findings here")
    options = parser.parse_args()
    mutants = [find(name) for name in options.only] if options.only else list(MUTANTS)
    results: list[Result] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda mutant: run(mutant, options.profile, options.seed, options.keep), mutants):
            results.append(result)
            found = "found " if result.found else "MISSED" if result.difficulty != "control" else "silent"
            print(f"{found} {result.name}: {dict(result.findings)} in {result.wall_s:.1f} s", flush=True)
    Console(width=None if sys.stdout.isatty() else 180).print(table(results))
    print(*summary(results), sep="\n")
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n", encoding="utf-8")
    wrong = [result for result in results if result.found is (result.difficulty == "control")]
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
