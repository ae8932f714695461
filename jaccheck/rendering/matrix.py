"""The support matrix as Markdown: a row for each layer and option, a column for each group of methods that agree."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.core import plural
from jaccheck.reports import MatrixCell, MatrixReport, Outcome

SIGNS: dict[Outcome, str] = dict.fromkeys(Outcome, "") | {
    Outcome.AGREES: "✓",
    Outcome.DISAGREES: "✗ wrong",
    Outcome.UNSUPPORTED: "–",
    Outcome.CRASHED: "crash",
    Outcome.HUNG: "hangs",
    Outcome.SIDE_EFFECT: "✓ but",
    Outcome.UNDECIDED: "?",
    Outcome.CONSISTENT: "≈",
}
"""An outcome as a cell shows it."""

LEGEND = (
    "✓ right · ✗ wrong without a word · – refused beforehand · crash: an exception instead of a result · "
    "✓ but: right, but something is left behind or changed · ? no bound decides · ≈ no bound is proven, consistent "
    "with float64 autograd by estimate · blank: torch itself does not compute it, or the method "
    "ended its process on several others before it"
)


def matrix_markdown(report: MatrixReport) -> str:
    """One table for each group of layers, dtype and device; methods that are alike throughout share a column."""
    lines = [
        f"torch {report.environment.torch_said}, BackPACK {report.environment.backpack_said}, "
        f"Python {report.environment.python}; {plural(len(report.cells), 'cell')}.",
        "",
        f"{LEGEND}. The names in brackets are those of `jaccheck known`.",
        "",
    ]
    for dtype, device in dict.fromkeys((cell.dtype, cell.device) for cell in report.cells):
        cells = [cell for cell in report.cells if (cell.dtype, cell.device) == (dtype, device)]
        lines += [f"## {dtype} on {device}", "", *_tables(cells)]
    return "\n".join(lines).rstrip() + "\n"


def _tables(cells: list[MatrixCell]) -> Iterator[str]:
    columns = columns_alike(cells)
    yield "Columns: " + "; ".join(
        f"**{names[0]}**" + (f" (as {', '.join(names[1:])})" if len(names) > 1 else "") for names in columns
    )
    yield ""
    marks = {(cell.group, cell.row, cell.method): cell for cell in cells}
    yield "| layer | " + " | ".join(names[0] for names in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for group in dict.fromkeys(cell.group for cell in cells):
        yield f"| **{group}** |" + " |" * len(columns)
        for row in dict.fromkeys(cell.row for cell in cells if cell.group == group):
            shown = (_shown(marks[group, row, names[0]]) for names in columns)
            yield f"| {row.replace('|', '∥')} | " + " | ".join(shown) + " |"
    yield ""


def columns_alike(cells: list[MatrixCell]) -> list[tuple[str, ...]]:
    """Methods whose outcomes are the same in every row, together."""
    by_method: dict[str, list[tuple[Outcome, tuple[str, ...]]]] = {}
    for cell in cells:
        by_method.setdefault(cell.method, []).append((cell.outcome, cell.known))
    groups: dict[tuple[tuple[Outcome, tuple[str, ...]], ...], list[str]] = {}
    for name, marks in by_method.items():
        groups.setdefault(tuple(marks), []).append(name)
    return [tuple(names) for names in groups.values()]


BACKPACK = ("batch_grad_", "sqrt_ggn_", "loss_batch_grad")
"""How the names of BackPACK's methods begin."""


def backpack_first(columns: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The same groups of methods, those with one of BackPACK's at the front."""
    return sorted(columns, key=lambda names: not any(name.startswith(BACKPACK) for name in names))


def _shown(cell: MatrixCell) -> str:
    return SIGNS[cell.outcome] + (f" [{', '.join(cell.known)}]" if cell.known else "")
