"""The table of a `ModelReport`: a row for each method that was compared, in text that every renderer shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaccheck.core import plain_data, seconds_text
from jaccheck.reports.outcome import Outcome
from jaccheck.reports.timings import spread_text

if TYPE_CHECKING:
    from jaccheck.reports.check import Judged, MethodAnswer, ModelReport

LEAST_TIMES, MOST_TIMES = 0.01, 1e6
"""A difference of fewer or more limits than these is only told to be smaller or larger."""

_COMPARED = (Outcome.AGREES, Outcome.CONSISTENT, Outcome.DISAGREES, Outcome.UNDECIDED)


@plain_data
class DtypeAnswer:
    """What became of a method in one dtype: the outcome, and the worst difference in multiples of its limit."""

    outcome: Outcome | None
    ratio: str

    def __str__(self) -> str:
        return f"{self.outcome or ''} {self.ratio}".strip()


@plain_data
class TableRow:
    """A method: its answers, one for each dtype of the table, and what a call costs where it may be used."""

    answer: MethodAnswer
    in_dtypes: tuple[DtypeAnswer, ...]
    undecided: str
    time: str
    memory: str


@plain_data
class AnswerTable:
    """`dtypes` heads the columns of answers, `limits` says of what the ratios below are multiples."""

    dtypes: tuple[str, ...]
    limits: tuple[str, ...]
    has_undecided: bool
    rows: tuple[TableRow, ...]


def answer_table(report: ModelReport) -> AnswerTable:
    """The table of all methods that were compared in one of the dtypes; of the others only the reason is told."""
    shown = [a for a in report.answers if a.outcome in _COMPARED or a.in_float64 in _COMPARED]
    is_double = any(a.in_float64 for a in shown)
    dtypes = ("float64", report.dtype) if is_double else (report.dtype,)
    own = _limit({a.comparison for a in shown})
    limits = (_limit({a.comparison_in_float64 for a in shown}), own) if is_double else (own,)
    rows = tuple(_row(answer, is_double=is_double) for answer in shown)
    return AnswerTable(dtypes=dtypes, limits=limits, has_undecided=any(row.undecided for row in rows), rows=rows)


def _row(answer: MethodAnswer, *, is_double: bool) -> TableRow:
    own = DtypeAnswer(
        outcome=answer.outcome, ratio=_ratio(answer.outcome, answer.comparison, answer.test_ratio, answer.worst is None)
    )
    double = DtypeAnswer(
        outcome=answer.in_float64,
        ratio=_ratio(
            answer.in_float64,
            answer.comparison_in_float64,
            answer.test_ratio_in_float64,
            answer.worst_in_float64 is None,
        ),
    )
    is_usable = answer.is_usable
    return TableRow(
        answer=answer,
        in_dtypes=(double, own) if is_double else (own,),
        undecided=_undecided(answer),
        time=_time(answer) if is_usable else "",
        memory=f"{answer.peak:.1f} × J" if is_usable and answer.peak is not None else "",
    )


def _time(answer: MethodAnswer) -> str:
    """The median and how far its interval reaches; `cold` where only first calls were timed."""
    if answer.median_s is None:
        return ""
    return f"{seconds_text(answer.median_s)} {spread_text(answer.warm) if answer.warm else 'cold'}"


def _ratio(outcome: Outcome | None, comparison: Judged, ratio: float, is_within: bool) -> str:
    if outcome is None or outcome not in (Outcome.AGREES, Outcome.CONSISTENT, Outcome.DISAGREES):
        return ""
    if comparison == "exact":
        return "equal" if is_within else "not equal"
    if comparison == "none":
        return ""
    if ratio > MOST_TIMES:
        return f"> {MOST_TIMES:.0e} ×".replace("e+0", "e")
    return f"{ratio:.2g} ×" if ratio >= LEAST_TIMES or not ratio else f"< {LEAST_TIMES} ×"


def _limit(comparisons: set[Judged]) -> str:
    """Of what ratios are multiples: of the bound of what AGREES, of the estimate of what is CONSISTENT."""
    found = comparisons & {"bound", "estimate"}
    return "× limit" if len(found) > 1 else f"× {found.pop()}" if found else ""


def _undecided(answer: MethodAnswer) -> str:
    """The share of undecided entries, of the dtype where there are more of them; empty where there is none."""
    most = max(answer.undecided, answer.undecided_in_float64)
    if not most or not answer.entries:
        return ""
    share = 100 * most / answer.entries
    return f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"
