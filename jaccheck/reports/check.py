"""`ModelReport`: what `jaccheck.check` found of every method on one model and batch; plain data, JSON both ways."""

from __future__ import annotations

from typing import Literal

from jaccheck.core import Count, Seconds, html_table, plain_data
from jaccheck.reports.entries import Number, WorstEntry
from jaccheck.reports.failure import Source
from jaccheck.reports.outcome import Outcome
from jaccheck.reports.verify import Environment


@plain_data
class MethodAnswer:
    """What one method did on the model."""

    method: str
    outcome: Outcome
    message: str = ""
    """Why, in one line; empty where there is nothing to add to the outcome."""
    comparison: Literal["exact", "bound", "estimate", "none"] = "none"
    """Must be equal; within a proven bound; within what rounding is estimated to do; not compared."""
    worst: WorstEntry | None = None
    """The entry furthest outside, where one is."""
    test_ratio: Number = 0.0
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
    reference: Source
    """What results were compared with: the closed form with its bounds, or autograd one sample at a time."""
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
        return any(answer.outcome.is_wrong for answer in self.answers) or not (compared or self.interrupted)

    def answer(self, method: str) -> MethodAnswer:
        """The answer on the method of that name. Raises KeyError."""
        for found in self.answers:
            if found.method == method:
                return found
        raise KeyError(method)

    def _repr_html_(self) -> str:
        rows = [
            (a.method, str(a.outcome), "" if a.median_s is None else f"{a.median_s * 1e3:.3g} ms", a.message)
            for a in self.answers
        ]
        headline = (
            f"{self.model}: N = {self.N:,}, C = {self.C:,}, {self.parameters:,} numbers, {self.dtype} on {self.device}"
        )
        return html_table(headline, ("method", "answer", "time", "why"), rows, self.advice, self.judged_by)
