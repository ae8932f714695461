"""The Jacobians of a network as a simulated `Machine` evaluates them, in reverse or in forward mode.

Maps with a table of products are evaluated product by product, a number that stands in several places each time anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jaccheck.oracle.networks import Affine, Branches, Network, SparseAffine, Step, WindowMax
from jaccheck.oracle.tables import Indices
from jaccheck_support.simulation import Formula, Machine, Wide, slope, value


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a machine evaluates the Jacobians of a network."""

    value: Formula = value
    slope: Formula = slope
    forward_mode: bool = False
    cotangent: float = 1.0
    """Reverse mode starts from this multiple of unit vectors, and divides by it in the end."""


def jacobians(net: Network, m: Machine, how: Evaluation) -> npt.NDArray[np.float64]:
    """All Jacobians as one flat vector, like the closed form's."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        walk = _Walk(m, how)
        trace, _ = walk.forward(net.steps, m.wide(net.X))
        if how.forward_mode:
            parts = {name: walk.tangents(trace, name, shape, net) for name, shape in net.trainable.items()}
        else:
            cotangents = m.wide(np.array(net.cotangents())) * m.constant(how.cotangent)
            walk.backward(trace, cotangents)
            scale = m.constant(how.cotangent)
            parts = walk.found
            if how.cotangent != 1:
                parts = {name: m.round(part / scale) for name, part in parts.items()}
    found = [parts[name].astype(np.float64).ravel() for name in net.trainable]
    return np.concatenate(found) if found else np.zeros(0)


@dataclass(frozen=True, slots=True)
class _Trace:
    """A step, what went into it, and for branches the traces of each with what came out of it."""

    step: Step
    a: Wide
    inside: tuple[tuple[tuple[_Trace, ...], Wide], ...] = ()


class _Walk:
    """One evaluation on its way through a network."""

    def __init__(self, m: Machine, how: Evaluation) -> None:
        self.m = m
        self.how = how
        self.found: dict[str, Wide] = {}

    def forward(self, steps: tuple[Step, ...], a: Wide) -> tuple[tuple[_Trace, ...], Wide]:
        """What went into each step, and what comes out of the last one."""
        trace = []
        for step in steps:
            inside: tuple[tuple[tuple[_Trace, ...], Wide], ...] = ()
            before = a
            if isinstance(step, SparseAffine):
                rows = _gathered(step.table.out, len(step.W))
                a = self.m.dot(_at(a, step.table.inp, rows), _at(self._factor(step), None, rows), self._offset(step))
            elif isinstance(step, Affine):
                a = self.m.dot(a[:, None], self.m.wide(step.W), self._offset(step))
            elif isinstance(step, WindowMax):
                a = np.take_along_axis(a, _chosen(step, a), axis=1)
            elif isinstance(step, Branches):
                inside = tuple(self.forward(branch, before) for branch in step.branches)
                ends = [end for _, end in inside]
                a = self.m.total(ends) if step.is_sum else np.concatenate(ends, axis=1)
            else:
                a = self.how.value(self.m, step, a)
            trace.append(_Trace(step, before, inside))
        return tuple(trace), a

    def _factor(self, step: SparseAffine) -> Wide:
        factor = self.m.wide(step.factor)
        for _ in range(step.roundings // 2):
            factor = self.m.round(factor)
        return factor

    def _offset(self, step: Affine) -> Wide | None:
        return None if step.b is None else self.m.wide(step.b)

    def backward(self, trace: tuple[_Trace, ...], delta: Wide) -> Wide:
        """δ at the start of the steps; the Jacobians on the way are kept."""
        m = self.m
        for entry in reversed(trace):
            step, a = entry.step, entry.a
            if isinstance(step, SparseAffine):
                if not step.is_fixed:
                    self._add(step.weight, self._by_weight(step, delta, a))
                    if step.b is not None:
                        self._add(step.bias, self._by_bias(step, delta))
                columns = _gathered(step.table.inp, step.W.shape[1])
                delta = m.dot(_at(delta, step.table.out, columns), _at(self._factor(step), None, columns))
            elif isinstance(step, Affine):
                self._add(step.bias, delta)
                self._add(step.weight, m.round(delta[..., None] * a[:, None, None]))
                delta = m.dot(delta[:, :, None], m.wide(step.W).T)
            elif isinstance(step, WindowMax):
                delta = self._to_chosen(step, delta, a)
            elif isinstance(step, Branches):
                stops = np.cumsum([end.shape[1] for _, end in entry.inside])[:-1]
                shares = [delta] * len(entry.inside) if step.is_sum else np.split(delta, stops, axis=2)
                runs = zip(entry.inside, shares, strict=True)
                delta = m.total([self.backward(run, share) for (run, _), share in runs])
            else:
                delta = m.round(delta * self.how.slope(m, step, a)[:, None])
        return delta

    def _add(self, name: str, part: Wide) -> None:
        self.found[name] = part if name not in self.found else self.m.total([self.found[name], part])

    def _by_weight(self, step: SparseAffine, delta: Wide, a: Wide) -> Wide:
        keys = _gathered(np.where(step.seen, step.table.key, -1), step.size)
        return self.m.dot(_at(delta, step.table.out, keys), _at(a, step.table.inp, keys)[:, None])

    def _by_bias(self, step: SparseAffine, delta: Wide) -> Wide:
        return np.stack(
            [self.m.total(list(np.moveaxis(delta[:, :, step.channel == c], 2, 0))) for c in range(step.biases)], axis=2
        )

    def _to_chosen(self, step: WindowMax, delta: Wide, a: Wide) -> Wide:
        chosen, shares = _chosen(step, a), []
        for out in range(len(step.windows)):
            share = np.zeros((*delta.shape[:2], a.shape[1]), delta.dtype)
            share[np.arange(len(a)), :, chosen[:, out]] = delta[:, :, out]
            shares.append(share)
        return self.m.total(shares)

    def tangents(self, trace: tuple[_Trace, ...], name: str, shape: tuple[int, ...], net: Network) -> Wide:
        """`(N, C, numbers)`: the tangent of the outputs by each number of one parameter, from where it is used on."""
        numbers = int(np.prod(shape))
        start = self.m.wide(np.zeros((net.N, numbers, net.X.shape[1])))
        moved = self._through(trace, start, name, numbers)
        return moved[:, :, net.first : net.first + net.C].transpose(0, 2, 1)

    def _through(self, trace: tuple[_Trace, ...], t: Wide, name: str, numbers: int) -> Wide:
        m = self.m
        for entry in trace:
            step, a = entry.step, entry.a
            if isinstance(step, SparseAffine):
                rows = _gathered(step.table.out, len(step.W))
                t = m.dot(_at(t, step.table.inp, rows), _at(self._factor(step), None, rows))
                if own := list(self._own(step, a, name, numbers)):
                    t = m.total([t, m.total(own)])
            elif isinstance(step, Affine):
                t = m.dot(t[:, :, None], m.wide(step.W))
                units = m.wide(np.eye(len(step.W)))
                if name == step.weight:
                    own_weight = units[None, :, None, :] * a[:, None, :, None]
                    t = m.total([t, own_weight.reshape(len(a), numbers, len(units))])
                elif name == step.bias:
                    t = m.total([t, np.broadcast_to(units, (len(a), *units.shape))])
            elif isinstance(step, WindowMax):
                t = np.take_along_axis(t, _chosen(step, a)[:, None], axis=2)
            elif isinstance(step, Branches):
                ends = [self._through(run, t, name, numbers) for run, _ in entry.inside]
                t = m.total(ends) if step.is_sum else np.concatenate(ends, axis=2)
            else:
                t = m.round(t * self.how.slope(m, step, a)[:, None])
        return t

    def _own(self, step: SparseAffine, a: Wide, name: str, numbers: int) -> Iterator[Wide]:
        """What moves with the numbers of a parameter itself, one use of each number after another."""
        shape = (len(a), numbers, len(step.W))
        if step.is_fixed:
            return
        if name == step.weight:
            keys = _gathered(np.where(step.seen, step.table.key, -1), numbers)
            for column in keys.T:
                own, there = np.zeros(shape, a.dtype), column >= 0
                own[:, there, step.table.out[column[there]]] = a[:, step.table.inp[column[there]]]
                yield own
        elif name == step.bias:
            own = np.zeros(shape, a.dtype)
            own[:, step.channel, np.arange(len(step.W))] = 1
            yield own


def _gathered(groups: Indices, count: int) -> Indices:
    """For each group the positions of its members, `(count, most)`, −1 for nothing; groups below 0 are left out."""
    members = [np.nonzero(groups == group)[0] for group in range(count)]
    most = max((len(each) for each in members), default=0) or 1
    return np.array([[*each, *[-1] * (most - len(each))] for each in members], dtype=np.int64)


def _at(values: Wide, index: Indices | None, places: Indices) -> Wide:
    """The values at `index[places]` on the last axis, zero where a place is −1."""
    found = values if index is None else values[..., index]
    nothing = np.zeros((*found.shape[:-1], 1), found.dtype)
    return np.asarray(np.concatenate([found, nothing], axis=-1)[..., places])


def _chosen(step: WindowMax, a: Wide) -> Indices:
    """What each window chooses, `(N, outputs)`; the first of equal ones."""
    seen = np.where(step.windows >= 0, a[:, step.windows], -np.inf)
    return np.asarray(step.windows[np.arange(len(step.windows)), np.argmax(seen, axis=2)])
