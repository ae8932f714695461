"""How wide the bounds are: others hold that each is wide enough, so that nothing but this notices one that grows.

A width stands here as the sum of the binary logarithms of bounds. One rounding more or less, at one place, shows in
it. Where a derivation is changed on purpose, its new widths are written here, and the change says why.
"""

from __future__ import annotations

import numpy as np
import pytest
from jaccheck_support.graph_models import graph_model
from jaccheck_support.testing import network_of

from jaccheck.case import (
    ELU,
    GELU,
    SELU,
    Case,
    Hardswish,
    Hardtanh,
    Layer,
    LeakyReLU,
    Linear,
    LogSigmoid,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
    boundary_cases,
)
from jaccheck.judging import Part, graphs_of
from jaccheck.methods import Problem
from jaccheck.oracle import Array, Order, arithmetic, backward, backward_of_graph, forward, forward_of_graph, network
from jaccheck.oracle.activations import activation, exponential
from jaccheck.oracle.losses import Loss, loss_bound

PLACES = np.array([-30.0, -3.0, -1.0, -0.25, 0.0, 0.25, 1.0, 3.0, 30.0])
MOVED = 2.0**-12

ACTIVATIONS: dict[Layer, tuple[float, ...]] = {
    ReLU(): (63.0, 63.0, 63.0, -32.0, 63.0, 56.0),
    Sigmoid(): (63.0, -239.22, -241.58, -214.23, -239.22, -196.25),
    Tanh(): (63.0, -298.86, -186.74, -293.13, -205.86, -147.93),
    LogSigmoid(): (63.0, -233.37, -237.98, -161.12, -233.37, -179.36),
    SELU(): (63.0, -184.65, -243.13, -153.06, -184.65, -190.35),
    LeakyReLU(negative_slope=0.3): (63.0, -192.46, -100.68, -114.95, -103.19, -75.46),
    ELU(alpha=0.7): (63.0, -77.28, -127.38, -159.47, -77.28, -73.19),
    GELU(): (63.0, -285.12, -188.31, -766.7, -194.12, -136.51),
    GELU(approximate="tanh"): (63.0, -281.62, -154.28, -102.12, -190.19, -109.92),
    Softplus(): (63.0, -201.37, -210.44, -161.12, -201.37, -214.1),
    Softplus(beta=2.0, threshold=1.5): (63.0, -199.97, -198.46, -209.38, -199.97, -302.09),
    SiLU(): (63.0, -329.95, -222.25, -156.79, -209.78, -142.66),
    Mish(): (63.0, -322.46, -210.86, -156.14, -200.63, -134.93),
    Softsign(): (63.0, -317.57, -200.29, -141.1, -226.57, -146.03),
    Hardtanh(): (63.0, 63.0, 63.0, -32.0, 63.0, 49.0),
    Hardtanh(min_val=-2.5, max_val=2.0): (63.0, 63.0, 63.0, -32.0, 63.0, 63.0),
    ReLU6(): (63.0, 63.0, 63.0, -13.0, 63.0, 56.0),
    Hardswish(): (63.0, -244.1, -127.56, -95.3, -196.68, -84.0),
}

NETWORKS: dict[str, tuple[float, ...]] = {
    "generic": (-65201.1, -64081.7),
    "smooth": (-23480.6, -23447.2),
    "square": (-83288.6, -82470.1),
    "single_sample": (-19020.8, -18829.0),
    "batched_scalar": (-10939.7, -10741.5),
    "narrow": (-9985.4, -9916.1),
    "large": (-3817769.2, -3795648.8),
    "sizes": (-3101553.7, -2989188.2),
    "deep": (-66961.0, -65886.2),
    "repeated_shapes": (-44395.9, -43599.5),
    "no_bias": (-24148.9, -23900.9),
    "extremes": (-75935.2, -74775.2),
    "kinks": (-68240.2, -67126.9),
    "inputs": (-66614.3, -65642.9),
    "frozen": (-39493.3, -39147.5),
    "nested": (-61580.2, -60675.7),
    "convolution": (-86705.0, -85847.4),
    "transposed_convolution": (-76130.4, -75748.4),
    "pooling": (-29462.4, -29333.3),
    "normalization": (-37087.7, -36682.3),
    "embedding": (-32329.7, -31930.7),
    "extra_axes": (-47608.9, -47333.6),
    "branches": (-37677.4, -37023.4),
    "activations": (-37389.5, -36849.8),
    "shared": (-23570.1, -23253.1),
    "views": (-31489.0, -30977.3),
    "losses": (-22477.9, -21112.7),
}

