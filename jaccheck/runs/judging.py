"""`judge_shard`: every method on every case of one shard. The result does not depend on what was judged before."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from jaccheck.case import Case, Profile
from jaccheck.core import to_json
from jaccheck.errors import InvalidCase, NotComputed
from jaccheck.judging import CaseReference, explained, judge, laws_due, try_claim
from jaccheck.methods import Method, calm_torch, has_dtype
from jaccheck.reports import Outcome, Verdict
from jaccheck.runs.plan import Shard
from jaccheck.runs.results import ShardResult, Sums
from jaccheck.runs.tally import Tally

CLAIM_EVERY = 16
"""One in this many refusals of random cases is tried."""

Announce = Callable[[Case, int, str], None]
"""Receives the case, its index in the shard and the method that runs next; "" for the reference."""


def silently(case: Case, index: int, method: str) -> None:
    """Does nothing."""


def judge_shard(shard: Shard, methods: Sequence[Method], profile: Profile) -> ShardResult:
    """The result of a shard, or of its first cases if Ctrl-C is pressed."""
    tally, done = Tally(), 0
    try:
        for sums in judge_cases(shard, methods, profile):
            tally.merge(sums)
            done += 1
    except KeyboardInterrupt:
        pass
    return ShardResult(shard=shard, done=done, sums=tally.sums())


def judge_cases(
    shard: Shard,
    methods: Sequence[Method],
    profile: Profile,
    *,
    start: int = 0,
    left_out: Collection[str] = (),
    announce: Announce = silently,
) -> Iterator[Sums]:
    """The result of each case of the shard from index `start`; the first of them without the methods `left_out`."""
    began = time.perf_counter()
    cases = shard.cases()
    drawing = time.perf_counter() - began
    for index, case in enumerate(cases[start:], start=start):
        tally = Tally()
        asked = [m for m in methods if m.name not in left_out] if index == start else methods
        with calm_torch():
            if has_dtype(shard.device, case.dtype):
                _judge_case(case, index, shard, asked, profile, tally, announce)
        tally.count(cases=int(shard.is_counted))
        tally.spend(drawing=drawing if index == start else 0.0)
        yield tally.sums()


def _judge_case(
    case: Case,
    index: int,
    shard: Shard,
    methods: Sequence[Method],
    profile: Profile,
    tally: Tally,
    announce: Announce,
) -> None:
    """Adds the verdict of every method on one case to the tally."""
    laws = laws_due(index + shard.seed, profile.repeat_every)
    announce(case, index, "")
    try:
        reference = CaseReference(case, shard.device)
    except NotComputed:
        tally.count(not_computed=1)
        return
    except InvalidCase:
        # Its numbers overflow its dtype: there is nothing to compare.
        tally.count(overflowing=1)
        return
    inside = 0.0
    for method in methods:
        announce(case, index, method.name)
        verdict = judge(case, method, device=shard.device, reference=reference, laws=laws)
        if verdict.outcome is Outcome.UNSUPPORTED and _is_claim_due(shard, case, verdict):
            verdict = try_claim(case, method, verdict, reference)
        inside += verdict.seconds
        tally.add(case, explained(case, verdict))
    tally.spend(methods=inside, reference=reference.seconds.autograd, oracle=reference.seconds.oracle)


def _is_claim_due(shard: Shard, case: Case, refusal: Verdict) -> bool:
    """Whether the claim to be unsupported is tried: on every boundary case, and on a fixed share of random ones."""
    if shard.round == 0:
        return True
    digest = hashlib.sha256(f"{refusal.method}{to_json(case)}".encode()).digest()
    return digest[0] % CLAIM_EVERY == 0
