"""`jaccheck check`: every method on a user's own model, given as `FILE.py:FUNCTION`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from jaccheck import bench, methods, models, rendering
from jaccheck.cli import options
from jaccheck.cli.command import Argument, Option, command
from jaccheck.cli.progress import Progress
from jaccheck.cli.writing import CHECK, report_option, writer
from jaccheck.core import bound_native_caches


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Check every method on a model of your own: which are right, how fast, with how much memory, which one to use.

    FUNCTION in FILE.py takes no arguments and returns the pair (model, X): an nn.Module in evaluation mode, and a batch
    with one row for each sample. The file is run.

    \b
    AGREES      equal to the closed form, or within its proven bound (models whose layers all have a bound rule)
    CONSISTENT  other models: within what rounding is estimated to do to autograd in float64; no proof
    DISAGREES   further off than rounding explains
    UNSUPPORTED the method says beforehand that it does not cover the model
    TOO_LARGE   needs more memory than --memory leaves it
    CRASHED, UNDECIDED, NOT_RUN

    Only values are judged, on copies of the model. Ctrl-C ends a check with the answer for what was done.
    """

    place: Annotated[str, Argument("FILE.py:FUNCTION")]
    methods: options.Methods = ()
    memory: Annotated[
        int | None,
        Option(
            "--memory",
            "SIZE",
            type=options.Size(),
            help="What the process may have in all, as in 2GiB; larger Jacobians are compared part by part.  "
            "[default: half of what is free]",
        ),
    ] = None
    time: Annotated[
        float,
        Option(
            "--time",
            "SECONDS",
            type=options.ABOVE_ZERO,
            help="Time for each method; where it ends before the last part, the answer says how far it came.",
        ),
    ] = 60.0
    reports: Annotated[tuple[Path, ...], report_option(CHECK)] = ()


@command("check", "Check every method on a model of your own.")
def run(request: Request) -> int:
    """The exit code: 1 where a method is wrong or crashes on this model, or nothing was compared, else 0."""
    bound_native_caches()
    write = writer(request.reports, CHECK)
    methods.choose_methods(request.methods)
    console = rendering.make_console()
    bench.keep_freed_memory()
    problem = methods.load_problem(request.place)
    with Progress(console) as progress:
        report = models.check(
            problem.model,
            problem.X,
            methods=request.methods,
            memory=request.memory,
            seconds=request.time,
            listener=_Listener(progress),
        )
    write(report)
    rendering.print_model_report(report, console)
    return int(report.found_something)


class _Listener:
    """Shows how many of the calls, one for each part and method, are done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._methods = self._started = self._entries = 0

    def on_start(self, parts: int, methods: int) -> None:
        """So many parts will be compared with so many methods."""
        self._methods = methods

    def on_method(self, done: int, parts: int, method: str) -> None:
        """A method starts on the part after `done`."""
        self._show(parts, f"part {done + 1:,} of {parts:,}, {method}")
        self._started += 1

    def on_part(self, done: int, parts: int, entries: int) -> None:
        """So many parts are done."""
        self._started, self._entries = done * self._methods, entries
        self._show(parts)

    def _show(self, parts: int, now: str = "") -> None:
        total = parts * self._methods
        self._progress.show(self._started, total, "calls", f"{self._entries:,} entries compared", now=now)
