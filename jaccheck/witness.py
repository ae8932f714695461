"""`Witness`: what the Jacobians of one case must be, on one device, computed once and shared by all methods."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, log2

import numpy as np
import torch

from jaccheck.case import Case
from jaccheck.errors import NotComputed
from jaccheck.methods import Method
from jaccheck.oracle import (
    Layout,
    Network,
    Order,
    arithmetic,
    backward,
    difference_bound,
    forward,
    is_exact,
    network,
    scaled,
)
from jaccheck.oracle.arithmetic import Array
from jaccheck.problem import Jacobians, Problem, Tensors, build, round_sample
from jaccheck.verdict import Mode


@dataclass(frozen=True, slots=True)
class Expectation:
    """How one method is compared with the closed form on this case."""

    mode: Mode
    bound: Array
    undecided: int


@dataclass(slots=True)
class Seconds:
    """Time spent on a witness."""

    oracle: float = 0.0
    reference: float = 0.0


class ClosedFormWitness:
    """The closed form of a network in float64, with its bounds for one dtype."""

    def __init__(self, net: Network, dtype: str) -> None:
        self.seconds = Seconds()
        started = time.perf_counter()
        self.network = net
        # The law of batches asks for one sample more.
        seed = 1 / np.sqrt(max(2.0, (net.N + 1) * net.C) / 2)
        self._ar = arithmetic(dtype, smallest_seed=float(seed))
        self.exact = is_exact(net, self._ar)
        self._form = backward(net, forward(net, self._ar, exact=self.exact), self._ar, exact=self.exact)
        self._expectations: dict[tuple[Order, int, float], Expectation] = {}
        self.nonzero = int(np.count_nonzero(self._form.jacobian))
        self.seconds.oracle += time.perf_counter() - started

    @property
    def layout(self) -> Layout:
        """How the Jacobians lie in the flat vectors."""
        return self.network.layout

    @property
    def jacobian(self) -> Array:
        """The closed form, flat."""
        return self._form.jacobian

    @property
    def reference_bound(self) -> Array:
        """How far autograd itself may be from the closed form."""
        return self._form.bound

    def expectation(self, method: Method, *, rows: tuple[int, int] | None = None) -> Expectation:
        """Whether a method must be equal here, or within which bound of the closed form.

        With `rows` it is asked as many samples and outputs, by which some methods scale, but the same rows.
        """
        N, C = rows or (self.network.N, self.network.C)
        key = (method.order, method.roundings(N, C), method.step)
        if key not in self._expectations:
            started = time.perf_counter()
            self._expectations[key] = self._expect(*key)
            self.seconds.oracle += time.perf_counter() - started
        return self._expectations[key]

    def _expect(self, order: Order, roundings: int, step: float) -> Expectation:
        if self.exact and not roundings and not step:
            return Expectation("exact", self._form.bound, 0)
        if step:
            # Differences are taken in float64, whatever the dtype, and rounded to it at the end.
            bound = difference_bound(self.network, arithmetic("float64"), step)
            size = np.abs(self.jacobian) + bound
            bound = np.where(size <= self._ar.largest, bound + self._ar.gamma(1) * size + self._ar.eta, np.inf)
        else:
            # With a certificate the forward pass is exact, but a scaled backward pass is not.
            ahead = forward(self.network, self._ar, exact=self.exact)
            is_same = order is Order.REVERSE and not self.exact
            form = self._form if is_same else backward(self.network, ahead, self._ar, order=order)
            bound = scaled(form, roundings, self._ar) if roundings else form.bound
        return Expectation("bound", bound, count_undecided(self.layout, self.jacobian, bound))


@dataclass(frozen=True, slots=True)
class Plain:
    """The output `(N, C)`, and the gradient of the sum of all outputs by each parameter, in float64."""

    output: Array
    gradient: dict[str, Array]


class Witness(ClosedFormWitness):
    """The closed form of a case, and autograd's Jacobians one sample at a time.

    Autograd's come from a model that no method has touched, with one forward pass for each sample: in a full-batch
    backward pass one sample's NaN would spread to all others.
    """

    def __init__(self, case: Case, device: str, *, tensors: Tensors | None = None) -> None:
        self.case = case
        self.device = device
        self._tensors = tensors or round_sample(case)
        self._changed: Witness | None = None
        self._autograd: Array | None = None
        started = time.perf_counter()
        net = network(
            case,
            self._tensors.X.double().numpy(),
            {name: value.double().numpy() for name, value in self._tensors.numbers.items()},
        )
        built = time.perf_counter() - started
        super().__init__(net, case.dtype)
        self.seconds.oracle += built
        if not net.is_chain:
            self._try_autograd()

    def problem(self) -> Problem:
        """A fresh problem with the numbers of this case."""
        return build(self.case, device=self.device, tensors=self._tensors)

    @property
    def changed(self) -> Witness:
        """The same case with other numbers: the batch reversed, the weights of the last Linear negated.

        What is exact or within range stays so, since no magnitude changes.
        """
        if self._changed is None:
            last = self.case.last_weight
            parameters = {**self._tensors.parameters, last: -self._tensors.parameters[last]}
            tensors = Tensors(self._tensors.X.flip(0), parameters, self._tensors.buffers)
            self._changed = Witness(self.case, self.device, tensors=tensors)
        return self._changed

    @property
    def autograd(self) -> Array:
        """Autograd's Jacobians, flat, one forward pass for each sample."""
        if self._autograd is None:
            started = time.perf_counter()
            self._autograd = flattened(autograd_by_sample(self.problem()))
            self.seconds.reference += time.perf_counter() - started
        return self._autograd

    @property
    def numbers(self) -> dict[str, Array]:
        """Every parameter as rounded to the case's dtype, in float64, by name."""
        return {name: value.double().numpy() for name, value in self._tensors.parameters.items()}

    @cached_property
    def plain(self) -> Plain | None:
        """Output and gradient from one pass over the batch, or None where they may round in float64."""
        started = time.perf_counter()
        wide = arithmetic("float64")
        # The gradient adds up as many rows as there are.
        spare = ceil(log2(max(1, self.network.N * self.network.C)))
        is_known = is_exact(self.network, replace(wide, precision_bits=wide.precision_bits - spare))
        plain = self._in_one_pass() if is_known else None
        self.seconds.reference += time.perf_counter() - started
        return plain

    def _in_one_pass(self) -> Plain:
        double = replace(self.case, dtype="float64")
        own = self._tensors
        X = own.X.double() if own.X.is_floating_point() else own.X
        tensors = Tensors(X, *({n: v.double() for n, v in kept.items()} for kept in (own.parameters, own.buffers)))
        problem = build(double, tensors=tensors)
        θ = problem.parameters
        f = problem.model(problem.X).reshape(problem.N, problem.C)
        gradients = torch.autograd.grad(f.sum(), list(θ.values()), allow_unused=True, materialize_grads=True)
        return Plain(f.detach().numpy(), {name: g.numpy() for name, g in zip(θ, gradients, strict=True)})

    def _try_autograd(self) -> None:
        """Torch lacks a kernel of some layers for some dtypes; then there is nothing that a method could be asked."""
        try:
            _ = self.autograd
        except (RuntimeError, NotImplementedError) as error:
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
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


