"""Every family by its name, in the order in which a run takes them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from jaccheck.case.case import DTYPES, Case, DType
from jaccheck.case.families import perceptrons
from jaccheck.case.families.architectures import ARCHITECTURES
from jaccheck.case.families.estimated import ESTIMATED
from jaccheck.case.families.family import Family
from jaccheck.case.families.losses import LOSSES
from jaccheck.case.families.views import VIEWS

BY_NAME: dict[str, Family] = {
    family.name: family for family in (*perceptrons.PERCEPTRONS, *ARCHITECTURES, VIEWS, LOSSES, *ESTIMATED)
}

FAMILIES: tuple[str, ...] = tuple(BY_NAME)
PERCEPTRONS: tuple[str, ...] = tuple(family.name for family in perceptrons.PERCEPTRONS)
"""The families of multilayer perceptrons."""


def has_rules(family: str) -> bool:
    """Whether a bound is proven for every layer of its cases."""
    return BY_NAME[family].has_rules


@cache
def boundary_cases(family: str, dtype: DType) -> tuple[Case, ...]:
    """The deterministic cases of a family in one dtype."""
    return tuple(BY_NAME[family].boundary(dtype))


def all_boundary_cases() -> Iterator[Case]:
    """The boundary cases of every family and dtype."""
    for dtype in DTYPES:
        for family in FAMILIES:
            yield from boundary_cases(family, dtype)
