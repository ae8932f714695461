"""`judge_shard`: every method on every case of one shard. The result does not depend on what was judged before."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from jaccheck.case import DTYPES, Case, DType, Profile
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

BOUNDARY_CLAIM_EVERY = 2
"""The same of boundary cases, by case, dtype and method: of the dtypes that a run meets a case in, one at least."""

Announce = Callable[[Case, int, str], None]
"""Receives the case, its index in the shard and the method that runs next; "" for the reference."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What one case gave; or, where this process `is_spoilt`, what the methods `done` gave, the last of which did it.

    Where nobody is `done`, whose doing it is shows when the case is judged again with a look after each call.
    """

    sums: Sums
    done: tuple[str, ...] = ()
    is_spoilt: bool = False


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
    closely: bool = False,
) -> Iterator[CaseResult]:
    """The result of each case of the shard from index `start`; the first of them without the methods `left_out`.

    Where this process `is_replaced` if a method leaves it unfit for the next one, the results end there. What is global
    is looked at after each case, and after each call where that shows something, or it is to be done `closely`: so it
    is wherever a method is not jaccheck's own.
    """
    began = time.perf_counter()
    cases = shard.cases()
    drawing = time.perf_counter() - began
    variants = asked_less_often(methods, profile) if not shard.given else frozenset()
    work = _Work(shard, variants, profile, announce, is_replaced)
    closely = closely or not all(method.is_built_in for method in methods)
    for index, case in enumerate(cases[start:], start=start):
        judged = _Judged()
        asked = [m for m in methods if m.name not in left_out] if index == start else methods
        with calm_torch():
            if has_dtype(shard.device, case.dtype):
                judged = work.judged(case, index, asked, closely=closely)
        if not judged.is_spoilt:
            judged.tally.count(cases=int(shard.is_counted))
            judged.tally.spend(drawing=drawing if index == start else 0.0)
        yield CaseResult(judged.tally.sums(), tuple(judged.done) if judged.is_spoilt else (), judged.is_spoilt)
        if judged.is_spoilt:
            return


@dataclass(slots=True)
class _Judged:
    """The verdicts on one case, the methods that have one, and whether this process is fit for no other call."""

    tally: Tally = field(default_factory=Tally)
    done: list[str] = field(default_factory=list)
    is_spoilt: bool = False
    has_changed: bool = False
    """Whether a call was seen to leave something, whatever it does besides."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What is the same for all cases of a shard."""

    shard: Shard
    variants: Collection[str]
    profile: Profile
    announce: Announce
    is_replaced: bool

    def judged(self, case: Case, index: int, methods: Sequence[Method], *, closely: bool) -> _Judged:
        """What every method gives on one case, or every one up to that which left something that cannot be put back.

        If it is not done `closely` and shows in the end that a call has left something, all is done once more: in
        another process, where that is to be had, if it cannot be put back or does not show a second time in this one.
        """
        found = _Judged()
        self.announce(case, index, "")
        try:
            reference = CaseReference(case, self.shard.device)
        except NotComputed:
            found.tally.count(not_computed=1)
            return found
        except InvalidCase:
            # Its numbers overflow its dtype: there is nothing to compare.
            found.tally.count(overflowing=1)
            return found
        around = Surroundings(reference.template.model, self.shard.device, is_patient=not closely)
        inside, position = 0.0, self.shard.position + index
        for method in methods:
            place = position + place_of(method.name)
            is_variant = method.name in self.variants
            laws = laws_of_variant(place) if is_variant else laws_due(place, self.profile.repeat_every)
            if laws is None:
                continue
            self.announce(case, index, method.name)
            verdict = judge(case, method, device=self.shard.device, reference=reference, laws=laws, around=around)
            if verdict.outcome is Outcome.UNSUPPORTED and self._is_claim_due(case, index, verdict):
                verdict = try_claim(case, method, verdict, reference, around=around)
            inside += verdict.seconds
            found.done.append(method.name)
            found.tally.add(case, explained(case, verdict), shard=self.shard, index=index)
            if around.left and self.is_replaced:
                break
        if not closely:
            around.look_at_last()
        found.has_changed = around.has_changed
        found.is_spoilt = bool(around.left) and self.is_replaced
        if not closely and around.has_changed:
            found = self._judged_again(case, index, methods, is_spoilt=found.is_spoilt)
        found.tally.spend(methods=inside, reference=reference.seconds.autograd, oracle=reference.seconds.oracle)
        return found

    def _judged_again(self, case: Case, index: int, methods: Sequence[Method], *, is_spoilt: bool) -> _Judged:
        """What they give with a look after each call; nothing where another process has to do it."""
        if is_spoilt:
            return _Judged(is_spoilt=True)
        again = self.judged(case, index, methods, closely=True)
        return again if again.has_changed or not self.is_replaced else _Judged(is_spoilt=True)

    def _is_claim_due(self, case: Case, index: int, refusal: Verdict) -> bool:
        """Whether the claim to be unsupported is tried: on a fixed share of random cases, and of boundary cases in one
        dtype out of two, and on one of each family and dtype, since refusals seldom depend on the numbers; where every
        call is repeated, on each of these.
        """
        if self.shard.round == 0:
            if self.shard.given or self.profile.repeat_every == 1:
                return True
            is_first = index == place_of(refusal.method) % self.shard.count
            return is_first or boundary_turn(self.shard.chosen[index], self.shard.dtype, refusal.method) == 0
        digest = hashlib.sha256(f"{refusal.method}{to_json(case)}".encode()).digest()
        return digest[0] % CLAIM_EVERY == 0


def boundary_turn(index: int, dtype: DType, method: str) -> int:
    """The claim of a method is tried on the boundary case of this index where it is zero.

    Any two dtypes that a run meets a case in have different turns: the first and second, the first and third, the
    second and fourth.
    """
    place = DTYPES.index(dtype)
    return (place + place // 2 + index + place_of(method)) % BOUNDARY_CLAIM_EVERY
