"""The bound for a Jacobian that is read from S·J, where S is the root of a loss's Hessian by the outputs f.

A method divides by S, which it computes in float64 from the same f as the library that is tested; so f itself may be
off, and what counts is how far the library's S is from that of its f. With p the probabilities, roundings in S are
relative to 1 − p, which cancels, and to e^(f − max f), whose argument is rounded: where |f| is large the bound gets
wide, then infinite.

- BCE, one output: S = √(p(1 − p)), p = σ(f). An error g of p, relative, is one of g·p/(1 − p) = g·eᶠ in 1 − p.
- Cross-entropy of f and one more logit that is 0, called o: S_vc = τ_v(δ_vc − p_c), τ = √p, so with G = S·J
  J_v = G_v/τ_v − (1 − p_o)G_o/τ_o + Σ τ_u·G_u. Since G_v/τ_v is J_v less a mean of all J_c, the error of this is at
  most that of J_v and four times the largest of all J_c, and K times as much of their values, where K is the relative
  error of what is around J: p is off by ρ, by exp (whose argument is at most 2·max|f|), sum and quotient;
  τ_c(δ − τ_v·τ_c) has three roots of p, less than (1 + ρ)², and five roundings; what is put before G is of float64.

Both take |f| and the largest of all outputs, so they hold for fewer outputs with other signs too, as the law of outputs
asks for them. A backward pass that starts at S instead of units underflows sooner: its bound is made for a cotangent
below the sum of any row of |S|.
"""

from __future__ import annotations

from math import exp, inf
from typing import Literal

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic, Array, arithmetic
from jaccheck.oracle.bounds import backward, rounded_up
from jaccheck.oracle.loss_ends import of_softmax
from jaccheck.oracle.networks import Layout, Network
from jaccheck.oracle.propagation import forward

Loss = Literal["bce", "cross_entropy"]

BCE_ROUNDINGS = 8
"""Of 1 − p, the product and its root, the quotient by S and the rounding to the dtype, with two to spare."""

CROSS_ENTROPY_ROUNDINGS = 16
"""Of root and products in S, what is put before G and the rounding to the dtype, with two to spare; and the sums."""


@np.errstate(over="ignore", invalid="ignore")
def loss_bound(net: Network, dtype: str, loss: Loss, *, exact: bool) -> Array:
    """How far a Jacobian read from S·J may be from the closed form, flat; `exact` where the forward pass is."""
    f, E = forward(net, arithmetic(dtype), exact=exact).output
    largest = float(np.max(np.abs(f) + E, initial=0.0))
    cotangent = _smallest_cotangent(loss, largest, net.C)
    plain = arithmetic(dtype)
    if not cotangent * plain.u > plain.eta:
        return np.full(net.layout.entries, np.inf)
    ar = arithmetic(dtype, smallest_cotangent=cotangent)
    form = backward(net, forward(net, ar, exact=exact), ar)
    if loss == "bce":
        return rounded_up(_by_row(net.layout, form.bound, form.jacobian, _of_bce(np.abs(f) + E, ar), 0, ar))
    return rounded_up(_by_row(net.layout, form.bound, form.jacobian, _of_cross_entropy(largest, net.C, ar), 4, ar))


def _smallest_cotangent(loss: Loss, largest: float, outputs: int) -> float:
    """Less than the sum of |S| over a row can be; 0 where it underflows in float64."""
    if largest > 600:
        return 0.0
    if loss == "bce":
        return exp(-largest / 2) / 2
    return float((exp(-2 * largest) / (outputs + 1)) ** 1.5)


def _of_bce(f: Array, ar: Arithmetic) -> Array:
    """The relative error of S for each sample and output, `(N, C)`."""
    cancelled = ar.library(1, 2) * np.exp(f)
    off = (1 + ar.library(1, 2)) * (1 + cancelled) * (1 + ar.gamma(BCE_ROUNDINGS)) - 1
    return np.where(cancelled < 0.5, off, np.inf)


def _of_cross_entropy(largest: float, outputs: int, ar: Arithmetic) -> float:
    """K, the relative error of all that stands around J; what the method itself computes is in float64."""
    ρ, own = (of_softmax(largest, outputs, each) for each in (ar, arithmetic("float64")))
    rounded = 1 + ar.gamma(CROSS_ENTROPY_ROUNDINGS + outputs)
    return float((1 + ρ) ** 2 * (1 + 2 * own) ** 2 * rounded - 1) if max(ρ, own) < 0.25 else inf


def _by_row(layout: Layout, bound: Array, jacobian: Array, off: Array | float, others: int, ar: Arithmetic) -> Array:
    """Bound and values of each output, with `others` times the largest of its sample beside them."""
    found = np.empty_like(bound)
    off = np.broadcast_to(off, (layout.N, layout.C))[..., None]
    for part in layout.offsets().values():
        shape = (layout.N, layout.C, (part.stop - part.start) // max(1, layout.N * layout.C))
        E, J = bound[part].reshape(shape), np.abs(jacobian[part]).reshape(shape)
        if others and E.size:
            E, J = E + others * E.max(axis=1, keepdims=True), J + others * J.max(axis=1, keepdims=True)
        # Where S is unknown, so is everything: 0·inf would be NaN.
        within = (1 + off) * E + off * J + 4 * ar.eta
        found[part] = np.where(np.isinf(off), np.inf, within).ravel()
    return found
