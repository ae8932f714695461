"""`Journal`: a file of finished work, each entry written at once, so that a killed gate loses none."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from jaccheck.core import from_json, to_json

T = TypeVar("T")


class Journal(Generic[T]):
    """A file with one entry in each line. An entry that a kill left half written is removed when it is opened again."""

    def __init__(self, kind: type[T], path: Path) -> None:
        self._kind = kind
        self._path = path
        self.entries: list[T] = []

    def __enter__(self) -> Journal[T]:
        """Reads the entries."""
        written = self._path.read_bytes() if self._path.exists() else b""
        whole = written[: written.rfind(b"\n") + 1]
        lines = enumerate(whole.splitlines(), start=1)
        self.entries = [from_json(self._kind, line, where=f"{self._path}, line {number}") for number, line in lines]
        self._file = self._path.open("r+b" if self._path.exists() else "w+b")
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self._file.close()

    def write(self, entry: T) -> None:
        """Adds an entry; it is in the file when this returns."""
        self._file.write(to_json(entry).encode() + b"\n")
        self._file.flush()
