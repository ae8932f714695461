"""Broken files for every reader: valid ones, changed in their tree or their bytes; and what must come of them.

A reader ends in a JaccheckError of one line, or in a value that is written and read back as the same. Nothing else.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Len

from jaccheck.case import FAMILIES, Case, boundary_cases
from jaccheck.core import printable, to_json
from jaccheck.errors import JaccheckError
from jaccheck.gate import load_acceptances
from jaccheck.gate.comparison import Entry
from jaccheck.gate.journal import Journal
from jaccheck.rendering import junit_xml, verify_summary
from jaccheck.reports import (
    BenchReport,
    CaseFile,
    Environment,
    Excerpt,
    Finding,
    GateReport,
    MatrixReport,
    ModelReport,
    Report,
    SelftestReport,
    SequenceReport,
    Settings,
    load,
)
from jaccheck.runs import Recording, ShardResult, Store
from jaccheck.runs.results import Candidates
from jaccheck_support.example_reports.excerpt import EXCERPT
from jaccheck_support.stores import rows_of, store_of

LONGEST_LINE = 2000
SEEDS = 100
"""Valid files of each kind that broken ones are made from."""

CASES = tuple(case for family in FAMILIES for case in boundary_cases(family, "float32"))
ACCEPTANCES = """
[[accept]]
kind = "broken"
method = "batch_grad_loop"
contains = "DISAGREES"
reason = "wanted since 1.7"
"""


@dataclass(frozen=True)
class Reader:
    """One kind of file: how it is read, what a valid one holds, and what is done with it besides."""

    load: Callable[[Path], Any]
    kind: type | None
    also: Callable[[Any], object] = repr
    encoded: Callable[[Any], bytes] = lambda tree: json.dumps(tree).encode("utf-8", "surrogatepass") + b"\n"
    decoded: Callable[[bytes], Any] = json.loads


def _load_journal(path: Path) -> list[Entry]:
    with Journal(Entry, path) as journal:
        return journal.entries


def _load_store(path: Path) -> list[Report]:
    with Store(path) as store:
        found = []
        for run in store.runs():
            recording = Recording(store, run)
            found.append(recording.report())
            store.given(run.id)
            list(recording.left([]))
        return found


def _rendered(read: Report) -> str:
    return verify_summary(read) + junit_xml(read)


READERS: dict[str, Reader] = {
    **{
        str(cls.__name__): Reader(partial(load, cls), cls)
        for cls in (CaseFile, ModelReport, BenchReport, GateReport, MatrixReport, SelftestReport, SequenceReport)
    },
    "Report": Reader(partial(load, Report), Report, _rendered),
    "journal of the gate": Reader(_load_journal, Entry),
    "acceptances": Reader(load_acceptances, None),
    "store": Reader(_load_store, ShardResult, encoded=store_of, decoded=rows_of),
}


def valid(kind: Any, rng: random.Random) -> Any:
    """A value of a type of plain data, of small tuples; a `Case` is a boundary case of some family."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Case:
        return rng.choice(CASES)
    if kind is Excerpt:
        return EXCERPT  # its fields fit together
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: valid(hint, rng) for name, hint in _hints(kind).items()})
    if origin is Annotated:
        lengths = [each for each in arguments[1:] if isinstance(each, Len)]
        if lengths:
            return tuple(valid(get_args(arguments[0])[0], rng) for _ in range(lengths[0].min_length))
        return valid(arguments[0], rng)
    if origin is Literal:
        return rng.choice(arguments)
    if origin in (typing.Union, types.UnionType):
        return valid(rng.choice(arguments), rng)
    if origin is tuple:
        every = arguments[:1] * rng.randrange(3) if arguments[1:] == (...,) else arguments
        return tuple(valid(each, rng) for each in every)
    if origin is dict:
        return {valid(arguments[0], rng): valid(arguments[1], rng) for _ in range(rng.randrange(3))}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return rng.choice(list(kind))
    return {int: 1, float: 0.5, str: "cpu", bool: True, types.NoneType: None}[kind]


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def seed_file(name: str, rng: random.Random) -> bytes:
    """A valid file for a reader."""
    kind = READERS[name].kind
    if kind is None:
        return ACCEPTANCES.encode()
    if kind is ShardResult:
        return _recorded(rng)
    return to_json(valid(kind, rng)).encode() + b"\n"


