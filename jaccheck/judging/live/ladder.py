"""Directional derivatives by difference quotients, each with an error bound of its own.

Symmetric quotients on a ladder of steps are extrapolated to step zero (Richardson's table; the error of an entry is
taken from its neighbours, as by Ridders, Adv. Eng. Software 4, 1982). Two things could fool such a table, and each is
measured: what rounding does to the function, and kinks, where symmetric quotients converge to the mean of two slopes.
At a kink the second difference over the step converges to the jump between the slopes, and not to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaccheck.oracle import Array

RATIO = 4.0
"""Of one step to the next: few steps go from where smooth functions converge to where kinks are left behind."""

FIRST, RUNGS = 2.0**-6, 11
"""The first step, relative to the parameters, and how many there are: the last is 2⁻²⁶."""

COLUMNS = 5
"""Of the table: each takes one more power of the step away."""

LEAST = 4
"""Steps that are tried at least."""

FINE = 2.0**-32
"""Relative error at which the ladder ends."""


@dataclass(frozen=True, slots=True)
class Quotient:
    """Derivatives, and how far each is off at most; infinite where the quotients do not converge."""

    value: Array
    error: Array


def directional(f: Callable[[float], Array], noise: Array, *, first: float = FIRST, last: float = 0.0) -> Quotient:
    """The derivative of `f` at 0, of every number that it returns; `noise` is what rounding does to each.

    No step is below `last`.
    """
    center = f(0.0)
    best = Quotient(np.zeros_like(center), np.full_like(center, np.inf))
    slopes: list[list[Array]] = [[]]
    jumps: list[list[Array]] = [[]]
    for h in first / RATIO ** np.arange(RUNGS):
        if h < last:
            break
        above, below = f(h), f(-h)
        with np.errstate(all="ignore"):
            slopes.append(_extended(slopes[-1], (above - below) / (2 * h), 2))
            jumps.append(_extended(jumps[-1], (above - 2 * center + below) / h, 1))
            best = _better(best, slopes[-2:], jumps[-2:], 2 * noise / h)
            fine, fine_off = _entry(slopes[-2:], 1, 2 * noise / h) if len(slopes) > 2 else (center, best.error)
        if len(slopes) > LEAST and bool((best.error <= FINE * _scale(best.value)).all()):
            break
    # What the smallest steps do not confirm is the slope of something larger than a derivative.
    with np.errstate(invalid="ignore"):
        best.error[~(np.abs(best.value - fine) <= 4 * (best.error + fine_off))] = np.inf
    return best


def _extended(row: list[Array], quotient: Array, power: int) -> list[Array]:
    """The next row of a table in which column j has the error h^(2j + power)."""
    new = [quotient]
    for j, above in enumerate(row[: COLUMNS - 1]):
        factor = RATIO ** (2 * j + power)
        new.append((factor * new[j] - above) / (factor - 1))
    return new


def _better(best: Quotient, slopes: list[list[Array]], jumps: list[list[Array]], noise: Array) -> Quotient:
    """The best so far or, entry by entry, one of the new row that has a smaller error."""
    value, error = best.value.copy(), best.error.copy()
    for j in range(1, len(slopes[1])):
        slope, off = _entry(slopes, j, noise)
        jump, jump_off = _entry(jumps, j, 2 * noise)
        total = np.where(np.abs(jump) <= 2 * jump_off, off + np.abs(jump), np.inf)
        smaller = total < error
        value[smaller], error[smaller] = slope[smaller], total[smaller]
    return Quotient(value, error)


def _entry(rows: list[list[Array]], j: int, noise: Array) -> tuple[Array, Array]:
    old, new = rows
    found = new[j]
    return found, np.maximum(np.abs(found - new[j - 1]), np.abs(found - old[j - 1])) + noise


def _scale(value: Array) -> Array:
    return np.maximum(np.abs(value), float(np.max(np.abs(value), initial=0.0)) * 2.0**-10)
