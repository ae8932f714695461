"""`SelftestReport`: how well the checks tell wrong methods from right ones, beside two tolerances. Plain data."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

from jaccheck.core import Count, Seconds, plain_data
from jaccheck.reports.cluster import ClusterUse
from jaccheck.reports.outcome import Outcome
from jaccheck.reports.verdict import Mode
from jaccheck.reports.verify import Environment

Judge = Literal["jaccheck", "allclose", "assert_close"]
JUDGES: tuple[Judge, ...] = ("jaccheck", "allclose", "assert_close")
"""jaccheck, `torch.allclose` and `torch.testing.assert_close`, the latter two with torch's default tolerances."""

Rate = Annotated[float, Ge(0), Le(1)]


@plain_data
class Kill:
    """How a judge first told a mutant from the method that it spoils."""

    after: Annotated[int, Ge(1)]
    """Number of cases up to it, counted from 1, those included that the method refuses."""
    family: str
    dtype: str
    laws: tuple[str, ...]
    """The laws that were broken; for a tolerance "values", or the law that says the same."""
    outcome: Outcome
    message: str


@plain_data
class MutantScore:
    """What became of one mutant."""

    name: str
    kind: str
    summary: str
    base: str
    expected: tuple[str, ...]
    tried: Count = 0
    """Cases that it does not refuse, up to the last judge's kill."""
    triggered: Count = 0
    """Cases among them that have what triggers it; on all others it does what its base does."""
    differed: Count = 0
    """Cases among those in which it raised, or returned something else than its base, bit by bit."""
    jaccheck: Kill | None = None
    allclose: Kill | None = None
    assert_close: Kill | None = None

    def kill(self, judge: Judge) -> Kill | None:
        """How this judge killed it, or None if it survived."""
        kill: Kill | None = getattr(self, judge)
        return kill


@plain_data
class MutationScore:
    """How many of the mutants a judge killed, and the 95 % confidence limit from below of that share."""

    judge: Judge
    killed: Count
    mutants: Count
    lower_limit: Rate


@plain_data
class FalseAlarms:
    """How often a judge called the result of an unmodified method wrong, among the results compared in one mode.

    `upper_limit` is the 95 % confidence limit of the rate (Clopper and Pearson), as if the results were independent.
    Results of which nothing can be decided are not counted for any judge.
    """

    judge: Judge
    mode: Mode
    results: Count
    alarms: Count
    upper_limit: Rate


@plain_data
class Alarm:
    """One result of an unmodified method that jaccheck called wrong."""

    method: str
    case: str
    """Its repr, which can be pasted."""
    message: str


@plain_data
class SelftestReport:
    """The score of the checks on a catalogue of mutants, and on the methods that are right."""

    kind: Literal["selftest"] = "selftest"
    schema_version: Literal[2] = 2
    cases: Count
    overflowing: Count
    """Cases among them that were left out, since their numbers overflow their dtype."""
    mutants: tuple[MutantScore, ...]
    scores: tuple[MutationScore, ...]
    false_alarms: tuple[FalseAlarms, ...]
    alarms: tuple[Alarm, ...] = ()
    seconds: Seconds = 0.0
    environment: Environment | None = None
    """With which versions; None in reports of before it was kept."""
    cluster: ClusterUse | None = None
    """How it was spread, where it was judged on a cluster."""

    @property
    def survivors(self) -> tuple[MutantScore, ...]:
        """The mutants that jaccheck did not see."""
        return tuple(mutant for mutant in self.mutants if mutant.jaccheck is None)

    @property
    def visible(self) -> tuple[MutantScore, ...]:
        """The mutants that change what is returned: the only ones that a comparison of results could ever see."""
        return tuple(mutant for mutant in self.mutants if mutant.differed)

    @property
    def is_clean(self) -> bool:
        """Whether jaccheck killed every mutant and raised no false alarm."""
        return not self.survivors and not self.alarms
