"""Stores as trees that can be changed like JSON, and written as SQLite files again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import Any

from jaccheck.runs.store.schema import APPLICATION, TABLES, VERSION

Rows = dict[str, list[dict[str, Any]]]


def rows_of(file: bytes) -> Rows:
    """Every row of every table; columns that hold JSON as trees, too."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(_without_wal(file))
        connection.row_factory = sqlite3.Row
        names = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}
    return {name: [{k: _tree(row[k]) for k in tuple(row.keys())} for row in rows] for name, rows in tables.items()}


def store_of(tree: Any) -> bytes:
    """A file with these rows, as far as SQLite takes them: one with other columns is no store at all."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(TABLES)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        for table, rows in tree.items() if isinstance(tree, dict) else ():
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict):
                    _insert(connection, table, row)
        return connection.serialize()


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    columns = ", ".join(f'"{name}"' for name in row)
    values = list(map(_value, row.values()))
    # What SQLite does not take cannot stand in a file either.
    with suppress(sqlite3.Error, OverflowError, ValueError):
        connection.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join("?" * len(row))})', values)


def _tree(value: Any) -> Any:
    """The tree in a text of JSON, or the value itself."""
    try:
        return json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
    except ValueError:
        return value


def _value(tree: Any) -> Any:
    if isinstance(tree, str) and tree.startswith("\x00"):
        return b"\xff" + tree.encode()  # SQLite has bytes, too
    return json.dumps(tree) if isinstance(tree, dict | list) else tree


def _without_wal(file: bytes) -> bytes:
    """The file with another journal stated in its header: a database in memory has no file for a log."""
    return file[:18] + b"\x01\x01" + file[20:]