def count_undecided(layout: Layout, jacobian: Array, bound: Array) -> int:
    """Entries where the bound is wider than the entry itself and than 2⁻⁸ of the parameter's largest."""
    count = 0
    for part in layout.offsets().values():
        size = np.abs(jacobian[part])
        count += int(np.count_nonzero(bound[part] > np.maximum(size, np.max(size, initial=0.0) / 256)))
    return count


def flattened(jacobians: Jacobians) -> Array:
    """All Jacobians as one flat vector in float64 on the CPU, a copy."""
    parts = [jacobian.detach().reshape(-1) for jacobian in jacobians.values()]
    return torch.cat(parts).to("cpu", torch.float64).numpy()


def autograd_by_sample(problem: Problem) -> Jacobians:
    """The Jacobians by `torch.autograd.grad`, one entry of `f` at a time, one forward pass for each sample.

    A parameter that `f` does not depend on has the Jacobian zero.
    """
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for n in range(problem.N):
        f = problem.model(problem.X[n : n + 1]).reshape(problem.C)
        for c in range(problem.C):
            gradients = torch.autograd.grad(
                f[c], list(θ.values()), retain_graph=c + 1 < problem.C, allow_unused=True, materialize_grads=True
            )
            for jacobian, gradient in zip(J.values(), gradients, strict=True):
                jacobian[n, c] = gradient
    return J
