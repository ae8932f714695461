"""Is a result right? Every entry is compared with the closed form, without ever building it, or its bounds, whole.

The Jacobian of a weight is the outer product of δ and a, and its proven bound a sum of such products: so they are made
for a few rows at a time, small enough for the processor's cache. Two gigabytes take seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from jaccheck.judging import (
    ClosedFormWitness,
    Expected,
    Part,
    expected_of,
    flattened,
    outside,
    parts_of,
    read,
    smallest_seed,
    structural_fault,
    worst_entry,
)
from jaccheck.methods import Jacobians, Method, Problem
from jaccheck.oracle import Affine, Array, Layout, Network, Order, arithmetic, backward, forward

ROWS_BYTES = 2**20
"""Of float64 that are compared at a time, several arrays of them: about what a processor keeps close to it."""

PARTS_BYTES = 2**32
"""For what a part must be; that of all parts is kept from method to method."""

SLACK = 1 + 2.0**-30
"""More than the bounds' own evaluation in float64 can round."""


PROVEN = "each entry within its proven bound"
"""How results are judged where every layer has a rule."""


@dataclass(frozen=True, slots=True)
class OuterProducts:
    """What the Jacobian of a parameter must be, `δ ⊗ a`, within `Σ left ⊗ right + rest`; for a bias, `a` is 1.

    Left factors are `(N, C, outputs)`, right ones `(N, inputs)`.
    """

    name: str
    δ: Tensor
    a: Tensor
    bounds: tuple[tuple[Tensor, Tensor], ...]
    rest: float


class Judge:
    """What the Jacobians of one network must be, in one dtype."""

    how = PROVEN

    def __init__(self, network: Network, dtype: str, device: str) -> None:
        self._network = network
        self._dtype = dtype
        self._device = device
        self._seed = smallest_seed(network)

    def fault(self, method: Method, found: Jacobians) -> str:
        """What is wrong with a result in structure or value, or an empty string."""
        net = self._network
        if fault := structural_fault(Layout(net.N, net.C, net.trainable), self._dtype, self._device, found):
            return fault
        if method.order is Order.ANY or method.step or method.loss:
            return self._fault_by_sample(method, found)
        for expected in self._expected(method):
            if fault := first_outside(found[expected.name], expected):
                return fault
        return ""

    def _fault_by_sample(self, method: Method, found: Jacobians) -> str:
        """The same by the witness itself, sample by sample, for bounds that are no sum of two products."""
        for n in range(self._network.N):
            witness = ClosedFormWitness(replace(self._network, X=self._network.X[n : n + 1]), self._dtype)
            actual = flattened({name: jacobian[n : n + 1] for name, jacobian in found.items()})
            bound = witness.expectation(method).bound
            if outside(actual, witness.jacobian, bound):
                worst = worst_entry(witness.layout, actual, witness.jacobian, bound)
                return f"{worst}, says the closed form; counted from sample {n}"
        return ""

    def _expected(self, method: Method) -> Iterator[OuterProducts]:
        """Parameter by parameter what the oracle says; it is asked for δ only, as if there were nothing but biases."""
        net, ar = self._network, arithmetic(self._dtype, smallest_seed=self._seed)
        affine = [(step, i) for i, step in enumerate(net.steps) if isinstance(step, Affine)]
        biases: dict[str, tuple[int, ...]] = {step.bias: (len(step.W),) for step, _ in affine}
        ahead = forward(net, ar)
        form = backward(replace(net, trainable=biases), ahead, ar, order=method.order)
        parts = Layout(net.N, net.C, biases).offsets()
        extra = method.roundings(net.N, net.C)
        scaling, γ = 1 + ar.gamma(extra), ar.gamma(1)
        for step, i in affine:
            part = parts[step.bias]
            shape = (net.N, net.C, len(step.W))
            δ, E = form.jacobian[part].reshape(shape), form.bound[part].reshape(shape)
            m = np.abs(δ)
            a, Ea = ahead.inputs[i]
            size = np.abs(a) + Ea
            one = np.ones((net.N, 1))
            products = {
                "bias": (one, one * ar.gamma(extra), one * scaling, 0.0),
                "weight": (
                    a,
                    SLACK * scaling * (Ea + γ * size) + ar.gamma(extra) * np.abs(a),
                    SLACK * scaling * (1 + γ) * size,
                    SLACK * scaling * ar.eta,
                ),
            }
            for kind, (right, by_m, by_E, underflow) in products.items():
                name = f"{step.path}.{kind}" if step.path else kind
                if name in net.trainable:
                    bounds = ((_tensor(m), _tensor(by_m)), (_tensor(E), _tensor(by_E)))
                    yield OuterProducts(name, _tensor(δ), _tensor(right), bounds, underflow + extra * ar.eta)


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))


