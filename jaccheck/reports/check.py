"""`ModelReport`: what `jaccheck.check` found of every method on one model and batch; plain data, JSON both ways."""

from __future__ import annotations

from typing import Literal

from jaccheck.core import Count, Seconds, html_table, plain_data, plural, text_table
from jaccheck.reports.answer_table import answer_table
from jaccheck.reports.asked import Asked
from jaccheck.reports.entries import Number, WorstEntry
from jaccheck.reports.failure import Source
from jaccheck.reports.outcome import Outcome
from jaccheck.reports.statements import statements
from jaccheck.reports.timings import Spread
from jaccheck.reports.verify import Environment

Judged = Literal["exact", "bound", "estimate", "none"]
"""Must be equal; within a proven bound; within what rounding is estimated to do; not compared."""


def size_of_part(samples: int, outputs: int | None) -> str:
    """In words; without `outputs` a part has all."""
    return plural(samples, "sample") + ("" if outputs is None else f" and {plural(outputs, 'output')} of each")


@plain_data
class MethodAnswer:
    """What one method did on the model: in its own dtype and, where that was asked apart, in float64."""

    method: str
    outcome: Outcome
    """In the model's own dtype."""
    message: str = ""
    """Why, in one line; empty where there is nothing to add to the outcome."""
    comparison: Judged = "none"
    worst: WorstEntry | None = None
    """The entry furthest outside, where one is."""
    test_ratio: Number = 0.0
    """The largest difference, as a multiple of its bound or of the estimate; 1 is the limit."""
    entries: Count = 0
    """Entries of the Jacobians that were compared."""
    undecided: Count = 0
    in_float64: Outcome | None = None
    """The same method on the same model in float64: another answer, kept apart; None where that was not asked."""
    message_in_float64: str = ""
    comparison_in_float64: Judged = "none"
    worst_in_float64: WorstEntry | None = None
    test_ratio_in_float64: Number = 0.0
    undecided_in_float64: Count = 0
    nan_entries: Count = 0
    """Entries that are NaN in the result and in the reference, counted in the model's own dtype."""
    nan_parameters: tuple[str, ...] = ()
    """The parameters whose Jacobians hold them."""
    lost_entries: Count = 0
    """Entries that are NaN or infinite in the result, where the reference and the result in float64 have numbers."""
    lost_parameters: tuple[str, ...] = ()
    chunks: Count = 0
    """Parts of the Jacobians that were compared, of `ModelReport.chunks`."""
    median_s: Seconds | None = None
    """Time of one call on the first part: the median of warm calls, or of those that were compared."""
    warm: Spread | None = None
    """Where the times of calls lie that were timed in turns with other methods, after a first one."""
    peak: Number | None = None
    """Most memory during a call on the first part, in multiples of what its Jacobians take."""
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    """What else must be known of the answer, a line each."""
    left: tuple[str, ...] = ()
    """What calls leave changed that they should leave alone, in the model, in X and in the process, a line each."""
    remedy: str = ""
    """What makes the method run, where it crashed for a reason that is known."""

    @property
    def is_usable(self) -> bool:
        """Whether entries were compared, and nothing speaks against the method in either dtype."""
        return self.outcome.is_usable and (self.in_float64 is None or self.in_float64 in _FINE_IN_FLOAT64)

    @property
    def is_wrong(self) -> bool:
        """Whether its numbers are wrong, in either dtype. A crash is no wrong number."""
        return Outcome.DISAGREES in (self.outcome, self.in_float64)


_FINE_IN_FLOAT64 = (Outcome.AGREES, Outcome.CONSISTENT, Outcome.CRASHED, Outcome.TOO_LARGE, Outcome.NOT_RUN)
"""What may have become in float64 of a method that is right in the own dtype: right as well, or not compared."""


