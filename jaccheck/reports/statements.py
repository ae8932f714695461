"""What a `ModelReport` says beside its table, in sentences: each reason once, with all methods that it is true of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from jaccheck.core import cut, plain_data, some_are
from jaccheck.reports.outcome import Outcome

if TYPE_CHECKING:
    from jaccheck.reports.check import MethodAnswer, ModelReport

Tone = Literal["bad", "warn", "dim"]
"""Wrong numbers; what to know before a method is used; what only explains why something is missing."""

LONGEST = 180
"""Characters of an exception that are shown; the report as JSON has all that are kept."""

THIS_IS = "this is the known issue"
"""How a remedy names an issue of a release."""

MAY_BE = "the model calls an operation that has the known issue"
"""The same where only the operation is known: a wrong number may have another cause."""

LAYER_MAY_BE = "the model has a layer that has the known issue"
"""The same of a layer."""

USE_MAY_BE = "the model does what shows the known issue"
"""The same of how a model uses its layers and parameters."""

SLIGHT = 2.0**-6
"""Relative difference up to which a value that is wrong in one dtype only is one that lost digits."""


@plain_data
class Statement:
    """A sentence, and further lines that belong to it."""

    tone: Tone
    text: str
    more: tuple[str, ...] = ()


def statements(report: ModelReport) -> tuple[Statement, ...]:
    """Everything that is to be said, the gravest first."""
    return (
        *([Statement(tone="bad", text=report.contradiction)] if report.contradiction else []),
        *_wrong(report),
        *(Statement(tone="warn", text=note) for note in report.notes),
        *_left(report.answers),
        *_nan(report),
        *_crashed(report.answers),
        *_crashed_in_float64(report.answers),
        *_others(report.answers),
        *_estimated(report),
        *_remarks(report.answers),
    )


def _wrong(report: ModelReport) -> Iterator[Statement]:
    wrong = (answer for answer in report.answers if answer.is_wrong)
    found = grouped(wrong, lambda a: f"{_where_wrong(a, report.dtype)}{_seen(a)}")
    for text, answers in found.items():
        names = ", ".join(answer.method for answer in answers)
        asked = None if report.loss else report.asked
        see = (f"see it: {asked.show(answers[0].method)}",) if asked else ()
        yield Statement(tone="bad", text=f"{names}: DISAGREES{text}", more=(*_helps(answers[0].remedy), *see))


def _seen(answer: MethodAnswer) -> str:
    """The message on the wrong number; in float64 where there is one, since it is the plainest there."""
    return answer.message_in_float64 if answer.in_float64 is Outcome.DISAGREES else answer.message


def _where_wrong(answer: MethodAnswer, dtype: str) -> str:
    """In which dtypes it is wrong, where it was asked in two."""
    own, double = answer.outcome, answer.in_float64
    if double is None:
        return ": "
    if double is Outcome.DISAGREES:
        return f" in float64{f' and in {dtype}' if own is Outcome.DISAGREES else f' ({dtype}: {own})'}: "
    if not double.is_usable or answer.worst is None:  # without a worst entry it is the structure that is wrong
        return f" in {dtype} (float64: {double}): "
    return f" in {dtype}: right in float64, but it {_is_off_by(answer, dtype)}: "


def _is_off_by(answer: MethodAnswer, dtype: str) -> str:
    worst = answer.worst
    is_slight = worst is not None and abs(worst.actual - worst.expected) <= SLIGHT * abs(worst.expected)
    return f"loses precision in {dtype}" if is_slight else f"has other numbers in {dtype}"


def _left(answers: Iterable[MethodAnswer]) -> Iterator[Statement]:
    """What methods leave changed, each once with all of them; a right result that spoils what comes next is told."""
    found = grouped((a for a in answers if a.left), lambda a: f"{a.is_usable}{a.left}")
    for these in found.values():
        first, names = these[0], ", ".join(answer.method for answer in these)
        but = ": right, but " if first.is_usable else ": "
        yield Statement(tone="warn", text=f"{names}{but}a call leaves changed: {_cut('; '.join(first.left))}")


def _nan(report: ModelReport) -> Iterator[Statement]:
    lost = grouped(
        (a for a in report.answers if a.lost_entries), lambda a: f"{a.lost_entries}:{', '.join(a.lost_parameters)}"
    )
    for answers in lost.values():
        first = answers[0]
        yield Statement(
            tone="warn",
            text=f"{_whose(answers)} {some_are(first.lost_entries, first.entries, 'entry', 'entries')} NaN or infinite "
            f"in {report.dtype} ({_listed(first.lost_parameters)}), where float64 has numbers: undecided, since "
            f"{report.dtype} is not enough for them",
        )
    found = grouped(
        (a for a in report.answers if a.nan_entries), lambda a: f"{a.nan_entries}:{', '.join(a.nan_parameters)}"
    )
    for answers in found.values():
        first = answers[0]
        yield Statement(
            tone="warn",
            text=f"{_whose(answers)} {some_are(first.nan_entries, first.entries, 'entry', 'entries')} NaN, as in the "
            f"reference "
            f"({_listed(first.nan_parameters)}): nothing more could be compared there",
        )


def _crashed(answers: Iterable[MethodAnswer]) -> Iterator[Statement]:
    found = grouped((a for a in answers if a.outcome is Outcome.CRASHED), lambda a: a.remedy + _unnumbered(a.message))
    for these in found.values():
        first, names = these[0], ", ".join(answer.method for answer in these)
        who = first.method if len(these) == 1 else f"{len(these)} methods"
        numbers = "" if len({a.message for a in these}) == 1 else " (in some with other numbers)"
        more = (*(() if len(these) == 1 else (names,)), *_helps(first.remedy))
        yield Statement(tone="warn", text=f"CRASHED: {who}: {_cut(first.message)}{numbers}", more=more)


def _crashed_in_float64(answers: Iterable[MethodAnswer]) -> Iterator[Statement]:
    not_compared = (Outcome.CRASHED, Outcome.TOO_LARGE, Outcome.UNSUPPORTED, Outcome.HUNG)
    asked = (a for a in answers if a.in_float64 in not_compared and a.outcome is not a.in_float64)
    for these in grouped(asked, lambda a: f"{a.in_float64}{a.remedy}{_unnumbered(a.message_in_float64)}").values():
        first, names = these[0], ", ".join(answer.method for answer in these)
        reason = f": {_cut(first.message_in_float64)}" if first.message_in_float64 else ""
        more = _helps(first.remedy)
        yield Statement(
            tone="warn", text=f"{names}: not compared in float64, {first.in_float64} there{reason}", more=more
        )


def _helps(remedy: str) -> tuple[str, ...]:
    if not remedy:
        return ()
    return (remedy if remedy.startswith((THIS_IS, MAY_BE, LAYER_MAY_BE, USE_MAY_BE)) else f"what helps: {remedy}",)


def _others(answers: Iterable[MethodAnswer]) -> Iterator[Statement]:
    """What was not compared, or not decided, by outcome and reason."""
    told = (a for a in answers if a.message and not a.is_wrong and a.outcome is not Outcome.CRASHED)
    by_reason = grouped(told, lambda a: f"{_standing(a)}{a.message}").values()
    for these in sorted(by_reason, key=lambda these: these[0].outcome is Outcome.UNSUPPORTED):
        first, names = these[0], ", ".join(answer.method for answer in these)
        is_refusal = first.outcome is Outcome.UNSUPPORTED
        said = f"not covered by {names}" if is_refusal else f"{_standing(first)}: {names}"
        yield Statement(tone="dim" if is_refusal else "warn", text=f"{said}: {first.message}")


def _estimated(report: ModelReport) -> Iterator[Statement]:
    """Which methods were compared by estimate, where others were by a bound in the same dtype."""
    own = {a.method: a.comparison for a in report.answers}
    double = {a.method: a.comparison_in_float64 for a in report.answers}
    for dtype, comparisons in (("float64", double), (report.dtype, own)):
        names = [name for name, comparison in comparisons.items() if comparison == "estimate"]
        if names and {"bound", "exact"} & set(comparisons.values()):
            text = f"{', '.join(names)}: in {dtype} by an estimate of what rounding does, which is no proof"
            yield Statement(tone="dim", text=text)


def _standing(answer: MethodAnswer) -> Outcome:
    """The outcome that its message is about: a usable one needs no reason."""
    double = answer.in_float64
    return answer.outcome if double is None or not answer.outcome.is_usable else double


def _remarks(answers: Iterable[MethodAnswer]) -> Iterator[Statement]:
    answers = tuple(answers)
    for verb, lines in (("", {a: a.remarks for a in answers}), (" warned", {a: a.warnings for a in answers})):
        by_text: dict[str, list[str]] = {}
        for answer, texts in lines.items():
            for text in texts:
                by_text.setdefault(text, []).append(answer.method)
        for text, names in by_text.items():
            yield Statement(tone="dim" if verb else "warn", text=f"{', '.join(names)}{verb}: {_cut(text)}")


def grouped(answers: Iterable[MethodAnswer], key: Callable[[MethodAnswer], str]) -> dict[str, list[MethodAnswer]]:
    """The answers of each key, in the order in which they come."""
    found: dict[str, list[MethodAnswer]] = {}
    for answer in answers:
        found.setdefault(key(answer), []).append(answer)
    return found


def _unnumbered(text: str) -> str:
    """The text without its numbers: sizes differ where the reason is the same."""
    return re.sub(r"\d+", "0", text)


def _cut(text: str) -> str:
    """The text as far as a line has room, cut between words."""
    return cut(text.partition(" (Triggered internally at")[0], LONGEST)


def _whose(answers: list[MethodAnswer]) -> str:
    return f"{answers[0].method}:" if len(answers) == 1 else f"{len(answers)} methods:"


def _listed(names: tuple[str, ...], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
