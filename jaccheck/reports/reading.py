"""Reports and case files read back, those of earlier versions of the schema included."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from jaccheck.core import check_amount, from_json
from jaccheck.errors import IncompatibleFile, UnreadableFile
from jaccheck.reports.old_schema import from_version_1

T = TypeVar("T")

SCHEMA_VERSION = 2
MAX_NAMES = 4096
"""Most names in one object of a file."""


def from_versioned_json(kind: type[T], text: str, *, where: str) -> T:
    """A value of a type with a `schema_version`, which is looked at before anything else.

    Raises IncompatibleFile for a version that is neither this one nor an earlier one, UnreadableFile for all else.
    """
    found = _parsed(text, where)
    version = found.get("schema_version") if isinstance(found, dict) else None
    if isinstance(version, bool) or version not in (1, SCHEMA_VERSION):
        raise IncompatibleFile(f"{where}: schema_version is {version!r:.40}, this jaccheck reads 1 to {SCHEMA_VERSION}")
    if version == 1:
        try:
            text = json.dumps(from_version_1(found))
        except (KeyError, TypeError, AttributeError) as error:
            raise UnreadableFile(f"{where}: is no report of schema version 1: {error!r:.80}") from None
    return from_json(kind, text, where=where)


def _parsed(text: str, where: str) -> Any:
    check_amount(text, where=where)
    try:
        return json.loads(text, object_pairs_hook=_few_pairs)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{where}: is no complete JSON: {error}") from None


def _few_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Each name that is not known would be complained about on its own, at a kilobyte."""
    if len(pairs) > MAX_NAMES:
        raise ValueError(f"an object of {len(pairs)} names, at most {MAX_NAMES} are read")
    return dict(pairs)
