"""A store of somebody else is data: it runs no SQL, and what is broken in it hides nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from jaccheck_support.testing import ENVIRONMENT, Run

from jaccheck.errors import UnreadableFile
from jaccheck.reports import Settings
from jaccheck.runs import Store

SETTINGS = Settings(
    profile="quick",
    seed=3,
    max_examples=None,
    time=None,
    methods=("hooks",),
    devices=("cpu",),
    dtypes=("float64",),
    families=("generic",),
)

CHANGED = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM finding; END",
    "a view in place of a table": "DROP TABLE given_up; CREATE VIEW given_up AS SELECT 1 AS run, 'x' AS method",
    "a view beside them": "CREATE VIEW v AS SELECT load_extension('x')",
    "an index on an expression": "CREATE INDEX i ON run (abs(seconds))",
    "another column": "ALTER TABLE run ADD COLUMN more TEXT",
    "a column that is computed": "ALTER TABLE run ADD COLUMN more TEXT AS (abs(seconds))",
    "a table that takes any type": "DROP TABLE total; CREATE TABLE total (run, name, value)",
    "a table less": "DROP TABLE tightness",
    "a table more": "CREATE TABLE more (x)",
}


def store(path: Path, runs: int = 1) -> Path:
    """A store with so many runs."""
    with Store(path) as made:
        for _ in range(runs):
            made.begin(("hooks",), SETTINGS, ENVIRONMENT, ())
    return path


@pytest.mark.parametrize("kind", CHANGED)
def test_only_our_own_tables_are_read(tmp_path: Path, kind: str) -> None:
    """Whatever else is there is refused before a row is read, and nothing is written."""
    path = store(tmp_path / "runs.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(CHANGED[kind])
    before = path.read_bytes()
    with pytest.raises(UnreadableFile, match="its tables are not those that jaccheck makes"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("settings", "{}"),
        ("settings", '"}, "id": 1'),
        ("environment", "\x00"),
        ("state", "[blink]"),
        ("started", 1e300),
        ("seconds", -1.0),
        ("seconds", float("inf")),
        ("asked", "[" * 100_000),
    ],
)
def test_a_bad_row_hides_no_other(tmp_path: Path, column: str, value: object) -> None:
    """The others are listed and go on."""
    path = store(tmp_path / "runs.db", runs=3)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE run SET {column} = ? WHERE id = 2", (value,))
        connection.commit()
    with Store(path) as opened:
        assert [run.id for run in opened.runs()] == [1, 3]
        assert isinstance(opened.rows_of_runs()[1], UnreadableFile)
        with pytest.raises(UnreadableFile, match="run 2"):
            opened.run(2)


def test_history_lists_all_that_can_be_read(jaccheck: Run, tmp_path: Path) -> None:
    """And tells the other in one line, with exit code 2; a row of counts that is broken leaves the run in the list."""
    path = store(tmp_path / "runs.db", runs=3)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('UPDATE run SET settings = \'{"profile": "[/x]"}\' WHERE id = 1')
        connection.execute("INSERT INTO total VALUES (2, 'nothing.of.this', 1)")
        connection.commit()
    done = jaccheck("history", "--store", path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 2
    assert "run 1: settings" in done.stderr
    assert "run 2: there is no total 'nothing.of.this'" in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if " quick " in line] == ["2", "3"]
    assert "?" in done.stdout
