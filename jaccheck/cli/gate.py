"""`jaccheck gate`: two sides, one answer; everything that can be refused is refused before anything is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from jaccheck import case, gate, rendering, reports, runs
from jaccheck.cli import options
from jaccheck.cli.codes import code_of
from jaccheck.cli.command import Argument, Option, command
from jaccheck.cli.progress import Progress
from jaccheck.cli.writing import GATE, report_option, writer
from jaccheck.core import chosen, plural
from jaccheck.errors import InvalidRequest

if TYPE_CHECKING:
    from rich.console import Console


SEQUENCES_DRAWN = 20
"""After the directed ones: the gate's own cases find most, and nothing is shortened on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Did going from BASE to CANDIDATE change anything?

    Each side is a requirement, a checkout, a wheel, or several of them in quotes. Both run the same cases, each in an
    environment of its own; what differs in bits is judged, shrunk, and told with a script.

    \b
    jaccheck gate backpack-for-pytorch==1.7.0 backpack-for-pytorch==1.7.1
    jaccheck gate backpack-for-pytorch==1.7.1 ./backpack --fail-slower 10%
    jaccheck gate "backpack-for-pytorch==1.7.1 torch==2.13.0" "backpack-for-pytorch==1.7.1 torch==2.15.0"

    Exit code 0: nothing that matters changed; 1: a method is wrong where it was right, wrong in another way, refuses
    what it did not, leaves something else behind or, if asked for, is slower.
    """

    base: Annotated[str, Argument()]
    candidate: Annotated[str, Argument()]
    profile: options.Profile = "quick"
    seed: options.CaseSeed = 0
    methods: options.MethodNames = ()
    devices: Annotated[
        tuple[str, ...],
        Option(
            "--device",
            "NAME",
            help="Only this device, on both sides; `base=NAME` and `candidate=NAME` give each its own. Repeatable.",
        ),
    ] = ()
    dtypes: options.Dtypes = ()
    families: options.Families = ()
    findings: options.Findings = options.FINDINGS
    cases: Annotated[
        tuple[Path, ...],
        Option(
            "--cases",
            "FILE",
            help="Run the cases stored in this file first, those of stored findings after them. Repeatable.",
        ),
    ] = ()
    sequences: Annotated[
        int | None,
        Option(
            "--sequences",
            "N",
            type=click.IntRange(0, 10_000),
            help="Play sequences of calls too: the directed ones, then N drawn ones.  [default: 20, unless methods or "
            "families are named]",
        ),
    ] = None
    fail_slower: Annotated[
        float | None,
        Option(
            "--fail-slower",
            "PERCENT",
            type=options.Percentage(),
            help="Time both sides too, as in 10%; slower by more than that is a regression.",
        ),
    ] = None
    accept: Annotated[Path | None, Option("--accept", "FILE", help="Changes that are known and wanted.")] = None
    bisect: Annotated[
        bool, Option("--bisect", help="Walk the releases between the two; name the first with a regression.")
    ] = False
    reports: Annotated[tuple[Path, ...], report_option(GATE)] = ()
    cache: Annotated[Path | None, Option("--cache", "DIR", help="Where environments are kept.")] = None
    quiet: options.Quiet = False


@command("gate", "Compare two versions of BackPACK or torch, or two devices.")
def run(request: Request) -> int:
    """The exit code of a gate: 0 nothing that matters changed, 1 a regression."""
    base, candidate = gate.parse_side(request.base), gate.parse_side(request.candidate)
    if base == candidate and not _side_devices(request.devices):
        raise InvalidRequest(f"both sides are {base}: a comparison of a version with itself says nothing")
    question = _question(request, base, candidate)
    write = writer(request.reports, GATE)
    console = rendering.make_console()
    report = (_bisected if request.bisect else _answered)(question, base, candidate, console)
    write(report)
    if request.quiet:
        _say(rendering.gate_answer(report), console)
    else:
        rendering.print_gate(report, console)
    return code_of(report)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A request that can be answered: everything that it names is there."""

    settings: reports.GateSettings
    stored: tuple[case.Case, ...]
    acceptances: tuple[reports.Acceptance, ...]
    cache: Path
    quiet: bool