def _recorded(rng: random.Random) -> bytes:
    """A store with two runs, of which one was given its cases."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        with Store(path) as store:
            for given in ((), CASES[:2]):
                run = store.begin(("hooks",), valid(Settings, rng), valid(Environment, rng), given)
                recording = Recording(store, run)
                recording.keep_result(valid(ShardResult, rng), valid(tuple[Candidates, ...], rng))
                recording.keep_finding(valid(Finding, rng))
        return path.read_bytes()


HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 255, 2**31, 2**63, 10**40, 10**4290, -0.0, 0.5, 1e308, 5e-324),
    *(float("nan"), float("inf"), "NaN", "Infinity", "", "cpu", "x" * 9000, "\x00\x1b[2J", "\ud800", "\u2028", "‮"),
    *("../../../etc/passwd", "os:abort", "__import__('os').abort()", "{0.__class__}", "%s%n", "[red]", "]]>"),
    *([], {}, [[]] * 40, {"kind": "Linear"}, {"kind": "Linear", "out_features": 10**12}, [1] * 300),
    *("Sequential", "Repeat", "Tied", "float64", "Embedding", 4096, 4097, 65536, 64, [64, 64, 64], [4096] * 4),
)


def place(tree: Any, rng: random.Random) -> tuple[Any, Any]:
    """A container somewhere in a tree of JSON that is no leaf, with one of its keys or indices."""
    key = rng.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
    inside = tree[key]
    if isinstance(inside, dict | list) and inside and rng.random() < 0.8:
        return place(inside, rng)
    return tree, key


def changed_tree(tree: Any, rng: random.Random) -> Any:
    """The tree with something else in one or a few of its places."""
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        if not isinstance(tree, dict | list) or not tree:
            return copy.deepcopy(rng.choice(HOSTILE))
        (holder, key), (other, there) = place(tree, rng), place(tree, rng)
        match rng.randrange(7):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(rng.choice(HOSTILE))
            case 3:
                holder[key] = copy.deepcopy(other[there])
            case 4 if isinstance(holder, dict):
                holder[rng.choice(("", "__class__", "kind", "schema_version", "\x00", "seed"))] = holder.pop(key)
            case 4 | 5:
                del holder[key]
            case 6 if isinstance(holder[key], list):
                holder[key] = holder[key] * rng.choice((2, 9, 300))
            case 6 if isinstance(holder[key], int | float):
                holder[key] = holder[key] * rng.choice((-1, 10, 2**20)) + rng.choice((-1, 0, 1))
    return tree


def changed_bytes(text: bytes, rng: random.Random) -> bytes:
    """The bytes with some of them lost, doubled, exchanged or in another order."""
    at, to = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
    match rng.randrange(6):
        case 0:
            return text[:at]
        case 1:
            return text[:at] + text[min(to, at + 20) :]
        case 2:
            return text[:at] + text[at : at + 40] * rng.choice((2, 50)) + text[at:]
        case 3:
            return text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :]
        case 4:
            return (
                text[:at]
                + rng.choice((b"[" * 5000, b'{"a":' * 500, b"1" * 5000, b"\xff", b"\\u0000", b"[["))
                + text[at:]
            )
        case _:
            return text[:at] + rng.choice((b",", b"]", b"}", b'"', b"\n", b"-", b"1e999", b"null")) + text[at:]


@cache
def _kept_seed(name: str, number: int) -> bytes:
    return seed_file(name, random.Random(number))


def changed(name: str, rng: random.Random) -> bytes:
    """A file for a reader that is most likely not valid any more."""
    text = _kept_seed(name, rng.randrange(SEEDS))
    if rng.random() < 0.75 and READERS[name].kind is not None:
        reader = READERS[name]
        text = reader.encoded(changed_tree(reader.decoded(text), rng))
    if rng.random() < 0.3:
        text = changed_bytes(text, rng)
    return text


def check(name: str, text: bytes, path: Path) -> bool:
    """Whether a file is read; raises AssertionError for whatever is neither one clear line nor the same both ways."""
    reader = READERS[name]
    path.write_bytes(text)
    try:
        read = reader.load(path)
    except JaccheckError as error:
        line = printable(" ".join(str(error).split()))
        assert str(path) in line, f"the line does not say which file: {line!r}"
        assert len(line) < LONGEST_LINE, f"a line of {len(line)} characters: {line[:200]!r}"
        return False
    reader.also(read)
    if name == "store":
        again = reader.load(path)
    elif isinstance(read, list | tuple):
        path.write_text("".join(to_json(each) + "\n" for each in read), encoding="utf-8")
        again = read if name == "acceptances" else reader.load(path)
    else:
        path.write_text(to_json(read), encoding="utf-8")
        again = reader.load(path)
    assert repr(again) == repr(read)
    return True
