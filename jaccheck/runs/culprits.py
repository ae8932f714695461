"""`culprit_of`: who made a method fail that is right alone, found by running again what ran before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from jaccheck.methods import Method
from jaccheck.reports import SURVIVAL, Changed, Failure, Outcome
from jaccheck.runs.results import Candidate, Earlier, FailureGroup, Try

AFTERWARDS = ("what runs after it",)
"""The aspect under which a finding tells what is wrong with other methods, and not with this one."""


class Probe(Protocol):
    """Finds out how a case shows a failure, if it does; in haste where it is one trial of many."""

    def __call__(self, ask: Try, method: Method, *, is_trial: bool = False) -> Failure | None:
        """The failure, or None."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """A method after which another one fails in the same process, how that fails then, and how often was tried."""

    method: Method
    failure: Failure


def culprit_of(
    candidate: Candidate, group: FailureGroup, method: Method, others: Sequence[Method], probe: Probe
) -> Culprit | None:
    """Who makes the method fail, where running again what ran before it in its shard does; each time in a new process.

    The method itself, where it fails after its own earlier calls alone.
    """
    if candidate.shard is None:
        return None
    earlier = Earlier(shard=candidate.shard, until=candidate.index, methods=(method.name,))
    ask = Try(group=group, case=candidate.case)

    def fails_after(methods: Sequence[Method]) -> Failure | None:
        names = tuple(dict.fromkeys((*(each.name for each in methods), method.name)))
        return probe(replace(ask, earlier=replace(earlier, methods=names)), method)

    if own := fails_after(()):
        return Culprit(method, own)
    suspects = [each for each in others if each.name != method.name]
    failure = fails_after(suspects) if suspects else None
    if failure is None:
        return None
    while len(suspects) > 1:
        half = len(suspects) // 2
        for part in (suspects[:half], suspects[half:]):
            if found := fails_after(part):
                suspects, failure = part, found
                break
        else:
            if failure.law == SURVIVAL:  # which one of them ended the process has not been seen
                return None
            break  # several of them together; the one that ran last is named
    return Culprit(suspects[-1], failure)


def spoiling(victim: FailureGroup, failure: Failure) -> Failure:
    """What a culprit is told of."""
    words = f"after it, in the same process, {victim.method} is {failure.outcome} ({failure.message}); alone it is not"
    detail = Changed(aspects=AFTERWARDS, changes=(words,), count=1)
    return Failure(law="purity", outcome=Outcome.SIDE_EFFECT, detail=detail)
