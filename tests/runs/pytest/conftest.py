"""Which of the conformance tests of this checkout belong to which tier."""

from __future__ import annotations

from itertools import cycle

import pytest

from jaccheck.case import DTYPES
from jaccheck.methods import registered

FAST = ("written out", "hooks")
"""Of each of these families of methods the first one is tested before every landing, in one dtype."""

if absent := set(FAST) - {method.family for method in registered().values()}:
    raise pytest.UsageError(f"tests/runs/pytest/conftest.py: no method is of {', '.join(sorted(absent))}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One method of each family in one dtype, by turns; the rest every night.

    `jaccheck verify` judges them all before a landing. What is to be seen here is that pytest asks every law.
    """
    turns, cells = cycle(DTYPES), dict[str, tuple[str, str]]()
    for item in items:
        examination = getattr(item, "examination", None)
        if examination is None or item.path.name != "test_conformance.py":
            continue
        check = examination.check
        family = check.method.family
        if family not in cells:
            cells[family] = (check.method.name, next(turns))
        if cells[family] != (check.method.name, check.dtype):
            item.add_marker(pytest.mark.slow)
        elif family not in FAST:
            item.add_marker(pytest.mark.full)
