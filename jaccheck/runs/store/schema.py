"""The tables of a store: a SQLite database, by Python's own `sqlite3`.

SQLite, since a transaction survives whatever kills the process, since several runs can write at once, and since the
file can be read without jaccheck. No ORM: there are a dozen statements, and half of them are `ON CONFLICT` sums, which
an ORM would only hide. Counts are kept as sums for each cell, and finished shards as ranges of numbers, so a store does
not grow with the number of cases.
"""

from __future__ import annotations

APPLICATION = 0x6A616363
"""Written into the file (`PRAGMA application_id`): "jacc"; a database of another program has another number."""

VERSION = 2
"""Written into the file (`PRAGMA user_version`). Version 1 told failures in words; it is not read any more."""

TABLES = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    started REAL NOT NULL,
    state TEXT NOT NULL,
    seconds REAL NOT NULL,
    asked TEXT NOT NULL,
    settings TEXT NOT NULL,
    environment TEXT NOT NULL
) STRICT;
CREATE TABLE given (
    run INTEGER NOT NULL REFERENCES run,
    number INTEGER NOT NULL,
    "case" TEXT NOT NULL,
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE done (
    run INTEGER NOT NULL REFERENCES run,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (run, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE total (
    run INTEGER NOT NULL REFERENCES run,
    name TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE cell (
    run INTEGER NOT NULL REFERENCES run,
    method TEXT NOT NULL,
    device TEXT NOT NULL,
    dtype TEXT NOT NULL,
    family TEXT NOT NULL,
    cases INTEGER NOT NULL,
    compared INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    nonzero INTEGER NOT NULL,
    undecided INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    known INTEGER NOT NULL,
    PRIMARY KEY (run, method, device, dtype, family)
) STRICT, WITHOUT ROWID;
CREATE TABLE tightness (
    run INTEGER NOT NULL REFERENCES run,
    method TEXT NOT NULL,
    device TEXT NOT NULL,
    dtype TEXT NOT NULL,
    bin INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (run, method, device, dtype, bin)
) STRICT, WITHOUT ROWID;
CREATE TABLE candidates (
    run INTEGER NOT NULL REFERENCES run,
    failure TEXT NOT NULL,
    candidates TEXT NOT NULL,
    PRIMARY KEY (run, failure)
) STRICT, WITHOUT ROWID;
CREATE TABLE finding (
    run INTEGER NOT NULL REFERENCES run,
    id TEXT NOT NULL,
    found REAL NOT NULL,
    finding TEXT NOT NULL,
    PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE given_up (
    run INTEGER NOT NULL REFERENCES run,
    method TEXT NOT NULL,
    PRIMARY KEY (run, method)
) STRICT, WITHOUT ROWID;
"""
