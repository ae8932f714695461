"""`jaccheck verify`: everything that can be refused is refused before the first case runs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from jaccheck import devices as device_list
from jaccheck import faults
from jaccheck.case import DTYPES
from jaccheck.case.families import FAMILIES
from jaccheck.commands.github import errors_of, tell_github
from jaccheck.commands.live import Live
from jaccheck.commands.progress import Progress
from jaccheck.commands.writing import VERIFY, writer
from jaccheck.errors import InvalidRequest
from jaccheck.files import load_cases
from jaccheck.methods import Method
from jaccheck.names import chosen
from jaccheck.plain import plain_data
from jaccheck.profiles import Profile, profile
from jaccheck.render.markdown import verify_markdown
from jaccheck.render.text import make_console, print_report, summary
from jaccheck.report import Settings
from jaccheck.runner.isolated import Pool
from jaccheck.runner.local import in_this_process
from jaccheck.runner.plan import expected_cases, given_shards, selected, shards
from jaccheck.runner.protocol import Assignment
from jaccheck.runner.run import Judges, verify
from jaccheck.runner.watch import Limits

MOST_WORKERS = 256


@plain_data
class Request:
    """The options of the command, as given."""

    profile: str
    max_examples: int | None
    time: float | None
    methods: tuple[str, ...]
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    families: tuple[str, ...]
    seed: int | None
    case_files: tuple[Path, ...]
    reports: tuple[Path, ...]
    findings: Path
    quiet: bool
    workers: int
    limits: Limits


def worker_count(text: str) -> int:
    """How many worker processes `--workers` asks for. Raises InvalidRequest."""
    if text == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) > MOST_WORKERS:
        raise InvalidRequest(f"--workers {text!r}: give a number from 0 to {MOST_WORKERS}, or auto")
    return int(text)


def run(request: Request) -> int:
    """The exit code of a run: 0 nothing found, 1 something found."""
    chosen_profile = profile(request.profile)
    dtypes = chosen("dtype", request.dtypes, DTYPES)
    families = chosen("family", request.families, FAMILIES)
    stored = [case for path in request.case_files for case in load_cases(path).cases]
    write = writer(request.reports, VERIFY)
    methods = faults.choose(request.methods)
    devices = device_list.choose(request.devices)
    settings = Settings(
        profile=chosen_profile.name,
        seed=secrets.randbits(32) if request.seed is None else request.seed,
        max_examples=request.max_examples,
        time=request.time,
        methods=tuple(method.name for method in methods),
        devices=tuple(devices),
        dtypes=dtypes,
        families=families,
    )
    console = make_console()
    these = selected(stored, dtypes, families)
    total = len(these) if request.case_files else expected_cases(chosen_profile, settings)
    run_over = given_shards(these, settings.devices) if request.case_files else shards(chosen_profile, settings)
    with _judges(request, methods, chosen_profile) as judges, Live(console, quiet=request.quiet) as live:
        progress = Progress(live, total, request.time, request.findings)
        report = verify(settings, chosen_profile, methods, devices, shards=run_over, judges=judges, listener=progress)
    write(report)
    tell_github(errors_of(report, request.findings), verify_markdown(report))
    if request.quiet:
        console.print(summary(report), highlight=False, soft_wrap=True)
    else:
        print_report(report, console)
    return int(report.found_something)


@contextmanager
def _judges(request: Request, methods: tuple[Method, ...], chosen: Profile) -> Iterator[Judges]:
    """Who judges: this process, or workers of its own, which end with the run."""
    if not request.workers:
        yield in_this_process(methods, chosen)
        return
    assignment = Assignment(methods=request.methods, profile=chosen.name)
    with (
        TemporaryDirectory(prefix="jaccheck-") as folder,
        Pool(request.workers, assignment, request.limits, Path(folder)) as pool,
    ):
        yield Judges(pool.results, pool.probe)
