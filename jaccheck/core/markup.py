"""`html_table` and `text_table`: what reports show of themselves in a notebook, where all is escaped, and in a REPL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from jaccheck.core.text import printable


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


def text_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of the same table as text, numbers flush right; none where it has no row."""
    cells = [[printable(_text(value)) for value in row] for row in rows]
    if not cells:
        return []
    is_number = [all(isinstance(value, int | float) for value in column) for column in zip(*rows, strict=True)]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = [columns, ["─" * width for width in widths], *cells]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        for line in lines
    ]


def _text(value: object) -> str:
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
    return " ".join(str(value).split())