GRAPHS: dict[str, tuple[float, ...]] = {
    "residual": (-873.5, -23145.5),
    "ResNet block": (-24006.2, -46541.1),
    "GPT": (-20111.8, -53482.0),
    "ViT": (-39515.0, -63028.0),
    "attention by hand": (-7835.8, -5016.2),
    "GRU": (-8475.1, -11034.4),
    "LSTM": (-11061.1, -15027.9),
    "ConvNeXt block": (-38213.7, -18144.3),
    "MLP-Mixer": (-10537.8, -13920.1),
    "wrapped Sequential": (-39888.0, -28129.7),
    "statistics": (-10949.1, -3577.3),
    "RReLU": (-1571.3, -3712.9),
    "in place": (-1623.6, -3746.4),
}


def width(bound: Array) -> float:
    """The sum of the logarithms; what is infinite or zero adds a number of its own."""
    decided = np.isfinite(bound) & (bound > 0)
    return float(np.log2(bound[decided]).sum() + 1000 * np.isinf(bound).sum() + 7 * (bound == 0).sum())


def of_activation(layer: Layer) -> tuple[float, ...]:
    """Of how far value and slope move with their argument, and of the roundings where it does and does not."""
    found = []
    for E in (0.0, MOVED):
        act = activation(layer, PLACES, np.full(len(PLACES), E), arithmetic("float32"))
        found += [width(each) for each in (act.moved, act.rounding, act.slope_error)]
    return tuple(round(each, 2) for each in found)


def of_family(family: str) -> tuple[float, ...]:
    """Of the first cases' Jacobians, in reverse mode and in any order."""
    found, ar = [0.0, 0.0], arithmetic("float32")
    for case in boundary_cases(family, "float32")[:3]:
        net = network_of(case)
        forms = (backward(net, forward(net, ar), ar, order=order) for order in (Order.REVERSE, Order.ANY))
        found = [total + width(form.bound) for total, form in zip(found, forms, strict=True)]
    return tuple(round(each, 1) for each in found)


def of_graph(name: str) -> tuple[float, ...]:
    """Of all that a recorded forward pass computes, and of its Jacobian, in float64."""
    model, X = graph_model(name)
    model, X = model.double(), X.double() if X.is_floating_point() else X
    given = Problem(model, X[:1], model(X[:1]).numel())
    graph = next(iter(graphs_of(given, Part(range(1), range(given.C))))).graph
    arithmetics = {"float64": arithmetic("float64")}
    ahead = forward_of_graph(graph, arithmetics, "float64")
    form = backward_of_graph(graph, ahead, arithmetics, "float64", outputs=range(graph.outputs.size))
    return round(width(ahead.errors), 1), round(width(form.bound), 1)


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=repr)
def test_the_bounds_of_an_activation_are_as_wide_as_they_were(layer: Layer) -> None:
    """Without and with movement: each rounding counts, at each of nine places."""
    assert of_activation(layer) == pytest.approx(ACTIVATIONS[layer], abs=0.02)


@pytest.mark.parametrize("family", NETWORKS)
def test_the_bounds_of_networks_are_as_wide_as_they_were(family: str) -> None:
    """Of three boundary cases, in float32, by each order of multiplication."""
    assert of_family(family) == pytest.approx(NETWORKS[family], abs=0.2)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_bounds_of_recorded_passes_are_as_wide_as_they_were(name: str) -> None:
    """Of values and of Jacobians, in float64."""
    assert of_graph(name) == pytest.approx(GRAPHS[name], abs=0.2)


@pytest.mark.parametrize(
    ("loss", "family", "before"), [("bce", "batched_scalar", -714.0), ("cross_entropy", "smooth", -3954.5)]
)
def test_the_bounds_of_losses_are_as_wide_as_they_were(loss: Loss, family: str, before: float) -> None:
    """Of Jacobians that are read from the root of a loss's Hessian, on one case."""
    bound = loss_bound(network_of(boundary_cases(family, "float32")[0]), "float32", loss, exact=False)
    assert width(bound) == pytest.approx(before, abs=0.2)


@pytest.mark.parametrize(("output", "is_decided"), [(5.0, True), (13.0, False)])
def test_a_probability_that_may_be_off_by_a_quarter_decides_nothing(output: float, is_decided: bool) -> None:
    """In bfloat16 e⁵ is known to a sixth of itself, and e¹³ no more to a quarter."""
    case = Case(layers=(Linear(out_features=1, bias=False),), in_shape=(1,), batch_size=1, dtype="bfloat16")
    net = network(case, np.ones((1, 1)), {"0.weight": np.full((1, 1), output)})
    assert np.isfinite(loss_bound(net, "bfloat16", "cross_entropy", exact=True)).all() == is_decided


def test_one_rounding_more_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks above fail where one activation counts one more rounding."""
    monkeypatch.setattr(exponential, "constant", lambda value, ar: ar.gamma(1) * abs(value))
    assert of_activation(SELU()) != pytest.approx(ACTIVATIONS[SELU()], abs=0.02)
