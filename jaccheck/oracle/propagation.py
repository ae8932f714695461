"""The forward pass of a network in float64, and beside each quantity how far any other evaluation can be from it.

Every step maps (a, E) to (a′, E′): if an evaluation has â with |â − a| ≤ E, then it has â′ with |â′ − a′| ≤ E′. Beside
them goes t, a bound for the size of the tangent of a by any one number of the network, which forward mode computes.
u is the unit roundoff, γ_n = nu/(1 − nu) bounds n roundings in a row, and η is what one underflow loses; a sum of k
products underflows at most 2k times, once for each product and for each addition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaccheck.oracle.activations import activation
from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.networks import Affine, Branches, Network, SparseAffine, Step, WindowMax


@dataclass(frozen=True, slots=True)
class Chosen:
    """Of each window what was largest, and what else may have been: `(N, outputs, features)`, one or zero."""

    first: Array
    doubtful: Array
    """One for each that is no more than its error below the largest, where there is more than one."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a step leaves for the backward pass: its input, how far that can be off, and what depends on it."""

    step: Step
    a: Array
    E: Array
    slope: tuple[Array, Array] | None = None
    """The slope of an activation, and how far that can be off."""
    chosen: Chosen | None = None
    inside: tuple[tuple[Record, ...], ...] = ()
    """The records of each branch."""


@dataclass(frozen=True, slots=True)
class Forward:
    """What a forward pass leaves for the backward one."""

    records: tuple[Record, ...]
    peak: float
    """The largest magnitude that any partial sum can reach."""
    peak_tangent: float
    """The same for the tangents of forward mode, or more."""
    output: tuple[Array, Array]
    """f, `(N, width)`, and how far it can be off."""

    @property
    def inputs(self) -> tuple[tuple[Array, Array], ...]:
        """For each step its input and how far that can be off."""
        return tuple((record.a, record.E) for record in self.records)

    @property
    def slopes(self) -> tuple[tuple[Array, Array] | None, ...]:
        """For each activation its slope and how far that can be off; None for an affine step."""
        return tuple(record.slope for record in self.records)


@np.errstate(over="ignore", invalid="ignore")
def forward(net: Network, ar: Arithmetic, *, exact: bool = False) -> Forward:
    """All activations of `net` with their bounds; `exact` where a certificate says that nothing is rounded."""
    walk = _Walk(ar, exact, largest(net.X))
    zero = np.zeros_like(net.X)
    records, end = walk.through(net.steps, _Signal(net.X, zero, zero))
    return Forward(records, float(walk.peak), float(walk.peak_tangent), (end.a, end.E))


def largest(values: Array) -> float:
    """The largest entry, at least 0; NaN if there is one."""
    return float(np.max(values, initial=0.0))


@dataclass(frozen=True, slots=True)
class _Signal:
    """Features `(N, features)`, how far they can be off, and how large their tangent by any one number can get."""

    a: Array
    E: Array
    tangent: Array


