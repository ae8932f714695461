"""Accepted changes: a TOML file of what is known and wanted, each with its reason."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from jaccheck.core import from_json, plain_data, read_text
from jaccheck.errors import UnreadableFile
from jaccheck.reports import Acceptance, Change, Kind

MAX_BYTES = 2**20
"""Far more than anybody writes by hand."""


@plain_data
class AcceptanceFile:
    """What the file holds."""

    accept: tuple[Acceptance, ...] = ()


def load_acceptances(path: Path) -> tuple[Acceptance, ...]:
    """The `[[accept]]` tables of a file. Raises UnreadableFile for whatever is no acceptance with a reason."""
    try:
        tables = tomllib.loads(read_text(path, most_bytes=MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path}: no TOML: {error}") from None
    found = from_json(AcceptanceFile, json.dumps(tables, default=str), where=str(path)).accept
    kinds = [kind.value for kind in Kind]
    for acceptance in found:
        if acceptance.kind not in kinds:
            raise UnreadableFile(
                f"{path}: kind {acceptance.kind!r:.80} is not known; expected one of {', '.join(kinds)}"
            )
        if not acceptance.reason.strip():
            raise UnreadableFile(f"{path}: {acceptance.kind}, {acceptance.method:.80}: the reason is empty")
    return found


def accept(
    changes: Iterable[Change], acceptances: tuple[Acceptance, ...]
) -> tuple[tuple[Change, ...], tuple[Acceptance, ...]]:
    """The changes, each with the reason it is accepted for if there is one; and the acceptances that match nothing."""
    used: set[int] = set()
    found = []
    for change in changes:
        matching = [i for i, acceptance in enumerate(acceptances) if matches(acceptance, change)]
        used.update(matching)
        found.append(replace(change, accepted=acceptances[matching[0]].reason) if matching else change)
    return tuple(found), tuple(a for i, a in enumerate(acceptances) if i not in used)


def matches(acceptance: Acceptance, change: Change) -> bool:
    """Whether a change is one of those that are accepted."""
    return (
        acceptance.kind == change.kind
        and acceptance.method in ("*", change.method)
        and acceptance.contains in change.candidate
    )
