"""`jaccheck gate`: two sides, one answer; everything that can be refused is refused before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from platformdirs import user_cache_path
from rich.console import Console

from jaccheck.case import DTYPES, Case
from jaccheck.case.families import FAMILIES
from jaccheck.commands.gate_progress import GateProgress
from jaccheck.errors import InvalidRequest, UnknownName, UnreadableFile
from jaccheck.files import check_writable, load_cases
from jaccheck.gate.acceptances import accept, load_acceptances
from jaccheck.gate.bisect import first_that_differs, releases_between
from jaccheck.gate.environments import prepare
from jaccheck.gate.junit import gate_junit
from jaccheck.gate.markdown import markdown
from jaccheck.gate.report import GateReport, GateSettings
from jaccheck.gate.run import compare
from jaccheck.gate.sides import Side, parse_side
from jaccheck.gate.text import answer, print_gate
from jaccheck.names import chosen
from jaccheck.plain import plain_data, to_json
from jaccheck.profiles import profile
from jaccheck.render.text import make_console


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
    case_files: tuple[Path, ...]
    fail_slower: float | None
    accept: Path | None
    reports: tuple[Path, ...]
    cache: Path | None
    bisect: bool
    quiet: bool


def run(request: Request) -> int:
    """The exit code of a gate: 0 nothing that matters changed, 1 a regression."""
    base, candidate = parse_side(request.base), parse_side(request.candidate)
    if base == candidate and not request.bisect:
        raise InvalidRequest(f"both sides are {base}: a comparison of a version with itself says nothing")
    acceptances = load_acceptances(request.accept) if request.accept else ()
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
    stored = tuple(case for path in request.case_files for case in load_cases(path).cases)
    writers = [(path, _writer(path)) for path in request.reports]
    for path in request.reports:
        check_writable(path)
    console = make_console()
    if request.bisect:
        return _bisect(request, settings, stored, console)
    report = _gate(request, settings, stored, console)
    changes, unmatched = accept(report.changes, acceptances)
    report = replace(report, changes=changes, unmatched=unmatched)
    for path, write in writers:
        _save(path, write(report))
    if request.quiet:
        console.print(answer(report), highlight=False, soft_wrap=True)
    else:
        print_gate(report, console)
    return int(not report.is_open)


def _gate(request: Request, settings: GateSettings, stored: tuple[Case, ...], console: Console) -> GateReport:
    cache = request.cache or user_cache_path("jaccheck")
    say = (lambda text: None) if request.quiet else (lambda text: console.print(text, highlight=False, soft_wrap=True))
    sides = [prepare(parse_side(text), cache / "environments", say) for text in (settings.base, settings.candidate)]
    with GateProgress(console, quiet=request.quiet) as progress:
        return compare(
            settings, profile(settings.profile), *sides, folder=cache / "gates", listener=progress, stored=stored
        )


def _bisect(request: Request, settings: GateSettings, stored: tuple[Case, ...], console: Console) -> int:
    """Names the first release between the two sides that differs from the base."""
    base, candidate = settings.base, settings.candidate

    def differs(release: Side) -> bool:
        report = _gate(request, replace(settings, candidate=str(release)), stored, console)
        console.print(answer(report), highlight=False, soft_wrap=True)
        return not report.is_open

    first = first_that_differs(releases_between(parse_side(base), parse_side(candidate)), differs)
    if first is None:
        console.print(f"no release up to {candidate} differs from {base} in what matters", style="green")
        return 0
    console.print(f"the first release with a regression from {base} is {first}", style="red", highlight=False)
    return 1


def _writer(path: Path) -> Callable[[GateReport], str]:
    match path.suffix:
        case ".json":
            return lambda report: to_json(report, indent=1) + "\n"
        case ".md":
            return markdown
        case ".xml":
            return gate_junit
        case other:
            raise UnknownName(
                f"report {str(path)!r}: the ending {other!r} is not known; use .json, .md or .xml (JUnit)"
            )


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be written: {error.strerror}") from None
