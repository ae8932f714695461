"""A `ModelReport` as text: what was compared and how, a row for each method, what speaks against some, what to use."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from jaccheck.reports import MethodAnswer, ModelReport, Outcome

_STYLES = {
    Outcome.DISAGREES: "red",
    Outcome.CRASHED: "red",
    Outcome.UNSUPPORTED: "dim",
    Outcome.TOO_LARGE: "dim",
    Outcome.NOT_RUN: "dim",
}


def print_model_report(report: ModelReport, console: Console) -> None:
    """The whole answer."""

    def line(text: str, style: str | None = None) -> None:
        console.print(text, style=style, soft_wrap=True, highlight=False, markup=False)

    line(
        f"{report.model}: N = {report.N:,} samples, C = {report.C:,} outputs, {report.parameters:,} numbers in "
        f"parameters, {report.dtype} on {report.device}; Jacobians of {bytes_text(report.jacobian_bytes)}"
    )
    if report.chunks > 1:
        line(
            f"compared in {report.chunks:,} parts of up to {bytes_text(report.chunk_bytes)}, within "
            f"{bytes_text(report.memory)} of memory; time and memory below are those of {report.chunk_samples} samples"
        )
    line(report.judged_by)
    console.print(_table(report))
    for answer in report.answers:
        if answer.message and answer.outcome is not Outcome.UNSUPPORTED:
            line(f"{answer.method}: {answer.outcome}: {answer.message}", _STYLES.get(answer.outcome))
        for warning in answer.warnings:
            line(f"{answer.method} warned: {warning}", "dim")
    for reason, names in _refusals(report.answers).items():
        line(f"refused by {', '.join(names)}: {reason}", "dim")
    if report.interrupted:
        line("interrupted: this is what was done until then", "yellow")
    line(f"{report.advice}; {report.seconds:.1f} s", "red" if report.found_something else "green")


def _table(report: ModelReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("method", "answer", "judged by"):
        table.add_column(column)
    for column in ("compared", "undecided", "worst", "time", "memory"):
        table.add_column(column, justify="right")
    for answer in report.answers:
        seen = answer.entries > 0
        table.add_row(
            answer.method,
            str(answer.outcome),
            answer.comparison if seen or answer.outcome is Outcome.DISAGREES else "",
            compared(answer, report) if seen else "",
            f"{100 * answer.undecided / answer.entries:.1f} %" if seen else "",
            f"{answer.test_ratio:.2g} ×" if answer.comparison in ("bound", "estimate") else "",
            "" if answer.median_s is None else seconds_text(answer.median_s),
            "" if answer.peak is None else f"{answer.peak:.1f} × J",
            style="bold" if answer.method == report.recommended else _STYLES.get(answer.outcome),
        )
    return table


def compared(answer: MethodAnswer, report: ModelReport) -> str:
    """How much of the Jacobians was compared."""
    if answer.entries == report.N * report.C * report.parameters:
        return "all"
    return f"{answer.chunks:,} of {report.chunks:,} parts"


def _refusals(answers: tuple[MethodAnswer, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for answer in answers:
        if answer.outcome is Outcome.UNSUPPORTED:
            found.setdefault(answer.message, []).append(answer.method)
    return found


def bytes_text(count: int) -> str:
    """A number of bytes with a fitting unit."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def seconds_text(seconds: float) -> str:
    """A time with a fitting unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
