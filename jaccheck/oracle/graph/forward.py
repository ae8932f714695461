"""The forward pass of a graph in float64, and how far any other evaluation can be from each number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.graph.graph import Graph, Reading
from jaccheck.oracle.graph.rule import GRAPH_RULES
from jaccheck.oracle.graph.uncertain import Uncertain, length

Arithmetics = Mapping[str, Arithmetic]
"""By the name of a dtype: how results of operations in it are rounded."""


@dataclass(frozen=True, slots=True)
class GraphForward:
    """What a forward pass leaves for the backward one."""

    saved: tuple[Any, ...]
    """For each node what its rule saved."""
    values: Array
    errors: Array
    r: Array
    """For each leaf and node the length of its error."""


@np.errstate(all="ignore")
def forward_of_graph(graph: Graph, arithmetics: Arithmetics, dtype: str) -> GraphForward:
    """All numbers of a graph with their bounds; `dtype` is that of constants.

    Where a number may leave the range of its dtype nothing is claimed of it: its bound is infinite. Raises NoRule where
    a choice that was recorded may fall otherwise.
    """
    values, errors, r = np.zeros(graph.size), np.zeros(graph.size), np.zeros(len(graph.starts))
    for leaf in graph.leaves:
        part = slice(leaf.start, leaf.start + leaf.values.size)
        values[part] = leaf.values
        if leaf.roundings:
            ar = arithmetics[dtype]
            size = np.where(np.isfinite(leaf.values), np.abs(leaf.values), 0.0)
            errors[part] = ar.gamma(leaf.roundings) * size + np.where(size > 0, ar.eta, 0.0)
            if leaf.roundings == 1:
                kept = np.array([ar.keeps(float(value)) for value in leaf.values], bool)
                errors[part] = np.where(kept, 0.0, errors[part])
            r[graph.block(leaf.start)] = length(errors[part])
    saved = []
    for node, readings in zip(graph.nodes, graph.readings, strict=True):
        ar = arithmetics[node.dtype]
        inputs = [read(reading, values, errors, r) for reading in readings]
        found, left = GRAPH_RULES[node.rule].forward(node, inputs, ar)
        beyond = ~(np.abs(found.v) + found.E <= ar.largest) & ~(np.isneginf(found.v) & (found.E == 0))
        if node.rule != "add" and beyond.any():
            found = Uncertain.of(found.v, np.where(beyond, np.inf, found.E), np.inf)
        part = slice(node.start, node.stop)
        values[part], errors[part] = found.v.ravel(), found.E.ravel()
        r[graph.block(node.start)] = found.r
        saved.append(left)
    return GraphForward(tuple(saved), values, errors, r)


def read(reading: Reading, values: Array, errors: Array, r: Array) -> Uncertain:
    """What a node reads. A number that occurs k times makes the length of the error √k times as long, at most."""
    total = float(np.sqrt(np.sum(reading.most * np.square(r[reading.blocks]))))
    distinct = float(np.sqrt(np.sum(np.square(r[reading.blocks]))))
    return Uncertain.of(reading.of(values), reading.of(errors), total, distinct)
