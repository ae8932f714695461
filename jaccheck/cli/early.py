"""What can be said of arguments before torch is loaded, which takes seconds: a wrong word is answered at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from jaccheck import case
from jaccheck.core import chosen, whole_number
from jaccheck.errors import InvalidModel, InvalidRequest

EXPECTED = "expected FILE.py:FUNCTION or package.module:function, as in model.py:make"


def check_place(place: str) -> None:
    """Raises InvalidModel where a place names no function, or no file that is there; its worker would say the same."""
    source, colon, name = place.rpartition(":")
    is_file = Path(source).suffix == ".py"
    is_module = all(part.isidentifier() for part in source.split("."))
    if not colon or not all(part.isidentifier() for part in name.split(".")) or not (is_module or is_file):
        raise InvalidModel(f"{place!r} does not name a function; {EXPECTED}")
    if is_file and not Path(source).resolve().is_file():
        raise InvalidModel(f"{source}: there is no such file")


def check_words(
    *,
    profile: str = "quick",
    dtypes: Sequence[str] = (),
    families: Sequence[str] = (),
    methods: Sequence[str] = (),
) -> None:
    """Raises UnknownName for a profile, dtype or family that there is not, InvalidRequest for what names no method."""
    case.profile(profile)
    chosen("dtype", tuple(dtypes), case.DTYPES)
    chosen("family", tuple(families), case.FAMILIES)
    for name in methods:
        if not re.fullmatch(r"[\w.:-]+", name):
            raise InvalidRequest(f"method {name!r:.200}: expected a name, or package.module:function")


def check_shard(text: str | None) -> None:
    """Raises InvalidRequest where a part is not written as NUMBER/OF."""
    if text is not None and None in [whole_number(part) for part in (text.partition("/")[0], text.partition("/")[2])]:
        raise InvalidRequest(f"--shard {text!r:.80}: expected NUMBER/OF, as in 3/8, counted from 1")
