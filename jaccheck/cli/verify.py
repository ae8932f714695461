"""`jaccheck verify`: everything that can be refused is refused before the first case runs."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from jaccheck import methods, rendering, reports, runs
from jaccheck.cli import options
from jaccheck.cli.codes import code_of
from jaccheck.cli.command import Option, command
from jaccheck.cli.early import check_shard, check_words
from jaccheck.cli.github import errors_of, tell_github
from jaccheck.cli.places import check_scheduler, cluster_at, isolated, judges_of, worker_count
from jaccheck.cli.progress import Progress, announce
from jaccheck.cli.start import LAST, check_nothing_is_changed, new_start, opened, recording, resumed_start
from jaccheck.cli.versions import RequireLocal, check_local, say_versions
from jaccheck.cli.writing import VERIFY, report_option, stored, writer
from jaccheck.core import bound_native_caches, check_folder, plural

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Draw random networks and compare every method on every device with autograd and the closed form.

    Every run takes the boundary cases of each family first, then random ones. Ctrl-C ends a run with a valid report
    of what was done. To see what a failure looks like, run a method that is wrong on purpose (`jaccheck selftest`
    lists them): jaccheck verify --family generic --method mutant:sample_roll
    """

    profile: options.Profile = "quick"
    max_examples: Annotated[
        int | None,
        Option(
            "--max-examples", "N", type=options.AT_LEAST_ONE, help="Run this many cases, whatever the profile says."
        ),
    ] = None
    time: Annotated[
        float | None,
        Option(
            "--time",
            "SECONDS",
            type=options.ABOVE_ZERO,
            help="Draw new cases until this many seconds have passed.",
        ),
    ] = None
    methods: options.Methods = ()
    devices: options.Devices = ()
    dtypes: options.Dtypes = ()
    families: options.Families = ()
    seed: Annotated[
        int | None,
        Option("--seed", "N", type=options.SEED, help="Makes the run repeatable, case by case.  [default: random]"),
    ] = None
    cases: Annotated[
        tuple[Path, ...],
        Option("--cases", "FILE", help="Run the cases stored in this file instead of drawing. Repeatable."),
    ] = ()
    shard: Annotated[
        str | None,
        Option(
            "--shard",
            "NUMBER/OF",
            help="Run this part only, as in 3/8, for CI jobs side by side; `jaccheck report` merges what they report.",
        ),
    ] = None
    scheduler: options.Scheduler = None
    wait: options.Wait = options.WAIT
    require_local: RequireLocal = ()
    reports: Annotated[tuple[Path, ...], report_option(VERIFY)] = ()
    findings: options.Findings = options.FINDINGS
    quiet: options.Quiet = False
    workers: Annotated[
        str,
        Option(
            "--workers",
            "N|auto",
            help="Judge in so many processes, which methods may end or block without harm; auto: one for each core "
            "that this process may use; 0: in this process, for debuggers, and no finding is confirmed in a new one.",
        ),
    ] = "auto"
    case_seconds: Annotated[
        float,
        Option(
            "--case-seconds",
            "SECONDS",
            type=options.ABOVE_ZERO,
            help="A method that is not done with a case by then is HUNG.",
        ),
    ] = 60.0
    case_memory: Annotated[
        int,
        Option(
            "--case-memory",
            "SIZE",
            type=options.Size(),
            default="4GiB",
            help="A method that takes more memory for a case, as in 2GiB, has CRASHED.",
        ),
    ]
    store: Annotated[
        Path | None,
        Option("--store", "PATH", help="Where the run is stored as it goes on.  [default: .jaccheck/runs.db]"),
    ] = None
    no_store: Annotated[bool, Option("--no-store", help="Store nothing but findings.")] = False
    resume: Annotated[
        str | None,
        Option(
            "--resume",
            "[RUN]",
            bare=LAST,
            help="Go on with a run that was killed or interrupted, the last one or that of this number, as it was "
            "begun.",
        ),
    ] = None


