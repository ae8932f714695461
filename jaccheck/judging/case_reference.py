"""`CaseReference`: the reference of a drawn case on one device, and what laws need besides."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, log2

import numpy as np
import torch

from jaccheck.case import Case
from jaccheck.core import text_of
from jaccheck.errors import NotComputed
from jaccheck.judging.autograd import flat_autograd
from jaccheck.judging.estimate import FAR, EstimatedReference
from jaccheck.judging.laws.state import State, observe_problem
from jaccheck.judging.reference import ClosedFormReference, Expectation, Reference
from jaccheck.methods import Method, Problem, Tensors, build, divisor, loss_call_of, round_sample
from jaccheck.oracle import Array, Network, NoRule, arithmetic, is_exact, network


@dataclass(slots=True)
class Seconds:
    """Time spent on a reference."""

    oracle: float = 0.0
    autograd: float = 0.0


@dataclass(frozen=True, slots=True)
class Plain:
    """The output `(N, C)`, and the gradient of the sum of all outputs by each parameter, in float64."""

    output: Array
    gradient: dict[str, Array]


class CaseReference(Reference):
    """The closed form of a case or an estimate, and autograd's Jacobians one sample at a time.

    Autograd's come from a model that no method has touched, with one forward pass for each sample: in a full-batch
    backward pass one sample's NaN would spread to all others. They are the CPU's, whatever the device of the methods:
    a kernel that is wrong there would be wrong in its own autograd, too. Raises InvalidCase where the numbers overflow
    the dtype, NotComputed where torch has no Jacobians of the case.
    """

    def __init__(self, case: Case, device: str, *, tensors: Tensors | None = None) -> None:
        self.case, self.dtype, self.device = case, case.dtype, device
        self.seconds = Seconds()
        self.held: set[str] = set()
        """Names of the identities that its Jacobian has been found to fulfil."""
        self._kept: tuple[Problem, State] | None = None
        self._by_autograd: dict[Expectation, Expectation] = {}
        self._tensors = tensors or round_sample(case)
        started = time.perf_counter()
        self.network = self._network()
        if self.network is None or not self.network.is_chain:
            self._try_autograd()
        net = self.network
        self._basis = ClosedFormReference(net, case.dtype, device) if net is not None else self._estimate()
        self.source, self.layout, self.exact = self._basis.source, self._basis.layout, self._basis.exact
        self.jacobian, self.autograd_bound = self._basis.jacobian, self._basis.autograd_bound
        self.seconds.oracle += time.perf_counter() - started - self.seconds.autograd

    def _network(self) -> Network | None:
        numbers = {name: value.double().numpy() for name, value in self._tensors.numbers.items()}
        try:
            return network(self.case, self._tensors.X.double().numpy(), numbers)
        except NoRule:
            return None

    def _estimate(self) -> EstimatedReference:
        own, double = self.problem(), self._in_float64()
        return EstimatedReference(own, double, own.layout, self.autograd, strength=FAR)

    def expectation(self, method: Method, *, rows: tuple[int, int] | None = None) -> Expectation:
        """What the result of a method must be, by the closed form or the estimate."""
        started = time.perf_counter()
        expectation = self._basis.expectation(method, rows=rows)
        self.seconds.oracle += time.perf_counter() - started
        return expectation

    def expectations(self, method: Method) -> Iterator[Expectation]:
        """The same and, where it is proven, autograd's Jacobians, which may be off by a bound of their own."""
        own = self.expectation(method)
        yield own
        if own.mode != "estimate":
            if own not in self._by_autograd:
                bound = own.bound + self.autograd_bound
                self._by_autograd[own] = replace(own, source="autograd", expected=self.autograd, bound=bound)
            yield self._by_autograd[own]

    def problem(self) -> Problem:
        """A fresh problem with the numbers of this case."""
        return build(self.case, device=self.device, tensors=self._tensors)

    def keep(self, problem: Problem, state: State) -> None:
        """Keeps a problem that a method was called on and has left as it was, in all that it shows."""
        self._kept = problem, state

    def kept(self) -> tuple[Problem, State]:
        """The problem that was kept, or a fresh one, with what it shows."""
        if self._kept is None:
            problem = self.problem()
            return problem, observe_problem(problem)
        kept, self._kept = self._kept, None
        return kept

    @cached_property
    def template(self) -> Problem:
        """A problem that is never computed on and never changed: for questions that only look at it."""
        return self.problem()

    @cached_property
    def changed(self) -> CaseReference:
        """The same case with other numbers: the batch reversed, the weights of the last Linear negated.

        What is exact or within range stays so, since no magnitude changes.
        """
        last = self.case.last_weight
        parameters = {**self._tensors.parameters, last: -self._tensors.parameters[last]}
        tensors = Tensors(self._tensors.X.flip(0), parameters, self._tensors.buffers)
        return CaseReference(self.case, self.device, tensors=tensors)

    @cached_property
    def autograd(self) -> Array:
        """Autograd's Jacobians, flat, one forward pass for each sample."""
        started = time.perf_counter()
        found = self._of_the_cpu()
        self.seconds.autograd += time.perf_counter() - started
        return found

    def _of_the_cpu(self) -> Array:
        try:
            return flat_autograd(build(self.case, tensors=self._tensors))
        except (RuntimeError, NotImplementedError):
            if self.device == "cpu":
                raise
            return flat_autograd(self.problem())  # the CPU has no kernel for a layer in this dtype

    @property
    def numbers(self) -> dict[str, Array]:
        """Every parameter as rounded to the case's dtype, in float64, by name."""
        return {name: value.double().numpy() for name, value in self._tensors.parameters.items()}

    @cached_property
    def plain(self) -> Plain | None:
        """Output and gradient from one pass over the batch, or None where they may round in float64."""
        if self.network is None:
            return None
        started = time.perf_counter()
        wide = arithmetic("float64")
        # The gradient adds up as many rows as there are.
        spare = ceil(log2(max(1, self.network.N * self.network.C)))
        is_known = is_exact(self.network, replace(wide, precision_bits=wide.precision_bits - spare))
        plain = self._in_one_pass() if is_known else None
        self.seconds.autograd += time.perf_counter() - started
        return plain

    @cached_property
    def reduced_gradient(self) -> tuple[float, dict[str, Array]] | None:
        """What the reduction of the loss divides by, and the gradient of the reduced loss by one pass in float64.

        None where the case has no loss, or a mean of nothing.
        """
        problem = self._in_float64()
        call = loss_call_of(problem)
        if call is None or not (by := divisor(call)):
            return None
        started = time.perf_counter()
        θ = call.parameters
        gradients = torch.autograd.grad(call.reduced(call.model(call.X)), list(θ.values()), allow_unused=True)
        self.seconds.autograd += time.perf_counter() - started
        zeros = {name: np.zeros(p.shape) for name, p in θ.items()}
        return by, {n: zeros[n] if g is None else g.numpy() for n, g in zip(θ, gradients, strict=True)}

    def _in_float64(self) -> Problem:
        double = replace(self.case, dtype="float64")
        own = self._tensors
        X = own.X.double() if own.X.is_floating_point() else own.X
        parameters, buffers = (
            {name: value.double() if value.is_floating_point() else value for name, value in kept.items()}
            for kept in (own.parameters, own.buffers)
        )
        tensors = Tensors(X, parameters, buffers)
        return build(double, tensors=tensors)

    def _in_one_pass(self) -> Plain:
        problem = self._in_float64()
        θ = problem.parameters
        f = problem.model(problem.X).reshape(problem.N, problem.C)
        gradients = torch.autograd.grad(f.sum(), list(θ.values()), allow_unused=True, materialize_grads=True)
        return Plain(f.detach().numpy(), {name: g.numpy() for name, g in zip(θ, gradients, strict=True)})

    def _try_autograd(self) -> None:
        """Torch lacks a kernel of some layers for some dtypes, and refuses a GroupNorm of one number by a ValueError.

        Then there is nothing that a method could be asked.
        """
        try:
            _ = self.autograd
        except (RuntimeError, NotImplementedError, ValueError) as error:
            reason = f"{type(error).__name__}: {text_of(error)}".split("\n")[0]
            raise NotComputed(f"torch does not compute it in {self.case.dtype} on {self.device}: {reason}") from None

    def changed_values(self, problem: Problem) -> list[str]:
        """One phrase for each parameter, buffer and the input whose numbers are no longer those of the case."""
        before = {**self._tensors.numbers, "X": self._tensors.X}
        now = {**dict(problem.model.named_parameters()), **dict(problem.model.named_buffers()), "X": problem.X}
        return [
            f"the values of {name} changed"
            for name, value in before.items()
            if name not in now or not torch.equal(now[name].detach().to("cpu"), value)
        ]
