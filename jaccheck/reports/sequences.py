"""What a run over sequences found, as plain data."""

from __future__ import annotations

from typing import Literal

from jaccheck.core import Count, Seconds, plain_data
from jaccheck.reports.cluster import ClusterUse
from jaccheck.reports.verify import Environment


@plain_data
class SequenceFinding:
    """Something that is wrong and not known: its kind, what it is, and the shortest script found that shows it."""

    kind: str
    message: str
    script: str


@plain_data
class KnownCount:
    """How often the condition of a known issue was met, and how often it showed."""

    id: str
    met: int
    wrong: int


@plain_data
class SequenceSettings:
    """How much was run. `seconds` is a limit of time, `seed` makes the run repeatable."""

    profile: str
    examples: int | None
    steps: int
    seconds: Seconds | None
    seed: int


@plain_data
class SequenceReport:
    """The whole run. `examples` counts sequences, those tried while a failure was shortened left out."""

    kind: Literal["sequences"] = "sequences"
    schema_version: Literal[2] = 2
    settings: SequenceSettings
    environment: Environment
    examples: int
    steps: int
    compared: int
    undecided: int
    passes: int
    directed: Count = 0
    """How many of the sequences were directed ones, with which every run begins."""
    refused: dict[str, int]
    known: tuple[KnownCount, ...]
    findings: tuple[SequenceFinding, ...]
    seconds: Seconds
    interrupted: bool = False
    cluster: ClusterUse | None = None
    """How it was spread, where it was judged on a cluster."""

    @property
    def mended(self) -> tuple[str, ...]:
        """Known issues that were met often and never showed."""
        return tuple(each.id for each in self.known if each.met >= OFTEN and not each.wrong and each.id not in SELDOM)

    @property
    def has_findings(self) -> bool:
        """Whether anything is wrong and not known, or known and no longer wrong, as far as the run came."""
        return bool(self.findings or self.mended)

    @property
    def found_something(self) -> bool:
        """The same; also where nothing was compared at all."""
        return self.has_findings or not self.compared


OFTEN = 20

SELDOM = ("reused-extension",)
"""Shows only where two tensors have the same address: right results under its condition say nothing."""