class _Walk:
    """The way through all steps, and the largest magnitudes met on it."""

    def __init__(self, ar: Arithmetic, exact: bool, peak: float) -> None:
        self.ar = ar
        self.exact = exact
        self.peak = peak
        self.peak_tangent = 1.0

    def through(self, steps: tuple[Step, ...], signal: _Signal) -> tuple[tuple[Record, ...], _Signal]:
        """The records of the steps, and what comes out of the last one.

        An activation φ at â with |â − a| ≤ E, evaluated with an error of its own:
        E′ = sup|φ(x) − φ(a)| + sup|φ̂(x) − φ(x)| over |x − a| ≤ E, its `moved` and its `rounding`;
        t′ = (|φ′(a)| + E_φ′)·t, since the slope that is multiplied with is off by at most E_φ′.
        """
        records = []
        for step in steps:
            if isinstance(step, Affine):
                record, signal, reached = Record(step, signal.a, signal.E), *self._affine(step, signal)
            elif isinstance(step, WindowMax):
                record, signal, reached = self._maximum(step, signal)
            elif isinstance(step, Branches):
                record, signal, reached = self._branched(step, signal)
            else:
                act = activation(step, signal.a, signal.E, self.ar)
                error = np.zeros_like(signal.E) if self.exact else act.slope_error
                record = Record(step, signal.a, signal.E, slope=(act.slope, error))
                tangent = signal.tangent * (np.abs(act.slope) + act.slope_error)
                signal = _Signal(act.value, act.moved + act.rounding, tangent)
                reached = np.abs(signal.a) + signal.E
            self.peak = np.maximum(self.peak, largest(reached))
            self.peak_tangent = np.maximum(self.peak_tangent, largest(signal.tangent))
            if self.exact:
                signal = _Signal(signal.a, np.zeros_like(signal.a), signal.tangent)
            records.append(record)
        return tuple(records), signal

    def _affine(self, step: Affine, signal: _Signal) -> tuple[_Signal, Array]:
        """z = W a + b, how far it can be off, and what its partial sums can reach.

        A row has k products of rounded numbers (`roundings` r times) and k additions, in any order. With k + 1 + r
        roundings at most in a row, and M = |W|(|a| + E) + |b| the sum of all absolute values,
        E′ = |W| E + γ_(k+1+r)·M + 2kη: the inputs that have moved, the roundings, the underflows.
        No partial sum is larger than M + E′. A tangent is W t, and for the numbers of this layer itself their factor:
        t′ = (1 + γ_(k+1+r))·(|W| t + factor) + 2kη.
        """
        ar, a, E = self.ar, signal.a, signal.E
        W, k = step.magnitude, step.fan_in
        z, magnitude = a @ step.W.T, (np.abs(a) + E) @ W.T
        # Where every term is exactly zero nothing underflows: z is 0 in every evaluation, as at a kink that is meant.
        terms = (np.abs(a) + E > 0) @ (W > 0).T
        if step.b is not None:
            z, magnitude = z + step.b, magnitude + np.abs(step.b)
            terms = terms | (step.b != 0)
        error = E @ W.T + ar.gamma(k + 1 + step.roundings) * magnitude + np.where(terms, 2 * k * ar.eta, 0.0)
        # One number moves z by what it is multiplied with; one that stands in several places by their sum.
        own = np.maximum(np.max(np.abs(a) + E, axis=1, keepdims=True, initial=0.0), 1)
        own = own * k if isinstance(step, SparseAffine) else own
        tangent = (1 + ar.gamma(k + 1 + step.roundings)) * (signal.tangent @ W.T + own) + 2 * k * ar.eta
        return _Signal(z, error, tangent), magnitude + error

    def _maximum(self, step: WindowMax, signal: _Signal) -> tuple[Record, _Signal, Array]:
        """The largest of each window: |max â − max a| ≤ max E, as a maximum moves no more than what moves most in it.

        Any i with a_i + E_i ≥ max_j (a_j − E_j) may be what an evaluation chooses; more than one of them leave the
        choice open, unless none of them can move.
        """
        a, E, there = signal.a, signal.E, step.windows >= 0
        seen, off, tangent = (
            np.where(there, values[:, step.windows], empty)
            for values, empty in ((a, -np.inf), (E, 0.0), (signal.tangent, 0.0))
        )
        best = np.argmax(seen, axis=2)[..., None]
        value = np.take_along_axis(seen, best, axis=2)[..., 0]
        rivals = there & (seen + off >= np.max(np.where(there, seen - off, -np.inf), axis=2)[..., None])
        is_open = (rivals.sum(axis=2) > 1) & (np.where(rivals, off, 0).max(axis=2) > 0)
        shape = (len(a), len(step.windows), a.shape[1])
        first, doubtful = np.zeros(shape), np.zeros(shape)
        n, out = np.indices(value.shape)
        first[n, out, step.windows[out, best[..., 0]]] = 1
        sample, output, place = np.nonzero(rivals & is_open[..., None])
        doubtful[sample, output, step.windows[output, place]] = 1
        record = Record(step, a, E, chosen=Chosen(first, doubtful))
        error = off.max(axis=2, initial=0.0)
        return record, _Signal(value, error, tangent.max(axis=2, initial=0.0)), np.abs(value) + error

    def _branched(self, step: Branches, signal: _Signal) -> tuple[Record, _Signal, Array]:
        """Branches side by side keep their bounds. The sum of n of them has n − 1 additions:

        E′ = Σ E_i + γ_(n−1)·Σ(|a_i| + E_i), and t′ = (1 + γ_(n−1))·Σ t_i.
        """
        runs = [self.through(branch, signal) for branch in step.branches]
        ends = [end for _, end in runs]
        record = Record(step, signal.a, signal.E, inside=tuple(records for records, _ in runs))
        if not step.is_sum:
            a, E, tangent = (
                np.concatenate([getattr(end, name) for end in ends], axis=1) for name in ("a", "E", "tangent")
            )
            return record, _Signal(a, E, tangent), np.abs(a) + E
        reached = sum((np.abs(end.a) + end.E for end in ends), np.zeros_like(ends[0].a))
        a = sum((end.a for end in ends), np.zeros_like(ends[0].a))
        additions = self.ar.gamma(len(ends) - 1)
        E = sum((end.E for end in ends), np.zeros_like(a)) + additions * reached
        tangent = (1 + additions) * sum((end.tangent for end in ends), np.zeros_like(a))
        return record, _Signal(a, E, tangent), reached + E
