"""What the gate and the process of a side say to each other, one line of JSON each; tensors go through a file."""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal

from annotated_types import Ge

from jaccheck.case import Case, DType
from jaccheck.core import Count, End, plain_data
from jaccheck.reports import Failure, Outcome

Task = Literal["call", "judge", "time", "weigh"]
BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


@plain_data
class Hello:
    """The first line of a side: what it really imported, and which methods can run there."""

    versions: dict[str, str]
    """Of the distributions of interest that are installed, as their metadata state them."""
    files: dict[str, str]
    """Where torch, backpack and jaccheck were imported from; absent where they do not import."""
    methods: dict[str, str | None]
    """Every method by name, with the reason why it cannot run."""
    packages: dict[str, str]
    """The distribution that a method is about, for those that are about one."""
    devices: tuple[str, ...]
    trouble: str = ""
    """Why torch cannot hand a tensor to numpy there: torch before 2.3 needs numpy<2, and does not say so."""


@plain_data
class Ask:
    """Run these methods on one case."""

    case: Case
    methods: tuple[str, ...]
    device: str = "cpu"
    task: Task = "call"
    """Call each method; or judge it by every law, and write down its results; or time or weigh one call."""
    is_called_again: bool = True
    """Whether a method that is called is called again, on the same model with the batch reversed."""


@plain_data
class Array:
    """Where a tensor of a result lies in the file of a side."""

    name: str
    dtype: DType
    shape: tuple[Count, ...]
    offset: Count

    @property
    def entries(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return self.entries * BYTES[self.dtype]


@plain_data
class Call:
    """What one method did in a call, unjudged, or in two on one model: the same on both sides means nothing changed."""

    method: str
    refusal: str = ""
    error: str = ""
    end: End | None = None
    """How it ended the process, where it did."""
    digests: tuple[str, ...] = ()
    """Of the bits of the results, of BackPACK's own factor included."""
    entries: Count = 0
    factor_entries: Count = 0
    warnings: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()


@plain_data
class Observation:
    """What one method did on one case on one side, judged."""

    method: str
    outcome: Outcome
    message: str
    failure: Failure | None = None
    """The first law that did not hold."""
    is_absent: bool = False
    """Whether the method cannot run there at all, on any case."""
    gravest: Outcome | None = None
    """The worst that was found, as the support matrix has it; None for a method that cannot run there."""
    laws: tuple[str, ...] = ()
    """The laws that were broken."""
    known: tuple[str, ...] = ()
    """The known issues that may be behind the failures; empty where one failure is not listed."""
    listed: tuple[str, ...] = ()
    """The known issues of the installed versions whose condition the case meets; a failure may hide others of them."""
    warnings: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    """What was left behind, by design or not."""
    arrays: tuple[Array, ...] = ()
    """The Jacobians, then BackPACK's own factor under names that begin with `sqrt_ggn_exact of`."""
    script: str = ""


@plain_data
class Answer:
    """What the methods did on one case, in the order asked for; nothing where its numbers overflow its dtype."""

    calls: tuple[Call, ...] = ()
    observations: tuple[Observation, ...] = ()
    amounts: tuple[Annotated[float, Ge(0)], ...] = ()
    """Seconds of processor time, or bytes at the peak, for each method."""

    def fits(self, ask: Ask) -> bool:
        """Whether it answers this question: each method once, in the order asked for, and nothing else."""
        match ask.task:
            case "call":
                told = [call.method for call in self.calls]
                others: tuple[object, ...] = self.observations + self.amounts
            case "judge":
                told = [observation.method for observation in self.observations] or list(ask.methods)
                others = self.calls + self.amounts
            case _:
                told = list(ask.methods)[: len(self.amounts)]
                others = self.calls + self.observations + self.amounts[len(told) :]
        return told == list(ask.methods) and not others


@plain_data
class Message:
    """One line of a side: which method is next, or the answer."""

    starts: str = ""
    answer: Answer | None = None


@plain_data
class Crash:
    """What became of a side's process: how it ended, and with which method."""

    method: str
    end: End
