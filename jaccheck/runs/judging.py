"""`judge_shard`: every method on every case of one shard. The result does not depend on what was judged before."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from jaccheck.case import Case, Profile
from jaccheck.core import to_json
from jaccheck.errors import InvalidCase, NotComputed
from jaccheck.judging import (
    CaseReference,
    Surroundings,
    explained,
    judge,
    laws_due,
    laws_of_variant,
    place_of,
    try_claim,
)
from jaccheck.methods import Method, calm_torch, has_dtype
from jaccheck.reports import Outcome, Verdict
from jaccheck.runs.plan import Shard
from jaccheck.runs.results import ShardResult, Sums
from jaccheck.runs.tally import Tally

CLAIM_EVERY = 16
"""One in this many refusals of random cases is tried."""

BOUNDARY_CLAIM_EVERY = 3
"""The same of boundary cases; four dtypes, whose positions differ by four, meet each remainder by three."""

Announce = Callable[[Case, int, str], None]
"""Receives the case, its index in the shard and the method that runs next; "" for the reference."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What one case gave; or what the methods `done` gave, of which the last has left this process unfit."""

    sums: Sums
    done: tuple[str, ...] = ()


def silently(case: Case, index: int, method: str) -> None:
    """Does nothing."""


def asked_less_often(methods: Sequence[Method], profile: Profile) -> frozenset[str]:
    """The names of the variants of methods that run, too; none where every law is asked of every call."""
    names = {method.name for method in methods}
    return frozenset(m.name for m in methods if m.variant_of in names and profile.repeat_every > 1)


def judge_shard(shard: Shard, methods: Sequence[Method], profile: Profile) -> ShardResult:
    """The result of a shard, or of its first cases if Ctrl-C is pressed."""
    tally, done = Tally(), 0
    try:
        for result in judge_cases(shard, methods, profile):
            tally.merge(result.sums)
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
    is_replaced: bool = False,
) -> Iterator[CaseResult]:
    """The result of each case of the shard from index `start`; the first of them without the methods `left_out`.

    Where this process `is_replaced` if a method leaves it unfit for the next one, the results end there.
    """
    began = time.perf_counter()
    cases = shard.cases()
    drawing = time.perf_counter() - began
    variants = asked_less_often(methods, profile) if not shard.given else frozenset()
    for index, case in enumerate(cases[start:], start=start):
        tally = Tally()
        done: tuple[str, ...] = ()
        asked = [m for m in methods if m.name not in left_out] if index == start else methods
        with calm_torch():
            if has_dtype(shard.device, case.dtype):
                done = _judge_case(case, index, shard, asked, variants, profile, tally, announce, is_replaced)
        if done:
            yield CaseResult(tally.sums(), done)
            return
        tally.count(cases=int(shard.is_counted))
        tally.spend(drawing=drawing if index == start else 0.0)
        yield CaseResult(tally.sums())


def _judge_case(
    case: Case,
    index: int,
    shard: Shard,
    methods: Sequence[Method],
    variants: Collection[str],
    profile: Profile,
    tally: Tally,
    announce: Announce,
    is_replaced: bool,
) -> tuple[str, ...]:
    """Adds the verdict of every method on one case to the tally.

    Where one has left something that cannot be put back, it ends with that one, and returns who was judged.
    """
    position = shard.position + index
    announce(case, index, "")
    try:
        reference = CaseReference(case, shard.device)
    except NotComputed:
        tally.count(not_computed=1)
        return ()
    except InvalidCase:
        # Its numbers overflow its dtype: there is nothing to compare.
        tally.count(overflowing=1)
        return ()
    around = Surroundings(reference.template.model, shard.device)
    inside, done = 0.0, []
    for method in methods:
        place = position + place_of(method.name)
        laws = laws_of_variant(place) if method.name in variants else laws_due(place, profile.repeat_every)
        if laws is None:
            continue
        announce(case, index, method.name)
        verdict = judge(case, method, device=shard.device, reference=reference, laws=laws, around=around)
        if verdict.outcome is Outcome.UNSUPPORTED and _is_claim_due(shard, case, verdict, place, profile):
            verdict = try_claim(case, method, verdict, reference, around=around)
        inside += verdict.seconds
        done.append(method.name)
        tally.add(case, explained(case, verdict), shard=shard, index=index)
        if around.left and is_replaced:
            break
    tally.spend(methods=inside, reference=reference.seconds.autograd, oracle=reference.seconds.oracle)
    return tuple(done) if around.left and is_replaced else ()


def _is_claim_due(shard: Shard, case: Case, refusal: Verdict, place: int, profile: Profile) -> bool:
    """Whether the claim to be unsupported is tried: on a fixed share of random cases, and of boundary cases in one
    dtype out of three, since refusals seldom depend on it; where every call is repeated, on each of these.
    """
    if shard.round == 0:
        return place % BOUNDARY_CLAIM_EVERY == 0 or profile.repeat_every == 1 or bool(shard.given)
    digest = hashlib.sha256(f"{refusal.method}{to_json(case)}".encode()).digest()
    return digest[0] % CLAIM_EVERY == 0
