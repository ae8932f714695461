"""`Store`: the file, opened and checked, or refused in one line and not changed."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout

from jaccheck.case import Case
from jaccheck.core import Seconds, from_json, plain_data, to_json
from jaccheck.errors import IncompatibleFile, InvalidRequest, UnreadableFile
from jaccheck.reports import Environment, Settings
from jaccheck.runs.store.schema import APPLICATION, TABLES, VERSION

DEFAULT_STORE = Path(".jaccheck/runs.db")
"""In the project's directory, beside the findings."""

WAIT_SECONDS = 60.0
"""How long to wait for another run that is writing; a transaction takes a millisecond."""

Row = TypeVar("Row")

State = Literal["finished", "interrupted", "unfinished"]

FINISHED: State = "finished"
INTERRUPTED: State = "interrupted"
UNFINISHED: State = "unfinished"


@plain_data
class StoredRun:
    """One run, as a store has it."""

    id: int
    started: Seconds
    """Seconds since 1970."""
    state: State
    """finished; interrupted, by Ctrl-C; or unfinished: it is running, or was killed."""
    seconds: Seconds
    """How long it has run, all its parts together."""
    asked: tuple[str, ...]
    """The methods as they were asked for; none for all."""
    settings: Settings
    environment: Environment


class Store:
    """An open store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _make_home(path)
            self._connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise UnreadableFile(
                f"store {str(path)!r} cannot be opened: {_reason(error)}; choose another with --store"
            ) from None
        with self.told():
            # Before anything else is read: what stands in a schema of somebody else calls no function.
            self._connection.execute("PRAGMA trusted_schema = OFF")
            self._connection.execute("PRAGMA cell_size_check = ON")
            if self._is_empty():
                with FileLock(f"{path}.lock"):
                    self._make()
            self._check()

    def __enter__(self) -> Store:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self._connection.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turns an error of SQLite into one line."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite's message may quote broken text
            raise UnreadableFile(f"store {str(self.path)!r}: {_reason(error)}") from None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction. Raises UnreadableFile if it cannot be written."""
        with self.told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                if self._connection.in_transaction:  # SQLite may have rolled back already
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.told():
            return self._connection.execute(query, values).fetchall()

    def read(self, kind: type[Row], table: str, run: int) -> list[Row]:
        """The rows of a table for one run, as plain data whose fields are columns. Raises UnreadableFile."""
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        rows = self.rows(f"SELECT {', '.join(names)} FROM {table} WHERE run = ?", run)
        where = f"store {str(self.path)!r}, run {run}, table {table}"
        return [from_json(kind, _json(dict(zip(names, row, strict=True))), where=where) for row in rows]

    def begin(
        self, asked: Sequence[str], settings: Settings, environment: Environment, given: Sequence[Case]
    ) -> StoredRun:
        """A new run."""
        started = time.time()
        with self.transaction() as connection:
            texts = (json.dumps(list(asked)), to_json(settings), to_json(environment))
            number = connection.execute(
                "INSERT INTO run (started, state, seconds, asked, settings, environment) VALUES (?, ?, 0, ?, ?, ?)",
                (started, UNFINISHED, *texts),
            ).lastrowid
            rows = ((number, index, to_json(case)) for index, case in enumerate(given))
            connection.executemany('INSERT INTO given (run, number, "case") VALUES (?, ?, ?)', rows)
        return self.run(int(number or 0))

    def runs(self) -> list[StoredRun]:
        """Every run that can be read, the oldest first."""
        return [run for run in self.rows_of_runs() if isinstance(run, StoredRun)]

    def rows_of_runs(self) -> list[StoredRun | UnreadableFile]:
        """Every run, the oldest first, and for one that cannot be read the reason: it hides no other."""
        return [self._tried(row) for row in self.rows(f"SELECT {_COLUMNS} FROM run ORDER BY id")]

    def run(self, number: int) -> StoredRun:
        """The run of that number. Raises InvalidRequest."""
        found = self.rows(f"SELECT {_COLUMNS} FROM run WHERE id = ?", number)
        if not found:
            raise InvalidRequest(f"run {number} is not in {str(self.path)!r}; `jaccheck history` lists those that are")
        return self._read(found[0])

    def last_unfinished(self) -> StoredRun:
        """The last run that has not ended and is not running. Raises InvalidRequest."""
        for run in reversed(self.runs()):
            if run.state != FINISHED and not self.is_going_on(run):
                return run
        raise InvalidRequest(f"no run in {str(self.path)!r} is unfinished; `jaccheck history` lists all")

    def is_going_on(self, run: StoredRun) -> bool:
        """Whether some process works on the run now."""
        try:
            with self.alone(run):
                return False
        except InvalidRequest:
            return True

    def given(self, run: int) -> list[Case]:
        """The cases that the run was given, if it did not draw them."""
        found = self.rows('SELECT "case" FROM given WHERE run = ? ORDER BY number', run)
        return [from_json(Case, str(text), where=str(self.path)) for (text,) in found]

    @contextmanager
    def alone(self, run: StoredRun) -> Iterator[None]:
        """Locks the run for this process. Raises InvalidRequest if another process has it."""
        path = Path(f"{self.path}.{run.id}.lock")
        try:
            with FileLock(path, timeout=0):
                yield
                path.unlink(missing_ok=True)
        except Timeout:
            raise InvalidRequest(f"run {run.id} is going on in another process just now; wait for its end") from None

    def _tried(self, row: tuple[Any, ...]) -> StoredRun | UnreadableFile:
        try:
            return self._read(row)
        except UnreadableFile as error:
            return error

    def _read(self, row: tuple[Any, ...]) -> StoredRun:
        number, started, state, seconds, asked, settings, environment = row
        plain = _json({"id": number, "started": started, "state": state, "seconds": seconds})
        text = f'{plain[:-1]}, "asked": {asked}, "settings": {settings}, "environment": {environment}}}'
        return from_json(StoredRun, text, where=f"store {str(self.path)!r}, run {number}")

    def _make(self) -> None:
        """Creates the tables, unless another process has just created them."""
        if not self._is_empty():
            return
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("BEGIN IMMEDIATE")
        for statement in TABLES.split(";"):
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
        self._connection.execute(f"PRAGMA user_version = {VERSION}")
        self._connection.execute("COMMIT")

    def _check(self) -> None:
        """Raises if this is no store, or a store of a later jaccheck."""
        application, version = self._number("application_id"), self._number("user_version")
        if application != APPLICATION:
            raise UnreadableFile(f"store {str(self.path)!r}: is no store of jaccheck; choose another with --store")
        if version != VERSION:
            raise IncompatibleFile(
                f"store {str(self.path)!r}: is of version {version}, this jaccheck reads {VERSION}; update jaccheck, "
                "or choose another with --store"
            )
        if self._connection.execute(_SCHEMA).fetchall() != _own_schema():
            raise UnreadableFile(
                f"store {str(self.path)!r}: its tables are not those that jaccheck makes, or there are views, triggers "
                "or indices beside them; choose another with --store"
            )
        # The system writes it to the disk later: a killed process loses nothing.
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def _number(self, pragma: str) -> int:
        return int(self._connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    def _is_empty(self) -> bool:
        tables = int(self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        return not tables and not self._number("application_id")


_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"


@cache
def _own_schema() -> list[tuple[Any, ...]]:
    """What SQLite says of the tables of a store that jaccheck has made."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        return connection.execute(_SCHEMA).fetchall()


_COLUMNS = "id, started, state, seconds, asked, settings, environment"


def _json(row: dict[str, Any]) -> str:
    """A row as JSON; a value that JSON does not have, such as bytes, becomes a text that is no number."""
    return json.dumps(row, default=repr)


def _make_home(path: Path) -> None:
    """The folder of a store; a new one has a .gitignore, as caches have."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
        if path.parent.name == DEFAULT_STORE.parent.name:
            (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")


def _reason(error: Exception) -> str:
    """Why it failed, in the words of the system or of SQLite, and what to do if that is known."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    advice = {
        "SQLITE_FULL": "; free some space, then go on with `jaccheck verify --resume`",
        "SQLITE_NOTADB": "; it is no store of jaccheck, or damaged",
        "SQLITE_CORRUPT": "; it is damaged",
    }
    return f"{error}{advice.get(getattr(error, 'sqlite_errorname', ''), '')}"
