"""Bounds and values of activations against ball arithmetic, and the constants of GELU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaccheck_support.balls import LAYERS, REFERENCE, arb, flint, gelu_inner, mish_gate, value_and_slope

from jaccheck.case import GELU, Layer, ReLU, Sigmoid
from jaccheck.oracle import Arithmetic, arithmetic
from jaccheck.oracle.activations import activation, gelu, mish, piecewise, sigmoids, silu

PLACES = st.one_of(
    st.floats(-50, 50),
    st.floats(-2000, 2000),
    st.floats(-1e300, 1e300),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-310, -1e-310, 1e-30, -1e-30, -745.2, -746.0, 709.9, 1e300, -1e300]),
)
RADII = st.one_of(
    st.floats(0, 2), st.floats(0, 3000), st.sampled_from([0.0, 5e-324, 1e-310, 1e-17, 1e-8, 750.0, 1600.0, 1e299])
)

pytestmark = pytest.mark.usefixtures("balls_of_600_bits")
DTYPES = st.sampled_from(["float64", "float32", "bfloat16", "float16"])


def ends_outside(layer: Layer, z: float, E: float, at: float, ar: Arithmetic) -> list[str]:
    """What is not proven at z' = z + at·E: the movement of the value, that of the slope."""
    act = activation(layer, np.array([z]), np.array([E]), ar)
    exact_z = arb(z) + arb(E) * arb(at)
    (here, slope_here), (there, slope_there) = value_and_slope(layer, arb(z)), value_and_slope(layer, exact_z)
    # float64 evaluates these bounds with roundings of its own, for which `rounded_up` makes up in the end.
    slack, least = 1 + arb(2) ** -30, arb(2) ** -1022
    found = []
    if not (there - here).abs_lower() <= arb(float(act.moved[0])) * slack + least:
        found.append("moved")
    if not (slope_there - slope_here).abs_lower() <= arb(float(act.slope_error[0])) * slack + least:
        found.append("slope_error")
    return found


@settings(max_examples=1500)
@given(LAYERS, PLACES, RADII, st.sampled_from([-1.0, 1.0, -0.5, 0.5, 2.0**-20, -(2.0**-20), 0.9999]), DTYPES)
def test_an_activation_moves_no_further_than_its_bound(layer: Layer, z: float, E: float, at: float, dtype: str) -> None:
    """For every z' in z ± E the value is within `moved`, and the slope within `slope_error`, of those at z."""
    assert ends_outside(layer, z, E, at, arithmetic(dtype)) == []


@settings(max_examples=500)
@given(LAYERS, PLACES)
def test_the_reference_evaluates_activations_within_its_own_rounding(layer: Layer, z: float) -> None:
    """Value and slope in float64 are within float64's own `rounding` and `slope_error` of the true ones."""
    act = activation(layer, np.array([z]), np.zeros(1), REFERENCE)
    value, slope = value_and_slope(layer, arb(z))
    assert abs(arb(float(act.value[0])) - value) <= arb(float(act.rounding[0] + 2.0**-53 * abs(act.value[0])))
    assert abs(arb(float(act.slope[0])) - slope) <= arb(float(act.slope_error[0])) + arb(2) ** -1022


def test_a_bound_without_the_kink_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails if the slope of a ReLU is taken as known where z ± E reaches over 0."""
    monkeypatch.setattr(piecewise, "kink", lambda z, E, jump: np.zeros_like(z))
    assert ends_outside(ReLU(), -1e-9, 1e-8, 1.0, arithmetic("float32")) == ["slope_error"]


def test_a_bound_for_the_middle_of_the_interval_alone_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails if a sigmoid's steepest place on z ± E is taken to be z itself."""
    monkeypatch.setattr(sigmoids, "nearest", lambda z, E: np.abs(z))
    assert "moved" in ends_outside(Sigmoid(), 6.0, 3.0, -1.0, arithmetic("float64"))


def spans(start: float, stop: float, count: int) -> Iterator[arb]:
    """Balls that cover everything from `start` to `stop`."""
    width = (stop - start) / count
    return (arb(start + (i + 0.5) * width, width / 2 * (1 + 1e-9)) for i in range(count))


