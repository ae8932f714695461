"""A law is one object: its name stands in one place, and everything that names laws follows from the objects."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from jaccheck.case import DTYPES, PROFILES, Profile
from jaccheck.judging.laws.laws import (
    ALL_LAWS,
    CALLED_ONCE,
    LAW_OF,
    LAWS,
    RELATED,
    REPEATED,
    SELDOM,
    VARIANT_EVERY,
    laws_due,
    laws_of_variant,
    place_of,
    table,
)
from jaccheck.methods import registered
from jaccheck.reports import Settings
from jaccheck.runs import shards

ROOT = Path(__file__).parents[3]


def test_the_page_holds_the_table() -> None:
    """`python -m jaccheck.judging.laws.laws` prints it."""
    assert f"\n\n{table()}\n\n" in (ROOT / "docs" / "laws.md").read_text(encoding="utf-8")


def test_names_are_of_their_own() -> None:
    """And each law says what must hold."""
    assert len(LAW_OF) == len({law.id for law in ALL_LAWS}) == len(ALL_LAWS)
    assert all(law.statement for law in ALL_LAWS)
    assert all(LAW_OF[law.backs] for law in ALL_LAWS if law.backs)


def test_each_name_stands_in_one_place() -> None:
    """In quotes as the name of a law. Mutants name the laws that should see them, converters those of old files.

    The scripts of known issues say "no exception" to a reader.
    """
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "jaccheck").rglob("*.py")}
    others = {"mutants", "scripts", "converters.py"}
    elsewhere = [path for path in sources if others.isdisjoint(path.parts)]
    for law in ALL_LAWS:
        if " " in law.name:
            holding = [path for path in elsewhere if f'"{law.name}"' in sources[path]]
            assert len(holding) <= 1, (law.name, holding)


def test_when_laws_are_due() -> None:
    """What takes one call always, what repeats it every so often, and the others in turn, one at a time."""
    assert [law.name for law in LAWS] == [
        *("agreement", "purity", "no aliasing", "repeatability", "out argument"),
        *("batch", "outputs", "finite samples", "freed memory", "sum over samples", "homogeneity", "shares"),
    ]
    for every in (1, 8):
        seldom = []
        for position in range(4 * SELDOM):
            due = laws_due(position, every)
            often = REPEATED if position % every == 0 else CALLED_ONCE
            assert due[: len(often)] == often
            seldom += due[len(often) :]
        assert [seldom.count(law) for law in RELATED] == [4] * len(RELATED)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_method_meets_every_law_in_every_family(profile: Profile) -> None:
    """On random cases alone, whatever its name, where it covers every dtype."""
    settings = Settings(
        profile=profile.name,
        seed=1,
        max_examples=None,
        time=None,
        methods=(),
        devices=("cpu",),
        dtypes=DTYPES,
        families=("generic", "losses"),
    )
    first = [shard for shard in islice(shards(profile, settings), 100) if shard.round == 1]
    assert {shard.count for shard in first} == {profile.cases_per_round}
    for place in range(SELDOM):
        for family in settings.families:
            positions = [s.position + index for s in first if s.family == family for index in range(s.count)]
            due = [laws_due(position + place, profile.repeat_every) for position in positions]
            assert set().union(*due) == set(LAWS)


def test_methods_have_places_of_their_own() -> None:
    """So that on each case some are asked what costs most; a method keeps its place whatever runs beside it."""
    places = [place_of(name) for name in registered()]
    assert len(set(places)) >= SELDOM // 2
    assert place_of("hooks") == place_of("hooks")


def test_a_variant_meets_all_laws_on_sixteen_cases_in_a_row_and_is_asked_on_a_third() -> None:
    for first in range(60):
        asked = [laws_of_variant(position) for position in range(first, first + SELDOM)]
        due = [laws for laws in asked if laws is not None]
        assert set().union(*due) == set(LAWS)
        assert len(due) <= SELDOM // VARIANT_EVERY + 1


def test_a_variant_is_of_a_method_that_is_none() -> None:
    methods = registered()
    variants = {name: each.variant_of for name, each in methods.items() if each.variant_of}
    assert "vmap_vjp_chunked" in variants
    assert all(of in methods and of not in variants for of in variants.values())
