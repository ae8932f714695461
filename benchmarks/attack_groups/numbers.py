"""Numbers of a report that cannot be: counts below zero, times of ages, excerpts that do not fit together."""

from __future__ import annotations

import json
from collections.abc import Iterator

from jaccheck_support.example_reports.judged import verify_report

from attack_groups.attack import Attack, refused
from attack_groups.texts import SHOWN, changed
from jaccheck.core import to_json

NO_TIMES = (1e300, -1, -1e-9, float("nan"), float("inf"), "NaN", 10**40, None, "1", [1], 1e11)
NO_COUNTS = (-1, 1.5, 1e300, 10**40, float("nan"), "1", None, {}, -(2**63))

TIMES = ("totals.seconds.total", "totals.seconds.methods", "totals.seconds.oracle", "totals.seconds.shrinking")
COUNTS = (
    "totals.cases",
    "totals.comparisons",
    "totals.entries",
    "coverage.0.cases",
    "coverage.0.entries",
    "findings.0.seen",
    "settings.seed",
    "environment.threads",
)
AROUND = "findings.0.failure.detail.worst.around"
EXCERPTS = {
    "actual": ([], [[]], [[1.0]], [[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0], [1.0]], None),
    "bound": ([], [[0.0, 0.0, 0.0]] * 3),
    "parameters": ([], [["0.weight", -1]], [["0.weight", 10**9]], [["x", 1]] * 5),
    "worst": ([2, 0], [0, 3], [-1, 0], [0, 10**18], [0]),
    "C": (0, -1),
    "rows": (0, -1, 10**40),
    "columns": (0, 2),
    "first_row": (-1, 10**9),
    "first_column": (-1, 1),
}


def attacks() -> Iterator[Attack]:
    """Each number in each place."""
    for places, values in ((TIMES, NO_TIMES), (COUNTS, NO_COUNTS)):
        for place in places:
            for value in values:
                yield _of(place, value)
    for field, values_of in EXCERPTS.items():
        for value in values_of:
            yield _of(f"{AROUND}.{field}", value)


def _of(place: str, value: object) -> Attack:
    file = json.dumps(changed(json.loads(to_json(verify_report())), place, value))
    shell = SHOWN.replace("|| exit 97", "2>/dev/null")
    return refused(f"{place} = {str(value)[:40]}", shell, "report.json", files={"report.json": file})
