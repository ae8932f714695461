"""The Jacobians of a graph, from its outputs down to its parameters, with a bound for each entry."""

from __future__ import annotations

from math import prod

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.bounds import ClosedForm, Order, rounded_up
from jaccheck.oracle.graph.forward import Arithmetics, GraphForward
from jaccheck.oracle.graph.graph import Graph, Reading
from jaccheck.oracle.graph.rule import GRAPH_RULES, Flow
from jaccheck.oracle.graph.uncertain import lengths, rows_of


@np.errstate(all="ignore")
def backward_of_graph(
    graph: Graph,
    ahead: GraphForward,
    arithmetics: Arithmetics,
    dtype: str,
    *,
    outputs: range,
    order: Order = Order.REVERSE,
) -> ClosedForm:
    """The Jacobians of some outputs of the sample by each parameter, flat, `(C, *θ.shape)` one after another."""
    walk = _Walk(graph, order, outputs)
    for number in reversed(range(len(graph.nodes))):
        node = graph.nodes[number]
        if not graph.is_differentiable[graph.block(node.start)]:
            continue
        ar, readings = arithmetics[node.dtype], graph.readings[number]
        flow = walk.at(slice(node.start, node.stop), node.shape, graph.block(node.start), ar)
        often = [int(reading.most.max(initial=1)) for reading in readings]
        shares = GRAPH_RULES[node.rule].backward(node, ahead.saved[number], flow, ar, often)
        for reading, share in zip(readings, shares, strict=True):
            walk.add(reading, share, ar)
    return walk.found(arithmetics[dtype])


class _Walk:
    """What has reached each number so far, added up over its uses."""

    def __init__(self, graph: Graph, order: Order, outputs: range) -> None:
        self.graph, self.order, C = graph, order, len(outputs)
        self.g, self.m, self.E = (np.zeros((C, graph.size)) for _ in range(3))
        self.r = np.zeros((C, len(graph.starts)))
        self.lost = np.zeros(C)
        self.is_within = True
        for c, output in enumerate(outputs):
            self.g[c, graph.outputs[output]] += 1
            self.m[c, graph.outputs[output]] += 1

    def at(self, part: slice, shape: tuple[int, ...], block: int, ar: Arithmetic) -> Flow:
        """The derivative by the numbers of a block. With k uses there are k − 1 additions, in any order."""
        g, m, E = (values[:, part].reshape(len(values), *shape) for values in (self.g, self.m, self.E))
        uses = self.graph.uses[part].reshape(shape)
        most = int(uses.max(initial=1))
        gammas = np.array([ar.gamma(k) for k in range(most)] or [0.0])
        own = gammas[np.maximum(uses - 1, 0)] * (m + E)
        E = E + own
        r = np.fmin(self.r[:, block] + lengths(own), lengths(E))
        m = np.abs(g) if self.order is Order.REVERSE else m
        E = E if self.order is Order.ANY else np.fmin(E, rows_of(r, E))
        return Flow(self.order, g, m, E, r, self.lost)

    def add(self, reading: Reading, share: Flow, ar: Arithmetic) -> None:
        """What one use adds."""
        wanted = self.graph.is_differentiable[reading.blocks]
        self.is_within &= share.peak <= ar.largest
        self.lost = np.maximum(self.lost, share.lost)
        if not wanted.any():
            return
        for total, rows in ((self.g, share.g), (self.m, share.m), (self.E, share.E)):
            where, summed = reading.summed(rows)
            total[:, where] += summed
        added = np.sqrt(reading.most) * share.r[:, None]
        self.r[:, reading.blocks] += added if share.summed is None else np.fmin(added, share.summed[:, None])

    def found(self, ar: Arithmetic) -> ClosedForm:
        """The Jacobians by the parameters; in any but reverse mode with what underflow can lose on the way."""
        graph, jacobians, bounds = self.graph, [], []
        leaves = {leaf.parameter: leaf for leaf in graph.leaves if leaf.parameter in graph.trainable}
        for name, shape in graph.trainable.items():
            leaf = leaves.get(name)
            if leaf is None:
                jacobians.append(np.zeros(len(self.g) * prod(shape)))
                bounds.append(np.zeros(len(self.g) * prod(shape)))
                continue
            part = slice(leaf.start, leaf.start + leaf.values.size)
            flow = self.at(part, (leaf.values.size,), graph.block(leaf.start), ar)
            bound = flow.E + (self.lost[:, None] if self.order is Order.ANY else 0.0)
            reached = float(np.nan_to_num(np.max(np.abs(flow.g) + bound, initial=0.0), nan=np.inf, posinf=np.inf))
            self.is_within &= reached <= ar.largest
            jacobians.append(flow.g.ravel())
            bounds.append(bound.ravel())
        bound = rounded_up(np.nan_to_num(_joined(bounds), nan=np.inf, posinf=np.inf))
        return ClosedForm(_joined(jacobians), bound if self.is_within else np.full_like(bound, np.inf))


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0)
