"""`jaccheck selftest`: the cases of the quick profile against every mutant of the catalogue and every right method."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from jaccheck import case, core, methods, rendering, reports, runs, selftest
from jaccheck.cli import options
from jaccheck.cli.command import command
from jaccheck.cli.places import check_scheduler, cluster_at
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
    scheduler: options.Scheduler = None
    wait: options.Wait = options.WAIT
    reports: Annotated[tuple[Path, ...], report_option(SELFTEST)] = ()


@command("selftest", "Run the checks against mutants.")
def run(request: Request) -> int:
    """0 if every mutant was killed and no right method was called wrong, else 1."""
    write = writer(request.reports, SELFTEST)
    check_scheduler(request.scheduler)
    console = rendering.make_console()
    with Progress(console) as progress:
        progress.tell("loading torch, drawing the cases")
        if request.scheduler:
            with cluster_at(request.scheduler, request.wait) as cluster:
                found = _score_on(cluster, request.seed, lambda done, total: progress.show(done, total, "parts"))
        else:
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


def _score_on(cluster: runs.Cluster, seed: int, show: Callable[[int, int], None]) -> reports.SelftestReport:
    """The same, some mutants or some cases at a time on the workers of a cluster."""
    started = time.perf_counter()
    names = [method.name for method in methods.choose_methods(())]
    parts = list(selftest.selftest_parts(quick_cases(seed), list(selftest.catalogue()), names))
    found: dict[int, reports.SelftestReport] = {}
    order = {id(part): number for number, part in enumerate(parts)}
    show(0, len(parts))
    for part, text in cluster.parts(selftest.answer_part, parts):
        found[order[id(part)]] = core.from_json(reports.SelftestReport, text, where="part of the self-test")
        show(len(found), len(parts))
    whole = selftest.selftest_of(
        [(part, found[number]) for number, part in enumerate(parts)], time.perf_counter() - started
    )
    return replace(whole, cluster=cluster.use)
