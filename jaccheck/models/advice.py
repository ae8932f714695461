"""What a check says in words: by which comparison it judged, and which method to use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from jaccheck.core import plural, seconds_text, some_are
from jaccheck.reports import MethodAnswer, Outcome, spread_text


def judged_by(source: str, reason: str, dtype: str, proven: Sequence[str] = ()) -> str:
    """By which comparison, in one sentence that claims no more than is known.

    `proven` are the dtypes with bounds that are proven by what a forward pass computes.
    """
    if dtype in proven:
        where = f" in {dtype}, and by an estimate in float64" if dtype != "float64" and "float64" not in proven else ""
        return f"compared with the closed form of what a forward pass computes, within a proven bound{where}"
    if proven:
        return (
            "in float64 compared with the closed form of what a forward pass computes, within a proven bound; in "
            f"{dtype} with float64 autograd by an estimate of what rounding does, since no bound is proven that says "
            "more: CONSISTENT is no proof"
        )
    match source:
        case "closed form":
            return "compared with the closed form: equal where a certificate holds, else within a proven bound"
        case "float64 autograd":
            return (
                f"no bound is proven for {reason}; compared with autograd in float64, one sample at a time, by an "
                "estimate of what rounding does: CONSISTENT is no proof"
            )
        case _:
            return (
                f"no bound is proven for {reason}, and the model does not run in float64 throughout; compared with "
                f"autograd in {dtype}, sample by sample, by an estimate of what rounding does: CONSISTENT is no proof"
            )


def advice(
    answers: Sequence[MethodAnswer], dtype: str, part: str, parts: int, *, is_contradicted: bool = False
) -> tuple[str | None, str]:
    """The method to use, and the sentence that says so; None where none is usable. `part` is the size of the first."""
    right = [answer for answer in answers if answer.is_usable]
    # What spoils whatever comes next only where there is nothing else.
    usable = [answer for answer in right if not answer.left] or right
    timed = [answer for answer in usable if answer.median_s is not None]
    if not usable:
        return None, _nothing(answers, is_contradicted=is_contradicted)
    if not timed:
        names = f"{', '.join(answer.method for answer in usable[:4])}{' …' * (len(usable) > 4)}"
        return None, f"{plural(len(usable), 'method is', 'methods are')} usable and none was timed: {names}"
    # What was also right in float64 is known better than what could not be compared there.
    surest = [answer for answer in timed if answer.in_float64 is None or answer.in_float64.is_usable] or timed
    warm = [answer for answer in surest if answer.warm] or surest  # a first call says little
    best = min(warm, key=lambda answer: answer.median_s or 0.0)
    memory = "" if best.peak is None else f" and {best.peak:.1f} × the Jacobians' memory"
    of_what = "" if parts == 1 else f" for a part of {part}"
    reach = f" {spread_text(best.warm)}" if best.warm else " in a first call"
    cost = f"{seconds_text(best.median_s or 0.0)}{reach}{memory}{of_what}"
    but = "".join(f"; {text}" for text in _reservations(best, parts, dtype))
    rank = _rank(best, usable, warm, dtype, besides=len(usable) < len(right))
    return best.method, f"use {best.method}: {cost}, {rank}{but}"


def _nothing(answers: Sequence[MethodAnswer], *, is_contradicted: bool) -> str:
    """Why no method is advised."""
    if is_contradicted:
        return "no method is advised: what they were compared with is in doubt"
    if any(answer.is_wrong for answer in answers):
        return "no method is known to be right on this model"
    compared = [answer for answer in answers if answer.entries]
    if compared and all(answer.nan_entries == answer.entries for answer in compared):
        return "no method is advised: every entry is NaN, as in the reference, and nothing could be compared"
    if any(Outcome.UNDECIDED in (answer.outcome, answer.in_float64) for answer in answers):
        return "no method is advised: too few entries could be decided to know that one is right"
    return "no method is advised: nothing was compared"


def _rank(
    best: MethodAnswer, usable: Sequence[MethodAnswer], timed: Sequence[MethodAnswer], dtype: str, *, besides: bool
) -> str:
    """Among how many methods it is the fastest, and what is known of them.

    `besides` says whether there are others, which leave something changed.
    """
    peers = [answer for answer in usable if _how_right(answer, dtype) == _how_right(best, dtype)]
    fastest = [answer for answer in timed if answer in peers]
    if len(peers) == 1:
        is_right = _how_right(best, dtype).replace("agree ", "agrees ").replace("are ", "is ")
        return f"the only one that {is_right}{' and leaves nothing changed' * besides}"
    of = f"the {len(peers)}" if len(fastest) == len(peers) else f"{len(fastest)} that were timed, of {len(peers)}"
    which = "the only one that was timed, of" if len(fastest) == 1 else f"the fastest of {of}"
    of_all = f" the {len(peers)}" * (len(fastest) == 1)
    text = f"{which}{of_all} that {_how_right(best, dtype)}{' and leave nothing changed' * besides}"
    if rivals := [answer.method for answer in fastest if answer is not best and _may_be_as_fast(answer, best)]:
        shown = ", ".join(rivals[:3]) + (f" and {len(rivals) - 3} more" if len(rivals) > 3 else "")
        text += f" by its median, but too noisy to rank before {shown}"
    return text


def _may_be_as_fast(other: MethodAnswer, best: MethodAnswer) -> bool:
    """Whether their times may be the same."""
    return _interval(other)[0] <= _interval(best)[1]


def _interval(answer: MethodAnswer) -> tuple[float, float]:
    """Where the time of a call lies. The median of so few calls that they have no interval may be off by two."""
    median, spread = answer.median_s or 0.0, answer.warm
    if spread is None:
        return median / 2, 2 * median
    return spread.low_s or median / 2, spread.high_s if spread.high_s < inf else 2 * median


def _how_right(answer: MethodAnswer, dtype: str) -> str:
    """What is known of a usable method, in the plural."""
    words = {Outcome.AGREES: "agree with the closed form", Outcome.CONSISTENT: "are consistent by estimate"}
    own, double = words[answer.outcome], words.get(answer.in_float64 or answer.outcome)
    if double is None:
        return f"{own} in {dtype}"
    return own if own == double else f"{double} in float64 and {own} in {dtype}"


def _reservations(best: MethodAnswer, parts: int, dtype: str) -> Iterator[str]:
    """What must be known before the method is used."""
    if best.chunks < parts:
        yield f"compared on {best.chunks} of {parts} parts only"
    if best.in_float64 is not None and not best.in_float64.is_usable:
        yield f"compared in {dtype} only"
    if best.left:
        yield f"a call leaves changed: {best.left[0]}"
    if best.lost_entries:
        what = some_are(best.lost_entries, best.entries, "entry", "entries")
        yield f"{what} NaN or infinite in {dtype}, where float64 has numbers"
    if best.nan_entries:
        yield f"{some_are(best.nan_entries, best.entries, 'entry', 'entries')} NaN, as in the reference"
    if best.undecided and best.entries:
        share = 100 * best.undecided / best.entries
        yield f"{f'{share:.1f}' if share >= 0.1 else 'less than 0.1'} % of its entries could not be decided"
