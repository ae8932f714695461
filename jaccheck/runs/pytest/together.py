"""`Together`: how pytest-xdist distributes with `--dist loadgroup`: the tests of a method in one dtype in one process.

A scheduler of its own instead of the mark `xdist_group`, whose group xdist 3.8 writes into the node id: there it cannot
be passed back to pytest, and with pytest 9.2, which keeps node ids elsewhere, it has no effect.
"""

from __future__ import annotations

import re

from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

from jaccheck.case import DTYPES

_CELL = re.compile(rf"(?P<name>[^\[]+)\[(?P<inside>.+-(?:{'|'.join(DTYPES)}))\]")


class Together(LoadGroupScheduling):  # type: ignore[misc]
    """The distribution `loadgroup`, for other tests as xdist has it."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid) or super()._split_scope(nodeid)


def group_of(nodeid: str) -> str | None:
    """What the conformance tests with this node id share: suite, method, device and dtype; None for other tests."""
    match = _CELL.fullmatch(nodeid)
    if match is None:
        return None
    from jaccheck.judging import TESTED  # here: it loads torch, and other tests need none

    laws = {law.id for law in TESTED}
    if match["name"].rpartition("::")[2] in laws:
        return match["inside"]
    law, _, cell = match["inside"].partition("-")
    return f"{match['name']}[{cell}]" if law in laws else None
