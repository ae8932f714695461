"""A report of `verify` as Markdown, for a pull request's comment or a step summary of CI."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jaccheck.core import plural, printable
from jaccheck.rendering.text import environment_line, known_rows, verify_summary
from jaccheck.reports import Finding, Report


def verify_markdown(report: Report) -> str:
    """The answer first, a table of findings, then each with its case and script, folded."""
    found = len(report.findings)
    title = plural(found, "finding") if found else "no finding"
    if report.interrupted and not found:
        title = "interrupted, and nothing was found until then"
    elif report.found_something and not found:
        title = "nothing wrong was found, but not all was compared"
    said = (
        f"### jaccheck verify: {title}",
        escaped(verify_summary(report)),
        escaped(environment_line(report.environment)),
    )
    lines = [line for text in said for line in (text, "")]
    if report.findings:
        lines += ["| method | device | law | what was seen | cases |", "|---|---|---|---|---|"]
        lines += [_row(finding) for finding in report.findings]
        lines.append("")
    if report.totals.known_issues:
        lines += ["| known issue | results |", "|---|---:|"]
        lines += [f"| {escaped(name)} | {count:,} |" for name, count in known_rows(report.totals.known_issues)]
        lines.append("")
    for finding in report.findings:
        if finding.likeness:
            lines += [f"{escaped(finding.method)}: {escaped(finding.likeness)}", ""]
        if finding.doubt:
            lines += [f"{escaped(finding.method)}: {escaped(finding.doubt)}", ""]
        lines += folded(
            f"{finding.method}, {finding.law}: the smallest case and a script", repr(finding.case), finding.script
        )
    return "\n".join(lines).rstrip() + "\n"


def _row(finding: Finding) -> str:
    message = f"{finding.outcome}: {finding.message}"
    cells = (finding.method, finding.device, finding.law, message, str(finding.seen))
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def folded(title: str, *sources: str, last: tuple[str, ...] = ()) -> Iterator[str]:
    """The lines of a part that is shown at a click: Python sources in one block, then `last`."""
    text = "\n\n".join(printable(source).rstrip() for source in sources)
    fence = "`" * (3 + max((len(run) for run in re.findall("`+", text)), default=0))
    yield from (f"<details><summary>{escaped(title)}</summary>", "", f"{fence}python", text, fence, "")
    yield from (*last, *([""] if last else []), "</details>", "")


def escaped(text: str) -> str:
    """Text that stays text in a Markdown table, whatever a library put into a message."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_|\[\]!#~@])", r"\\\1", " ".join(text.split()))
