"""What the scripts of known issues print here: whether each still shows what it states."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from jaccheck.core import SCRIPT_SECONDS, Allowed, AllRan, ChildEnded, Ran, Scripts, Worker, printable
from jaccheck.errors import BrokenEnvironment
from jaccheck.judging.known.issue import PACKAGES, KnownIssue

ALLOWED = Allowed(seconds=2.0 * SCRIPT_SECONDS)
"""For one script: its process has an alarm of its own before that."""

IMPORTING = Allowed(seconds=60.0)
"""For a package to be imported; torch, before it, has the time in which a process may load."""

_PRINTED = re.compile(r"^(expected|actual): +(.*)$", re.MULTILINE)
_STATED = re.compile(r"^.*\S  # (.*)$")
_EXCEPTION = re.compile(r"^[\w.]*(?:Error|Exception)\b.*", re.MULTILINE)


class Shown(Enum):
    """What became of an issue."""

    STILL_THERE = "STILL THERE"
    MENDED = "MENDED"
    CHANGED = "CHANGED"
    """It prints what is neither expected nor stated."""
    NOT_HERE = "NOT HERE"
    NOT_RUN = "NOT RUN"
    """Its package is here, but does not import, or ends or blocks the process."""


@dataclass(frozen=True, slots=True)
class Showing:
    """What a script printed, and what that says of its issue; `why` where it is not still there."""

    issue: KnownIssue
    shown: Shown
    said: str = ""
    why: str = ""


def stated(issue: KnownIssue) -> str:
    """What a script says that its last line gives on an affected release: a value, or the beginning of an exception."""
    found = _STATED.match(issue.script.splitlines()[-1])
    return found[1] if found else ""


def show_issues(issues: Iterable[KnownIssue], hear: Callable[[Showing], None] = lambda showing: None) -> list[Showing]:
    """Runs the scripts of all that can show here; a process for each package, and a fork of it for each script.

    Each is heard as soon as it is known. Raises KeyboardInterrupt.
    """
    found: list[Showing] = []

    def note(showing: Showing) -> None:
        found.append(showing)
        hear(showing)

    for imports, group in groupby(sorted(issues, key=_imports), key=_imports):
        here = []
        for issue in group:
            if issue.absence:
                note(Showing(issue, Shown.NOT_HERE, why=issue.absence))
            else:
                here.append(issue)
        if here:
            _show(imports, here, note)
    return found


def _imports(issue: KnownIssue) -> str:
    return PACKAGES[issue.package].imports


def _show(imports: str, issues: list[KnownIssue], note: Callable[[Showing], None]) -> None:
    """Notes what each script shows. Where its package ends the process, or blocks it, the others are not run."""
    asked = Scripts(imports=("torch", imports), scripts={issue.id: issue.script for issue in issues})
    left = {issue.id: issue for issue in issues}
    loading = list(asked.imports)

    def hear(ran: Ran) -> Allowed:
        if ran.name in left:
            note(_judged(left.pop(ran.name), printable(without_paths(ran.said))))
        elif loading:
            loading.pop()
        return IMPORTING if loading else ALLOWED

    # Fills memory before it is used, so that what reads it uninitialised shows each time.
    with Worker("jaccheck.core.scripts:answer", environment={**os.environ, "MALLOC_PERTURB_": "1"}) as worker:
        why = "the process said that it was done, and was not"
        try:
            worker.ask(asked, AllRan, IMPORTING, note=Ran, hear=hear)
        except ChildEnded as error:
            why = f"{error}, where {imports} was imported"
        except BrokenEnvironment as error:
            why = str(error)
    for issue in left.values():
        note(Showing(issue, Shown.NOT_RUN, why=why))


def _judged(issue: KnownIssue, said: str) -> Showing:
    """What the printed lines say: the last line of a script states what it gives on an affected release."""
    printed = dict(_PRINTED.findall(said))
    exceptions = _EXCEPTION.findall(said)
    actual = printed.get("actual") or (exceptions[-1] if exceptions else "")
    expected = printed.get("expected", "")
    if expected and not exceptions and actual in ("", expected):
        return Showing(issue, Shown.MENDED, said, f"it prints what is expected, {expected}")
    if expected and actual != expected and actual.startswith(stated(issue)):
        return Showing(issue, Shown.STILL_THERE, said)
    return Showing(issue, Shown.CHANGED, said, f"{actual or 'nothing'} instead of {stated(issue)}")


def without_paths(said: str) -> str:
    """Tracebacks and warnings whose files are named as they are imported: `backpack/context.py`, in whatever folder."""
    return re.sub(r'(File "|^)/[^"\n]*?/(?:site-packages|python3\.\d+)/(?:site-packages/)?', r"\1", said, flags=re.M)