@plain_data
class ModelReport:
    """Everything that a check found."""

    kind: Literal["check"] = "check"
    schema_version: Literal[2] = 2
    model: str
    asked: Asked | None = None
    """What was asked on the command line, where it was."""
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
    loss: str = ""
    """The loss whose per-sample gradients were asked for, with its options; empty where Jacobians were."""

    chunk_outputs: Count | None = None
    """Outputs of each sample in the first part, where these are not all."""
    notes: tuple[str, ...] = ()
    """What must be known of the model and of the comparison, a line each."""
    contradiction: str = ""
    """Why autograd itself is wrong on this model, where it is: then nothing that was compared with it is known."""

    @property
    def part_words(self) -> str:
        """How large the first part is, in words."""
        return size_of_part(self.chunk_samples, self.chunk_outputs)

    @property
    def has_findings(self) -> bool:
        """Whether numbers are wrong, a method's or autograd's own; a method that crashes is told of, and is neither."""
        return bool(self.contradiction or self.wrong)

    @property
    def found_something(self) -> bool:
        """The same; also where no number was judged."""
        return self.has_findings or not any(_is_decided(answer) for answer in self.answers)

    def answer(self, method: str) -> MethodAnswer:
        """The answer on the method of that name. Raises KeyError."""
        for found in self.answers:
            if found.method == method:
                return found
        raise KeyError(method)

    @property
    def wrong(self) -> tuple[MethodAnswer, ...]:
        """The answers of methods whose numbers are wrong."""
        return tuple(answer for answer in self.answers if answer.is_wrong)

    @property
    def call_line(self) -> str:
        """`call`, as it is told."""
        return f"to call it: {self.call}"

    @property
    def call(self) -> str:
        """The line of Python that calls the method to use; empty where there is none."""
        if self.recommended is None:
            return ""
        name = self.asked.name_of(self.recommended) if self.asked else self.recommended
        own = "".join(f", {word}" for word in (self.asked.keywords if self.asked else ()))
        if self.loss:
            return f"jaccheck.gradients(model, X, y, loss{own}, method={name!r})"
        return f"jaccheck.jacobians(model, X{own}, method={name!r})"

    @property
    def verdict(self) -> str:
        """What the exit code stands for, and the advice, in one line."""
        if self.interrupted:
            return f"interrupted, and this is what was done until then: {self.advice}"
        if self.contradiction:
            return f"autograd itself is contradicted on this model; {self.advice}"
        if not self.wrong:
            return self.advice
        return f"{plural(len(self.wrong), 'method is', 'methods are')} wrong on this model; {self.advice}"

    def __repr__(self) -> str:
        headline, columns, rows = self._shown()
        said = [line for each in reversed(statements(self)) for line in (each.text, *each.more)]
        end = (self.verdict, *((self.call_line,) if self.call else ()))
        versions = self.environment.versions_said
        return "\n".join((headline, versions, self.judged_by, *text_table(columns, rows), *said, *end))

    def _repr_html_(self) -> str:
        headline, columns, rows = self._shown()
        said = (line for each in statements(self) for line in (each.text, *each.more))
        end = (self.call_line,) if self.call else ()
        how = (self.judged_by, self.environment.versions_said)
        return html_table(headline, columns, rows, self.verdict, *end, *said, *how)

    def _shown(self) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
        """A headline, and the table of the command: its columns and rows."""
        table = answer_table(self)
        rows = [
            (row.answer.method, *map(str, row.in_dtypes), row.undecided, row.time, row.memory) for row in table.rows
        ]
        pairs = zip(table.dtypes, table.limits, strict=True)
        answers = (f"in {dtype}, worst {limit}".removesuffix(", worst ") for dtype, limit in pairs)
        columns = ("method", *answers, "undecided", "time", "memory")
        headline = (
            f"{self.model}: N = {self.N:,}, C = {self.C:,}, {plural(self.parameters, 'number')} in parameters, "
            f"{self.dtype} on {self.device}"
        )
        return headline, columns, rows


def _is_decided(answer: MethodAnswer) -> bool:
    return answer.outcome.is_usable or (answer.in_float64 is not None and answer.in_float64.is_usable)
