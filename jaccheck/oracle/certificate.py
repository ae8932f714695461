"""The exactness certificate: a proof that on this case no evaluation, in any order, rounds anything.

Every number here is an integer multiple of some power of two, its grain. If the sum of all absolute values that can
ever be added up is at most 2^p grains (below, for float64), where p is the precision of the dtype, then every partial
sum in every order is a number of that dtype, with or without fused multiply-add. So results must be equal, not close.

Forward mode needs no sums of its own: where the sum of |A_L|···|A_1|·|a| is at most 2^p grains, so is each factor's
part of it, |A_k|···|A_1|·|a|, for every unit that has any path to an output, since the rest of its path is at least
one grain. Units without such a path may round, but must not overflow.

A norm may be joined with its weight in any way, so the sums of its fixed map go on as the magnitude of its output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaccheck.oracle.activations import RULES, Pieces
from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.networks import Affine, Branches, Curve, Network, SparseAffine, Step, WindowMax

SPARE_BITS = 1
"""Room at the lower end of the exponent range, for a cotangent that is scaled down by a power of two and back."""

_NO_GRAIN = 2**20
"""The grain of zeros, which are multiples of every power of two."""


def is_exact(net: Network, ar: Arithmetic) -> bool:
    """Whether forward and backward pass of `net` are exact in every order; the slope at a kink is then autograd's."""
    if not _is_piecewise_linear(net.steps) or net.loss is not None:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        ledger = _Ledger(ar)
        start = _Exact(net.X, np.abs(net.X), np.zeros_like(net.X), _grain(net.X))
        ledger.check(start.size, start.grain)
        entries, _ = _check_forward(net.steps, start, ledger)
        _check_backward(entries, np.asarray(net.cotangents()), 0, ledger)
        return ledger.holds


def _is_piecewise_linear(steps: tuple[Step, ...]) -> bool:
    return all(
        all(map(_is_piecewise_linear, step.branches))
        if isinstance(step, Branches)
        else not (isinstance(step, SparseAffine) and not step.is_dyadic)
        if isinstance(step, Affine | WindowMax)
        else RULES[type(step)].pieces(step) is not None
        for step in steps
    )


