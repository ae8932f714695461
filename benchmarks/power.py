"""How soon the quick profile finds what is wrong: `python benchmarks/power.py` prints a line for each kind of fault.

    python benchmarks/power.py --seed 0 --seed 1
    python benchmarks/power.py --wrong values --wrong backpack

The faults are the mutants of `jaccheck selftest`, and copies of BackPACK with one edit. Each is put to the cases of the
profile, in their order, until the first verdict that is a finding; so are, of a copy, all methods of BackPACK that a
run judges. Two commits are compared by a run on each, with the same seeds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from jaccheck_support.backpack_mutants import MUTANTS
from jaccheck_support.mutated_copies import EditDoesNotFit, mutated_copy, with_first

from jaccheck.case import DTYPES, FAMILIES, profile
from jaccheck.methods import Method, choose_methods
from jaccheck.reports import Settings
from jaccheck.runs.judging import judge_cases
from jaccheck.runs.plan import shards
from jaccheck.selftest import catalogue

BACKPACK = "backpack"
IN_COPY = "--in-copy"
COPIES = tuple(each for each in MUTANTS if each.difficulty != "control")


@dataclass(frozen=True, slots=True)
class Hunt:
    """One fault under one seed: how many cases it took to find it, None if all found nothing, and the CPU time."""

    kind: str
    name: str
    seed: int
    cases: int | None
    seconds: float


def hunted(kind: str, name: str, seed: int, methods: list[Method]) -> Hunt:
    """These methods on the cases of the quick profile, until one of them has a finding."""
    started, met = time.process_time(), 0
    quick = profile("quick")
    settings = Settings(
        profile=quick.name,
        seed=seed,
        max_examples=None,
        time=None,
        methods=(),
        devices=("cpu",),
        dtypes=DTYPES,
        families=tuple(FAMILIES),
    )
    for shard in shards(quick, settings):
        for result in judge_cases(shard, methods, quick):
            met += 1
            if result.sums.candidates:
                return Hunt(kind, name, seed, met, time.process_time() - started)
    return Hunt(kind, name, seed, None, time.process_time() - started)


def of_copy(name: str, seed: int) -> Hunt | None:
    """A copy of BackPACK, hunted in a process that imports it; None where the edit fits no more."""
    mutant = next(each for each in MUTANTS if each.name == name)
    with tempfile.TemporaryDirectory(prefix="power-") as folder:
        try:
            environment = with_first(mutated_copy(mutant, Path(folder)))
        except EditDoesNotFit:
            return None
        command = [sys.executable, __file__, IN_COPY, name, "--seed", str(seed)]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return Hunt(**json.loads(said.stdout))


def hunts(kinds: tuple[str, ...], seeds: tuple[int, ...]) -> Iterator[Hunt]:
    """All of them."""
    for mutant in catalogue().values():
        if mutant.kind in kinds or not kinds:
            for seed in seeds:
                yield hunted(mutant.kind, mutant.name, seed, [mutant.method()])
    for copy in COPIES if BACKPACK in kinds or not kinds else ():
        for seed in seeds:
            if (hunt := of_copy(copy.name, seed)) is not None:
                yield hunt


def table(found: list[Hunt]) -> Iterator[str]:
    """A line for each kind."""
    yield "| kind | faults × seeds | found | cases until found: median | nine of ten | most | not found |"
    yield "|---|---|---|---|---|---|---|"
    for kind in dict.fromkeys(each.kind for each in found):
        some = [each for each in found if each.kind == kind]
        cases = sorted(each.cases for each in some if each.cases is not None)
        missed = ", ".join(f"{each.name} (seed {each.seed})" for each in some if each.cases is None)
        tenth = cases[min(len(cases) - 1, 9 * len(cases) // 10)] if cases else "-"
        middle = f"{statistics.median(cases):.0f}" if cases else "-"
        last = cases[-1] if cases else "-"
        yield f"| {kind} | {len(some)} | {len(cases)} | {middle} | {tenth} | {last} | {missed or '-'} |"


@click.command()
@click.option("--seed", "seeds", type=int, multiple=True, default=(0,), show_default=True)
@click.option("--wrong", "kinds", multiple=True, help="Only faults of this kind, as the table names them.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Each hunt, as data.")
@click.option(IN_COPY, "copy", hidden=True)
def main(seeds: tuple[int, ...], kinds: tuple[str, ...], path: Path | None, copy: str | None) -> None:
    """Prints the table; says which fault it is at."""
    if copy is not None:
        methods = [each for each in choose_methods(()) if each.family == BACKPACK]
        print(json.dumps(asdict(hunted(BACKPACK, copy, seeds[0], methods))))
        return
    found: list[Hunt] = []
    for hunt in hunts(kinds, seeds):
        found.append(hunt)
        print(f"{hunt.kind}: {hunt.name}, seed {hunt.seed}: {hunt.cases or 'not found'}", file=sys.stderr)
    if path is not None:
        path.write_text(json.dumps([asdict(each) for each in found]))
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
