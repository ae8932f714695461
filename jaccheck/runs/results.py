"""`ShardResult`: what judging one shard gave, as plain data: small, summed up, stored, sent between processes.

It depends on nothing but the shard, the methods, the profile and the versions (and on times, of course), so it is the
same whoever judges the shard, in whatever order: in this process, in a worker, on another machine.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from jaccheck.case import Case
from jaccheck.core import Count, plain_data
from jaccheck.reports import CoverageCell, Finding, Outcome, Tightness, Totals
from jaccheck.runs.plan import Shard


@plain_data
class FailureGroup:
    """What makes two failures the same until they are shrunk."""

    method: str
    device: str
    law: str
    outcome: Outcome


@plain_data
class Candidate:
    """A failing case, the simplest seen for its key and set of layers."""

    key: str
    case: Case
    message: str = ""
    """What was seen when it failed first."""
    shard: Shard | None = None
    """Where it was judged, as the case of index `index`."""
    index: Count = 0


@plain_data
class Candidates:
    """The failing cases of one group: how many there were, and some of them, at most `MOST_CANDIDATES`."""

    group: FailureGroup
    seen: Annotated[int, Ge(1)]
    cases: tuple[Candidate, ...]


@plain_data
class Earlier:
    """What ran in a process before: these methods on the cases of a shard, up to that of index `until`."""

    shard: Shard
    until: Count
    methods: tuple[str, ...]


@plain_data
class Try:
    """A question: does this case show the failure, with this key if one is named?"""

    group: FailureGroup
    case: Case
    key: str | None = None
    earlier: Earlier | None = None
    """What runs before that in the same process; nothing where it is None."""


@plain_data
class Sums:
    """What judging gave: counts and failing cases; sums add up, whatever the order."""

    totals: Totals
    coverage: tuple[CoverageCell, ...] = ()
    tightness: tuple[Tightness, ...] = ()
    candidates: tuple[Candidates, ...] = ()


@plain_data
class ShardResult:
    """What judging gave of one shard; `done` is how many of its cases were gone through, all of them unless stopped."""

    shard: Shard
    done: Count
    sums: Sums
    given_up: tuple[str, ...] = ()
    """Methods that were left out of some of its cases, since they had ended too many worker processes."""

    @property
    def is_whole(self) -> bool:
        """Whether no case of the shard is left."""
        return self.done >= self.shard.count


def group_of(finding: Finding) -> FailureGroup:
    """The failure that a finding shows."""
    return FailureGroup(method=finding.method, device=finding.device, law=finding.law, outcome=finding.outcome)
