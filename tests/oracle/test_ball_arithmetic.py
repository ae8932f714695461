"""The closed form against ball arithmetic: the network recomputed by python-flint, from nothing but its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaccheck.case import (
    ELU,
    GELU,
    SELU,
    Case,
    Integers,
    Layer,
    LeakyReLU,
    Linear,
    LogSigmoid,
    Normal,
    PReLU,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from jaccheck.case.families import PERCEPTRONS
from jaccheck.case.strategies import cases
from jaccheck.oracle import activations, arithmetic, backward, difference_bound, differences, forward, is_exact, network
from jaccheck.oracle.activations import activation
from jaccheck.oracle.arithmetic import Arithmetic
from jaccheck.oracle.network import Affine, NegativePart, Network
from jaccheck.problem import round_sample

flint = pytest.importorskip("flint")
arb = flint.arb

REFERENCE = Arithmetic(u=2.0**-53, eta=2.0**-1022, largest=1.7e308, precision_bits=53, smallest_exponent=-1022)
"""What the reference itself rounds with: its own share of every bound."""


@pytest.fixture(autouse=True)
def _precision() -> Iterator[None]:
    before, flint.ctx.prec = flint.ctx.prec, 600
    yield
    flint.ctx.prec = before


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
    raise ValueError(layer)


def gelu_inner(z: arb) -> tuple[arb, arb]:
    """√(2/π)(z + 0.044715z³) and its derivative."""
    root, cube = (2 / arb.pi()).sqrt(), arb("0.044715")
    return root * (z + cube * z**3), root * (1 + 3 * cube * z**2)


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


def dot(numbers: np.ndarray, balls: list[arb]) -> arb:
    return sum((arb(float(w)) * a for w, a in zip(numbers, balls, strict=True)), arb(0))


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


def network_of(case: Case) -> Network:
    """The oracle's network with the case's numbers as its dtype rounds them."""
    rounded = round_sample(case)
    numbers = {name: value.double().numpy() for name, value in rounded.parameters.items()}
    return network(case, rounded.X.double().numpy(), numbers)


def entries_outside(net: Network, ar: Arithmetic) -> int:
    """How many entries of the closed form are not proven to lie within their bound of the truth."""
    form = backward(net, forward(net, ar), ar)
    within = [
        not np.isfinite(bound) or abs(arb(float(entry)) - truth) <= arb(float(bound))
        for entry, bound, truth in zip(form.jacobian, form.bound, true_jacobian(net), strict=True)
    ]
    return within.count(False)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PERCEPTRONS).flatmap(cases).map(small))
def test_the_closed_form_is_within_its_own_share_of_the_bound(case: Case) -> None:
    """Every entry is as close to the true Jacobian as float64 alone, without the case's dtype, allows."""
    assert entries_outside(network_of(case), REFERENCE) == 0


@settings(max_examples=40, deadline=None)
@given(cases("smooth", dtypes=("float64",)).map(small))
def test_the_closed_form_of_a_smooth_network_is_within_its_own_share_of_the_bound(case: Case) -> None:
    """The same where every activation is a library function, and float64 has no lower dtype to hide in."""
    assert entries_outside(network_of(case), REFERENCE) == 0


@settings(max_examples=40, deadline=None)
@given(cases("generic").map(small))
def test_a_certified_closed_form_is_the_truth(case: Case) -> None:
    """Where the certificate holds, every entry equals the true one, and its bound is zero."""
    net, ar = network_of(case), arithmetic(case.dtype)
    if not is_exact(net, ar):
        return
    form = backward(net, forward(net, ar, exact=True), ar, exact=True)
    assert np.all(form.bound == 0)
    assert all(truth == arb(float(entry)) for entry, truth in zip(form.jacobian, true_jacobian(net), strict=True))


