"""`Shard`: the smallest piece of a run, drawn and judged on its own; a run is a stream of them.

The boundary cases of all families come first, then rounds of random ones, so every family × dtype has its share
whenever a run is cut short. The cases of a shard depend on nothing but its own fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from jaccheck.case import DTYPES, Case
from jaccheck.case.case import DType
from jaccheck.case.families import FAMILIES, boundary_cases
from jaccheck.plain import plain_data
from jaccheck.profiles import Profile
from jaccheck.report import Settings


@plain_data
class Shard:
    """The boundary cases (`round` 0) or `count` random cases of one family and dtype."""

    family: str
    dtype: DType
    round: int
    count: int
    seed: int

    def cases(self) -> list[Case]:
        """The cases of this shard, the same for the same shard."""
        if self.round == 0:
            return list(boundary_cases(self.family, self.dtype))
        from jaccheck.case.strategies import draw_cases

        # The first case that Hypothesis draws is always the simplest; one for each shard would be a waste.
        drawn = draw_cases(self.family, (self.dtype,), seed_number=self.seed, count=self.count + 1)
        return drawn[1:]


def shards(profile: Profile, settings: Settings) -> Iterator[Shard]:
    """The shards of a run, in order; without end where the settings limit cases or time instead of the profile."""
    families = [name for name in FAMILIES if name in settings.families]
    dtypes = [dtype for dtype in DTYPES if dtype in settings.dtypes]
    number = 0
    endless = settings.time is not None or settings.max_examples is not None
    while endless or number <= profile.rounds:
        for family in families:
            for dtype in dtypes:
                seed = _seed(f"{settings.seed}/{family}/{dtype}/{number}")
                yield Shard(family=family, dtype=dtype, round=number, count=profile.cases_per_round, seed=seed)
        number += 1


def selected(stored: Iterable[Case], dtypes: Sequence[str], families: Sequence[str]) -> list[Case]:
    """Those stored cases that are of these dtypes, and of these families or of none."""
    return [case for case in stored if case.dtype in dtypes and (case.family in families or case.family == "custom")]


def expected_cases(profile: Profile, settings: Settings) -> int | None:
    """How many cases a run will have, or None where time decides."""
    if settings.max_examples is not None:
        return settings.max_examples
    if settings.time is not None:
        return None
    cells = [(f, d) for f in FAMILIES if f in settings.families for d in DTYPES if d in settings.dtypes]
    boundary = sum(len(boundary_cases(family, dtype)) for family, dtype in cells)
    return boundary + len(cells) * profile.rounds * profile.cases_per_round


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
