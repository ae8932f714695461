"""`Family`: what a case can be made for.

A family is a place where faults hide that random cases of another kind never reach. Each has at least one boundary
case for every dtype that is decided on every method which covers it, so no family can pass by comparing nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jaccheck.case.case import Case, DType
from jaccheck.case.drawing import st

Boundary = Callable[[DType], Iterator[Case]]


@dataclass(frozen=True, slots=True)
class Family:
    """Cases of one kind, by its name: deterministic ones, which come first in every run, and random ones."""

    name: str
    boundary: Boundary
    strategy: Callable[[tuple[DType, ...]], st.SearchStrategy[Case]]
    has_rules: bool = True
    """Whether a bound is proven for each of its layers."""
