"""`jaccheck show`: finds out what is to be drawn, and with what; everything that can be refused is refused first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from jaccheck import case, core, models, rendering, reports
from jaccheck.cli import options
from jaccheck.cli.command import Argument, Option, command
from jaccheck.cli.progress import Progress, announce
from jaccheck.cli.versions import tell_versions
from jaccheck.core import chosen
from jaccheck.errors import BrokenEnvironment, InvalidRequest, UnknownName, UnreadableFile

if TYPE_CHECKING:
    from rich.console import Console

ENDINGS = (".png", ".svg", ".pdf")
WITHOUT_WINDOWS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
"""Matplotlib's backends that only write files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Draw the Jacobians: samples × outputs by all parameters, one after another, as in BackPACK's tutorial.

    \b
    jaccheck show model.py:make                        of a model of your own, as for `jaccheck check`
    jaccheck show model.py:make --method sqrt_ggn_sum  a method beside the closed form, and their difference
    jaccheck show --family convolution --seed 3        of a random case
    jaccheck show cases.json --case 2                  of a stored case
    jaccheck show 5d37eeac96                           of a finding, by file or by id (looked up in --findings)

    Without --method the closed form is drawn, or autograd in float64 where a layer has no closed form; with one, it is
    drawn beside that. Exit code 0: a picture is no judgement.

    Drawn in the terminal, in colours where it has some. The difference is in units of the proven bound: beyond ±1 is
    wrong. Where nothing is proven it says so, and shows the plain difference. What is too large for the picture is
    reduced to the entry of largest magnitude of each cell, so that nothing that sticks out is lost.
    """

    what: Annotated[str | None, Argument("[FILE.py:FUNCTION|FILE.json|ID]")] = None
    arguments: options.Arguments = ()
    methods: Annotated[
        tuple[str, ...],
        Option(
            "--method",
            "NAME",
            help="Draw this method beside the reference; two of them beside each other. `package.module:function` for "
            "one of your own, `mutant:NAME` for a mutant.",
        ),
    ] = ()
    model_output: Annotated[
        str | None,
        Option(
            "--model-output", "NAME|INDEX", help="Of several outputs of a model only this one, as --output of check."
        ),
    ] = None
    parameters: options.Parameters = ()
    batch_axis: options.BatchAxis = ()
    family: Annotated[
        str | None,
        Option(
            "--family",
            "NAME",
            offers=options.FAMILY_NAMES,
            help="Draw a random case of this family instead of a file's.",
        ),
    ] = None
    dtype: Annotated[
        str | None,
        Option("--dtype", "NAME", offers=options.DTYPE_NAMES, help="Dtype of the random case.  [default: float32]"),
    ] = None
    seed: Annotated[
        int | None, Option("--seed", "N", type=options.SEED, help="Which random case, from 0.  [default: 0]")
    ] = None
    case: Annotated[
        int | None, Option("--case", "N", type=click.IntRange(0), help="Which case of a file, from 0.  [default: 0]")
    ] = None
    device: Annotated[str, Option("--device", "NAME", help="Device of a case, as torch names it.")] = "cpu"
    time: Annotated[
        float,
        Option(
            "--time",
            "SECONDS",
            type=options.ABOVE_ZERO,
            help="The model, the reference and each call of a method may take so long.",
        ),
    ] = 300.0
    findings: options.Findings = options.FINDINGS
    output: Annotated[
        Path | None,
        Option(
            "--output -o",
            "PATH",
            help="Draw into this .png, .svg or .pdf with matplotlib, not into the terminal.",
        ),
    ] = None
    window: Annotated[bool, Option("--window", help="Draw into a window.")] = False


@command("show", "Draw the Jacobians of a model, a case or a finding.")
def run(request: Request) -> int:
    """The exit code, 0: a picture is no judgement."""
    what = request.what or (f"a random case of {request.family}" if request.family else "")
    announce(f"show: {', '.join(request.methods) or 'the reference'} of {what}; loading torch" if what else "")
    console = rendering.make_console()
    _check_target(request)
    in_terminal = request.output is None and not request.window
    size = rendering.terminal_size(console) if in_terminal else rendering.Size()
    asked = _asked(request, size)
    with Progress(console) as progress:
        picture = models.draw(asked, request.time, progress.tell)
    if in_terminal:
        rendering.print_picture(picture, console)
    elif request.output is not None:
        _save(picture, request.output, console)
    else:
        _open(picture)
    tell_versions()
    return 0


def _check_target(request: Request) -> None:
    if request.output is not None and request.window:
        raise InvalidRequest("--output and --window: choose one of them")
    if request.output is not None:
        if request.output.suffix not in ENDINGS:
            ending = request.output.suffix
            raise UnknownName(f"--output {str(request.output)!r}: the ending {ending!r} is not known; use {_listed()}")
        rendering.require_matplotlib()
        rendering.use_own_style()
        core.check_writable(request.output)
    if request.window:
        rendering.require_matplotlib()
        rendering.use_own_style()
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
        message = (
            f"--window: matplotlib's backend {plt.get_backend()!r} opens none ({reports.first_line(error)}); {instead}"
        )
        raise BrokenEnvironment(message) from error
    if plt.get_backend().lower() in WITHOUT_WINDOWS:
        raise BrokenEnvironment(f"--window: matplotlib's backend {plt.get_backend()!r} opens none; {instead}")


def _asked(request: Request, size: rendering.Size) -> models.DrawRequest:
    """What the worker is asked for."""
    what = request.what
    random = (request.family, request.dtype, request.seed)
    asked = models.DrawRequest(methods=request.methods, device=request.device, rows=size.rows, columns=size.columns)
    if (what is None) == (request.family is None):
        raise InvalidRequest("name one thing to draw: FILE.py:FUNCTION, FILE.json, the id of a finding, or --family")
    if what is None:
        return replace(asked, case=_random_case(request))
    if random != (None, None, None):
        raise InvalidRequest(f"--dtype and --seed go with --family, not with {what!r}")
    of_models = (request.model_output, request.parameters, request.batch_axis, request.arguments)
    if what.endswith(".py") or (":" in what and not Path(what).exists()):
        if request.case is not None:
            raise InvalidRequest(f"--case goes with a file of cases, not with {what!r}")
        return replace(
            asked,
            place=what,
            arguments=request.arguments,
            output=request.model_output,
            parameters=request.parameters,
            batch_axis=request.batch_axis,
        )
    if of_models != (None, (), (), ()):
        raise InvalidRequest(
            f"--model-output, --parameters, --batch-axis and arguments go with a model, not with {what!r}"
        )
    path = _stored(what, request.findings)
    file = reports.load(reports.CaseFile, path)
    if file.finding is not None and not request.methods:
        return replace(asked, finding=file.finding)
    return replace(asked, case=_case_of(file, path, request.case or 0))


def _random_case(request: Request) -> case.Case:
    """The case that Hypothesis draws first for this family, dtype and seed, after the simplest there is."""
    (family,) = chosen("family", (request.family or "",), case.FAMILIES)
    (dtype,) = chosen("dtype", (request.dtype or "float32",), case.DTYPES)
    return case.draw_cases(family, (dtype,), seed_number=request.seed or 0, count=2)[-1]  # type: ignore[arg-type]


def _stored(what: str, findings: Path) -> Path:
    """The file of that name, or of the finding with that id."""
    if what.endswith(".json") or Path(what).exists():
        return Path(what)
    found = sorted(findings.glob(f"*-{escape(what)}.json"))
    if len(found) != 1:
        raise UnreadableFile(
            f"{what!r} is no file, and {len(found) or 'no'} findings in {findings} have that id; expected "
            "FILE.py:FUNCTION, FILE.json or an id"
        )
    return found[0]


def _case_of(file: reports.CaseFile, path: Path, number: int) -> case.Case:
    if number >= len(file.cases):
        raise InvalidRequest(f"--case {number}: {path} holds {len(file.cases)} cases, numbered from 0")
    return file.cases[number]


def _save(picture: rendering.Picture, path: Path, console: Console) -> None:
    try:
        rendering.draw_picture(picture).savefig(path, dpi=130)
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be written: {error.strerror}") from None
    rendering.prose(console, "\n".join((picture.title, *picture.notes)))
    rendering.verbatim(console, f"written: {path}")


def _open(picture: rendering.Picture) -> None:
    import matplotlib.pyplot as plt

    rendering.draw_picture(picture, plt.figure(figsize=rendering.figure_size(picture)))
    plt.show()
