"""`Shard`: the smallest piece of a run, drawn and judged on its own. A run is a stream of shards.

The boundary cases of all families come first, then rounds of random ones, so every family × dtype has its share
whenever a run is cut short. The cases of a shard depend on nothing but its own fields, and the shards of a run on
nothing but profile and settings: whoever has these can draw any shard again, by its number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice

from jaccheck.case import DTYPES, FAMILIES, Case, DType, Profile, boundary_cases
from jaccheck.core import Count, plain_data
from jaccheck.reports import Part, Settings

GIVEN_AT_ONCE = 8
"""Cases in a shard of given cases."""


RANDOM_AT_LEAST = 4
"""Cases in a shard of random ones, in every profile."""


@plain_data
class Shard:
    """Boundary cases (`round` 0), random cases of one family and dtype, or given cases, for one device."""

    number: Count
    """Its place in the run."""
    device: str
    family: str
    dtype: DType
    round: Count
    count: Count
    seed: Count
    given: tuple[Case, ...] = ()
    """The cases, if they are given and not drawn."""
    is_counted: bool = True
    """False if a shard with the same cases on another device counts them: a run counts each case once."""
    chosen: tuple[Count, ...] = ()
    """The indices of the boundary cases."""
    before: Count = 0
    """How many boundary cases the run has before these."""

    @property
    def position(self) -> int:
        """That of its first case, by which the laws share out the cases.

        Boundary cases and given ones stand in one row, so that no law is late. The random cases of a family and round
        stand in a row of their own, whatever their dtype: with four of each dtype, each method meets every law there.
        """
        if self.given:
            return self.number * GIVEN_AT_ONCE
        return self.before if self.round == 0 else (DTYPES.index(self.dtype) + self.round) * RANDOM_AT_LEAST

    def cases(self) -> list[Case]:
        """The cases of this shard, the same for the same shard."""
        if self.given:
            return list(self.given)
        if self.round == 0:
            every = boundary_cases(self.family, self.dtype)
            return [every[index] for index in self.chosen]
        from jaccheck.case import draw_cases

        # The first case that Hypothesis draws is always the simplest; to run it in each shard would waste time.
        drawn = draw_cases(self.family, (self.dtype,), seed_number=self.seed, count=self.count + 1)
        return drawn[1:]


def shards(profile: Profile, settings: Settings) -> Iterator[Shard]:
    """The shards of a run, in order; endless if the settings limit the time."""
    left, before = settings.max_examples, 0
    number = count()
    for family, dtype, round in _rounds(profile, settings):
        chosen = _chosen(profile, settings, family, dtype)[:left] if round == 0 else ()
        cases = len(chosen) if round == 0 else profile.cases_per_round
        if left is not None:
            cases = min(cases, left)
            left -= cases
        for device in settings.devices:
            yield Shard(
                number=next(number),
                device=device,
                family=family,
                dtype=dtype,
                round=round,
                count=cases,
                seed=_seed(f"{settings.seed}/{family}/{dtype}/{round}"),
                is_counted=device == settings.devices[0],
                chosen=chosen,
                before=before,
            )
        before += len(chosen)
        if left == 0:
            return


def part_of(run: Iterable[Shard], part: Part | None, devices: Sequence[str]) -> Iterator[Shard]:
    """The shards of one part of a run, or all; those with the same cases on several devices stay together."""
    for shard in run:
        if part is None or shard.number // len(devices) % part.of == part.number - 1:
            yield shard


def given_shards(cases: Iterable[Case], devices: Sequence[str]) -> Iterator[Shard]:
    """The shards of a run over given cases, in their order."""
    number = count()
    rest = iter(cases)
    while some := tuple(islice(rest, GIVEN_AT_ONCE)):
        for device in devices:
            yield Shard(
                number=next(number),
                device=device,
                family=some[0].family,
                dtype=some[0].dtype,
                round=0,
                count=len(some),
                seed=0,
                given=some,
                is_counted=device == devices[0],
            )


def selected(stored: Iterable[Case], dtypes: Sequence[str], families: Sequence[str]) -> list[Case]:
    """The stored cases of these dtypes, and of these families or of none."""
    return [case for case in stored if case.dtype in dtypes and (case.family in families or case.family == "custom")]


def expected_cases(profile: Profile, settings: Settings) -> int | None:
    """How many cases a run will have, or None if the time decides."""
    if settings.max_examples is not None:
        return settings.max_examples
    if settings.time is not None:
        return None
    cells = [(f, d) for f in FAMILIES if f in settings.families for d in DTYPES if d in settings.dtypes]
    boundary = sum(len(_chosen(profile, settings, family, dtype)) for family, dtype in cells)
    return boundary + len(cells) * profile.rounds * profile.cases_per_round


def _chosen(profile: Profile, settings: Settings, family: str, dtype: DType) -> tuple[int, ...]:
    """The indices of the boundary cases of a family that a run has in a dtype.

    Neighbouring cases, and neighbouring seeds, take turns, so that each is met in as many dtypes as the profile says,
    or in all that it exists in.
    """
    counts = [len(boundary_cases(family, each)) for each in DTYPES if each in settings.dtypes]
    turn = list(FAMILIES).index(family) + DTYPES.index(dtype) + settings.seed
    chosen = []
    for index in range(len(boundary_cases(family, dtype))):
        step = max(1, sum(index < count for count in counts) // profile.boundary_dtypes)
        if (index + turn) % step == 0:
            chosen.append(index)
    return tuple(chosen)


def _rounds(profile: Profile, settings: Settings) -> Iterator[tuple[str, DType, int]]:
    families = [name for name in FAMILIES if name in settings.families]
    dtypes = [dtype for dtype in DTYPES if dtype in settings.dtypes]
    endless = settings.time is not None or settings.max_examples is not None
    for round in count() if endless else range(profile.rounds + 1):
        for family in families:
            for dtype in dtypes:
                yield family, dtype, round


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
