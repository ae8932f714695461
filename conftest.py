"""What pytest accepts only here: plugins for all tests, and the tier of each. Fixtures stand in tests/conftest.py."""

from __future__ import annotations

from typing import Any

import pytest

pytest_plugins = ("pytester",)

TIERS = ("fast", "full", "slow")

COMMAND = "jaccheck"
"""The fixture that runs the command line: seconds for each run, most of them until torch is loaded."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked with no tier is `fast`, but for commands in a process of their own: so one word chooses a tier."""
    for item in items:
        if not any(item.get_closest_marker(tier) for tier in TIERS):
            starts_torch = COMMAND in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.full if starts_torch else pytest.mark.fast)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The tests of one file run in one process, so that what a file prepares is prepared once."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)
