"""`jaccheck selftest`: the cases of the quick profile against every mutant of the catalogue and every right method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from jaccheck import case, methods, rendering, reports, runs, selftest
from jaccheck.cli import options
from jaccheck.cli.command import command
from jaccheck.cli.progress import Progress
from jaccheck.cli.writing import SELFTEST, report_option, writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Run the checks against a catalogue of mutants, and against methods that are right.

    Prints how many mutants were killed, how often a right result was called wrong, and what tolerances
    (torch.allclose, torch.testing.assert_close) say of the same results. Exit code 1 where a mutant survived or a
    right result was called wrong.
    """

    seed: options.CaseSeed = 0
    reports: Annotated[tuple[Path, ...], report_option(SELFTEST)] = ()


@command("selftest", "Run the checks against mutants.")
def run(request: Request) -> int:
    """0 if every mutant was killed and no right method was called wrong, else 1."""
    write = writer(request.reports, SELFTEST)
    console = rendering.make_console()
    with Progress(console) as progress:
        progress.tell("loading torch, drawing the cases")
        found = selftest.score(
            quick_cases(request.seed),
            selftest.catalogue().values(),
            methods.choose_methods(()),
            laws_of=selftest.repeating_every(case.PROFILES["quick"].repeat_every),
            on_case=lambda done, total: progress.show(done, total, "cases"),
        )
    rendering.print_selftest(found, console)
    write(found)
    return int(not found.is_clean)


def quick_cases(seed: int) -> list[case.Case]:
    """The cases that `jaccheck verify --profile quick` runs of perceptrons and losses with this seed, in its order."""
    settings = reports.Settings(
        profile="quick",
        seed=seed,
        max_examples=None,
        time=None,
        methods=(),
        devices=("cpu",),
        dtypes=case.DTYPES,
        families=(*case.PERCEPTRONS, "losses"),
    )
    return [each for shard in runs.shards(case.PROFILES["quick"], settings) for each in shard.cases()]
