"""The report of each command as it is printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaccheck.rendering import (
    SafeConsole,
    print_cell,
    print_finding,
    print_gate,
    print_matrix,
    print_model_report,
    print_report,
    print_selftest,
    print_sequences,
)


def _of_verify(report: Any, console: SafeConsole) -> None:
    for finding in report.findings:
        print_finding(finding, "finding.json", console)
    print_report(report, console)


def _of_bench(report: Any, console: SafeConsole) -> None:
    for cell in report.cells:
        print_cell(cell, console)


PRINTED: dict[str, Callable[[Any, SafeConsole], None]] = {
    "verify": _of_verify,
    "bench": _of_bench,
    "gate": print_gate,
    "matrix": print_matrix,
    "model": print_model_report,
    "selftest": print_selftest,
    "sequences": lambda report, console: print_sequences(report, console, quiet=False),
}
