"""`jaccheck verify`: everything that can be refused is refused before the first case runs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from jaccheck.case import DTYPES, FAMILIES, Case, Profile, profile
from jaccheck.cli.github import errors_of, tell_github
from jaccheck.cli.live import Live
from jaccheck.cli.places import cluster_at, part_named
from jaccheck.cli.progress import Progress
from jaccheck.cli.writing import VERIFY, writer
from jaccheck.core import chosen, plain_data
from jaccheck.errors import ClusterLost, InvalidRequest, UnreadableFile
from jaccheck.methods import Method, choose_devices, describe_environment
from jaccheck.rendering import make_console, print_report, verify_markdown, verify_summary
from jaccheck.reports import CaseFile, Settings, load
from jaccheck.runs import (
    DEFAULT_STORE,
    FINISHED,
    Assignment,
    Judges,
    Limits,
    Pool,
    Recording,
    Shard,
    Store,
    StoredRun,
    WorkerConfig,
    expected_cases,
    given_shards,
    in_this_process,
    part_of,
    selected,
    shards,
    verify,
)
from jaccheck.selftest import choose_stored, choose_with_mutants

if TYPE_CHECKING:
    from jaccheck.runs import Cluster

MOST_WORKERS = 256

Available = Callable[[Iterable[str]], dict[str, str]]
"""The devices of these names, or all that are there, with what they are."""


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
    store: Path | None
    is_stored: bool
    resume: str | None
    """The number of a run, or "last"."""
    part: str | None = None
    scheduler: str | None = None


def worker_count(text: str) -> int:
    """How many worker processes `--workers` asks for. Raises InvalidRequest."""
    if text == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) > MOST_WORKERS:
        raise InvalidRequest(f"--workers {text!r}: give a number from 0 to {MOST_WORKERS}, or auto")
    return int(text)


def run(request: Request) -> int:
    """The exit code of a run: 0 nothing found, 1 something found."""
    write = writer(request.reports, VERIFY)
    console = make_console()
    with ExitStack() as stack:
        store = _opened(request, stack)
        cluster = stack.enter_context(cluster_at(request.scheduler)) if request.scheduler else None
        available = cluster.choose_devices if cluster else choose_devices
        begun = _continued(request, store, available) if request.resume else _begun(request, available)
        record = stack.enter_context(_recording(store, begun)) if store else None
        judges = stack.enter_context(_judges(request, begun, record, cluster))
        live = stack.enter_context(Live(console, quiet=request.quiet))
        report = verify(
            begun.settings,
            begun.profile,
            begun.methods,
            begun.devices,
            shards=record.left(begun.shards()) if record else begun.shards(),
            judges=judges,
            listener=Progress(live, begun.expected(), begun.settings.time, request.findings),
            record=record,
        )
    write(report)
    tell_github(errors_of(report, request.findings), verify_markdown(report))
    if request.quiet:
        console.print(verify_summary(report), highlight=False, soft_wrap=True)
    else:
        print_report(report, console)
    if report.interrupted and record:
        console.print(f"To go on with it: jaccheck verify --resume {record.run.id}", highlight=False)
    return int(report.found_something)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """What a run is to do; `stored` is what a store knows of it, where it goes on."""

    asked: tuple[str, ...]
    profile: Profile
    settings: Settings
    methods: tuple[Method, ...]
    devices: dict[str, str]
    given: list[Case] | None
    stored: StoredRun | None = None

    def shards(self) -> Iterator[Shard]:
        """All its shards."""
        devices = self.settings.devices
        whole = shards(self.profile, self.settings) if self.given is None else given_shards(self.given, devices)
        return part_of(whole, self.settings.part, devices)

    def expected(self) -> int | None:
        """How many cases it has, or None where time decides, or it is a part, which is seen in the end only."""
        if self.settings.part:
            return None
        return expected_cases(self.profile, self.settings) if self.given is None else len(self.given)


def _begun(request: Request, available: Available) -> _Begun:
    """A new run. Raises a JaccheckError for whatever cannot be."""
    chosen_profile = profile(request.profile)
    dtypes = chosen("dtype", request.dtypes, DTYPES)
    families = chosen("family", request.families, FAMILIES)
    stored = [case for path in request.case_files for case in load(CaseFile, path).cases]
    methods = choose_with_mutants(request.methods)
    part = part_named(request.part, is_agreed=request.seed is not None or bool(request.case_files))
    devices = available(request.devices)
    settings = Settings(
        profile=chosen_profile.name,
        seed=secrets.randbits(32) if request.seed is None else request.seed,
        max_examples=request.max_examples,
        time=request.time,
        methods=tuple(method.name for method in methods),
        devices=tuple(devices),
        dtypes=dtypes,
        families=families,
        part=part,
    )
    return _Begun(
        asked=request.methods,
        profile=chosen_profile,
        settings=settings,
        methods=methods,
        devices=devices,
        given=selected(stored, dtypes, families) if request.case_files else None,
    )


def _continued(request: Request, store: Store | None, available: Available) -> _Begun:
    """The run that is to go on. Raises InvalidRequest where there is none, or something else is installed now."""
    if store is None:
        raise InvalidRequest("--resume needs a store; leave out --no-store")
    stored = store.last_unfinished() if request.resume == LAST else store.run(_number(request.resume))
    if stored.state == FINISHED:
        raise InvalidRequest(f"run {stored.id} has come to its end; `jaccheck history {stored.id}` shows what it found")
    # No file says what is imported: modules of the user's own have to be named again.
    for name in stored.asked:
        choose_stored(name, request.methods)
    methods = choose_with_mutants(stored.asked)
    if tuple(method.name for method in methods) != stored.settings.methods:
        raise InvalidRequest(f"run {stored.id} was begun with other methods than there are now; start a new one")
    devices = available(stored.settings.devices)
    now, then = describe_environment(devices), stored.environment
    for name in VERSIONS:
        if getattr(now, name) != getattr(then, name):
            raise InvalidRequest(
                f"run {stored.id} was begun with {name} {getattr(then, name)}, now it is {getattr(now, name)}; "
                "its results would be of both: start a new run"
            )
    return _Begun(
        asked=stored.asked,
        profile=profile(stored.settings.profile),
        settings=stored.settings,
        methods=methods,
        devices=devices,
        given=store.given(stored.id) or None,
        stored=stored,
    )


VERSIONS = ("python", "jaccheck", "torch", "backpack", "numpy", "hypothesis", "devices")
"""What results may depend on."""

LAST = "last"


def _number(text: str | None) -> int:
    if text is None or not text.isdecimal():
        raise InvalidRequest(f"--resume {text!r}: give the number of a run; `jaccheck history` lists them")
    return int(text)


def _opened(request: Request, stack: ExitStack) -> Store | None:
    """The store; none where it is not wanted, or cannot be had and was not asked for."""
    if not request.is_stored:
        return None
    path = request.store or DEFAULT_STORE
    if request.resume and not path.exists():
        raise InvalidRequest(f"--resume: there is no store {str(path)!r} here; give --store")
    try:
        return stack.enter_context(Store(path))
    except UnreadableFile as error:
        if request.store or request.resume:
            raise
        click.echo(f"jaccheck: this run is not stored: {error}", err=True)
        return None


@contextmanager
def _recording(store: Store, begun: _Begun) -> Iterator[Recording]:
    """The run in the store, which nobody else goes on with meanwhile."""
    environment = describe_environment(begun.devices)
    stored = begun.stored or store.begin(begun.asked, begun.settings, environment, begun.given or ())
    with store.alone(stored):
        yield Recording(store, stored)


@contextmanager
def _judges(request: Request, begun: _Begun, record: Recording | None, cluster: Cluster | None) -> Iterator[Judges]:
    """Who judges: this process, or workers of its own, which end with the run, or those of a cluster."""
    if not request.workers and cluster is None:
        yield in_this_process(begun.methods, begun.profile)
        return
    # By the names that were asked for, so that others can import what is named with its module.
    names = begun.asked or begun.settings.methods
    assignment = Assignment(methods=names, profile=begun.profile.name)
    with (
        record.folder() if record else TemporaryDirectory(prefix="jaccheck-") as folder,
        Pool(1 if cluster else request.workers, assignment, request.limits, Path(folder)) as pool,
    ):
        if cluster is None:
            yield Judges(pool.results, pool.probe)
            return
        try:
            yield cluster.judges(WorkerConfig(assignment=assignment, limits=request.limits), pool)
        except ClusterLost as lost:
            if record is None:
                raise
            again = f"jaccheck verify --resume {record.run.id}"
            raise ClusterLost(
                f"{lost}; what is done is stored, to go on: {again} --scheduler ADDRESS, or without"
            ) from None
