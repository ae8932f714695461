"""Texts of a report that would be markup, commands of the terminal, or code: in every place, and in every format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jaccheck_support.example_reports.judged import verify_report

from attack_groups.attack import Attack, refused
from jaccheck.core import to_json

TEXTS = {
    "a closing tag": "[/x]",
    "an open tag": "[bold blink red",
    "a link": "[link=https://evil.example]x[/link]",
    "an emoji": ":skull:",
    "a link of the terminal": "\x1b]8;;https://evil.example\x07x",
    "blinking": "\x1b[5m",
    "a command of one byte": "\x9b5m",
    "a line that is overwritten": "\rjaccheck: no finding",
    "right to left": "\u202eno finding",
    "no letter": "\x00\ufffe",
    "half a letter": "\ud800",
    "code of a shell": "$(touch owned)`touch owned`",
    "code of a page": "<script>alert(1)</script>]]>",
    "code of a template": "{{ 7*7 }}{% raw %}%s%n{0.__class__}",
    "much": "x" * 100_000,
}

PLACES = (
    "findings.0.method",
    "findings.0.device",
    "findings.0.failure.law",
    "findings.0.script",
    "findings.0.id",
    "findings.0.case.family",
    "findings.0.failure.detail.worst.parameter",
    "coverage.0.method",
    "coverage.0.device",
    "coverage.0.family",
    "environment.torch",
    "environment.python",
    "environment.backpack",
    "environment.devices.cpu",
    "given_up.0",
    "settings.profile",
)

SHOWN = (
    "jaccheck report report.json --report out.xml --report out.html --report out.md --report out.json; code=$?\n"
    "python -c \"import xml.dom.minidom as m; m.parse('out.xml')\" || exit 97\n"
    "exit $code"
)


def attacks() -> Iterator[Attack]:
    """Each text in each place."""
    for place in PLACES:
        for name, text in TEXTS.items():
            yield _of(name, place, text)
    for name, text in TEXTS.items():
        yield _of(f"{name} as a name", "environment.devices", {text: "x"})


def _of(name: str, place: str, value: object) -> Attack:
    """It is shown and written as text; what is no text at all is refused."""
    file = {"report.json": json.dumps(changed(json.loads(to_json(verify_report())), place, value))}
    if name.startswith("half a letter"):
        return refused(f"{name} in {place}", SHOWN.replace("|| exit 97", "2>/dev/null"), "report.json", files=file)
    return Attack(name=f"{name} in {place}", shell=SHOWN, files=file, codes=(1,))


def changed(tree: Any, place: str, value: object) -> Any:
    """A tree with another value in one place, which must be there."""
    *way, last = [int(step) if step.isdecimal() else step for step in place.split(".")]
    inner = tree
    for step in way:
        inner = inner[step]
    if isinstance(inner, list) and last == len(inner):
        inner.append(value)
    else:
        assert place.endswith(".cpu") or inner[last] is not ..., place
        inner[last] = value
    return tree
