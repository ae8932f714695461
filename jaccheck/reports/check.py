"""`ModelReport`: what `jaccheck.check` found of every method on one model and batch; plain data, JSON both ways."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from jaccheck.core import Count, Seconds, html_table, plain_data
from jaccheck.reports.verdict import Number, WorstEntry
from jaccheck.reports.verify import Environment


class ModelStanding(StrEnum):
    """What is known of a method on this model; a closed list."""

    AGREES = "AGREES"
    CONSISTENT = "CONSISTENT"
    UNDECIDED = "UNDECIDED"
    DISAGREES = "DISAGREES"
    CRASHED = "CRASHED"
    REFUSES = "REFUSES"
    TOO_LARGE = "TOO_LARGE"
    NOT_RUN = "NOT_RUN"

    @property
    def sentence(self) -> str:
        """What it means, in one sentence."""
        return _SENTENCES[self]

    @property
    def is_usable(self) -> bool:
        """Whether nothing speaks against the method: it agrees, or is consistent."""
        return self in (ModelStanding.AGREES, ModelStanding.CONSISTENT)

    @property
    def is_fault(self) -> bool:
        """Whether something is wrong with the method on this model."""
        return self in (ModelStanding.DISAGREES, ModelStanding.CRASHED)


_SENTENCES = {
    ModelStanding.AGREES: "What was compared is equal to the closed form, or within its proven bound.",
    ModelStanding.CONSISTENT: "No entry differs by more than rounding is estimated to explain; nothing is proven.",
    ModelStanding.UNDECIDED: (
        "No entry could be decided: what rounding can do, or is estimated to do, is as large as they."
    ),
    ModelStanding.DISAGREES: "The result has another structure or another value than rounding explains.",
    ModelStanding.CRASHED: "The method raised an exception on a model that it does not declare as unsupported.",
    ModelStanding.REFUSES: "The method declared beforehand that it does not cover this model.",
    ModelStanding.TOO_LARGE: "The method needs more memory than it was given.",
    ModelStanding.NOT_RUN: "The run was interrupted before the method's turn.",
}

Witness = Literal["closed form", "float64 autograd", "autograd"]
"""What results are compared with: exact mathematics with bounds, or autograd one sample at a time."""


@plain_data
class MethodAnswer:
    """What one method did on the model."""

    method: str
    standing: ModelStanding
    message: str = ""
    """Why, in one line; empty where there is nothing to add to the standing."""
    comparison: Literal["exact", "bound", "estimate", "none"] = "none"
    """Must be equal; within a proven bound; within what rounding is estimated to do; not compared."""
    worst: WorstEntry | None = None
    """The entry furthest outside, where one is."""
    excess: Number = 0.0
    """The largest difference, as a multiple of its bound or of the estimate; 1 is the limit."""
    entries: Count = 0
    """Entries of the Jacobians that were compared."""
    undecided: Count = 0
    chunks: Count = 0
    """Parts of the Jacobians that were compared, of `ModelReport.chunks`."""
    median_s: Seconds | None = None
    """Time of one call on the first part."""
    peak: Number | None = None
    """Most memory during a call on the first part, in multiples of what its Jacobians take."""
    warnings: tuple[str, ...] = ()


@plain_data
class ModelReport:
    """Everything that a check found. `found_something` is what the command's exit code says."""

    kind: Literal["check"] = "check"
    schema_version: Literal[2] = 2
    model: str
    N: Count
    C: Count
    dtype: str
    device: str
    parameters: Count
    """Numbers in the trainable parameters."""
    jacobian_bytes: Count
    memory: Count
    """Bytes that the process was to stay below."""
    chunks: Count
    chunk_bytes: Count
    """Bytes of the Jacobians of the largest part."""
    chunk_samples: Count
    """Samples in the first part, on which times are taken."""
    witness: Witness
    judged_by: str
    """By which comparison, in one sentence."""
    environment: Environment
    seconds: Seconds
    answers: tuple[MethodAnswer, ...]
    recommended: str | None
    """The fastest usable method."""
    advice: str
    """Which method to use and why, in one sentence."""
    interrupted: bool = False

    @property
    def found_something(self) -> bool:
        """Whether a method is wrong here or crashes, or nothing was compared although it should have been."""
        compared = any(answer.entries for answer in self.answers)
        return any(answer.standing.is_fault for answer in self.answers) or not (compared or self.interrupted)

    def answer(self, method: str) -> MethodAnswer:
        """The answer on the method of that name. Raises KeyError."""
        for found in self.answers:
            if found.method == method:
                return found
        raise KeyError(method)

    def _repr_html_(self) -> str:
        rows = [
            (a.method, str(a.standing), "" if a.median_s is None else f"{a.median_s * 1e3:.3g} ms", a.message)
            for a in self.answers
        ]
        headline = (
            f"{self.model}: N = {self.N:,}, C = {self.C:,}, {self.parameters:,} numbers, {self.dtype} on {self.device}"
        )
        return html_table(headline, ("method", "answer", "time", "why"), rows, self.advice, self.judged_by)
