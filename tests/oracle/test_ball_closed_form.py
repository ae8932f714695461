"""The closed form against ball arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaccheck_support.balls import REFERENCE, arb, dot, network_of, value_and_slope

from jaccheck.case import PERCEPTRONS, Case, Integers, Layer, Linear, Normal, PReLU, Sequential, Tanh, cases
from jaccheck.oracle import Affine, Arithmetic, Network, arithmetic, backward, forward, is_exact
from jaccheck.oracle.activations import piecewise

pytestmark = pytest.mark.usefixtures("balls_of_600_bits")


def true_jacobian(net: Network) -> list[arb]:
    """Every entry of all Jacobians, flat, in the closed form's order."""
    parts: dict[str, list[arb]] = {name: [] for name in net.trainable}
    for x in net.X:
        a, tape = [arb(float(number)) for number in x], []
        for layer in net.steps:
            if isinstance(layer, Affine):
                tape.append(a)
                a = [dot(row, a) for row in layer.W]
                a = a if layer.b is None else [z + arb(float(b)) for z, b in zip(a, layer.b, strict=True)]
            else:
                both = [value_and_slope(layer, z) for z in a]
                a = [value for value, _ in both]
                tape.append([slope for _, slope in both])
        for c in range(net.C):
            delta = [arb(int(i == c)) for i in range(net.C)]
            for layer, kept in zip(reversed(net.steps), reversed(tape), strict=True):
                if isinstance(layer, Affine):
                    if (name := f"{layer.path}.bias") in parts:
                        parts[name] += delta
                    if (name := f"{layer.path}.weight") in parts:
                        parts[name] += [d * a for d in delta for a in kept]
                    delta = [dot(column, delta) for column in layer.W.T]
                else:
                    delta = [d * slope for d, slope in zip(delta, kept, strict=True)]
    return [entry for part in parts.values() for entry in part]


