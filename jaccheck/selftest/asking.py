"""`SelftestPart`: a part of the self-test, which one process answers; the parts together are the whole.

Each mutant meets the cases in order until it is killed, so mutants are divided among parts; every right method meets
every case, so there the cases are.
"""

from __future__ import annotations

from jaccheck.case import Case
from jaccheck.core import Allowed, Count, Worker, from_json, plain_data, to_json
from jaccheck.reports import SelftestReport

SECONDS = 600.0
"""For one case, which may be that of a machine with a hundred busy processes; it takes less than some."""


@plain_data
class SelftestPart:
    """These mutants and methods on these cases, of which the first is that of index `start` in the whole."""

    mutants: tuple[str, ...]
    methods: tuple[str, ...]
    cases: tuple[Case, ...]
    start: Count = 0


@plain_data
class SelftestNote:
    """How many cases are done."""

    done: Count


def answer_part(text: str) -> str:
    """What became of a part, in a process of its own; both ways JSON. Raises ChildEnded."""
    with Worker("jaccheck.selftest.answering:answer") as worker:
        found = worker.ask(
            from_json(SelftestPart, text, where="request"),
            SelftestReport,
            Allowed(seconds=SECONDS),
            note=SelftestNote,
            hear=lambda note: None,
        )
    return to_json(found)
