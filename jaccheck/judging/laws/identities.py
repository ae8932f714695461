"""Laws that need no reference for the Jacobian, only the network's output and its plain gradient.

Where a result agrees entry by entry with closed form and autograd, and these are right, they hold as well: they are
there for the day that both are wrong in the same way. So they are asked only where agreement has found nothing, and
where a certificate says that output and gradient are exact in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from math import prod

import numpy as np

from jaccheck.judging.laws.trial import LawBroken, Trial
from jaccheck.oracle import Affine, Array, Network, Structured, arithmetic
from jaccheck.reports import Breach, Outcome

_FLOAT64 = arithmetic("float64")


def _once_for_equals(law: Callable[[Trial], None]) -> Callable[[Trial], None]:
    """Where a certificate holds, methods return one and the same result, of which this is asked once."""

    @wraps(law)
    def asked(trial: Trial) -> None:
        reference = trial.reference
        if trial.is_contradicted:
            return
        is_same = reference.expectation(trial.method).mode == "exact" and np.array_equal(trial.flat, reference.jacobian)
        if is_same and law.__name__ in reference.held:
            return
        law(trial)
        if is_same:
            reference.held.add(law.__name__)

    return asked


@_once_for_equals
def sum_over_samples(trial: Trial) -> None:
    """The Jacobians summed over samples and outputs are the gradient of the sum of all outputs."""
    plain = trial.reference.plain
    if plain is None:
        return
    bounds = trial.reference.expectation(trial.method).bound
    layout = trial.reference.layout
    for name, part in layout.offsets().items():
        J, E = (flat[part].reshape(layout.N * layout.C, prod(layout.shapes[name])) for flat in (trial.flat, bounds))
        within = E.sum(axis=0) + _rounded(len(J)) * (_size(J) + E).sum(axis=0)
        found, expected = J.sum(axis=0), plain.gradient[name].ravel()
        _hold("sum over samples", f"{name} summed over samples and outputs", found, expected, within)


@_once_for_equals
def homogeneity(trial: Trial) -> None:
    """Each layer's weight times its Jacobian, and every bias from there on times its own, add up to the output.

    f is linear in one layer's weight and the biases above it where all above is linear or has no kink but at zero.
    """
    reference, plain = trial.reference, trial.reference.plain
    if plain is None or reference.network is None:
        return
    bounds, layout = reference.expectation(trial.method).bound, reference.layout
    parts, θ = layout.offsets(), reference.numbers
    shape = (layout.N, layout.C)
    total, within, terms = np.zeros(shape), np.zeros(shape), 1

    def times(name: str) -> tuple[Array, Array]:
        size = np.abs(θ[name].ravel())
        J, E = (flat[parts[name]].reshape(*shape, size.size) for flat in (trial.flat, bounds))
        with np.errstate(invalid="ignore"):
            return J @ θ[name].ravel(), E @ size + _rounded(size.size + 1) * ((_size(J) + E) @ size)

    for step in _linear_in(reference.network, frozenset(parts)):
        if step.b is not None and not step.is_fixed:
            more, off = times(step.bias)
            total, within, terms = total + more, within + off, terms + 1
        if step.is_fixed:
            continue
        own, off = times(step.weight)
        reach = _rounded(terms + 1) * (_size(total) + _size(own) + within + off)
        what = f"f by the weight of layer {step.path} and the biases from there on"
        _hold("homogeneity", what, (total + own).ravel(), plain.output.ravel(), (within + off + reach).ravel())


def _linear_in(net: Network, trainable: frozenset[str]) -> Iterator[Affine]:
    """From the last step down, the affine ones that f is linear in, together with all biases from there on."""
    if not all(isinstance(step, Affine) or not hasattr(step, "branches") for step in net.steps):
        return
    uses = [step.path for step in net.steps if isinstance(step, Affine) and not step.is_fixed]
    for step in reversed(net.steps):
        if not isinstance(step, Affine):
            continue
        is_whole = not isinstance(step, Structured) or bool(step.seen.all())
        names = () if step.is_fixed else (step.weight, *([step.bias] if step.b is not None else []))
        if not is_whole or uses.count(step.path) > 1 or not trainable.issuperset(names):
            return
        if step.is_fixed and step.b is not None and bool(np.any(step.b)):
            # The shift of a norm is an offset that no parameter stands for.
            return
        yield step


def _rounded(terms: int) -> float:
    """What float64 may round in a sum of so many products."""
    return _FLOAT64.gamma(terms + 1)


def _size(values: Array) -> Array:
    """How large they are; what is not finite widens no bound, so that it is seen unless its own bound is infinite."""
    return np.nan_to_num(np.abs(values), nan=0.0, posinf=0.0)


def _hold(law: str, what: str, found: Array, expected: Array, within: Array) -> None:
    with np.errstate(invalid="ignore"):
        # An infinite bound times a weight of zero is NaN: nothing is known there either.
        wrong = ~(np.abs(found - expected) <= within) & np.isfinite(within)
    if not wrong.any():
        return
    place = int(np.flatnonzero(wrong)[0])
    message = (
        f"{what}: {found[place]:.9g} instead of {expected[place]:.9g} (bound {within[place]:.1e}); "
        f"{int(wrong.sum())} of {len(wrong)} numbers wrong"
    )
    raise LawBroken(Breach(law=law, outcome=Outcome.DISAGREES, message=message))
