"""Stores of somebody else: schemas that run SQL, rows that are broken, files that are none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from jaccheck_support.testing import ENVIRONMENT

from attack_groups.attack import Attack, refused
from jaccheck.reports import Settings
from jaccheck.runs import Store

SCHEMAS = {
    "a trigger": "CREATE TRIGGER t AFTER UPDATE ON run BEGIN DELETE FROM finding; END",
    "a view in place of a table": "DROP TABLE given_up; CREATE VIEW given_up AS SELECT 1 AS run, 'x' AS method",
    "a view that loads a library": "CREATE VIEW v AS SELECT load_extension('./owned')",
    "an index on a function": "CREATE INDEX i ON run (abs(seconds))",
    "a column that is computed": "ALTER TABLE run ADD COLUMN more TEXT AS (abs(seconds))",
    "a table less": "DROP TABLE tightness",
    "a table that takes any type": "DROP TABLE total; CREATE TABLE total (run, name, value)",
    "a table more": "CREATE TABLE more (x)",
    "a later version": "PRAGMA user_version = 99",
    "another program": "PRAGMA application_id = 1",
}

ROWS = {
    "settings that are none": "settings = '{}'",
    "settings that close a brace": "settings = '{}, \"id\": 7'",
    "an environment without end": f"environment = '{'[' * 5000}'",
    "a state that blinks": "state = '[blink]'",
    "a start in an age": "started = 1e300",
    "a start before": "started = -1",
    "an infinite time": "seconds = 9e999",
    "names that are a number": "asked = '1'",
    "no JSON": "asked = char(0) || 'x'",
}

COMMANDS = {
    "history": "jaccheck history --store runs.db",
    "history 1": "jaccheck history 1 --store runs.db",
    "report 1": "jaccheck report 1 --store runs.db",
    "resume": "jaccheck verify --resume 1 --store runs.db",
}

MADE = {
    "a folder": "mkdir runs.db",
    "a pipe": "mkfifo runs.db",
    "a device": "ln -s /dev/zero runs.db",
    "a file of the kernel": "ln -s /proc/kmsg runs.db",
    "a text": "echo text > runs.db",
    "a lock that is a folder": "mkdir runs.db.lock",
    "a folder that is a file": "touch file; ln -s file/x runs.db",
}


@cache
def store(sql: str = "") -> bytes:
    """A store with two runs, changed by SQL."""
    settings = Settings(
        profile="quick",
        seed=1,
        max_examples=2,
        time=None,
        methods=("outer_products",),
        devices=("cpu",),
        dtypes=("float64",),
        families=("generic",),
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        with Store(path) as made:
            for _ in range(2):
                made.begin(("outer_products",), settings, ENVIRONMENT, ())
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(sql)
            connection.execute("PRAGMA journal_mode = DELETE")
        return path.read_bytes()


def attacks() -> Iterator[Attack]:
    """Each store, to each command."""
    for command, line in COMMANDS.items():
        for name, sql in SCHEMAS.items():
            yield refused(f"{command}, {name}", line, "runs.db", files={"runs.db": store(sql)})
        for name, change in ROWS.items():
            file = store(f"UPDATE run SET {change} WHERE id = 1")
            yield refused(f"{command}, {name}", line, "run 1", files={"runs.db": file})
        for name, prelude in MADE.items():
            codes = (0, 2) if command == "history" and name == "a lock that is a folder" else (2,)
            yield Attack(name=f"{command}, {name}", shell=f"{prelude}; {line}", codes=codes, is_one_line=codes == (2,))
    for name, change in ROWS.items():
        file = store(f"UPDATE run SET {change} WHERE id = 1")
        yield Attack(
            name=f"another run beside {name}",
            shell="jaccheck history 2 --store runs.db",
            files={"runs.db": file},
            codes=(1,),  # it has compared nothing
            says=("nothing was compared",),
        )
