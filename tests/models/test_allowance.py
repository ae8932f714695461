"""How large a part may be follows from how long a row takes, not from what else the machine does."""

from __future__ import annotations

import time

from jaccheck.models.allowance import TRIES, Allowance


def test_a_first_call_and_one_that_waits_do_not_count() -> None:
    """The shortest of some tries does; a part of ten rows is not cut into single ones by one slow call."""
    takes = iter([0.3, 0.0005, 0.2, 0.0005])
    rows = Allowance(2**30, 60.0).rows_of_a_part(lambda: time.sleep(next(takes)))
    assert rows > 10


def test_a_slow_row_is_tried_once() -> None:
    """Or less than twice, where the first try takes all the time that there is for it."""
    calls: list[int] = []

    def row() -> None:
        calls.append(0)
        time.sleep(0.05)

    assert Allowance(2**30, 1.0).rows_of_a_part(row) == 1
    assert len(calls) < TRIES
