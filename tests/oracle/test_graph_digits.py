"""Graphs in sixty digits: values, and derivatives as difference quotients, which need no rule for a derivative."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
from jaccheck_support.graph_models import GRAPH_MODELS, graph_model

from jaccheck.case import GELU, Hardtanh, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from jaccheck.judging import Part, graphs_of
from jaccheck.methods import Problem
from jaccheck.oracle import Graph, Node, arithmetic, backward_of_graph, forward_of_graph

DIGITS = 60
STEP = mpmath.mpf(10) ** -20
"""The quotient of differences is off by its square: 10⁻⁴⁰, and by 10⁻⁴⁰ for the digits."""

Exact = Any
"""An array of `mpmath.mpf`."""


def each(function: Callable[[Any], Any]) -> Callable[[Exact], Exact]:
    return np.frompyfunc(function, 1, 1)


exp, log, sqrt, number = each(mpmath.exp), each(mpmath.log), each(mpmath.sqrt), each(lambda x: mpmath.mpf(float(x)))


def activated(layer: Any, z: Exact) -> Exact:
    match layer:
        case ReLU():
            return each(lambda x: max(x, mpmath.mpf(0)))(z)
        case LeakyReLU(negative_slope=slope):
            return np.where(z > 0, z, z * mpmath.mpf(slope))
        case Tanh():
            return each(mpmath.tanh)(z)
        case Sigmoid():
            return 1 / (1 + exp(-z))
        case SiLU():
            return z / (1 + exp(-z))
        case Hardtanh(min_val=low, max_val=high):
            return each(lambda x: min(max(x, mpmath.mpf(low)), mpmath.mpf(high)))(z)
        case GELU(approximate="none"):
            return each(lambda x: x * mpmath.ncdf(x))(z)
        case GELU():
            inner = mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf(0.044715) * z**3)
            return z / 2 * (1 + each(mpmath.tanh)(inner))
    raise ValueError(layer)


def computed(node: Node, x: list[Exact]) -> Exact:
    """What an operation is, by its definition."""
    o = node.options
    match node.rule:
        case "same" | "round":
            return x[0]
        case "neg":
            return -x[0]
        case "add":
            return x[0] + x[1]
        case "sub":
            return x[0] - x[1]
        case "mul":
            return x[0] * x[1]
        case "div":
            return x[0] / x[1]
        case "prelu":
            return np.where(x[0] > 0, x[0], x[0] * x[1])
        case "activation":
            return activated(o["layer"], x[0])
        case "function":
            return of_one_number(o, x[0])
        case "matmul":
            products = np.stack([a @ b for a, b in zip(x[0], x[1], strict=True)])
            return products + x[2] if len(x) == 3 else products
        case "sum":
            return x[0].sum(axis=-1) / mpmath.mpf(o.get("divisor", 1.0))
        case "max":
            return x[0].max(axis=-1)
        case "variance":
            centred = x[0] - x[0].sum(axis=-1, keepdims=True) / x[0].shape[-1]
            return (centred**2).sum(axis=-1) / mpmath.mpf(o["divisor"])
        case "logsumexp":
            return log(exp(x[0]).sum(axis=-1))
        case "softmax" | "log_softmax":
            e = exp(x[0])
            p = e / e.sum(axis=-1, keepdims=True)
            return p if node.rule == "softmax" else log(p)
        case "layer_norm":
            n = x[0].shape[-1]
            centred = x[0] - x[0].sum(axis=-1, keepdims=True) / n
            variance = (centred**2).sum(axis=-1, keepdims=True) / n
            return scaled(centred / sqrt(variance + mpmath.mpf(o["eps"])), x[1:])
        case "fixed_norm":
            return scaled((x[0] - x[1]) / sqrt(x[2] + mpmath.mpf(o["eps"])), x[3:])
    raise ValueError(node.rule)


def scaled(normal: Exact, x: list[Exact]) -> Exact:
    for number, factor in enumerate(x):
        normal = normal + factor if number else normal * factor
    return normal


def of_one_number(o: Any, z: Exact) -> Exact:
    match o["of"]:
        case "exp":
            return exp(z)
        case "power":
            return each(lambda x: mpmath.power(x, mpmath.mpf(o["exponent"])))(z)
        case "rsqrt":
            return 1 / sqrt(z)
        case "abs":
            return each(abs)(z)
        case "sin":
            return each(mpmath.sin)(z)
        case "erf":
            return each(mpmath.erf)(z)
        case "cos":
            return each(mpmath.cos)(z)
        case "clamp":
            return each(lambda x: min(max(x, mpmath.mpf(o["low"])), mpmath.mpf(o["high"])))(z)
    raise ValueError(o)


def evaluated(graph: Graph, moved: int | None, step: Any, base: Exact | None) -> Exact:
    """All numbers of a graph, one of them moved; what is stopped is what it was."""
    values = np.full(graph.size, mpmath.mpf(0), object)
    for leaf in graph.leaves:
        values[leaf.start : leaf.start + leaf.values.size] = number(leaf.values)
    if moved is not None:
        values[moved] += step
    for node in graph.nodes:
        if node.rule == "stop" and base is not None:
            values[node.start : node.stop] = base[node.start : node.stop]
        elif node.rule == "stop":
            values[node.start : node.stop] = values[node.inputs[0].ravel()]
        elif node.rule != "decided":
            found = computed(node, [values[indices.ravel()].reshape(indices.shape) for indices in node.inputs])
            values[node.start : node.stop] = np.asarray(found, object).ravel()
    return values


@cache
def graph_of(name: str) -> Graph:
    model, X = graph_model(name)
    model = model.double()
    X = X.double() if X.is_floating_point() else X
    given = Problem(model, X[:1], model(X[:1]).numel())
    return next(iter(graphs_of(given, Part(range(1), range(given.C))))).graph


@pytest.mark.parametrize("name", GRAPH_MODELS)
def test_values_and_derivatives_are_within_the_bounds_of_sixty_digits(name: str) -> None:
    """In float64, whose bounds are some 10⁻¹³: all values, and derivatives by some numbers of every parameter."""
    graph = graph_of(name)
    arithmetics = {"float64": arithmetic("float64")}
    ahead = forward_of_graph(graph, arithmetics, "float64")
    C = graph.outputs.size
    form = backward_of_graph(graph, ahead, arithmetics, "float64", outputs=range(C))
    generator = np.random.default_rng(0)
    with mpmath.workdps(DIGITS):
        base = evaluated(graph, None, 0, None)
        decided = [node.start for node in graph.nodes if node.rule == "decided"]
        for i in range(graph.size):
            if np.isfinite(ahead.values[i]) and i not in decided:
                assert abs(base[i] - mpmath.mpf(float(ahead.values[i]))) <= ahead.errors[i], (name, i)
        start = 0
        for leaf in (each for each in graph.leaves if each.values.size and each.parameter in graph.trainable):
            size = leaf.values.size
            i = int(generator.integers(size))
            above, below = (evaluated(graph, leaf.start + i, step, base) for step in (STEP, -STEP))
            for c in range(C):
                quotient = (above[graph.outputs[c]] - below[graph.outputs[c]]) / (2 * STEP)
                place = start + c * size + i
                assert abs(quotient - mpmath.mpf(float(form.jacobian[place]))) <= form.bound[place] + 1e-35
            start += C * size
