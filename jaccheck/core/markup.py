"""`html_table`: what reports and verdicts show of themselves in a notebook; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup


def html_table(headline: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *notes: str) -> str:
    """A headline, a table whose cells are texts or numbers, and a line for each note, as HTML."""
    cell, head = Markup("<td style='text-align:{}'>{}</td>"), Markup("<th scope='col'>{}</th>")
    lines = [Markup("<tr>{}</tr>").format(Markup().join(_cell(cell, value) for value in row)) for row in rows]
    table = Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(
        Markup().join(head.format(column) for column in columns), Markup().join(lines)
    )
    parts = [Markup("<p><strong>{}</strong></p>").format(headline)]
    if lines:
        parts.append(table)
    return str(Markup().join([*parts, *(Markup("<p>{}</p>").format(note) for note in notes)]))


def _cell(cell: Markup, value: object) -> Markup:
    if isinstance(value, int | float):
        return cell.format("right", f"{value:,}" if isinstance(value, int) else f"{value:.3g}")
    return cell.format("left", value)
