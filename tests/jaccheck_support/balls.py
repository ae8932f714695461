"""Networks in ball arithmetic (python-flint), from nothing but their numbers: what the oracle is held to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from jaccheck.case import ELU, GELU, SELU, Case, Layer, LeakyReLU, LogSigmoid, ReLU, Sigmoid, Tanh, activations
from jaccheck.methods import round_sample
from jaccheck.oracle import Arithmetic, Network, network
from jaccheck.oracle.networks import NegativePart
from jaccheck_support.simulation import VARIANTS

flint = pytest.importorskip("flint")
arb = flint.arb

REFERENCE = Arithmetic(u=2.0**-53, eta=2.0**-1022, largest=1.7e308, precision_bits=53, smallest_exponent=-1022)
"""What the reference itself rounds with: its own share of every bound."""


SLOPES = st.sampled_from([0.01, 0.0, -0.0, 1.0, -1.0, 0.5, -0.3, 2.5, 1e6, -1e6, 1e-6, 1e-300])
ALPHAS = st.sampled_from([1.0, 0.0, -1.0, 0.7, -0.7, 100.0, 1e6, 1e-6, 1e-300])
LAYERS = st.one_of(
    st.sampled_from([ReLU(), Sigmoid(), Tanh(), LogSigmoid(), SELU(), *VARIANTS, NegativePart()]),
    st.builds(LeakyReLU, negative_slope=SLOPES),
    st.builds(ELU, alpha=ALPHAS),
)


def value_and_slope(layer: Layer, z: arb) -> tuple[arb, arb]:
    """φ(z) and φ′(z), each from its definition; at a kink the side that autograd takes."""
    assert z > 0 or z <= 0, "precision too low to tell the side of a kink"
    one, t = arb(1), (-abs(z)).exp()
    match layer:
        case ReLU():
            return (z, one) if z > 0 else (arb(0), arb(0))
        case NegativePart():
            return (arb(0), arb(0)) if z > 0 else (z, one)
        case GELU(approximate="none"):
            half, bell = (-z / arb(2).sqrt()).erfc() / 2, (-z * z / 2).exp() / (2 * arb.pi()).sqrt()
            return z * half, half + z * bell
        case GELU():
            v, steep = gelu_inner(z)
            t = (-2 * abs(v)).exp()
            half = (one if v > 0 else t) / (1 + t)
            return z * half, half + z * 2 * t / ((1 + t) * (1 + t)) * steep
        case LeakyReLU(negative_slope=below):
            return (z, one) if z > 0 else (arb(below) * z, arb(below))
        case Sigmoid():
            return (one if z > 0 else t) / (1 + t), t / ((1 + t) * (1 + t))
        case Tanh():
            return z.tanh(), 4 * t * t / ((1 + t * t) * (1 + t * t))
        case LogSigmoid():
            return (-t.log1p(), t / (1 + t)) if z > 0 else (z - t.log1p(), 1 / (1 + t))
        case ELU(alpha=alpha):
            return (z, one) if z > 0 else (arb(alpha) * z.expm1(), arb(alpha) * z.exp())
        case SELU():
            scale, alpha = arb(1.0507009873554804934193349852946), arb(1.6732632423543772848170429916717)
            return (scale * z, scale) if z > 0 else (scale * alpha * z.expm1(), scale * alpha * z.exp())
        case activations.Softplus(beta=β, threshold=threshold):
            w = arb(β) * z
            if w > arb(threshold):
                return z, one
            t = (-abs(w)).exp()
            return ((w if w > 0 else 0) + t.log1p()) / arb(β), (one if w > 0 else t) / (1 + t)
        case activations.SiLU():
            c = (one if z > 0 else t) / (1 + t)
            return z * c, c + z * t / ((1 + t) * (1 + t))
        case activations.Mish():
            gate, sech = mish_gate(z)
            return z * gate, gate + z * sech * sech * (one if z > 0 else t) / (1 + t)
        case activations.Softsign():
            return z / (1 + abs(z)), 1 / (1 + abs(z)) ** 2
        case activations.Hardtanh(min_val=low, max_val=high):
            return cut_off(z, arb(low), arb(high))
        case activations.ReLU6():
            return cut_off(z, arb(0), arb(6))
        case activations.Hardswish():
            if abs(z) >= 3:
                return (z, one) if z > 0 else (arb(0), arb(0))
            return z * (z + 3) / 6, z / 3 + one / 2
    raise ValueError(layer)


def gelu_inner(z: arb) -> tuple[arb, arb]:
    """√(2/π)(z + 0.044715z³) and its derivative."""
    root, cube = (2 / arb.pi()).sqrt(), arb("0.044715")
    return root * (z + cube * z**3), root * (1 + 3 * cube * z**2)


def mish_gate(z: arb) -> tuple[arb, arb]:
    """tanh(log1p(eᶻ)) = (y² + 2y)/(y² + 2y + 2) with y = eᶻ, and the sech of the same; beyond 500 they are 1 and 0."""
    y = z.exp() if z < 500 else arb(500).exp()
    return (y * y + 2 * y) / (y * y + 2 * y + 2), 2 * (1 + y) / (y * y + 2 * y + 2)


def cut_off(z: arb, low: arb, high: arb) -> tuple[arb, arb]:
    """z between two ends, with the slope 0 at either."""
    if z <= low or z >= high:
        return (low if z <= low else high), arb(0)
    return z, arb(1)


def dot(numbers: np.ndarray, balls: list[arb]) -> arb:
    return sum((arb(float(w)) * a for w, a in zip(numbers, balls, strict=True)), arb(0))


def network_of(case: Case) -> Network:
    """The oracle's network with the case's numbers as its dtype rounds them."""
    rounded = round_sample(case)
    numbers = {name: value.double().numpy() for name, value in rounded.parameters.items()}
    return network(case, rounded.X.double().numpy(), numbers)