@command("verify", "Draw random networks and judge every method.")
def run(request: Request) -> int:
    """The exit code of a run: 0 nothing found, 1 something found."""
    if request.resume:
        check_nothing_is_changed(click.get_current_context())
    check_words(profile=request.profile, dtypes=request.dtypes, families=request.families, methods=request.methods)
    check_shard(request.shard)
    check_scheduler(request.scheduler)
    bound_native_caches()
    workers = isolated(worker_count(request.workers))
    announce(_about_to(request, workers), quiet=request.quiet)
    if workers:
        runs.start_fork_server()  # before torch is imported here, which takes as long there: both at once
    check_local(request.require_local)
    write = writer(request.reports, VERIFY)
    check_folder(request.findings)
    console = rendering.make_console()
    limits = runs.Limits(seconds=request.case_seconds, memory=request.case_memory)
    with ExitStack() as stack:
        cluster = stack.enter_context(cluster_at(request.scheduler, request.wait)) if request.scheduler else None
        available = cluster.choose_devices if cluster else methods.choose_devices
        # Whatever is wrong with the request is found before a store is made for it.
        asked = None if request.resume else new_start(request, available)
        store = opened(request, stack)
        start = asked or resumed_start(request, store, available)
        environment = methods.describe_environment(start.devices)
        say_versions(environment, console, quiet=request.quiet, is_all=not start.asked)
        record = stack.enter_context(recording(store, start)) if store else None
        judges = stack.enter_context(judges_of(start, workers, limits, record, cluster))
        progress = stack.enter_context(Progress(console, quiet=request.quiet, seconds=start.settings.time))
        report = runs.run_shards(
            start.settings,
            start.profile,
            start.methods,
            start.devices,
            shards=record.left(start.shards()) if record else start.shards(),
            judges=judges,
            listener=_Listener(progress, console, start.expected(), request.findings, start.asked),
            record=record,
        )
    if cluster:
        report = replace(report, cluster=cluster.use)
    write(report)
    tell_github(errors_of(report, request.findings), rendering.verify_markdown(report))
    if request.quiet:
        rendering.prose(console, rendering.verify_summary(report))
    else:
        rendering.print_report(report, console)
    if report.interrupted and record:
        console.print(f"To go on with it: jaccheck verify --resume {record.run.id}", highlight=False)
    return code_of(report)


def _about_to(request: Request, workers: int) -> str:
    """In one line, of what is known before torch is loaded."""
    if request.resume:
        return f"verify: going on with run {request.resume}; loading torch"
    who = ", ".join(request.methods) or "every method"
    much = plural(request.max_examples, "case") if request.max_examples else f"profile {request.profile}"
    much = f"{request.time:g} s" if request.time else much
    much = f"the cases of {plural(len(request.cases), 'file')}" if request.cases else much
    where = [*request.families, *request.dtypes, *request.devices]
    of = f" of {', '.join(where)}" if where else ""
    return f"verify: {who}, {much}{of}, in {plural(workers, 'worker') if workers else 'this process'}; loading torch"


@dataclass(frozen=True, slots=True)
class _Listener:
    """Shows how many cases are done, and stores and prints each finding as it comes."""

    progress: Progress
    console: Console
    expected: int | None
    directory: Path
    names: tuple[str, ...]
    """Of methods, as the user gave them."""

    def on_result(self, result: runs.ShardResult, tally: runs.Tally) -> None:
        """A shard has been judged."""
        totals = tally.totals
        counts = (plural(totals.comparisons, "comparison"), plural(len(tally.candidates), "finding"))
        now = f"{result.shard.family}, {result.shard.dtype}"
        self.progress.show(totals.cases, self.expected, "cases", *counts, now=now)

    def on_finding(self, finding: reports.Finding) -> None:
        """Stores a finding and prints it."""
        rendering.print_finding(finding, stored(finding, self.directory), self.console, self.names)

    def on_given_up(self, method: str) -> None:
        """Says which method is left out from now on."""
        self.console.print(
            f"{method} has ended so many worker processes that it is left out of the rest", style="red", highlight=False
        )