def small(case: Case) -> Case:
    """The case with at most three samples and six features everywhere."""

    def shrink(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        return tuple(
            replace(layer, layers=shrink(layer.layers))
            if isinstance(layer, Sequential)
            else replace(layer, out_features=min(layer.out_features, 6))
            if isinstance(layer, Linear)
            else layer
            for layer in layers
        )

    in_shape = tuple(min(size, 6 if len(case.in_shape) == 1 else 2) for size in case.in_shape)
    return replace(case, layers=shrink(case.layers), in_shape=in_shape, batch_size=min(case.batch_size, 3))


def entries_outside(net: Network, ar: Arithmetic) -> int:
    """How many entries of the closed form are not proven to lie within their bound of the truth."""
    form = backward(net, forward(net, ar), ar)
    within = [
        not np.isfinite(bound) or abs(arb(float(entry)) - truth) <= arb(float(bound))
        for entry, bound, truth in zip(form.jacobian, form.bound, true_jacobian(net), strict=True)
    ]
    return within.count(False)


@settings(max_examples=60)
@given(st.sampled_from(PERCEPTRONS).flatmap(cases).map(small))
def test_the_closed_form_is_within_its_own_share_of_the_bound(case: Case) -> None:
    """Every entry is as close to the true Jacobian as float64 alone, without the case's dtype, allows."""
    assert entries_outside(network_of(case), REFERENCE) == 0


@settings(max_examples=40)
@given(cases("smooth", dtypes=("float64",)).map(small))
def test_the_closed_form_of_a_smooth_network_is_within_its_own_share_of_the_bound(case: Case) -> None:
    """The same where every activation is a library function, and float64 has no lower dtype to hide in."""
    assert entries_outside(network_of(case), REFERENCE) == 0


@settings(max_examples=40)
@given(cases("generic").map(small))
def test_a_certified_closed_form_is_the_truth(case: Case) -> None:
    """Where the certificate holds, every entry equals the true one, and its bound is zero."""
    net, ar = network_of(case), arithmetic(case.dtype)
    if not is_exact(net, ar):
        return
    form = backward(net, forward(net, ar, exact=True), ar, exact=True)
    assert np.all(form.bound == 0)
    assert all(truth == arb(float(entry)) for entry, truth in zip(form.jacobian, true_jacobian(net), strict=True))


def test_a_closed_form_with_a_wrong_entry_is_caught() -> None:
    """The check above fails if one weight is off by 2⁻⁴⁰ of itself after the truth was computed."""
    layers = (Linear(out_features=3), Tanh(), Linear(out_features=2))
    case = Case(layers=layers, in_shape=(2,), batch_size=2, recipe=Normal())
    net = network_of(case)
    truth = true_jacobian(net)
    net.steps[2].W[0, 0] *= 1 + 2.0**-40
    form = backward(net, forward(net, REFERENCE), REFERENCE)
    triples = zip(form.jacobian, form.bound, truth, strict=True)
    assert not all(abs(arb(float(entry)) - true) <= arb(float(bound)) for entry, bound, true in triples)


PRELU = Case(
    layers=(Linear(out_features=3), PReLU(num_parameters=3), Linear(out_features=2)),
    in_shape=(2,),
    batch_size=3,
    recipe=Normal(),
)


def prelu_jacobians(net: Network) -> list[arb]:
    """Of Linear, PReLU, Linear from the definition of a PReLU: z where it is above 0, else w·z."""
    below, middle, above = net.steps
    w = middle.branches[1][1].factor  # one for each feature
    parts: dict[str, list[arb]] = {name: [] for name in net.trainable}
    for x in net.X:
        a = [arb(float(number)) for number in x]
        z = [dot(row, a) + arb(float(b)) for row, b in zip(below.W, below.b, strict=True)]
        h = [each if each > 0 else arb(float(s)) * each for each, s in zip(z, w, strict=True)]
        for c in range(net.C):
            by_h = [arb(float(number)) for number in above.W[c]]
            by_z = [d * (1 if each > 0 else arb(float(s))) for d, each, s in zip(by_h, z, w, strict=True)]
            parts["0.weight"] += [d * each for d in by_z for each in a]
            parts["0.bias"] += by_z
            own = [d * (arb(0) if each > 0 else each) for d, each in zip(by_h, z, strict=True)]
            parts["1.weight"] += own if net.trainable["1.weight"] == (3,) else [sum(own, arb(0))]
            parts["2.weight"] += [arb(int(i == c)) * each for i in range(net.C) for each in h]
            parts["2.bias"] += [arb(int(i == c)) for i in range(net.C)]
    return [entry for part in parts.values() for entry in part]


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]), st.sampled_from([Normal(), Integers(magnitude=3)]))
def test_a_prelu_is_within_its_own_share_of_the_bound(seed: int, count: int, recipe: Normal | Integers) -> None:
    """The sum of a ReLU and a multiple of the negative part is a PReLU, its own parameter included, kink included."""
    layers = (PRELU.layers[0], PReLU(num_parameters=count), PRELU.layers[2])
    net = network_of(replace(PRELU, seed=seed, layers=layers, recipe=recipe))
    form = backward(net, forward(net, REFERENCE), REFERENCE)
    triples = list(zip(form.jacobian, form.bound, prelu_jacobians(net), strict=True))
    assert all(abs(arb(float(entry)) - truth) <= arb(float(bound)) for entry, bound, truth in triples)
    if isinstance(recipe, Integers):
        assert is_exact(net, arithmetic("float32"))
        assert all(truth == arb(float(entry)) for entry, _, truth in triples)


def test_a_prelu_with_a_wrong_side_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its kink the slope is the weight, as autograd has it; with the negative part's slope zero there, it is not."""
    net = network_of(replace(PRELU, recipe=Integers(magnitude=1)))
    net.steps[0].W[...] = 0
    net.steps[0].b[...] = 0

    def entries() -> list[bool]:
        form = backward(net, forward(net, REFERENCE, exact=True), REFERENCE, exact=True)
        return [truth == arb(float(entry)) for entry, truth in zip(form.jacobian, prelu_jacobians(net), strict=True)]

    assert all(entries())
    at = piecewise.NegativePartRule.at
    at_zero = lambda self, *args: at(self, *args)._replace(slope=np.where(args[1] < 0, 1.0, 0.0))  # noqa: E731
    monkeypatch.setattr(piecewise.NegativePartRule, "at", at_zero)
    assert not all(entries())
