"""What a run of `jaccheck verify` starts from: options, or a run in the store that goes on."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from jaccheck import case, core, reports, runs, selftest
from jaccheck import methods as registry
from jaccheck.core import chosen, whole_number
from jaccheck.errors import InvalidRequest, UnreadableFile

if TYPE_CHECKING:
    from jaccheck.cli.verify import Request

LAST = "last"
"""What `--resume` means without a number."""

WHAT_A_RUN_IS = ("profile", "max_examples", "time", "devices", "dtypes", "families", "seed", "cases")
"""Fields of a request that a run that goes on has already."""

MOST_PARTS = 10_000

Available = Callable[[Iterable[str]], dict[str, str]]
"""The devices of these names, or all that are there, with what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a run is to do; `stored` is what a store knows of it, where it goes on."""

    asked: tuple[str, ...]
    profile: case.Profile
    settings: reports.Settings
    methods: tuple[registry.Method, ...]
    devices: dict[str, str]
    given: list[case.Case] | None
    stored: runs.StoredRun | None = None

    def shards(self) -> Iterator[runs.Shard]:
        """All its shards."""
        devices = self.settings.devices
        whole = (
            runs.shards(self.profile, self.settings) if self.given is None else runs.given_shards(self.given, devices)
        )
        return runs.part_of(whole, self.settings.part, devices)

    def expected(self) -> int | None:
        """How many cases it has, or None where time decides, or it is a part, which is seen in the end only."""
        if self.settings.part:
            return None
        return runs.expected_cases(self.profile, self.settings) if self.given is None else len(self.given)


def new_start(request: Request, available: Available) -> Start:
    """A new run. Raises a JaccheckError for whatever cannot be."""
    part = _part_named(request.shard, is_agreed=request.seed is not None or bool(request.cases))
    chosen_profile = case.profile(request.profile)
    dtypes = chosen("dtype", request.dtypes, case.DTYPES)
    families = chosen("family", request.families, case.FAMILIES)
    stored = [each for path in request.cases for each in reports.load(reports.CaseFile, path).cases]
    given = _selected(stored, dtypes, families) if request.cases else None
    methods = _chosen(request.methods)
    devices = available(request.devices)
    settings = reports.Settings(
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
    return Start(
        asked=request.methods,
        profile=chosen_profile,
        settings=settings,
        methods=methods,
        devices=devices,
        given=given,
    )


def _selected(stored: list[case.Case], dtypes: tuple[str, ...], families: tuple[str, ...]) -> list[case.Case]:
    """The given cases that are to be run. Raises InvalidRequest where there is none."""
    if chosen_cases := runs.selected(stored, dtypes, families):
        return chosen_cases
    there = ", ".join(sorted({f"{each.family!r:.60} in {each.dtype}" for each in stored})[:5]) or "no case"
    raise InvalidRequest(
        f"--cases: nothing would be compared: the files hold {there}, and none is of the families and dtypes asked for"
    )


def _chosen(names: tuple[str, ...]) -> tuple[registry.Method, ...]:
    """The methods of these names. What would end this process while it is imported ends a fork of it first."""
    foreign = [name for name in names if ":" in name and not name.startswith(core.MUTANT)]
    if not foreign:
        return selftest.choose_with_mutants(names)
    registry.load_built_in()
    core.survive(lambda: selftest.choose_with_mutants(names), f"method {', '.join(foreign):.200}: importing it")
    with core.importing_foreign():
        return selftest.choose_with_mutants(names)


def check_nothing_is_changed(context: click.Context) -> None:
    """Raises InvalidRequest where options beside --resume would make it another run."""
    for option in context.command.params:
        if option.name in WHAT_A_RUN_IS and context.get_parameter_source(option.name) is not ParameterSource.DEFAULT:
            raise InvalidRequest(f"--resume goes on with a run as it was begun; leave out {option.opts[0]}")


def resumed_start(request: Request, store: runs.Store | None, available: Available) -> Start:
    """The run that is to go on. Raises InvalidRequest where there is none, or something else is installed now."""
    if store is None:
        raise InvalidRequest("--resume needs a store; leave out --no-store")
    stored = store.last_unfinished() if request.resume == LAST else store.run(_number(request.resume))
    if stored.state == runs.FINISHED:
        raise InvalidRequest(f"run {stored.id} has come to its end; `jaccheck history {stored.id}` shows what it found")
    # No file says what is imported: modules of the user's own have to be named again.
    for name in stored.asked:
        selftest.choose_stored(name, request.methods)
    methods = _chosen(stored.asked)
    if tuple(method.name for method in methods) != stored.settings.methods:
        raise InvalidRequest(f"run {stored.id} was begun with other methods than there are now; start a new one")
    devices = available(stored.settings.devices)
    now, then = registry.describe_environment(devices), stored.environment
    for name in (*reports.VERSIONS, "devices"):
        if getattr(now, name) != getattr(then, name):
            raise InvalidRequest(
                f"run {stored.id} was begun with {name} {getattr(then, name)}, now it is {getattr(now, name)}; "
                "its results would be of both: start a new run"
            )
    return Start(
        asked=stored.asked,
        profile=case.profile(stored.settings.profile),
        settings=stored.settings,
        methods=methods,
        devices=devices,
        given=store.given(stored.id) or None,
        stored=stored,
    )


def _number(text: str | None) -> int:
    number = whole_number(text or "")
    if number is None:
        raise InvalidRequest(f"--resume {text!r:.80}: give the number of a run; `jaccheck history` lists them")
    return number


def opened(request: Request, stack: ExitStack) -> runs.Store | None:
    """The store; none where it is not wanted, or cannot be had and was not asked for."""
    if request.no_store:
        return None
    path = request.store or runs.DEFAULT_STORE
    if request.resume and not path.exists():
        raise InvalidRequest(f"--resume: there is no store {str(path)!r} here; give --store")
    try:
        return stack.enter_context(runs.Store(path))
    except UnreadableFile as error:
        if request.store or request.resume:
            raise
        click.echo(f"jaccheck: this run is not stored: {error}", err=True)
        return None


@contextmanager
def recording(store: runs.Store, start: Start) -> Iterator[runs.Recording]:
    """The run in the store, which nobody else goes on with meanwhile."""
    environment = registry.describe_environment(start.devices)
    stored = start.stored or store.begin(start.asked, start.settings, environment, start.given or ())
    with store.alone(stored):
        yield runs.Recording(store, stored)


def _part_named(text: str | None, *, is_agreed: bool) -> reports.Part | None:
    """The part of a run that `3/8` names. Raises InvalidRequest, also where others would draw other cases."""
    if text is None:
        return None
    number, of = (whole_number(part) for part in (text.partition("/")[0], text.partition("/")[2]))
    if number is None or of is None or not 1 <= number <= of <= MOST_PARTS:
        raise InvalidRequest(f"--shard {text!r:.80}: expected NUMBER/OF, as in 3/8, counted from 1")
    if not is_agreed:
        raise InvalidRequest("--shard: give --seed too, the same to all parts, or they are parts of different runs")
    return reports.Part(number=number, of=of)