def first_outside(jacobian: Tensor, expected: OuterProducts) -> str:
    """The first entry outside its bound, in words, or an empty string. NaN is outside."""
    N, C, outputs = expected.δ.shape
    inputs = expected.a.shape[1]
    rows = jacobian.detach().reshape(N, C * outputs, inputs)
    step = max(1, ROWS_BYTES // (8 * inputs))
    buffers = torch.empty(2, min(step, C * outputs), inputs, dtype=torch.float64)
    rows = rows.cpu()
    for n in range(N):
        for start in range(0, C * outputs, step):
            stop = min(start + step, C * outputs)
            off, bound = buffers[:, : stop - start]
            off.copy_(rows[n, start:stop])
            off.addr_(expected.δ[n].flatten()[start:stop], expected.a[n], alpha=-1).abs_()
            # One product of the sum alone, the larger one, is enough for nearly all rows.
            products = [(left[n].flatten()[start:stop], right[n]) for left, right in expected.bounds]
            torch.outer(*products[-1], out=bound)
            if bool((off <= bound).all()):
                continue
            bound.add_(expected.rest)
            for left, right in products[:-1]:
                bound.addr_(left, right)
            if not bool((off <= bound).all()):
                return _describe(expected, rows[n, start:stop], off, bound, n, start)
    return ""


def _describe(expected: OuterProducts, actual: Tensor, off: Tensor, bound: Tensor, n: int, start: int) -> str:
    excess = (off / bound).nan_to_num(nan=torch.inf).where(~(off <= bound), -1.0)
    row, column = divmod(int(excess.argmax()), off.shape[1])
    c, i = divmod(start + row, expected.δ.shape[2])
    index = [n, c, i, column] if expected.a.shape[1] > 1 or expected.name.endswith("weight") else [n, c, i]
    should = float(expected.δ[n, c, i] * expected.a[n, column])
    return (
        f"{expected.name}{index}: {float(actual[row, column]):.4g} instead of {should:.4g} "
        f"({float(excess[row, column]):.1e} × bound {float(bound[row, column]):.1e}), says the closed form"
    )


class PartsJudge:
    """What the Jacobians of any other network are, part by part: the closed form or, without rule, float64 autograd."""

    def __init__(self, problem: Problem, network: Network | None) -> None:
        self._problem = problem
        self.how = PROVEN if network else "no entry differs by more than rounding is estimated to explain"
        self._layout = Layout(problem.N, problem.C, {name: tuple(p.shape) for name, p in problem.parameters.items()})
        self._parts: list[tuple[Part, Expected]] = [
            (part, expected_of(problem, part, network))
            for part in parts_of(problem, PARTS_BYTES, network)
            if part.samples
        ]

    def fault(self, method: Method, found: Jacobians) -> str:
        """What is wrong with a result in structure or value, or an empty string."""
        if fault := structural_fault(self._layout, self._problem.dtype, self._problem.device, found):
            return fault
        for part, expected in self._parts:
            actual = flattened({name: part.rows(jacobian) for name, jacobian in found.items()})
            target = next(target for target in expected.targets(method) if target.is_own_dtype)
            if outside(actual, target.expected, target.bound):
                worst = worst_entry(expected.layout, actual, target.expected, target.bound)
                return f"{part.in_whole(worst)}, says {expected.witness}"
        return ""


def judge_of(problem: Problem) -> Judge | PartsJudge:
    """What judges the results of methods on a problem: with proven bounds where every layer has a rule."""
    network, _ = read(problem, PARTS_BYTES)
    if network is None or not network.is_chain:
        return PartsJudge(problem, network)
    return Judge(network, problem.dtype, problem.device)
