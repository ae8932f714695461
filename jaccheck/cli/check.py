"""`jaccheck check`: every method on a user's own model, given as `FILE.py:FUNCTION`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import click

from jaccheck import core, methods, models, rendering, reports
from jaccheck.cli import options
from jaccheck.cli.codes import code_of
from jaccheck.cli.command import Argument, Option, command
from jaccheck.cli.early import check_place, check_words
from jaccheck.cli.progress import Progress, announce
from jaccheck.cli.writing import CHECK, report_option, writer

LOSSES = ("cross_entropy", "mse", "bce", "bce_with_logits", "nll")
REDUCTIONS = ("sum", "mean", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Check every method on a model of your own: which are right, how fast, with how much memory, which one to use.

    FUNCTION in FILE.py, or package.module:FUNCTION, returns the pair (model, X): an nn.Module in evaluation mode, and a
    batch with one row for each sample: a tensor, a tuple of inputs or a dict of keywords. What follows -- goes to the
    function. The file is run.

    \b
    jaccheck check model.py:make -- --width 64     calls make(width=64)
    jaccheck check model.py:make --output logits   of several outputs this one; without it, all are joined

    With targets, (model, X, y), and --loss the question are the per-sample gradients of the loss, those of each sample
    alone; a method that returns shares in the reduced loss is held to the factor of --reduction. The function may also
    return a loss of its own, as (model, X, y, loss).

    \b
    AGREES      equal to the closed form, or within its proven bound
    CONSISTENT  where no bound is proven: within what rounding is estimated to do to autograd in float64
    DISAGREES   further off than rounding explains
    UNDECIDED   rounding can do so much that nobody knows
    UNSUPPORTED the method says that it does not cover the model
    TOO_LARGE   needs more memory than --memory leaves it
    CRASHED     raised an exception, or ended its process
    HUNG        did not come back, and its process was ended
    NOT_RUN     no time was left, or it took a quarter of all time

    Values are judged, and what a call leaves changed is told, on copies of the model, in a process of its own. Ctrl-C
    ends a check with the answer for what was done. Exit code 1 for wrong numbers, or where nothing could be compared.
    """

    place: Annotated[str, Argument("FILE.py:FUNCTION")]
    arguments: options.Arguments = ()
    output: Annotated[
        str | None, Option("--output", "NAME|INDEX", help="Of several outputs only this one.  [default: all, joined]")
    ] = None
    parameters: options.Parameters = ()
    batch_axis: options.BatchAxis = ()
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
            help="Time for everything, the reference too; what was not done by then is said.",
        ),
    ] = 60.0
    loss: Annotated[
        str | None,
        Option(
            "--loss",
            "NAME",
            type=click.Choice(LOSSES),
            help=f"Check the per-sample gradients of this loss: {', '.join(LOSSES)}.",
        ),
    ] = None
    reduction: Annotated[
        str, Option("--reduction", "|".join(REDUCTIONS), type=click.Choice(REDUCTIONS), help="How the loss is reduced.")
    ] = "mean"
    reports: Annotated[tuple[Path, ...], report_option(CHECK)] = ()
    script: Annotated[
        Path | None,
        Option(
            "--script",
            "PATH",
            help="Where a method is wrong, write a script that prints its worst entry beside torch.autograd.grad.",
        ),
    ] = None


@command("check", "Check every method on a model of your own.")
def run(request: Request) -> int:
    """The exit code: 1 where numbers are wrong or none could be judged, else 0; a crash is only told of."""
    who = ", ".join(request.methods) or "every method"
    announce(f"check: {who} on {request.place}, within {request.time:g} s; loading torch")
    write = writer(request.reports, CHECK)
    check_place(request.place)
    check_words(methods=request.methods)
    if request.script:
        core.check_writable(request.script)
    console = rendering.make_console()
    asked = models.CheckRequest(
        place=request.place,
        arguments=request.arguments,
        output=request.output,
        parameters=request.parameters,
        batch_axis=request.batch_axis,
        methods=request.methods,
        memory=request.memory,
        seconds=request.time,
        loss=request.loss or "",
        reduction=request.reduction,
    )
    with Progress(console, every=3.0) as progress:
        report = models.check_place(asked, _Listener(progress))
    report = replace(report, asked=_asked(request))
    write(report)
    rendering.print_model_report(report, console)
    if request.script and report.wrong:
        choice = methods.choice_of(request.output, request.parameters, request.batch_axis)
        loss = f", named_loss({request.loss!r}, {request.reduction!r})" if request.loss else ""
        core.write_text(models.entry_script(report, repr(choice) + loss), request.script)
    return code_of(report)


def _asked(request: Request) -> reports.Asked:
    """The model as `jaccheck show` takes it."""
    chosen = [("--model-output", request.output)] if request.output else []
    chosen += [("--parameters", pattern) for pattern in request.parameters]
    chosen += [("--batch-axis", axis) for axis in request.batch_axis]
    return reports.Asked(
        place=request.place,
        options=tuple(word for pair in chosen for word in pair),
        arguments=request.arguments,
        methods=request.methods,
    )


class _Listener:
    """Shows how many of the calls, one for each part and method, are done, and what is going on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._parts = self._methods = self._started = self._entries = 0

    def on_stage(self, stage: str) -> None:
        """Something that is no call of a method begins."""
        self._show(stage)

    def on_start(self, parts: int, methods: int) -> None:
        """So many parts will be compared with so many methods; it begins anew where a process had to be ended."""
        self._parts, self._methods = parts, methods
        self._started = self._entries = 0

    def on_method(self, done: int, parts: int, method: str) -> None:
        """A method starts on the part after `done`."""
        self._show(f"part {done + 1:,} of {parts:,}, {method}" if parts > 1 else method)
        self._started += 1

    def on_part(self, done: int, parts: int, entries: int) -> None:
        """So many parts are done."""
        self._started, self._entries = done * self._methods, entries
        self._show()

    def _show(self, now: str = "") -> None:
        if total := self._parts * self._methods:
            entries = (f"{self._entries:,} entries compared",) if self._entries else ()
            self._progress.show(self._started, total, "calls", *entries, now=now)
        else:
            self._progress.tell(now)
