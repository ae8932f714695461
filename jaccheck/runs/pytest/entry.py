"""What pytest loads wherever jaccheck is installed: the plugin, or, in a pytest that is too old for it, one refusal.

So an old pytest, in an environment where jaccheck is there for another reason, runs as if it were not. Only a suite of
jaccheck's is refused, in one line.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from typing import Any

import pytest

LOWEST = (8, 0)
"""The first pytest with hooks in the new style of pluggy, `hookimpl(wrapper=True)`; the extra `pytest` asks for it."""


def is_supported(version: str) -> bool:
    """Whether the plugin can run in this version of pytest."""
    numbers = version.split(".")[:2]
    return all(map(str.isdecimal, numbers)) and tuple(map(int, numbers)) >= LOWEST


def refuse(collector: Any, name: str, obj: object) -> None:
    """The hook `pytest_pycollect_makeitem` of an old pytest: the name of a suite is an error of collection."""
    kind = type(obj)
    if kind.__name__ == "Conformance" and kind.__module__.startswith("jaccheck."):
        lowest = ".".join(map(str, LOWEST))
        raise collector.CollectError(
            f"{name}: jaccheck needs pytest {lowest} or later, and this is {pytest.__version__}"
        )


if is_supported(pytest.__version__):
    pytest_plugins = ("jaccheck.pytest_plugin",)
else:
    pytest_pycollect_makeitem = refuse
