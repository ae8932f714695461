"""The envelope of every report and case file: its kind and its schema version are read before anything else.

All kinds share one schema version. A file of an older version goes through the converters of the versions between.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, Protocol, TypeVar

from jaccheck.core import check_amount, from_json, read_text, to_json, write_text
from jaccheck.errors import IncompatibleFile, UnreadableFile
from jaccheck.reports.converters import CONVERTERS, FOR_ALL, Tree

SCHEMA_VERSION = 2
"""Version 1 named no kind."""

KINDS = (
    *("Report", "ModelReport", "BenchReport", "GateReport", "MatrixReport"),
    *("SelftestReport", "SequenceReport", "CaseFile"),
)
"""The classes of the files that there are, by name: each imports this module's room."""

MAX_NAMES = 4096
"""Most names in one object of a file."""


class Enveloped(Protocol):
    """What has an envelope. Both fields have defaults, which are the only values that they can have."""

    @property
    def kind(self) -> str:
        """Which kind of file it is: the command, or `cases`."""

    @property
    def schema_version(self) -> int:
        """`SCHEMA_VERSION`."""


E = TypeVar("E", bound=Enveloped)


def as_json(value: Enveloped) -> str:
    """What a report or case file holds: what other programs, and jaccheck itself, read."""
    return to_json(value, indent=1) + "\n"


def save(value: Enveloped, path: Path) -> None:
    """Writes a report or case file, and the folders above it. Raises UnreadableFile where that cannot be done."""
    write_text(as_json(value), path)


def load(cls: type[E], path: Path) -> E:
    """The report or case file of type `cls` at `path`.

    Raises IncompatibleFile for a schema version that is not read, UnreadableFile for another kind and all else.
    """
    text, where = read_text(path), str(path)
    tree = _parsed(text, where)
    version = tree.get("schema_version")
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        raise IncompatibleFile(f"{where}: schema_version is {version!r:.40}, this jaccheck reads 1 to {SCHEMA_VERSION}")
    kind: str = inspect.signature(cls).parameters["kind"].default
    if version > 1 and tree.get("kind") != kind:
        raise UnreadableFile(f"{where}: kind is {tree.get('kind')!r:.40}, expected {kind!r}")
    if version < SCHEMA_VERSION:
        text = _converted(tree, kind, version, where)
    return from_json(cls, text, where=where)


def load_any(path: Path) -> Any:
    """The report or case file at `path`, of the kind that it says; one of version 1 says none and is refused.

    Raises as `load` does.
    """
    from jaccheck import reports

    kinds = {inspect.signature(cls).parameters["kind"].default: cls for cls in map(reports.__getattr__, KINDS)}
    tree = _parsed(read_text(path), str(path))
    kind = tree.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise UnreadableFile(f"{path}: kind is {kind!r:.40}, expected one of {', '.join(kinds)}")
    return load(kinds[kind], path)


def _parsed(text: str, where: str) -> Tree:
    check_amount(text, where=where)
    try:
        found = json.loads(text, object_pairs_hook=_few_pairs)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{where}: is no complete JSON: {error}") from None
    return found if isinstance(found, dict) else {}


def _few_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Each name that is not known would be complained about on its own, at a kilobyte."""
    if len(pairs) > MAX_NAMES:
        raise ValueError(f"an object of {len(pairs)} names, at most {MAX_NAMES} are read")
    return dict(pairs)


def _converted(tree: Tree, kind: str, version: int, where: str) -> str:
    """The JSON of a file of an older version, as `SCHEMA_VERSION` has it."""
    try:
        for older in range(version, SCHEMA_VERSION):
            FOR_ALL[older](tree)
            if convert := CONVERTERS[older].get(kind):
                convert(tree)
        return json.dumps({**tree, "kind": kind, "schema_version": SCHEMA_VERSION})
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        # A converter trusts that the file holds what its version says.
        raise UnreadableFile(f"{where}: holds no {kind} of schema version {version}") from None
