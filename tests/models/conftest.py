"""Checks of many small models: what is timed is timed for a moment."""

from __future__ import annotations

import pytest

from jaccheck.models import timed


@pytest.fixture(autouse=True)
def _timed_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty milliseconds for the fast methods, which no test asks to be measured well."""
    monkeypatch.setattr(timed, "LONGEST", 0.02)
