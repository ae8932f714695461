"""`jaccheck show`: finds out what is to be drawn, and with what; everything that can be refused is refused first."""

from __future__ import annotations

import warnings
from pathlib import Path

from rich.console import Console

from jaccheck.case import DTYPES, FAMILIES, Case
from jaccheck.core import chosen, plain_data
from jaccheck.errors import BrokenEnvironment, InvalidRequest, UnknownName, UnreadableFile
from jaccheck.judging import first_line
from jaccheck.methods import Method, choose_devices, load_problem
from jaccheck.models import methods_of, picture_of_case, picture_of_finding, picture_of_model
from jaccheck.rendering import (
    Picture,
    Size,
    draw_picture,
    figure_size,
    make_console,
    print_picture,
    require_matplotlib,
    terminal_size,
)
from jaccheck.reports import CaseFile, check_writable, load

ENDINGS = (".png", ".svg", ".pdf")
WITHOUT_WINDOWS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
"""Matplotlib's backends that only write files."""


@plain_data
class Request:
    """The options of the command, as given."""

    what: str | None
    methods: tuple[str, ...]
    family: str | None
    dtype: str | None
    seed: int | None
    number: int | None
    device: str
    findings: Path
    output: Path | None
    window: bool


def run(request: Request) -> int:
    """The exit code, 0: a picture is no judgement."""
    console = make_console()
    _check_target(request)
    choose_devices([request.device])
    methods = methods_of(request.methods)
    in_terminal = request.output is None and not request.window
    size = terminal_size(console) if in_terminal else Size()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _picture(request, methods, size)
    if in_terminal:
        print_picture(picture, console)
    elif request.output is not None:
        _save(picture, request.output, console)
    else:
        _open(picture)
    return 0


def _check_target(request: Request) -> None:
    if request.output is not None and request.window:
        raise InvalidRequest("--output and --window: choose one of them")
    if request.output is not None:
        if request.output.suffix not in ENDINGS:
            ending = request.output.suffix
            raise UnknownName(f"--output {str(request.output)!r}: the ending {ending!r} is not known; use {_listed()}")
        require_matplotlib()
        check_writable(request.output)
    if request.window:
        require_matplotlib()
        _check_window()


def _listed() -> str:
    return f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"


def _check_window() -> None:
    """Matplotlib decides on a backend when it is first asked for a figure; one that only writes files is of no use."""
    import matplotlib.pyplot as plt

    instead = "use --output, or install one that does (pip install pyqt6) where there is a display"
    try:
        plt.close(plt.figure())
    except Exception as error:  # each toolkit has its own kind
        message = f"--window: matplotlib's backend {plt.get_backend()!r} opens none ({first_line(error)}); {instead}"
        raise BrokenEnvironment(message) from error
    if plt.get_backend().lower() in WITHOUT_WINDOWS:
        raise BrokenEnvironment(f"--window: matplotlib's backend {plt.get_backend()!r} opens none; {instead}")


def _picture(request: Request, methods: tuple[Method, ...], size: Size) -> Picture:
    what = request.what
    drawn = (request.family, request.dtype, request.seed)
    if (what is None) == (request.family is None):
        raise InvalidRequest("name one thing to draw: FILE.py:FUNCTION, FILE.json, the id of a finding, or --family")
    if what is None:
        return picture_of_case(_random_case(request), methods, device=request.device, size=size)
    if drawn != (None, None, None):
        raise InvalidRequest(f"--dtype and --seed go with --family, not with {what!r}")
    if ".py:" in what or what.endswith(".py"):
        if request.number is not None:
            raise InvalidRequest(f"--case goes with a file of cases, not with {what!r}")
        return picture_of_model(load_problem(what), methods, size=size)
    path = _stored(what, request.findings)
    file = load(CaseFile, path)
    if file.finding is not None and not methods:
        return picture_of_finding(file.finding, size=size)
    return picture_of_case(_case_of(file, path, request.number or 0), methods, device=request.device, size=size)


def _random_case(request: Request) -> Case:
    """The case that Hypothesis draws first for this family, dtype and seed, after the simplest there is."""
    from jaccheck.case import draw_cases

    (family,) = chosen("family", (request.family or "",), FAMILIES)
    (dtype,) = chosen("dtype", (request.dtype or "float32",), DTYPES)
    return draw_cases(family, (dtype,), seed_number=request.seed or 0, count=2)[-1]  # type: ignore[arg-type]


def _stored(what: str, findings: Path) -> Path:
    """The file of that name, or of the finding with that id."""
    if what.endswith(".json") or Path(what).exists():
        return Path(what)
    found = sorted(findings.glob(f"*-{what}.json"))
    if len(found) != 1:
        raise UnreadableFile(
            f"{what!r} is no file, and {len(found) or 'no'} findings in {findings} have that id; expected "
            "FILE.py:FUNCTION, FILE.json or an id"
        )
    return found[0]


def _case_of(file: CaseFile, path: Path, number: int) -> Case:
    if number >= len(file.cases):
        raise InvalidRequest(f"--case {number}: {path} holds {len(file.cases)} cases, numbered from 0")
    return file.cases[number]


def _save(picture: Picture, path: Path, console: Console) -> None:
    try:
        draw_picture(picture).savefig(path, dpi=130)
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be written: {error.strerror}") from None
    said = "\n".join((picture.title, *picture.notes, f"written: {path}"))
    console.print(said, highlight=False, markup=False, soft_wrap=True)


def _open(picture: Picture) -> None:
    import matplotlib.pyplot as plt

    draw_picture(picture, plt.figure(figsize=figure_size(picture)))
    plt.show()
