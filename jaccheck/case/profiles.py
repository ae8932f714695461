"""Profiles: how much a run does, each field written out, chosen by name."""

from __future__ import annotations

from jaccheck.core import plain_data, unknown


@plain_data
class Profile:
    """How many random cases each family × dtype gets in a round, how many rounds, how often calls are repeated."""

    name: str
    summary: str
    boundary_dtypes: int
    """In how many dtypes, at least, each boundary case is met; the seed chooses which."""
    cases_per_round: int
    rounds: int
    repeat_every: int
    """Laws that call a method again cost as much as all others; each method is asked them on one case in so many."""
    shrink_seconds: float
    sequences: int
    """How many sequences of calls `jaccheck sequences` runs, and `sequence_steps` how long each is."""
    sequence_steps: int


PROFILES = {
    "quick": Profile(
        name="quick",
        summary="every boundary case in two dtypes, 4 random cases for each family and dtype; a minute or two",
        boundary_dtypes=2,
        cases_per_round=4,
        rounds=1,
        repeat_every=8,
        shrink_seconds=5.0,
        sequences=150,
        sequence_steps=40,
    ),
    "ci": Profile(
        name="ci",
        summary="every boundary case, 32 random cases for each family and dtype; ten minutes or so",
        boundary_dtypes=4,
        cases_per_round=8,
        rounds=4,
        repeat_every=8,
        shrink_seconds=15.0,
        sequences=600,
        sequence_steps=40,
    ),
    "nightly": Profile(
        name="nightly",
        summary="every boundary case, 800 random cases for each family and dtype; hours",
        boundary_dtypes=4,
        cases_per_round=8,
        rounds=100,
        repeat_every=1,
        shrink_seconds=60.0,
        sequences=20000,
        sequence_steps=50,
    ),
}


def profile(name: str) -> Profile:
    """The profile of that name. Raises UnknownName."""
    if name not in PROFILES:
        raise unknown("profile", name, PROFILES)
    return PROFILES[name]
