"""The support matrix for a terminal: what is not right, and how much is."""

from __future__ import annotations

from collections import Counter, defaultdict

from rich.console import Console

from jaccheck.core import plural
from jaccheck.rendering.fitting import prose
from jaccheck.rendering.text import environment_line, known_table
from jaccheck.reports import MatrixCell, MatrixReport, Outcome

_SHOWN = {Outcome.DISAGREES: "red", Outcome.CRASHED: "red", Outcome.HUNG: "red", Outcome.SIDE_EFFECT: "yellow"}
_SHOWN |= {Outcome.UNDECIDED: "yellow"}
"""The outcomes that are told one by one, with the colour of each."""


def print_matrix(report: MatrixReport, console: Console) -> None:
    """Counts, the known issues that were met, and every layer on which a method is not right for another reason."""
    counts = Counter(cell.outcome for cell in report.cells)
    known = Counter(name for cell in report.cells for name in cell.known)
    if known:
        console.print(known_table(known))
    places: dict[tuple[str, Outcome, str], list[MatrixCell]] = defaultdict(list)
    for cell in report.cells:
        if cell.outcome in _SHOWN and not cell.known:
            places[f"{cell.group}: {cell.row}", cell.outcome, cell.message].append(cell)
    for (layer, outcome, message), cells in places.items():
        methods = ", ".join(dict.fromkeys(cell.method for cell in cells))
        where = ", ".join(dict.fromkeys(f"{cell.dtype} on {cell.device}" for cell in cells))
        prose(console, f"{outcome}: {layer}, {where}", _SHOWN[outcome])
        prose(console, f"{methods}{f': {message}' if message else ''}", indent=2)
    prose(console, environment_line(report.environment))
    told = ", ".join(f"{count:,} {outcome}" for outcome in Outcome if (count := counts[outcome]))
    rows = plural(len({(cell.group, cell.row) for cell in report.cells}), "layer and option", "layers and options")
    methods = plural(len({cell.method for cell in report.cells}), "method")
    met = sum(bool(cell.known) for cell in report.cells)
    others = sum(len(cells) for (_, outcome, _), cells in places.items() if outcome is not Outcome.UNDECIDED)
    answer = f"{others:,} not right and no known issue" if others else "all that is not right is a known issue"
    if not met and not others:
        answer = "nothing is wrong"
    style = "red" if others else "green"
    prose(console, f"{answer}: {plural(len(report.cells), 'cell')}, {methods}, {rows}; {told}", style)
    if report.cluster:
        prose(console, str(report.cluster))
    prose(console, "--all prints the rest; --report out.html writes the whole as a page", "dim")
