"""`Graph`: what one forward pass of one sample computed, as plain data.

Every number that occurs has an index: those of parameters, constants and the input in `Leaf`s, those that are computed
in the `Node`s, in the order of the pass. A node names its inputs number by number. So whatever only moves numbers
(views, transposes, padding, concatenation, windows of a convolution) is no operation: it is in the indices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from jaccheck.oracle.assumptions import Array
from jaccheck.oracle.tables import Indices

ZERO = 0
"""Index of a constant 0, which the first leaf holds: what padding puts in."""


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """Numbers that are given: those of a parameter, or constants, which an evaluation may have rounded so often."""

    start: int
    values: Array
    parameter: str | None = None
    roundings: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An operation: the name of its rule, the indices of its inputs, each in its shape, and options."""

    rule: str
    inputs: tuple[Indices, ...]
    start: int
    shape: tuple[int, ...]
    dtype: str
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    """What it is of torch's, for messages."""

    @property
    def stop(self) -> int:
        """The index after its last number."""
        return self.start + prod(self.shape)


class Reading:
    """How a node reads one input: which numbers, and how often each of them occurs."""

    def __init__(self, indices: Indices, starts: Indices) -> None:
        self.shape = indices.shape
        flat = np.ascontiguousarray(indices).ravel()
        self.flat = flat
        is_run = len(flat) > 0 and flat[-1] - flat[0] == len(flat) - 1 and bool(np.all(np.diff(flat) == 1))
        self.run = slice(int(flat[0]), int(flat[0]) + len(flat)) if is_run else None
        if is_run:
            self.order, self.unique, self.firsts, counts = None, flat, None, np.ones(1, np.int64)
        else:
            order = np.argsort(flat, kind="stable")
            self.unique, firsts, counts = np.unique(flat[order], return_index=True, return_counts=True)
            is_plain = len(self.unique) == len(flat)
            self.order, self.firsts = (None, None) if is_plain else (order, firsts)
            self.unique = flat if is_plain else self.unique
        self.counts = counts
        """How often each of the unique numbers occurs; one number where each occurs once."""
        sorted_unique = np.unique(self.unique)
        owner = np.searchsorted(starts, sorted_unique, side="right") - 1
        self.blocks, where = np.unique(owner, return_index=True)
        """The leaves and nodes that it reads from."""
        if len(counts) == len(sorted_unique) and not is_run and self.order is not None:
            self.most = np.maximum.reduceat(np.where(self.unique == ZERO, 1, counts), where) if len(where) else counts
        else:
            self.most = np.ones(len(self.blocks), np.int64)
        """How often one number of each block occurs, at most."""

    def of(self, values: Array) -> Array:
        """The numbers, in the shape of the input."""
        return np.asarray(values[self.run] if self.run else values[self.flat]).reshape(self.shape)

    def summed(self, rows: Array) -> tuple[slice | Indices, Array]:
        """Rows over the input `(C, *shape)` added up over equal numbers: at which indices, and what."""
        flat = rows.reshape(len(rows), prod(self.shape))
        if self.run:
            return self.run, flat
        if self.order is None or self.firsts is None:
            return self.unique, flat
        return self.unique, np.add.reduceat(flat[:, self.order], self.firsts, axis=1)


@dataclass(frozen=True, eq=False)
class Graph:
    """Leaves, nodes in order, the indices of the outputs, and name and shape of each parameter that is asked for."""

    leaves: tuple[Leaf, ...]
    nodes: tuple[Node, ...]
    outputs: Indices
    trainable: Mapping[str, tuple[int, ...]]

    @cached_property
    def size(self) -> int:
        """How many numbers there are."""
        ends = [leaf.start + leaf.values.size for leaf in self.leaves] + [node.stop for node in self.nodes]
        return max(ends, default=1)

    @cached_property
    def starts(self) -> Indices:
        """Where each block begins, leaves and nodes in the order of their numbers."""
        return np.array(sorted([leaf.start for leaf in self.leaves] + [node.start for node in self.nodes]), np.int64)

    @cached_property
    def readings(self) -> tuple[tuple[Reading, ...], ...]:
        """For each node how it reads its inputs."""
        return tuple(tuple(Reading(indices, self.starts) for indices in node.inputs) for node in self.nodes)

    @cached_property
    def is_differentiable(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """For each block whether a parameter that is asked for goes into it."""
        found = np.zeros(len(self.starts), bool)
        for leaf in self.leaves:
            found[self.block(leaf.start)] = leaf.parameter in self.trainable
        for node, readings in zip(self.nodes, self.readings, strict=True):
            found[self.block(node.start)] = node.rule not in ("stop", "decided") and any(
                found[r.blocks].any() for r in readings
            )
        return found

    def block(self, start: int) -> int:
        """The number of the block that begins there."""
        return int(np.searchsorted(self.starts, start, side="right")) - 1

    @cached_property
    def uses(self) -> Indices:
        """How often each number goes into an operation or is an output."""
        counts = np.bincount(self.outputs.ravel(), minlength=self.size)
        for readings in self.readings:
            for reading in readings:
                if reading.run:
                    counts[reading.run] += 1
                else:
                    counts += np.bincount(reading.flat, minlength=self.size)
        return counts
