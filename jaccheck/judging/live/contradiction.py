"""Whether a difference quotient contradicts torch's autograd on a model.

Reverse mode, forward mode and the reference all trust the backward passes that a model brings along. A difference
quotient does not: it only runs the model. The derivatives of all outputs in a random direction of all parameters are
compared with autograd's, each with the quotient's own error. Several directions must agree before anything is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from jaccheck.judging.live.cuts import Uncut, own_backwards, rounding_in, taken_out
from jaccheck.judging.live.ladder import FIRST, Quotient, directional
from jaccheck.judging.live.subject import Direction, Subject
from jaccheck.methods import Problem, prefix, run
from jaccheck.oracle import Array

DIRECTIONS = 3
"""Directions that must all contradict autograd; only the first is tried where it does not."""

MARGIN = 4.0
"""How many times its error a quotient must be off."""

ROUNDOFFS = 4.0
"""Of the model's own dtype: what is less is no matter to whoever computes in it."""

GROUPS, GROUPS_S = 64, 0.25
"""Backward passes at most, and about how long they may take. Outputs share one where there are more of them."""

COARSE = 2.0**-12
"""Of numbers computed on the way, from which quotients say nothing."""

CONVERGED, CONVERGED_COARSELY = 2.0**-20, 2.0**-8
"""Relative error of a quotient from which it says something, in float64 and where numbers are coarser on the way.

Of smooth functions it is far below. Where every step crosses many kinks, quotients seem to converge to a mean of
slopes, but never so well.
"""

TOLD = 3
"""Parameters that are named."""

PARAMETERS = 24
"""Parameters that are tried one by one."""


Products = dict[str, tuple[float, float]]
"""By parameter: gradient times direction, and the root of the sum of squares of its terms."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a difference quotient has to say: a sentence where it contradicts autograd, and remarks."""

    contradiction: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    """The derivative of a weighted sum of outputs in a direction, by the quotient and by autograd."""

    weights: Array
    quotient: float
    error: float
    autograd: float
    limit: float

    @property
    def is_contradicted(self) -> bool:
        return abs(self.quotient - self.autograd) > self.limit

    @property
    def times(self) -> float:
        return abs(self.quotient - self.autograd) / self.limit if self.limit else np.inf


def listen(problem: Problem) -> Heard:
    """What a directional difference quotient says of autograd on this model.

    Runs copies only, some tens of forward passes; more where there is a contradiction.
    """
    subject = Subject(problem)
    if subject.eps > COARSE:
        return Heard(notes=("no difference quotient was compared with autograd: the model computes in half precision",))
    finest = torch.finfo(getattr(torch, problem.dtype)).eps
    compared = _Compared(subject, finest)
    direction, rows, seen = compared.rows(0)
    blind = _blind(seen, list(map(problem.told, sorted(subject.changing))))
    wrong = [row for row in rows if row.is_contradicted]
    if not wrong:
        return Heard(notes=blind)
    if all(compared.is_explained(row, direction, cut := Uncut()) for row in wrong):
        names = " and ".join(cut.met)
        return Heard(
            notes=(f"autograd's result is not the derivative of the output: the model cuts gradients ({names})", *blind)
        )
    for seed in range(1, DIRECTIONS):
        if not any(row.is_contradicted for row in compared.rows(seed)[1]):
            return Heard(notes=blind)
    return compared.told(max(wrong, key=lambda row: row.times), direction, blind)


def _blind(seen: float, changing: list[str]) -> tuple[str, ...]:
    notes = []
    if changing:
        notes.append(f"no difference quotient by {', '.join(changing)}, which a forward pass changes")
    if seen < 0.5:
        notes.append(
            f"a difference quotient says something of {100 * seen:.0f} % of the outputs only: elsewhere it does not "
            "converge, as at kinks and where numbers are rounded"
        )
    return tuple(notes)


