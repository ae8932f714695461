"""A law is one object: its name stands in one place, and everything that names laws follows from the objects."""

from __future__ import annotations

from pathlib import Path

from jaccheck.judging.laws.laws import ALL_LAWS, CALLED_ONCE, LAW_OF, LAWS, RELATED, REPEATED, SELDOM, laws_due, table

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
    """In quotes as the name of a law. Mutants name the laws that should see them, converters those of old files."""
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "jaccheck").rglob("*.py")}
    elsewhere = [path for path in sources if "mutants" not in path.parts and path.name != "converters.py"]
    for law in ALL_LAWS:
        if " " in law.name:
            holding = [path for path in elsewhere if f'"{law.name}"' in sources[path]]
            assert len(holding) <= 1, (law.name, holding)


def test_when_laws_are_due() -> None:
    """What takes one call always, what repeats it every so often, and the others in turn, one at a time."""
    assert [law.name for law in LAWS] == [
        *("agreement", "purity", "no aliasing", "repeatability", "out argument"),
        *("batch", "outputs", "freed memory", "sum over samples", "homogeneity"),
    ]
    for every in (1, 4):
        seldom = []
        for position in range(4 * SELDOM * every):
            due = laws_due(position, every)
            often = REPEATED if position % every == 0 else CALLED_ONCE
            assert due[: len(often)] == often
            seldom += due[len(often) :]
        assert [seldom.count(law) for law in RELATED] == [4] * len(RELATED)
