"""`--jaccheck-xfails FILE`: which checks are expected to fail, and why, a line each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jaccheck.core import read_text
from jaccheck.errors import InvalidRequest

FORM = "expected `NAME: reason`, as in `agreement[hooks-cpu-float16]: no kernel`; `*` stands for any letters"


@dataclass(frozen=True, slots=True)
class Expected:
    """A check, or several by a name with `*`, and the reason for which it fails."""

    name: str
    reason: str

    def matches(self, name: str) -> bool:
        """Whether a test of this name is meant."""
        return re.fullmatch(".*".join(map(re.escape, self.name.split("*"))), name) is not None


def read_xfails(path: Path) -> tuple[Expected, ...]:
    """What a file lists; empty lines and those that begin with # say nothing. Raises InvalidRequest, UnreadableFile."""
    found = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = re.fullmatch(r"([^\s:]+(?:::[^\s:]+)*):\s+(\S.*)", text)
        if match is None:
            raise InvalidRequest(f"{path}, line {number}: {text!r:.80}: {FORM}")
        found.append(Expected(match[1].rpartition("::")[2], match[2]))
    return tuple(found)


def reason_for(name: str, expected: tuple[Expected, ...]) -> str | None:
    """Why a test of this name is expected to fail, by the last line that means it."""
    return next((each.reason for each in reversed(expected) if each.matches(name)), None)
