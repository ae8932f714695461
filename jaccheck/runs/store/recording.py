"""`Recording`: a run while it goes on. Each finished shard with its counts is one transaction, and each finding."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Lt

from jaccheck.core import Count, from_json, plain_data, to_json
from jaccheck.errors import UnreadableFile
from jaccheck.reports import NOTHING, TEST_RATIO_LIMITS, CoverageCell, Finding, Report, Tightness, Totals
from jaccheck.runs.plan import Shard
from jaccheck.runs.results import Candidates, ShardResult, Sums, group_of
from jaccheck.runs.store.store import FINISHED, INTERRUPTED, Store, StoredRun

_CELL = tuple(field.name for field in fields(CoverageCell))
_KEYS = ("method", "device", "dtype", "family")
_ADD_CELL = (
    f"INSERT INTO cell (run, {', '.join(_CELL)}) VALUES (?{', ?' * len(_CELL)}) ON CONFLICT DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in _CELL if name not in _KEYS)
)
_ADD_TIGHTNESS = (
    "INSERT INTO tightness (run, method, device, dtype, bin, count) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET count = count + excluded.count"
)
_ADD_TOTAL = (
    "INSERT INTO total (run, name, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value"
)


BINS = len(TEST_RATIO_LIMITS) + 1


@plain_data
class _Done:
    """Shards that are done, by their numbers, both ends included."""

    first: Count
    last: Count


@plain_data
class _Total:
    name: str
    value: float


@plain_data
class _Bin:
    """One bin of a histogram of how close results come to their bounds."""

    method: str
    device: str
    dtype: str
    bin: Annotated[int, Ge(0), Lt(BINS)]
    count: Count


class Recording:
    """One run in a store, to be read and extended."""

    def __init__(self, store: Store, run: StoredRun) -> None:
        self._store = store
        self.run = run
        self._where = f"store {str(store.path)!r}, run {run.id}"
        self._began = time.monotonic()

    def sums(self) -> Sums:
        """Everything counted so far."""
        return Sums(
            totals=self._totals(),
            coverage=tuple(self._store.read(CoverageCell, "cell", self.run.id)),
            tightness=self._tightness(),
            candidates=self._candidates(),
        )

    def findings(self) -> list[Finding]:
        """The findings so far, in the order in which they came."""
        rows = self._rows("SELECT finding FROM finding WHERE run = ? ORDER BY found")
        return [from_json(Finding, str(text), where=self._where) for (text,) in rows]

    def given_up(self) -> list[str]:
        """The methods that were given up."""
        return [str(name) for (name,) in self._rows("SELECT method FROM given_up WHERE run = ? ORDER BY method")]

    def left(self, shards: Iterable[Shard]) -> Iterator[Shard]:
        """The shards that have not been counted."""
        done = [range(each.first, each.last + 1) for each in self._store.read(_Done, "done", self.run.id)]
        return (shard for shard in shards if not any(shard.number in numbers for numbers in done))

    def keep_result(self, result: ShardResult, candidates: Iterable[Candidates]) -> None:
        """Adds a shard that is done, and the failing cases of its failures as they are now."""
        sums, run = result.sums, self.run.id
        with self._store.transaction() as connection:
            _add_to_ranges(connection, run, result.shard.number)
            connection.executemany(
                _ADD_TOTAL, [(run, name, value) for name, value in _flat(asdict(sums.totals)) if value]
            )
            connection.executemany(
                _ADD_CELL, [(run, *(getattr(cell, name) for name in _CELL)) for cell in sums.coverage]
            )
            connection.executemany(
                _ADD_TIGHTNESS,
                [
                    (run, t.method, t.device, t.dtype, bin, count)
                    for t in sums.tightness
                    for bin, count in enumerate(t.counts)
                    if count
                ],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO candidates (run, failure, candidates) VALUES (?, ?, ?)",
                [(run, to_json(one.group), to_json(one)) for one in candidates],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO given_up (run, method) VALUES (?, ?)", [(run, name) for name in result.given_up]
            )
            self._keep_time(connection)

    def keep_finding(self, finding: Finding) -> None:
        """Adds a finding."""
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO finding (run, id, found, finding) VALUES (?, ?, ?, ?)",
                (self.run.id, finding.id, time.time(), to_json(finding)),
            )

    def end(self, *, interrupted: bool) -> None:
        """Marks the end of the run, or of this part of it."""
        with self._store.transaction() as connection:
            state = INTERRUPTED if interrupted else FINISHED
            connection.execute("UPDATE run SET state = ? WHERE id = ?", (state, self.run.id))
            self._keep_time(connection)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Where workers write down what they begin. If the run is killed, it stays and says what was begun last."""
        folder = self._store.path.with_name(f"{self._store.path.name}.{self.run.id}.running")
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UnreadableFile(f"{folder}: cannot be made: {error.strerror}") from None
        yield folder
        shutil.rmtree(folder, ignore_errors=True)

    def report(self) -> Report:
        """The report of the run so far; `interrupted` unless it has ended."""
        sums = self.sums()
        seen = {one.group: one.seen for one in sums.candidates}
        return Report(
            settings=self.run.settings,
            environment=self.run.environment,
            totals=sums.totals,
            coverage=sums.coverage,
            tightness=sums.tightness,
            findings=tuple(replace(one, seen=seen.get(group_of(one), one.seen)) for one in self.findings()),
            given_up=tuple(self.given_up()),
            interrupted=self.run.state != FINISHED,
        )

    def _totals(self) -> Totals:
        whole: dict[str, Any] = asdict(NOTHING)
        for each in self._store.read(_Total, "total", self.run.id):
            part, _, key = each.name.rpartition(".")
            place = whole.get(part) if part else whole
            if not isinstance(place, dict) or isinstance(place.get(key), dict):
                raise UnreadableFile(f"{self._where}: there is no total {each.name!r}")
            place[key] = each.value if part == "seconds" or not each.value.is_integer() else int(each.value)
        whole["seconds"]["total"] = self.run.seconds
        return from_json(Totals, json.dumps(whole), where=self._where)

    def _tightness(self) -> tuple[Tightness, ...]:
        counts: dict[tuple[str, str, str], list[int]] = {}
        for each in self._store.read(_Bin, "tightness", self.run.id):
            place = (each.method, each.device, each.dtype)
            counts.setdefault(place, [0] * BINS)[each.bin] = each.count
        return tuple(Tightness(method=m, device=d, dtype=t, counts=tuple(bins)) for (m, d, t), bins in counts.items())

    def _candidates(self) -> tuple[Candidates, ...]:
        rows = self._rows("SELECT candidates FROM candidates WHERE run = ?")
        return tuple(from_json(Candidates, str(text), where=self._where) for (text,) in rows)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._store.rows(query, self.run.id)

    def _keep_time(self, connection: sqlite3.Connection) -> None:
        seconds = self.run.seconds + time.monotonic() - self._began
        connection.execute("UPDATE run SET seconds = ? WHERE id = ?", (seconds, self.run.id))


def _add_to_ranges(connection: sqlite3.Connection, run: int, number: int) -> None:
    """The number as a range, joined with the ranges that it touches."""
    first = last = number
    for low, high in connection.execute(
        "SELECT first, last FROM done WHERE run = ? AND (last = ? OR first = ?)", (run, number - 1, number + 1)
    ).fetchall():
        first, last = min(first, low), max(last, high)
    connection.execute("DELETE FROM done WHERE run = ? AND first BETWEEN ? AND ?", (run, first, last))
    connection.execute("INSERT INTO done (run, first, last) VALUES (?, ?, ?)", (run, first, last))


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Numbers with the way to them: `cases`, `outcomes.AGREES`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{key}", inner) for key, inner in _flat(value))
        else:
            yield name, value