class _Compared:
    """Quotients and autograd's derivatives of one subject."""

    def __init__(self, subject: Subject, eps: float) -> None:
        self._subject, self._eps = subject, eps

    def rows(self, seed: int) -> tuple[Direction, list[_Row], float]:
        """A direction, the rows in it, and of which share of the outputs they tell."""
        subject = self._subject
        direction = subject.random_direction(seed)
        quotient = self._quotient(direction, seed)
        converged = CONVERGED if subject.eps <= np.finfo(np.float64).eps else CONVERGED_COARSELY
        known = quotient.error <= converged * _scale(quotient.value)
        most = min(GROUPS, int(np.count_nonzero(known)), max(1, int(GROUPS_S / (3 * subject.pass_s))))
        rows = [self._row(quotient, weights, direction) for weights in _groups(known, quotient, most, seed)]
        return direction, rows, float(np.mean(known)) if known.size else 1.0

    def _quotient(self, direction: Direction, seed: int) -> Quotient:
        subject = self._subject
        noise, f = subject.noise(direction), subject.along(direction)
        return directional(f, noise, first=FIRST / (1 + 0.37 * seed), last=subject.eps**0.5)

    def _row(self, quotient: Quotient, weights: Array, direction: Direction) -> _Row:
        products = self._products(weights, direction)
        return self._compare(quotient, weights, products)

    def _products(
        self, weights: Array, direction: Direction, cut: Uncut | None = None
    ) -> dict[str, tuple[float, float]]:
        found = {}
        for name, gradient in self._subject.gradients(weights, cut).items():
            terms = (gradient * direction[name]).double()
            found[name] = (float(terms.sum()), float(terms.norm()))
        return found

    def _compare(self, quotient: Quotient, weights: Array, products: Products) -> _Row:
        used = weights != 0
        value = float(weights[used] @ quotient.value[used])
        error = float(np.abs(weights[used]) @ quotient.error[used])
        autograd = sum(total for total, _ in products.values())
        size = float(np.sqrt(sum(norm**2 for _, norm in products.values())))
        rounding = (256 * self._subject.eps + ROUNDOFFS * self._eps) * size
        limit = MARGIN * error + rounding
        # NaN contradicts nothing: it is told elsewhere.
        return _Row(weights, value, error, autograd, limit if np.isfinite(autograd) else np.inf)

    def is_explained(self, row: _Row, direction: Direction, cut: Uncut) -> bool:
        """Whether autograd without what cuts gradients on purpose has the derivative."""
        try:
            products = self._products(row.weights, direction, cut)
        except RuntimeError:
            return False
        autograd = sum(total for total, _ in products.values())
        return bool(cut.met) and not replace(row, autograd=autograd).is_contradicted

    def told(self, row: _Row, direction: Direction, blind: tuple[str, ...]) -> Heard:
        """The sentence about a contradiction."""
        subject = self._subject
        row = self._single(row, direction)
        place = int(np.flatnonzero(row.weights)[0])
        n, c = subject.samples[place // subject.C], place % subject.C
        model, X = subject.traced()
        causes = own_backwards(model, X) + taken_out(*subject.traced())
        names = self._parameters(row, direction)
        by = f"; so it is in {' and '.join(names)} alone" if names else ""
        why = f"; the model has {' and '.join(causes)}" if causes else ""
        sentence = (
            f"a difference quotient contradicts torch's autograd: in a random direction of all parameters the "
            f"derivative of output {c} of sample {n} is {_digits(row)}{by}{why}"
        )
        if causes:
            return Heard(sentence, blind)
        model, X = subject.traced()
        if steps := rounding_in(run(model, X)):
            return Heard(
                notes=(
                    f"autograd's result is not the slope of the output: the model rounds numbers ({', '.join(steps)})",
                    *blind,
                )
            )
        return Heard(sentence, blind)

    def _single(self, row: _Row, direction: Direction) -> _Row:
        """The row of a single output among those of a row."""
        quotient = self._quotient(direction, 0)
        rows = []
        for place in np.flatnonzero(row.weights):
            weights = np.zeros_like(row.weights)
            weights[place] = 1.0
            rows.append(self._row(quotient, weights, direction))
        return max(rows, key=lambda each: each.times)

    def _parameters(self, row: _Row, direction: Direction) -> list[str]:
        """The parameters in which alone the row is contradicted."""
        products = self._products(row.weights, direction)
        inside, names = prefix(self._subject.traced()[0]), []
        for name in list(products)[:PARAMETERS]:
            alone = {key: step if key == name else torch.zeros_like(step) for key, step in direction.items()}
            quotient = self._quotient(alone, 0)
            if self._compare(quotient, row.weights, {name: products[name]}).is_contradicted:
                names.append(name.removeprefix(inside))
        if not names or len(names) == len(products):
            return []
        return [*names[:TOLD], *([f"{len(names) - TOLD} more"] if len(names) > TOLD else [])]


def _digits(row: _Row) -> str:
    """Both numbers with as many digits as it takes to see that they differ."""
    apart = abs(row.quotient - row.autograd) / max(abs(row.quotient), abs(row.autograd), 1e-300)
    digits = int(min(16, max(4, 3 - np.floor(np.log10(max(apart, 1e-16))))))
    return f"{row.quotient:.{digits}g} ± {row.error:.1g} by the quotient and {row.autograd:.{digits}g} by autograd"


def _groups(known: npt.NDArray[np.bool_], quotient: Quotient, count: int, seed: int) -> Iterator[Array]:
    """Weights of all outputs of which something is known, in so many groups, with random signs."""
    generator = np.random.default_rng(seed)
    places = generator.permutation(np.flatnonzero(known))
    weights = generator.choice([-1.0, 1.0], size=known.shape) / _scale(quotient.value)
    for some in np.array_split(places, count) if count else []:
        group = np.zeros(known.shape)
        group[some] = weights[some]
        yield group


def _scale(value: Array) -> Array:
    """What counts as the size of each derivative: itself, or a share of the largest."""
    finite = np.abs(value[np.isfinite(value)])
    floor = float(np.max(finite, initial=0.0)) * 2.0**-20
    return np.maximum(np.abs(value), floor or 1.0)