def test_the_constants_of_gelu_are_bounds() -> None:
    """|f′|, |f″| and |c′| are nowhere above what the rules take them to be; beyond 8 all three are those of 0 and z."""
    flint.ctx.prec = 100
    root = 1 / (2 * arb.pi()).sqrt()
    for z in spans(0, 8, 4000):
        bell = (-z * z / 2).exp() * root
        v, first = gelu_inner(z)
        second = 6 * (2 / arb.pi()).sqrt() * arb("0.044715") * z
        tanh, sech = v.tanh(), 1 / v.cosh() ** 2
        turned = sech * first / 2
        curved = sech * second / 2 - sech * tanh * first**2
        for slope, bent, turn, curve in (
            ((-z / arb(2).sqrt()).erfc() / 2 + z * bell, z * bell, bell, bell * (2 - z * z)),
            ((1 + tanh) / 2 + z * turned, z * turned, turned, 2 * turned + z * curved),
        ):
            assert abs(slope) < gelu.GATE.steepest
            assert abs(1 - slope) < gelu.GATE.steepest
            assert abs(bent) < 0.3
            assert abs(turn) < gelu.GATE.turned
            assert abs(curve) < gelu.CURVED
    for z in spans(0, 8, 8000):
        bell = (-z * z / 2).exp() * root
        assert abs(z * bell) < 0.25
        assert abs((1 - z * z) * bell) < 0.4
        assert abs(z**3 / 2 * bell) < 0.24
        assert abs(bell * (z**3 - 4 * z)) < 1.28
        assert abs(z * (-z * z).exp() * 2 / arb.pi().sqrt()) < 0.49
        assert abs(z / z.cosh() ** 2) < 0.45


@settings(max_examples=300)
@given(st.floats(0, 12), st.floats(0, 3), st.sampled_from(["none", "tanh"]))
def test_the_curvature_of_gelu_is_bounded(distance: float, further: float, approximate: str) -> None:
    """At any |z| from that distance on, |f″| is within its bound, and |f‴| of the exact one within its own."""
    layer = GELU(approximate=approximate)  # type: ignore[arg-type]
    z = arb(distance) + arb(further)
    second, both = (
        arb(float(gelu.gelu_curvature(layer, np.array([distance]), order)[0]) * (1 + 2.0**-40) + 5e-324)
        for order in (2, 3)
    )
    bell = (-z * z / 2).exp() / (2 * arb.pi()).sqrt()
    if approximate == "none":
        assert abs(bell * (2 - z * z)) <= second
        assert abs(bell * (2 - z * z)) <= both
        assert abs(bell * (z**3 - 4 * z)) <= both
        return
    v, first = gelu_inner(z)
    sech, bent = 1 / v.cosh() ** 2, 6 * (2 / arb.pi()).sqrt() * arb("0.044715") * z
    assert abs(sech * first + z * (sech * bent / 2 - sech * v.tanh() * first**2)) <= second


def test_the_constants_of_silu_are_bounds() -> None:
    """|φ′|, |σ′|, |zσ′|, |φ″| and |φ‴| are nowhere above what the rule takes them to be."""
    flint.ctx.prec = 100
    for z in (*spans(0, 8, 8000), *spans(8, 60, 4000)):
        t = (-z).exp()
        σ, turn = 1 / (1 + t), t / ((1 + t) * (1 + t))
        second, third = turn * (1 - 2 * σ), turn * (1 - 6 * turn)
        # φ′(−z) = 1 − φ′(z), and the others are even or odd.
        for slope in (σ + z * turn, 1 - σ - z * turn):
            assert abs(slope) < silu.GATE.steepest
        assert turn <= silu.GATE.turned or turn.overlaps(arb(0.25))
        assert abs(z * turn) < silu.BENT
        curved, twisted = 2 * turn + z * second, 3 * second + z * third
        d = arb(z.lower())
        limit = float(silu.SiLURule().curvature(None, np.array([float(d)]), np.zeros(1))[0])
        assert abs(twisted) < limit + 1e-9
        assert abs(curved) < limit + 1e-9 or curved.overlaps(arb(0.5))


def test_the_constants_of_mish_are_bounds() -> None:
    """|φ′|, |T′|, |zT′|, |φ″| and s·tanh′(s) are nowhere above what the rule takes them to be."""
    flint.ctx.prec = 100
    for z in (*spans(-60, -8, 4000), *spans(-8, 8, 16000), *spans(8, 60, 4000)):
        (T, sech), σ = mish_gate(z), 1 / (1 + (-z).exp())
        turn = sech * sech * σ
        turned = turn * (1 - σ - 2 * T * σ)
        assert abs(T + z * turn) < mish.GATE.steepest
        assert abs(1 - T - z * turn) < 2 * mish.GATE.steepest
        assert abs(turn) < mish.GATE.turned
        assert abs(z * turn) < mish.BENT
        curved = abs(2 * turn + z * turned)
        assert curved < mish.CURVED
        d = abs(z)
        assert curved <= 2 * (1 + d) * (-d).exp() or curved <= 8 * (1 + d) * (-2 * d).exp()
        assert z.exp().log1p() * sech * sech < 0.46
