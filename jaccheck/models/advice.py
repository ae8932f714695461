"""What a check says in words: by which comparison it judged, and which method to use."""

from __future__ import annotations

from collections.abc import Sequence

from jaccheck.rendering import seconds_text
from jaccheck.reports import MethodAnswer, Outcome


def judged_by(source: str, reason: str, dtype: str) -> str:
    """By which comparison, in one sentence that claims no more than is known."""
    match source:
        case "closed form":
            return "compared with the closed form: equal where a certificate holds, else within a proven bound"
        case "float64 autograd":
            both = "" if dtype == "float64" else ", of the method in float64 and in its own dtype"
            return (
                f"no bound is proven for {reason}; compared with float64 autograd, one sample at a time{both}, by an "
                "estimate of what rounding does: CONSISTENT is no proof"
            )
        case _:
            return (
                f"no bound is proven for {reason}, and the model does not run in float64 throughout; compared with "
                f"autograd in {dtype}, sample by sample, by an estimate of what rounding does: CONSISTENT is no proof"
            )


def advice(answers: Sequence[MethodAnswer], samples: int, parts: int) -> tuple[str | None, str]:
    """The method to use, and the sentence that says so; None where none is usable."""
    usable = [answer for answer in answers if answer.outcome.is_usable]
    timed = [answer for answer in usable if answer.median_s is not None]
    if not timed:
        if usable:
            return None, f"{len(usable)} methods are usable; none was timed"
        return None, "no method is known to be right on this model"
    best = min(timed, key=lambda answer: answer.median_s or 0.0)
    agrees = best.outcome is Outcome.AGREES
    if len(usable) > 1:
        rank = f"the fastest of the {len(usable)} that {'agree' if agrees else 'are consistent by estimate'}"
    else:
        rank = f"the only one that {'agrees' if agrees else 'is consistent by estimate'}"
    memory = "" if best.peak is None else f" and {best.peak:.1f} × the Jacobians' memory"
    part = "" if parts == 1 else f" for a part of {samples} samples"
    if best.chunks < parts:
        rank += f", on the {best.chunks} of {parts} parts that were compared"
    return best.method, f"use {best.method}: {seconds_text(best.median_s or 0.0)}{memory}{part}, {rank}"
