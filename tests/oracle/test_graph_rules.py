"""No evaluation of an operation exceeds the bounds of its rule, whatever the formula, the order and the rounding."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jaccheck_support.graph_formulas import FORMULAS, FUSED_SOFTMAX, Formula
from jaccheck_support.simulation import VARIANTS as ACTIVATIONS
from jaccheck_support.simulation import Machine, Rounding, Summation
from torch.nn.functional import conv2d

from jaccheck.oracle import GRAPH_RULES, Arithmetic, Node, Order, arithmetic
from jaccheck.oracle.graph.rule import Flow
from jaccheck.oracle.graph.uncertain import Uncertain, convolution_norm

Shapes = tuple[tuple[int, ...], ...]

FUNCTIONS = (
    *({"of": name} for name in ("exp", "log", "sin", "cos", "abs", "rsqrt", "erf", "log1p")),
    *({"of": "power", "exponent": p} for p in (2.0, 3.0, 0.5, -1.0, -0.5, 1.5)),
    {"of": "clamp", "low": -0.5, "high": 1.0},
)
POSITIVE = ("log", "rsqrt", "power", "log1p")


def drawn(rule: str, generator: np.random.Generator) -> tuple[Shapes, tuple[int, ...], dict[str, Any], Formula]:
    """Shapes of inputs and value, options, and one of the formulas."""
    n, rows = int(generator.integers(1, 9)), int(generator.integers(1, 4))
    formulas = FORMULAS[rule]
    formula = formulas[generator.integers(len(formulas))]
    row = (rows, n)
    match rule:
        case "matmul":
            k, m = (int(each) for each in generator.integers(1, 7, 2))
            shapes = ((2, rows, k), (2, k, m), (2, rows, m))[: 2 + int(generator.integers(2))]
            return shapes, (2, rows, m), {}, formula
        case "sum":
            options = {} if formula is formulas[0] and generator.integers(2) else {"divisor": float(max(n, 2))}
            return (row,), (rows,), options, formula
        case "max":
            return (row,), (rows,), {}, formula
        case "softmax" if generator.integers(2):
            return (row,), row, {"blocks": 1}, FUSED_SOFTMAX
        case "layer_norm":
            return (row, row, row), row, {"eps": 1e-5}, formula
        case "fixed_norm":
            return (row,) * 5, row, {"eps": 1e-3}, formula
        case "activation":
            return (row,), row, {"layer": ACTIVATIONS[generator.integers(len(ACTIVATIONS))]}, formula
        case "function":
            return (row,), row, FUNCTIONS[generator.integers(len(FUNCTIONS))], formula
        case "softmax" | "log_softmax":
            return (row,), row, {}, formula
        case "variance":
            return (row,), (rows,), {"divisor": float(max(n - 1, 1))}, formula
        case "logsumexp":
            return (row,), (rows,), {}, formula
        case _:
            return (row, row), row, {}, formula


def worst(rule: str, machine: Machine, seed: int, *, off: float) -> float:
    """The largest ratio of an error to its bound, in the value and in all derivatives, by entry and in length.

    The machine gets inputs and derivatives that are off by as much as is said to the rule: `off` of their size.
    """
    generator = np.random.default_rng(seed)
    shapes, shape, options, formula = drawn(rule, generator)
    ar = arithmetic(machine.dtype)
    scale = 2.0 ** generator.integers(-2, 3)
    inputs, moved = [], []
    for number, each in enumerate(shapes):
        v = generator.normal(size=each) * scale + generator.integers(-1, 2)
        is_positive = options.get("of") in POSITIVE or (rule == "fixed_norm" and number == 2)
        v = np.abs(v) + 0.1 if is_positive else v
        v = np.float64(machine.round(machine.wide(v)))
        E = np.zeros(each) if rule == "fixed_norm" and number in (1, 2) else off * (np.abs(v) + 0.1)
        d = generator.uniform(-1, 1, each) * E if generator.integers(2) else generator.choice([-1, 1], each) * E
        d = d * (1 - 1e-8)  # the sums below are rounded in float64
        r = float(np.linalg.norm(d)) * (1 + 1e-9)
        inputs.append(Uncertain(v, np.minimum(E, r), r))
        moved.append(machine.wide(v) + machine.wide(d))
    node = Node(rule, (), 0, shape, machine.dtype, options)
    with np.errstate(all="ignore"):
        value, saved = GRAPH_RULES[rule].forward(node, inputs, ar)
        if not (value.size <= ar.largest).all():
            return 0.0  # `forward_of_graph` claims nothing of it: it may be infinite
        made, kept = formula.forward(machine, moved, options)
        g = generator.normal(size=(1, *shape))
        g = np.float64(machine.round(machine.wide(g)))
        dg = off * np.abs(g) * generator.choice([-1, 1], g.shape)
        r = np.array([np.linalg.norm(dg)])
        flow = Flow(Order.REVERSE, g, np.abs(g), np.abs(dg), r, np.zeros(1))
        dg = dg * (1 - 1e-8)
        shares = GRAPH_RULES[rule].backward(node, saved, flow, ar, [1] * len(shapes))
        ratios = [_ratio(made, value.v, value.E, value.r)]
        for backward in formula.backward:
            derivatives = backward(machine, kept, machine.wide(g[0]) + machine.wide(dg[0]), options)
            for number, (share, derivative) in enumerate(zip(shares, derivatives, strict=True)):
                if rule == "fixed_norm" and number in (1, 2):
                    continue
                if share.peak <= ar.largest:
                    ratios.append(_ratio(derivative, share.g[0], share.E[0], share.r[0]))
    return max(ratios)


def _ratio(found: Any, v: np.ndarray, E: np.ndarray, r: float) -> float:
    error = np.abs(np.float64(found - v))
    inside = (error <= E) | np.isinf(E)
    ratio = np.where(np.isinf(E) | (error == 0), 0.0, error / np.maximum(E, 1e-300))
    assert not np.isnan(ratio).any()
    in_length = 0.0 if np.isinf(r) else float(np.sqrt(np.sum(error**2))) / max(r, 1e-300)
    return max(float(ratio.max(initial=0.0)), in_length if inside.all() else np.inf)


MACHINES = st.builds(
    Machine,
    st.sampled_from(["float64", "float32", "float16"]),
    st.sampled_from(Summation),
    st.sampled_from(Rounding),
    ulps=st.sampled_from([0, 3]),
    seed=st.integers(0, 1000),
)


@pytest.mark.parametrize("rule", sorted(FORMULAS))
@settings(max_examples=60)
@example(Machine("float16"), 282295, 0.05)  # may overflow
@given(MACHINES, st.integers(0, 2**32), st.sampled_from([0.0, 1e-6, 1e-3, 0.05]))
def test_no_evaluation_exceeds_the_bounds_of_a_rule(rule: str, machine: Machine, seed: int, off: float) -> None:
    """Of inputs and derivatives that are off, too; in the value and in each derivative, by entry and in length."""
    assert worst(rule, machine, seed, off=off) <= 1


def most(rule: str, seeds: int = 90) -> float:
    """The largest ratio over many machines, each as bad as may be."""
    found = 0.0
    for seed in range(seeds):
        rounding, summation = (Rounding.AWAY, Rounding.TOWARDS)[seed % 2], tuple(Summation)[seed % 5]
        off = (0.0, 1e-4)[seed // 2 % 2]
        found = max(found, worst(rule, Machine("float32", summation, rounding, 3, seed), seed, off=off))
    return found


@pytest.mark.parametrize("rule", sorted(FORMULAS))
def test_bounds_of_rules_are_not_idle(rule: str) -> None:
    """An evaluation as bad as may be comes within a factor of twenty of them, and none exceeds them."""
    assert 0.05 < most(rule) <= 1


@pytest.mark.parametrize("rule", sorted({*FORMULAS} - {"max"}))
def test_a_rule_that_takes_operations_as_exact_is_caught(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails if nothing is rounded by the rule's account."""
    monkeypatch.setattr(Arithmetic, "gamma", lambda ar, roundings: 0.0)
    assert most(rule, 60) > 1


@pytest.mark.parametrize("seed", range(20))
def test_the_norm_of_a_convolution_is_not_underestimated(seed: int) -> None:
    """The largest singular value of its matrix, whatever its groups, stride, padding and dilation."""
    generator = np.random.default_rng(seed)
    groups, channels, outputs = (int(each) for each in generator.integers(1, 4, 3))
    kernel, dilation, stride = (tuple(int(n) for n in generator.integers(1, 3, 2)) for _ in range(3))
    lengths = tuple(int(n) for n in generator.integers(3, 7, 2))
    w = torch.from_numpy(generator.normal(size=(groups * outputs, channels, *kernel)))
    ones = torch.eye(groups * channels * prod(lengths), dtype=torch.float64).view(-1, groups * channels, *lengths)
    matrix = conv2d(ones, w, stride=stride, padding=1, dilation=dilation, groups=groups).flatten(1).numpy()
    matrices = w.numpy().reshape(groups, outputs, -1).transpose(0, 2, 1)
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    assert largest <= convolution_norm(matrices, kernel, dilation, lengths) * (1 + 1e-12) < 3 * largest