SLOPES = st.sampled_from([0.01, 0.0, -0.0, 1.0, -1.0, 0.5, -0.3, 2.5, 1e6, -1e6, 1e-6, 1e-300])
ALPHAS = st.sampled_from([1.0, 0.0, -1.0, 0.7, -0.7, 100.0, 1e6, 1e-6, 1e-300])
LAYERS = st.one_of(
    st.sampled_from(
        [ReLU(), Sigmoid(), Tanh(), LogSigmoid(), SELU(), GELU(), GELU(approximate="tanh"), NegativePart()]
    ),
    st.builds(LeakyReLU, negative_slope=SLOPES),
    st.builds(ELU, alpha=ALPHAS),
)
PLACES = st.one_of(
    st.floats(-50, 50),
    st.floats(-2000, 2000),
    st.floats(-1e300, 1e300),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-310, -1e-310, 1e-30, -1e-30, -745.2, -746.0, 709.9, 1e300, -1e300]),
)
RADII = st.one_of(
    st.floats(0, 2), st.floats(0, 3000), st.sampled_from([0.0, 5e-324, 1e-310, 1e-17, 1e-8, 750.0, 1600.0, 1e299])
)
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


@settings(max_examples=1500, deadline=None)
@given(LAYERS, PLACES, RADII, st.sampled_from([-1.0, 1.0, -0.5, 0.5, 2.0**-20, -(2.0**-20), 0.9999]), DTYPES)
def test_an_activation_moves_no_further_than_its_bound(layer: Layer, z: float, E: float, at: float, dtype: str) -> None:
    """For every z' in z ± E the value is within `moved`, and the slope within `slope_error`, of those at z."""
    assert ends_outside(layer, z, E, at, arithmetic(dtype)) == []


@settings(max_examples=500, deadline=None)
@given(LAYERS, PLACES)
def test_the_reference_evaluates_activations_within_its_own_rounding(layer: Layer, z: float) -> None:
    """Value and slope in float64 are within float64's own `rounding` and `slope_error` of the true ones."""
    act = activation(layer, np.array([z]), np.zeros(1), REFERENCE)
    value, slope = value_and_slope(layer, arb(z))
    assert abs(arb(float(act.value[0])) - value) <= arb(float(act.rounding[0] + 2.0**-53 * abs(act.value[0])))
    assert abs(arb(float(act.slope[0])) - slope) <= arb(float(act.slope_error[0])) + arb(2) ** -1022


def test_a_bound_without_the_kink_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails if the slope of a ReLU is taken as known where z ± E reaches over 0."""
    monkeypatch.setattr(activations, "kink", lambda z, E, jump: np.zeros_like(z))
    assert ends_outside(ReLU(), -1e-9, 1e-8, 1.0, arithmetic("float32")) == ["slope_error"]


def test_a_bound_for_the_middle_of_the_interval_alone_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails if a sigmoid's steepest place on z ± E is taken to be z itself."""
    monkeypatch.setattr(activations, "_nearest", lambda z, E: np.abs(z))
    assert "moved" in ends_outside(Sigmoid(), 6.0, 3.0, -1.0, arithmetic("float64"))


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


@settings(max_examples=120, deadline=None)
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
            assert abs(slope) < activations.GELU_STEEPEST
            assert abs(1 - slope) < activations.GELU_STEEPEST
            assert abs(bent) < 0.3
            assert abs(turn) < activations.GELU_TURNED
            assert abs(curve) < activations.GELU_CURVED
    for z in spans(0, 8, 8000):
        bell = (-z * z / 2).exp() * root
        assert abs(z * bell) < 0.25
        assert abs((1 - z * z) * bell) < 0.4
        assert abs(z**3 / 2 * bell) < 0.24
        assert abs(bell * (z**3 - 4 * z)) < 1.28
        assert abs(z * (-z * z).exp() * 2 / arb.pi().sqrt()) < 0.49
        assert abs(z / z.cosh() ** 2) < 0.45


@settings(max_examples=300, deadline=None)
@given(st.floats(0, 12), st.floats(0, 3), st.sampled_from(["none", "tanh"]))
def test_the_curvature_of_gelu_is_bounded(distance: float, further: float, approximate: str) -> None:
    """At any |z| from that distance on, |f″| is within its bound, and |f‴| of the exact one within its own."""
    layer = GELU(approximate=approximate)  # type: ignore[arg-type]
    z = arb(distance) + arb(further)
    second, both = (
        arb(float(activations.gelu_curvature(layer, np.array([distance]), order)[0]) * (1 + 2.0**-40) + 5e-324)
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


@settings(max_examples=60, deadline=None)
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
    rule = activations._negative_part
    at_zero = lambda *args: rule(*args)._replace(slope=np.where(args[1] < 0, 1.0, 0.0))  # noqa: E731
    monkeypatch.setitem(activations._RULES, NegativePart, at_zero)
    assert not all(entries())
