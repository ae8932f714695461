"""`groups_of`: the parameters of a model as so few groups that each can be named, by the modules that they are in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from math import prod

from jaccheck.core import plural

MOST_GROUPS = 20
"""More names than that are not read."""


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that follow each other and have a label together; a single one has its own name."""

    label: str
    names: tuple[str, ...]
    size: str
    """A single parameter's shape, or how many there are and with how many numbers."""
    numbers: int


def groups_of(shapes: Mapping[str, tuple[int, ...]], most: int = MOST_GROUPS) -> tuple[Group, ...]:
    """Each parameter alone where there are few, else those of each module, as deep down as there are few enough.

    Where even the outermost modules are too many, neighbours are put together: `layers.0 … layers.2`.
    """
    if len(shapes) <= most:
        return tuple(_group(name, (name,), shapes) for name in shapes)
    deepest = max(name.count(".") for name in shapes)
    runs = _runs(shapes, 1)
    for depth in range(2, deepest + 1):
        finer = _runs(shapes, depth)
        if len(finer) > most:
            break
        runs = finer
    while len(runs) > most:
        pairs = [runs[i : i + 2] for i in range(0, len(runs), 2)]
        runs = [(_joined([label for label, _ in pair]), sum((names for _, names in pair), ())) for pair in pairs]
    return tuple(_group(label, names, shapes) for label, names in runs)


def _runs(names: Iterable[str], depth: int) -> list[tuple[str, tuple[str, ...]]]:
    """Parameters that follow each other in one module at that depth, or deeper in it."""

    def module(name: str) -> str:
        path = name.split(".")[:-1]
        return ".".join(path[:depth]) or name

    return [(label, tuple(run)) for label, run in groupby(names, module)]


def _joined(labels: list[str]) -> str:
    first, last = labels[0].split(" … ")[0], labels[-1].split(" … ")[-1]
    return first if first == last else f"{first} … {last}"


def _group(label: str, names: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]]) -> Group:
    numbers = sum(prod(shapes[name]) for name in names)
    if len(names) == 1:
        return Group(names[0], names, "×".join(map(str, shapes[names[0]])) or "scalar", numbers)
    return Group(label, names, f"{len(names)} parameters, {plural(numbers, 'number')}", numbers)
