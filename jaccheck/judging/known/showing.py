"""What the scripts of known issues print here: whether each still shows what it states."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path

from jaccheck.judging.known.issue import PACKAGES, KnownIssue

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


def show_issues(issues: Iterable[KnownIssue]) -> Iterator[Showing]:
    """Runs the scripts of all that can show here; a process for each package, and a fork of it for each script."""
    for imports, group in groupby(sorted(issues, key=_imports), key=_imports):
        here = []
        for issue in group:
            if issue.absence:
                yield Showing(issue, Shown.NOT_HERE, why=issue.absence)
            else:
                here.append(issue)
        if here:
            yield from _show(imports, here)


def _imports(issue: KnownIssue) -> str:
    return PACKAGES[issue.package].imports


def _show(imports: str, issues: list[KnownIssue]) -> Iterator[Showing]:
    asked = {"imports": ["torch", imports], "scripts": {issue.id: issue.script for issue in issues}}
    left = {issue.id: issue for issue in issues}
    command = [sys.executable, "-P", str(Path(__file__).with_name("runner.py"))]
    # Fills memory before it is used, so that what reads it uninitialised shows each time.
    environment = {**os.environ, "MALLOC_PERTURB_": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
        failed = f"the process ended with code {process.poll()}"
        for line in process.stdout:
            found = json.loads(line)
            if "failed" in found:
                failed = f"{imports} does not import: {found['failed']}"
            else:
                yield _judged(left.pop(found["name"]), without_paths(found["said"]))
    yield from (Showing(issue, Shown.NOT_HERE, why=failed) for issue in left.values())


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
    """A traceback whose files are named as they are imported: `backpack/context.py`, whatever folder holds them."""
    return re.sub(r'File "[^"]*?/(?:site-packages|python3\.\d+)/(?:site-packages/)?', 'File "', said)