@dataclass(frozen=True, slots=True)
class _Exact:
    """Features, the sums of the absolute values that they are made of, their tangents' size, and their grain."""

    a: Array
    size: Array
    tangent: Array
    grain: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A step with what goes into it, and what it leaves for the backward pass."""

    step: Step
    before: _Exact
    chosen: Array | None = None
    inside: tuple[tuple[tuple[_Entry, ...], _Exact], ...] = ()


def _check_forward(steps: tuple[Step, ...], x: _Exact, ledger: _Ledger) -> tuple[tuple[_Entry, ...], _Exact]:
    """Enters all sums of the forward pass; what each step needs for the backward pass, and what comes out."""
    entries = []
    for step in steps:
        entry = _Entry(step, x)
        if isinstance(step, Affine):
            x, sums = _affine(step, x)
            ledger.check(sums, x.grain)
        elif isinstance(step, WindowMax):
            chosen = _first_of_largest(step, x.a)
            entry = _Entry(step, x, chosen=chosen)
            pick = chosen.argmax(axis=2)
            a, size, tangent = (np.take_along_axis(each, pick, axis=1) for each in (x.a, x.size, x.tangent))
            x = _Exact(a, size, tangent, x.grain)
        elif isinstance(step, Branches):
            runs = tuple(_check_forward(branch, x, ledger) for branch in step.branches)
            entry = _Entry(step, x, inside=runs)
            x = _merged([end for _, end in runs], is_sum=step.is_sum)
        else:
            x = _activated(pieces_of(step), x, ledger)
        ledger.check(x.size, x.grain)
        ledger.check_range(x.tangent)
        entries.append(entry)
    return tuple(entries), x


def _affine(step: Affine, x: _Exact) -> tuple[_Exact, Array]:
    """What comes out, and the sums of absolute values that were added up for it, S = |W|·size + |b|.

    Each product is a multiple of grain(x)·grain(W), so every partial sum is one of min(grain(x)·grain(W), grain(b)),
    and at most S: where S ≤ 2^p of these grains, each is a number of the dtype, in any order. What comes out is then
    known exactly, and the next sums start from its own size |a|; only a fixed map, which may be joined with the weight
    behind it, hands on S. A tangent is at most |W|·tangent, and for a number of this layer itself its factor.
    """
    W, b = step.magnitude, np.zeros(len(step.W)) if step.b is None else step.b
    own = np.maximum(np.max(x.size, axis=1, keepdims=True, initial=0), 1)
    own = own * step.fan_in if isinstance(step, SparseAffine) else own
    a = x.a @ step.W.T + b
    sums = x.size @ W.T + np.abs(b)
    grain = min(x.grain + _grain(step.W), _grain(b))
    return _Exact(a, sums if step.is_fixed else np.abs(a), x.tangent @ W.T + own, grain), sums


def _first_of_largest(step: WindowMax, a: Array) -> Array:
    """What is chosen of each window, `(N, outputs, features)`, one or zero."""
    seen = np.where(step.windows >= 0, a[:, step.windows], -np.inf)
    n, out = np.indices(seen.shape[:2])
    chosen = np.zeros((*seen.shape[:2], a.shape[1]))
    chosen[n, out, step.windows[out, np.argmax(seen, axis=2)]] = 1
    return chosen


def _merged(ends: list[_Exact], *, is_sum: bool) -> _Exact:
    """Branches added up or side by side: multiples of the finest of their grains, at most their sizes together."""
    grain = min(end.grain for end in ends)
    if is_sum:
        a, size, tangent = (sum(getattr(end, name) for end in ends) for name in ("a", "size", "tangent"))
    else:
        a, size, tangent = (
            np.concatenate([getattr(end, name) for end in ends], axis=1) for name in ("a", "size", "tangent")
        )
    return _Exact(np.asarray(a), np.asarray(size), np.asarray(tangent), grain)


def _check_backward(entries: tuple[_Entry, ...], m: Array, grain: int, ledger: _Ledger) -> tuple[Array, int]:
    """Enters all sums of the backward pass, with absolute values multiplied through from the outputs.

    m bounds the sum of all absolute values that δ is made of: m = 1 at the outputs, m·|W| below an affine step, m·|φ′|
    below an activation, the sum over branches that are added up. An entry of the Jacobian of a weight sums δ·a over the
    places of that weight, so the sum of its absolute values is at most that of m·size, in multiples of
    grain(m)·grain(x); one of the bias at most the sum of m. In forward mode the same products come in another order.
    """
    for entry in reversed(entries):
        step, x = entry.step, entry.before
        if isinstance(step, SparseAffine):
            if not step.is_fixed:
                ledger.add(step.weight, step.by_weight(m, x.size), grain + x.grain)
                ledger.add(step.bias, step.by_bias(m), grain)
            m, grain = m @ step.magnitude, grain + _grain(step.W)
        elif isinstance(step, Affine):
            largest_input = np.max(x.size, axis=1, initial=0)[:, None]
            ledger.add(step.weight, np.max(m, axis=2, initial=0) * largest_input, grain + x.grain)
            m, grain = m @ np.abs(step.W), grain + _grain(step.W)
        elif isinstance(step, WindowMax):
            assert entry.chosen is not None
            m = m @ entry.chosen
        elif isinstance(step, Branches):
            ends = [end for _, end in entry.inside]
            stops = np.cumsum([end.a.shape[1] for end in ends])
            parts = [m] * len(ends) if step.is_sum else np.split(m, stops[:-1], axis=2)
            runs = [
                _check_backward(run, part, grain, ledger) for (run, _), part in zip(entry.inside, parts, strict=True)
            ]
            m, grain = np.sum([total for total, _ in runs], axis=0), min(each for _, each in runs)
        else:
            pieces = pieces_of(step)
            m = m * np.abs(pieces.slope(x.a))[:, None]
            grain += min(0, _grain(np.array(pieces.factors)))
        ledger.check(m, grain)
    return m, grain


def pieces_of(step: Curve) -> Pieces:
    """The pieces of an activation that has them."""
    pieces = RULES[type(step)].pieces(step)
    assert pieces is not None
    return pieces


def has_offset(step: Curve) -> bool:
    """Whether an activation has constants other than 0, so that it is not homogeneous."""
    pieces = RULES[type(step)].pieces(step)
    return pieces is None or any(pieces.constants)


def _activated(pieces: Pieces, x: _Exact, ledger: _Ledger) -> _Exact:
    """What comes out of an activation: each entry one of its constants, or an entry of x times one of its factors.

    So it is a multiple of the finer of grain(x)·grain(factors) and grain(constants), and nothing is added up. Factors
    finer than 1 must be numbers of the dtype themselves, as the constants must.
    """
    factors, constants = np.array(pieces.factors), np.array(pieces.constants)
    steep, finer = max(1.0, float(np.max(np.abs(factors), initial=0.0))), min(0, _grain(factors))
    ledger.check(np.array([steep]), finer)
    ledger.check(np.abs(constants), _grain(constants))
    a = pieces.value(x.a)
    return _Exact(a, np.abs(a), x.tangent * steep, min(x.grain + finer, _grain(constants)))


class _Ledger:
    """Keeps whether all sums so far fit the dtype."""

    def __init__(self, ar: Arithmetic) -> None:
        self._ar = ar
        self._shares: dict[str, tuple[Array, int]] = {}
        self.holds = True

    def add(self, parameter: str, magnitude: Array, grain: int) -> None:
        """Enters the sums of one use of a parameter, on top of those of its other uses."""
        if parameter in self._shares:
            before, finest = self._shares[parameter]
            magnitude, grain = magnitude + before, min(grain, finest)
        self._shares[parameter] = magnitude, grain
        self.check(magnitude, grain)

    def check(self, magnitude: Array, grain: int) -> None:
        """Enters sums of multiples of 2^grain, the sum of the absolute values of each."""
        largest = float(np.max(magnitude, initial=0.0))
        if largest == 0:
            return
        self.holds &= largest <= self._ar.largest
        self.holds &= grain - SPARE_BITS >= self._ar.smallest_exponent
        limit = 2.0 ** min(self._ar.precision_bits + grain, 1023)
        # The sum itself was formed in float64, where one beyond 2⁵³ grains may have been rounded down to that.
        self.holds &= largest < limit or (largest == limit and self._ar.precision_bits < 53)

    def check_range(self, magnitude: Array) -> None:
        """Enters numbers that may round, but must not overflow."""
        self.holds &= float(np.max(magnitude, initial=0.0)) <= self._ar.largest


def _grain(values: Array) -> int:
    """The exponent of the largest power of two that divides every value."""
    mantissa, exponent = np.frexp(values[values != 0])
    if not mantissa.size:
        return _NO_GRAIN
    whole = (mantissa * 2.0**53).astype(np.int64)
    trailing = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return int(np.min(exponent - 53 + trailing))
