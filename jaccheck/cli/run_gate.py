"""`jaccheck gate`: two sides, one answer; everything that can be refused is refused before anything is built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from platformdirs import user_cache_path
from rich.console import Console

from jaccheck.case import DTYPES, FAMILIES, Case, profile
from jaccheck.cli.gate_progress import GateProgress
from jaccheck.cli.live import Live
from jaccheck.cli.writing import GATE, writer
from jaccheck.core import chosen, plain_data
from jaccheck.errors import InvalidRequest
from jaccheck.gate import (
    Side,
    accept,
    compare_sides,
    first_that_differs,
    load_acceptances,
    parse_side,
    prepare,
    releases_between,
)
from jaccheck.rendering import gate_answer, make_console, print_gate
from jaccheck.reports import Acceptance, CaseFile, GateReport, GateSettings, load
from jaccheck.runs import selected


@plain_data
class Request:
    """The options of the command, as given."""

    base: str
    candidate: str
    profile: str
    seed: int
    methods: tuple[str, ...]
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    families: tuple[str, ...]
    findings: Path
    case_files: tuple[Path, ...]
    fail_slower: float | None
    accept: Path | None
    reports: tuple[Path, ...]
    cache: Path | None
    bisect: bool
    quiet: bool


@plain_data
class Question:
    """A request that can be answered: everything that it names is there."""

    settings: GateSettings
    stored: tuple[Case, ...]
    acceptances: tuple[Acceptance, ...]
    cache: Path
    quiet: bool


def run(request: Request) -> int:
    """The exit code of a gate: 0 nothing that matters changed, 1 a regression."""
    base, candidate = parse_side(request.base), parse_side(request.candidate)
    if base == candidate:
        raise InvalidRequest(f"both sides are {base}: a comparison of a version with itself says nothing")
    question = _question(request, base, candidate)
    write = writer(request.reports, GATE)
    console = make_console()
    report = (_bisected if request.bisect else _answered)(question, base, candidate, console)
    write(report)
    if request.quiet:
        _say(gate_answer(report), console)
    else:
        print_gate(report, console)
    return int(not report.is_open)


def _question(request: Request, base: Side, candidate: Side) -> Question:
    """What is asked. Raises a JaccheckError for whatever has no meaning."""
    settings = GateSettings(
        base=str(base),
        candidate=str(candidate),
        profile=profile(request.profile).name,
        seed=request.seed,
        methods=request.methods,
        devices=request.devices,
        dtypes=chosen("dtype", request.dtypes, DTYPES),
        families=chosen("family", request.families, FAMILIES),
        fail_slower=request.fail_slower,
    )
    return Question(
        settings=settings,
        stored=tuple(selected(_stored(request), settings.dtypes, settings.families)),
        acceptances=load_acceptances(request.accept) if request.accept else (),
        cache=request.cache or user_cache_path("jaccheck"),
        quiet=request.quiet,
    )


def _stored(request: Request) -> Iterator[Case]:
    """The cases of the files that are asked for, then of the findings that `verify` left."""
    for path in (*request.case_files, *sorted(request.findings.glob("*.json"))):
        yield from load(CaseFile, path).cases


def _answered(question: Question, base: Side, candidate: Side, console: Console) -> GateReport:
    """The report on two sides, with what is accepted."""
    cache = question.cache

    def say(text: str) -> None:
        if not question.quiet:
            _say(text, console)

    settings = replace(question.settings, base=str(base), candidate=str(candidate))
    sides = [prepare(side, cache / "environments", say) for side in (base, candidate)]
    with Live(console, quiet=question.quiet) as live:
        report = compare_sides(
            settings,
            profile(settings.profile),
            *sides,
            folder=cache / "gates",
            listener=GateProgress(live),
            stored=question.stored,
        )
    changes, unmatched = accept(report.changes, question.acceptances)
    return replace(report, changes=changes, unmatched=unmatched)


def _bisected(question: Question, base: Side, candidate: Side, console: Console) -> GateReport:
    """The report on the first release between the two sides with a regression, or on the last one."""
    reports: dict[Side, GateReport] = {}

    def differs(release: Side) -> bool:
        report = reports[release] = _answered(question, base, release, console)
        _say(gate_answer(report), console)
        if report.interrupted:
            raise KeyboardInterrupt
        return any(change.matters for change in report.changes)

    releases = releases_between(base, candidate)
    first = first_that_differs(releases, differs)
    if first is None:
        _say(f"no release up to {candidate} has a regression from {base}", console)
        return reports[releases[-1]]
    _say(f"the first release with a regression from {base} is {first}", console)
    return reports[first]


def _say(text: str, console: Console) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
