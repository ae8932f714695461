"""Laws that need no reference for the Jacobian, only the network's output and its plain gradient.

Where a result agrees entry by entry with closed form and autograd, and these are right, they hold as well: they are
there for the day that both are wrong in the same way. So they are asked only where agreement has found nothing, and
where a certificate says that output and gradient are exact in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from math import prod

import numpy as np

from jaccheck.case import Case
from jaccheck.judging.laws.agreement import AGREEMENT
from jaccheck.judging.laws.law import Law, NotAsked, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, name_of
from jaccheck.methods import Method
from jaccheck.oracle import Affine, Array, Branches, Network, SparseAffine, WindowMax, arithmetic, has_offset
from jaccheck.reports import Failure, Outcome, WrongTotal

_FLOAT64 = arithmetic("float64")


def _once_for_equals(law: Callable[[Trial], None]) -> Callable[[Trial], None]:
    """Where a certificate holds, methods return one and the same result, of which this is asked once."""

    @wraps(law)
    def asked(trial: Trial) -> None:
        reference = trial.reference
        if trial.is_contradicted:
            raise NotAsked
        is_same = reference.expectation(trial.method).mode == "exact" and np.array_equal(trial.flat, reference.jacobian)
        if is_same and law.__name__ in reference.held:
            return
        law(trial)
        if is_same:
            reference.held.add(law.__name__)

    return asked


@_once_for_equals
def _sum_over_samples(trial: Trial) -> None:
    plain = trial.reference.plain
    if plain is None:
        raise NotAsked
    bounds = trial.reference.expectation(trial.method).bound
    layout = trial.reference.layout
    for name, part in layout.offsets().items():
        J, E = (flat[part].reshape(layout.N * layout.C, prod(layout.shapes[name])) for flat in (trial.flat, bounds))
        within = E.sum(axis=0) + _rounded(len(J)) * (_size(J) + E).sum(axis=0)
        found, expected = J.sum(axis=0), plain.gradient[name].ravel()
        if total := _wrong_total(found, expected, within):
            raise SUM_OVER_SAMPLES.broken(Outcome.DISAGREES, replace(total, parameter=name))


@_once_for_equals
def _homogeneity(trial: Trial) -> None:
    """f is linear in a layer's weight and the biases above it where all above is linear or has no kink but at zero."""
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
        wrong = _wrong_total((total + own).ravel(), plain.output.ravel(), (within + off + reach).ravel())
        if wrong:
            raise HOMOGENEITY.broken(Outcome.DISAGREES, replace(wrong, layer=step.path))


def _linear_in(net: Network, trainable: frozenset[str]) -> Iterator[Affine]:
    """From the last step down, the affine ones that f is linear in, together with all biases from there on."""
    if any(isinstance(step, Branches) for step in net.steps):
        return
    uses = [step.path for step in net.steps if isinstance(step, Affine) and not step.is_fixed]
    for step in reversed(net.steps):
        if not isinstance(step, Affine):
            if not isinstance(step, WindowMax | Branches) and has_offset(step):
                return
            continue
        is_whole = not isinstance(step, SparseAffine) or bool(step.seen.all())
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


def _wrong_total(found: Array, expected: Array, within: Array) -> WrongTotal | None:
    """The first number that is further off than it may be, and how many are; None where none is."""
    with np.errstate(invalid="ignore"):
        # An infinite bound times a weight of zero is NaN: nothing is known there either.
        wrong = ~(np.abs(found - expected) <= within) & np.isfinite(within)
    if not wrong.any():
        return None
    place = int(np.flatnonzero(wrong)[0])
    return WrongTotal(
        actual=float(found[place]),
        expected=float(expected[place]),
        bound=float(within[place]),
        wrong=int(wrong.sum()),
        numbers=len(wrong),
    )


def _sum_ending(case: Case, method: Method, failure: Failure) -> Ending:
    """The parameter whose sum is furthest off its gradient, in float64."""
    lines = [
        "reference = make_model().cpu().double()",
        "f = reference(X.cpu().double() if X.is_floating_point() else X.cpu())",
        "gradients = torch.autograd.grad(f.sum(), [reference.get_parameter(name) for name in parameters])",
        f"J = {name_of(method)}(problem)",
        "sums = {name: j.cpu().double().sum((0, 1)) for name, j in J.items()}",
        "worst = max(zip(gradients, sums.values()), key=lambda both: (both[0] - both[1]).abs().max())",
        "# the sum over samples and outputs, and what one backward pass from f.sum() says",
        "print('actual  ', (worst[1].flatten() + 0.0).tolist())",
        "print('expected', (worst[0].flatten() + 0.0).tolist())",
    ]
    return Ending(lines)


def _homogeneity_ending(case: Case, method: Method, failure: Failure) -> Ending:
    """The output, and what weights and biases add up to, from the layer on that the law found."""
    assert isinstance(failure.detail, WrongTotal)
    lines = [
        f"J = {name_of(method)}(problem)",
        "names = list(parameters)",
        f"first = names.index({failure.detail.layer + '.weight'!r})",
        "used = [names[first], *(name for name in names[first:] if name.endswith('bias'))]",
        "products = [(J[n] * parameters[n]).double().flatten(2).sum(2) for n in used]",
        "# what weight and biases times their Jacobians add up to, and f itself",
        "print('actual  ', (sum(products).flatten() + 0.0).tolist())",
        "print('expected', (make_model()(X).double().flatten() + 0.0).tolist())",
    ]
    return Ending(lines)


SUM_OVER_SAMPLES = Law(
    name="sum over samples",
    statement="the Jacobians summed over samples and outputs are the gradient of the sum of f",
    sees="references that are wrong in the same way, since it compares with no Jacobian",
    when=When.REPEATED,
    ask=_sum_over_samples,
    ending=_sum_ending,
    backs=AGREEMENT.name,
)
HOMOGENEITY = Law(
    name="homogeneity",
    statement="`f = ⟨J_W, W⟩ + Σ ⟨J_b, b⟩` for each layer's weight W and all biases b after it, where f is linear in "
    "them",
    sees="the same, by the forward pass alone",
    when=When.REPEATED,
    ask=_homogeneity,
    ending=_homogeneity_ending,
    backs=AGREEMENT.name,
)
