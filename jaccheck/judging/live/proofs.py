"""Proofs for live models that are no chain of layers: the closed form of the graph of each sample's forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from math import prod

import numpy as np
import torch

from jaccheck.core import text_of
from jaccheck.judging.doubling import default_dtype
from jaccheck.judging.live.graphs import Sample, graphs_of
from jaccheck.judging.live.parts import Part, in_float64
from jaccheck.judging.reference import Expectation, Reference, count_undecided, smallest_cotangent
from jaccheck.methods import Method, Problem
from jaccheck.oracle import (
    Array,
    ClosedForm,
    Graph,
    NoRule,
    Order,
    arithmetic,
    backward_of_graph,
    forward_of_graph,
    scaled,
)

NARROW = {"float64": 2.0**-15, "float32": 2.0**-8, "bfloat16": 2.0**-3, "float16": 2.0**-4}
"""A bound is a proof worth having where it is at most so much of what it bounds."""

MOST_WIDE = 1 / 8
"""Of entries that are not known to be zero, so many may have a wider bound; beyond that the estimate is asked."""

CHECKED_OUTPUTS = 4
"""Of the first sample, so many outputs are compared with autograd on the recorded pass."""


class Proof:
    """The Jacobians of a part of a problem in its dtype, by graphs, with bounds for each order.

    Raises NoRule where they cannot be followed. `budget` are the bytes that the backward passes may take.
    """

    def __init__(self, problem: Problem, part: Part, budget: int) -> None:
        self.layout, self.dtype, self.device = part.layout(problem), problem.dtype, problem.device
        smallest = smallest_cotangent(self.layout.N, self.layout.C)
        self._arithmetics = {kind: arithmetic(kind, smallest_cotangent=smallest) for kind in NARROW}
        self._outputs = part.outputs
        self._forms: dict[Order, ClosedForm] = {}
        self._graphs: list[Graph] = []
        for number, sample in enumerate(graphs_of(problem, part)):
            self._graphs.append(sample.graph)
            self._rows = max(1, budget // (64 * max(graph.size for graph in self._graphs)))
            self._check_output(sample)
            if not number:
                self._check_autograd(sample, problem)

    def form(self, order: Order) -> ClosedForm:
        """Jacobians and bounds, flat, as the layout of the part has them."""
        if order not in self._forms:
            found = [self._of_sample(graph, self._outputs, order) for graph in self._graphs]
            names = list(self._graphs[0].trainable)
            jacobian, bound = (
                np.concatenate([np.stack([form[name][i] for form in found]).ravel() for name in names]) for i in (0, 1)
            )
            self._forms[order] = ClosedForm(jacobian, bound)
        return self._forms[order]

    def expectation(self, method: Method, rows: tuple[int, int]) -> Expectation | None:
        """What the result of a method must be; None where nothing is proven, or too little.

        What says too little of reverse mode is told as no proof, and is none for any other order.
        """
        if method.step or method.loss or not self.is_narrow(self.form(Order.REVERSE)):
            return None
        form, ar = self.form(method.order), self._arithmetics[self.dtype]
        roundings = method.roundings(*rows)
        bound = scaled(form, roundings, ar) if roundings else form.bound
        if not self.is_narrow(ClosedForm(form.jacobian, bound)):
            return None
        return Expectation(
            source="closed form",
            mode="bound",
            layout=self.layout,
            dtype=self.dtype,
            device=self.device,
            expected=form.jacobian,
            bound=bound,
            undecided=count_undecided(self.layout, form.jacobian, bound),
        )

    def is_narrow(self, form: ClosedForm) -> bool:
        """Whether nearly all entries have a bound that says more than an estimate would."""
        wide, open_ = 0, int(np.count_nonzero((form.jacobian != 0) | (form.bound != 0)))
        for part in self.layout.offsets().values():
            size = np.abs(form.jacobian[part])
            limit = NARROW[self.dtype] * np.maximum(size, np.max(size, initial=0.0) / 256)
            wide += int(np.count_nonzero(~(form.bound[part] <= limit)))
        return wide <= MOST_WIDE * open_

    def _of_sample(self, graph: Graph, outputs: range, order: Order) -> Mapping[str, tuple[Array, Array]]:
        """By the name in the graph the Jacobian `(C, numbers)` of each parameter, and its bound."""
        ahead, found = forward_of_graph(graph, self._arithmetics, self.dtype), []
        for first in range(outputs.start, outputs.stop, self._rows):
            some = range(first, min(first + self._rows, outputs.stop))
            form = backward_of_graph(graph, ahead, self._arithmetics, self.dtype, outputs=some, order=order)
            sizes = [len(some) * prod(shape) for shape in graph.trainable.values()]
            cuts = np.cumsum(sizes)[:-1]
            parts = (np.split(form.jacobian, cuts), np.split(form.bound, cuts))
            found.append([[each.reshape(len(some), -1) for each in every] for every in parts])
        return {
            name: (np.concatenate([f[0][i] for f in found]), np.concatenate([f[1][i] for f in found]))
            for i, name in enumerate(graph.trainable)
        }

    def _check_output(self, sample: Sample) -> None:
        """What torch itself computed must be numbers within the bounds of the forward pass."""
        if bool(sample.output.isnan().any()):
            raise NoRule("an output that is NaN")
        ahead = forward_of_graph(sample.graph, self._arithmetics, self.dtype)
        values, errors = (each[sample.graph.outputs] for each in (ahead.values, ahead.errors))
        off = np.abs(sample.output.detach().to(torch.float64).numpy().ravel() - values)
        if not bool(np.all((off <= errors) | np.isinf(errors))):
            raise NoRule("an output that is not what was recorded")

    def _check_autograd(self, sample: Sample, problem: Problem) -> None:
        """Autograd on the recorded pass must be within the bounds: else something there has a derivative of its own."""
        f, names = sample.output.reshape(-1), list(sample.parameters)
        outputs = self._outputs[:CHECKED_OUTPUTS]
        found = self._of_sample(sample.graph, outputs, Order.REVERSE)
        for row, c in enumerate(outputs):
            gradients = torch.autograd.grad(
                f[c], list(sample.parameters.values()), retain_graph=True, allow_unused=True
            )
            for name, gradient in zip(names, gradients, strict=True):
                jacobian, bound = (each[row] for each in found[name])
                own = np.zeros_like(jacobian) if gradient is None else gradient.to_dense().double().numpy().ravel()
                if not bool(np.all((np.abs(own - jacobian) <= bound) | np.isinf(bound))):
                    raise NoRule(f"{problem.told(name)}, whose derivative by autograd is not that of what is computed")


class PartlyProven(Reference):
    """Proofs by graphs, in float64 and in the own dtype where they say enough, and an estimate for all else."""

    exact = False

    def __init__(
        self, problem: Problem, part: Part, proofs: Mapping[str, Proof], estimate: Callable[[], Reference]
    ) -> None:
        self.layout, self.dtype, self.device = part.layout(problem), problem.dtype, problem.device
        self._proofs, self._make, self._problem = proofs, estimate, problem
        self.proven = tuple(dtype for dtype, proof in proofs.items() if proof.is_narrow(proof.form(Order.REVERSE)))

    @cached_property
    def _double(self) -> Problem:
        """The problem in float64, to be looked at only."""
        return in_float64(self._problem)

    @cached_property
    def estimate(self) -> Reference:
        """The estimate, made when it is first needed."""
        return self._make()

    @property
    def source(self) -> str:  # type: ignore[override]
        """That of the own dtype."""
        return "closed form" if self.dtype in self.proven else self.estimate.source

    @property
    def jacobian(self) -> Array:  # type: ignore[override]
        """That of the closed form where it is proven."""
        proof = self._proofs.get(self.dtype) or self._proofs.get("float64")
        return proof.form(Order.REVERSE).jacobian if proof else self.estimate.jacobian

    def expectation(self, method: Method, *, rows: tuple[int, int] | None = None) -> Expectation:
        """In the own dtype: a proven bound where there is one, else the estimate."""
        proof = self._proofs.get(self.dtype)
        found = proof.expectation(method, rows or (self.layout.N, self.layout.C)) if proof else None
        return found or self.estimate.expectation(method, rows=rows)

    def expectations(self, method: Method) -> Iterator[Expectation]:
        """In float64, then in the own dtype; each proven or estimated."""
        own, rows = self._proofs.get(self.dtype), (self.layout.N, self.layout.C)
        double = self._proofs.get("float64") if self.dtype != "float64" else None
        in_double = double.expectation(method, rows) if double else None
        in_own = own.expectation(method, rows) if own else None
        if in_double is None or in_own is None:
            *first, last = self.estimate.expectations(method)
            yield from [in_double] if in_double and not method.refuses(self._double) else first
            yield in_own or last
            return
        if not method.refuses(self._double):
            yield in_double
        yield in_own


def proofs_of(
    problem: Problem, double: Callable[[], Problem | None], part: Part, budget: int
) -> tuple[dict[str, Proof], str]:
    """The proofs of a part, in its own dtype and in float64, and why there is none of them where there is none."""
    proofs: dict[str, Proof] = {}
    reason = ""
    for each in (lambda: problem, double) if problem.dtype != "float64" else (lambda: problem,):
        try:
            if (found := each()) is not None:
                with default_dtype(None if found is problem else torch.float64):
                    proofs[found.dtype] = Proof(found, part, budget)
        except NoRule as error:
            reason = reason or str(error)
        except (ArithmeticError, LookupError, ValueError) as error:
            reason = reason or f"what cannot be evaluated ({type(error).__name__}: {text_of(error)})"
    return proofs, reason