def _question(request: Request, base: gate.Side, candidate: gate.Side) -> _Question:
    """What is asked. Raises a JaccheckError for whatever has no meaning."""
    from platformdirs import user_cache_path

    is_whole = not request.methods and not request.families
    settings = reports.GateSettings(
        base=str(base),
        candidate=str(candidate),
        profile=case.profile(request.profile).name,
        seed=request.seed,
        methods=request.methods,
        devices=() if (side_devices := _side_devices(request.devices)) else request.devices,
        side_devices=side_devices,
        dtypes=chosen("dtype", request.dtypes, case.DTYPES),
        families=chosen("family", request.families, case.FAMILIES),
        sequences=SEQUENCES_DRAWN if request.sequences is None and is_whole else request.sequences,
        fail_slower=request.fail_slower,
    )
    return _Question(
        settings=settings,
        stored=tuple(runs.selected(_stored(request), settings.dtypes, settings.families)),
        acceptances=gate.load_acceptances(request.accept) if request.accept else (),
        cache=request.cache or user_cache_path("jaccheck"),
        quiet=request.quiet,
    )


def _side_devices(names: tuple[str, ...]) -> tuple[str, str] | None:
    """The device of each side, if they have their own. Raises InvalidRequest where one of them is not said."""
    own = dict(name.split("=", 1) for name in names if "=" in name)
    if not own:
        return None
    if len(own) != len(names) or own.keys() != {"base", "candidate"} or not all(own.values()):
        told = " ".join(f"--device {name}" for name in names)
        raise InvalidRequest(f"{told}: give both sides a device, as in --device base=cpu --device candidate=cuda")
    return own["base"], own["candidate"]


def _stored(request: Request) -> Iterator[case.Case]:
    """The cases of the files that are asked for, then of the findings that `verify` left."""
    for path in (*request.cases, *sorted(request.findings.glob("*.json"))):
        yield from reports.load(reports.CaseFile, path).cases


def _answered(question: _Question, base: gate.Side, candidate: gate.Side, console: Console) -> reports.GateReport:
    """The report on two sides, with what is accepted."""
    cache = question.cache

    def say(text: str) -> None:
        if not question.quiet:
            _say(text, console)

    settings = replace(question.settings, base=str(base), candidate=str(candidate))
    sides = [gate.prepare(side, cache / "environments", say) for side in (base, candidate)]
    with Progress(console, quiet=question.quiet) as progress:
        report = gate.compare_sides(
            settings,
            case.profile(settings.profile),
            *sides,
            folder=cache / "gates",
            listener=_Listener(progress, say),
            stored=question.stored,
        )
    changes, unmatched = gate.accept(report.changes, question.acceptances)
    return replace(report, changes=changes, unmatched=unmatched)


@dataclass(frozen=True, slots=True)
class _Listener:
    """Shows how many cases are compared, and prints changes as they come."""

    progress: Progress
    say: Callable[[str], None]

    def on_case(self, at: case.Case, done: int, total: int, changes: int) -> None:
        """A case has been compared."""
        self.progress.show(done, total, "cases", plural(changes, "change"), now=at.family)

    def on_uses(self) -> None:
        """Sequences of calls are played on both sides."""
        self.progress.show(0, 1, "steps", now="sequences of calls")

    def on_step(self, name: str, done: int, total: int) -> None:
        """All cases are done, and this is looked into."""
        self.progress.show(done, total, "steps", now=name)

    def on_change(self, change: reports.Change) -> None:
        """Prints one line; the whole of it comes with the report."""
        self.say(f"{change.kind}: {change.method}: {change.candidate}")


def _bisected(question: _Question, base: gate.Side, candidate: gate.Side, console: Console) -> reports.GateReport:
    """The report on the first release between the two sides with a regression, or on the last one."""
    answers: dict[gate.Side, reports.GateReport] = {}

    def differs(release: gate.Side) -> bool:
        report = answers[release] = _answered(question, base, release, console)
        _say(rendering.gate_answer(report), console)
        if report.interrupted:
            raise KeyboardInterrupt
        return any(change.matters for change in report.changes)

    releases = gate.releases_between(base, candidate)
    first = gate.first_that_differs(releases, differs)
    if first is None:
        _say(f"no release up to {candidate} has a regression from {base}", console)
        return answers[releases[-1]]
    _say(f"the first release with a regression from {base} is {first}", console)
    return answers[first]


def _say(text: str, console: Console) -> None:
    rendering.prose(console, text)
