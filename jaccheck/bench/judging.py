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
    Expectation,
    Part,
    Reference,
    compare_values,
    flattened,
    parts_of,
    read,
    reference_of,
    smallest_cotangent,
    structural_difference,
)
from jaccheck.methods import Jacobians, Method, Problem, own_names
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

    def index(self, n: int, first: int, index: tuple[int, ...]) -> tuple[int, ...]:
        """Where an entry of the block of sample n from row `first` on lies in the Jacobian."""
        *_, row, column = index
        c, output = divmod(first + row, self.δ.shape[2])
        return (n, c, output) if self.name.endswith("bias") else (n, c, output, column)


class Judge:
    """What the Jacobians of one problem must be: with proven bounds where every layer has a rule."""

    def __init__(self, problem: Problem, network: Network | None) -> None:
        self._problem, self._network = problem, network
        self._is_chain = network is not None and network.is_chain
        self.how = PROVEN if network else "no entry differs by more than rounding is estimated to explain"
        parts = () if self._is_chain else parts_of(problem, PARTS_BYTES, network)
        self._references = [(part, reference_of(problem, part, network)) for part in parts if part.samples]

    def difference(self, method: Method, found: Jacobians) -> str:
        """What is wrong with a result in structure or value, or an empty string."""
        problem = self._problem
        found = own_names(problem.model, found) if isinstance(found, dict) else found
        if wrong := structural_difference(problem.layout, problem.dtypes, problem.device, found):
            return str(wrong)
        is_streamed = self._is_chain and method.order is Order.REVERSE and not method.step and not method.loss
        return next(self._by_block(method, found) if is_streamed else self._by_part(method, found), "")

    def _by_part(self, method: Method, found: Jacobians) -> Iterator[str]:
        """What is wrong, part by part; those of a chain, whose closed form is quickly made, are kept nowhere."""
        for part, reference in self._references or self._by_sample():
            difference = compare_values(flattened(part.rows(found)), reference.expectation(method))
            if difference and difference.worst:
                yield f"{part.in_whole(difference.worst)}, says {reference.source}"

    def _by_sample(self) -> Iterator[tuple[Part, Reference]]:
        problem = self._problem
        parts = (Part(range(n, n + 1), range(problem.C)) for n in range(problem.N if self._is_chain else 0))
        return ((part, reference_of(problem, part, self._network)) for part in parts)

    def _by_block(self, method: Method, found: Jacobians) -> Iterator[str]:
        """What is wrong, for a few rows at a time, whose entries and bounds are made and given up again."""
        for outer in self._outer_products(method):
            for n, first, actual, expectation in blocks(found[outer.name], outer, self._problem):
                difference = compare_values(actual, expectation)
                if difference and difference.worst:
                    worst = replace(difference.worst, index=outer.index(n, first, difference.worst.index))
                    yield f"{worst} in its block of rows, says {expectation.source}"

    def _outer_products(self, method: Method) -> Iterator[OuterProducts]:
        """Parameter by parameter what the oracle says; it is asked for δ only, as if there were nothing but biases."""
        net = self._network
        assert net is not None
        ar = arithmetic(self._problem.dtype, smallest_cotangent=smallest_cotangent(net.N, net.C))
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


def blocks(jacobian: Tensor, outer: OuterProducts, problem: Problem) -> Iterator[tuple[int, int, Array, Expectation]]:
    """Sample, first row, entries, and what they must be; arrays are written anew for each block."""
    N, C, outputs = outer.δ.shape
    inputs = outer.a.shape[1]
    step = min(max(1, ROWS_BYTES // (8 * inputs)), C * outputs)
    rows = jacobian.detach().reshape(N, C * outputs, inputs).cpu()
    buffers = torch.empty(3, step, inputs, dtype=torch.float64)
    for n in range(N):
        for first in range(0, C * outputs, step):
            chosen = slice(first, min(first + step, C * outputs))
            actual, expected, bound = buffers[:, : chosen.stop - first]
            actual.copy_(rows[n, chosen])
            torch.outer(outer.δ[n].flatten()[chosen], outer.a[n], out=expected)
            bound.fill_(outer.rest)
            for left, right in outer.bounds:
                bound.addr_(left[n].flatten()[chosen], right[n])
            expectation = Expectation(
                source="closed form",
                mode="bound",
                layout=Layout(1, 1, {outer.name: (len(actual), inputs)}),
                dtype=problem.dtype,
                device=problem.device,
                expected=expected.flatten().numpy(),
                bound=bound.flatten().numpy(),
                undecided=0,
            )
            yield n, first, actual.flatten().numpy(), expectation


def judge_of(problem: Problem) -> Judge:
    """What judges the results of methods on a problem."""
    return Judge(problem, read(problem, PARTS_BYTES)[0])
