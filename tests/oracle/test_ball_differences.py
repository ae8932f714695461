"""The bound of central differences against ball arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaccheck_support.balls import LAYERS, arb, dot, network_of, value_and_slope

from jaccheck.case import ELU, GELU, SELU, Case, Layer, LeakyReLU, Linear, LogSigmoid, Normal, ReLU, Sigmoid, Tanh
from jaccheck.oracle import Affine, Network, arithmetic, backward, difference_bound, differences, forward
from jaccheck.oracle.networks import NegativePart

pytestmark = pytest.mark.usefixtures("balls_of_600_bits")


def quotients(net: Network, step: float) -> list[arb]:
    """Central differences without any rounding but that of θ ± h, flat, in the closed form's order."""
    found = []
    for layer in net.steps:
        if not isinstance(layer, Affine):
            continue
        for name, θ in (("weight", layer.W), ("bias", layer.b)):
            if θ is None or f"{layer.path}.{name}" not in net.trainable:
                continue
            columns = []
            for index in np.ndindex(θ.shape):
                kept = θ[index]
                above, below = kept + step, kept - step
                θ[index] = above
                high = outputs(net)
                θ[index] = below
                low = outputs(net)
                θ[index] = kept
                columns.append([(f - g) / (arb(above) - arb(below)) for f, g in zip(high, low, strict=True)])
            found += [column[output] for output in range(net.N * net.C) for column in columns]
    return found


def outputs(net: Network) -> list[arb]:
    found = []
    for x in net.X:
        a = [arb(float(number)) for number in x]
        for layer in net.steps:
            if isinstance(layer, Affine):
                a = [dot(row, a) for row in layer.W]
                a = a if layer.b is None else [z + arb(float(b)) for z, b in zip(a, layer.b, strict=True)]
            else:
                a = [value_and_slope(layer, z)[0] for z in a]
        found += a
    return found


def quotients_outside(net: Network, step: float) -> int:
    """How many exact quotients are not proven to lie within the bound for central differences."""
    ar = arithmetic("float64")
    form, bound = backward(net, forward(net, ar), ar), difference_bound(net, ar, step)
    triples = zip(quotients(net, step), form.jacobian, bound, strict=True)
    return [abs(q - arb(float(entry))) <= arb(float(b)) for q, entry, b in triples].count(False)


SMALL_SMOOTH = st.builds(
    lambda between, widths, inputs, seed: Case(
        layers=(
            *(part for b, width in zip(between, widths, strict=False) for part in (Linear(out_features=width), b)),
            Linear(out_features=2),
        ),
        in_shape=(inputs,),
        batch_size=2,
        recipe=Normal(),
        seed=seed,
    ),
    st.lists(
        st.one_of(
            LAYERS.filter(lambda layer: "e+" not in repr(layer) and not isinstance(layer, NegativePart)),
            st.just(SELU()),
        ),
        min_size=1,
        max_size=2,
    ),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(1, 3),
    st.integers(0, 10_000),
)


@settings(max_examples=120)
@given(SMALL_SMOOTH, st.sampled_from([2.0**-17, 2.0**-7, 0.25, 2.0]))
def test_central_differences_without_rounding_are_within_their_bound(case: Case, step: float) -> None:
    """However large the step, kinks crossed or not, every exact quotient is as close to the closed form as claimed."""
    assert quotients_outside(network_of(case), step) == 0


@pytest.mark.parametrize("between", [Tanh(), Sigmoid(), LogSigmoid(), ELU(), SELU(), GELU(), ReLU(), LeakyReLU()])
def test_differences_bounded_as_if_nothing_were_curved_are_caught(
    between: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check above fails if second and third derivatives, and kinks that are reached, are taken not to exist."""
    layers = (Linear(out_features=3), between, Linear(out_features=2))
    net = network_of(Case(layers=layers, in_shape=(2,), batch_size=3, recipe=Normal()))
    assert quotients_outside(net, 0.5) == 0
    monkeypatch.setattr(differences, "_curvature", lambda layer, z, radius: np.zeros_like(z))
    assert quotients_outside(net, 0.5) > 0
