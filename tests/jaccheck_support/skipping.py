"""Skips that no installation could avoid, which JACCHECK_NO_SKIP lets pass: of another version or processor."""

from __future__ import annotations

from typing import NoReturn, Protocol

import pytest

ELSEWHERE = "of another version or processor: "
"""With this a reason begins where what is tested is not that of the versions that are installed here."""


class _Issue(Protocol):
    @property
    def absence(self) -> str: ...


def skip_elsewhere(reason: str) -> NoReturn:
    """Skips the test that calls it, also where none may be skipped."""
    pytest.skip(ELSEWHERE + reason)


def skip_where_absent(issue: _Issue) -> None:
    """Skips the test of a known issue that is not one of the installed versions, or whose package is not installed."""
    if why := issue.absence:
        pytest.skip(why if why.endswith("is not installed") else ELSEWHERE + why)
