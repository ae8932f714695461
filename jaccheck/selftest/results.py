"""`Result`: what a call returned or raised; and how two tolerances of torch judge it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jaccheck.judging import NO_EXCEPTION, STRUCTURE
from jaccheck.methods import Jacobians
from jaccheck.reports import Judge, first_line


@dataclass(frozen=True, slots=True)
class Result:
    """What a call returned, copied at once, or what it raised."""

    jacobians: Jacobians | object
    error: Exception | None = None

    def is_identical(self, other: Result) -> bool:
        """Whether both are the same, bit by bit, so that no comparison of results can tell them apart."""
        if self.error or other.error or not (is_plain(self.jacobians) and is_plain(other.jacobians)):
            return False
        mine, others = plain(self.jacobians), plain(other.jacobians)
        return list(mine) == list(others) and all(_identical(mine[name], others[name]) for name in mine)


def is_plain(jacobians: object) -> bool:
    """Whether it is a dict of strided tensors."""
    return isinstance(jacobians, dict) and all(
        isinstance(value, Tensor) and value.layout == torch.strided for value in jacobians.values()
    )


def plain(jacobians: object) -> Jacobians:
    """The same dict, typed; an empty one for anything else."""
    return jacobians if isinstance(jacobians, dict) else {}


def _identical(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return torch.equal(one, other) or (torch.equal(one.nan_to_num(), other.nan_to_num()) and _same_nan(one, other))


def _same_nan(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.isnan(), other.isnan()) and torch.equal(one.isinf(), other.isinf())


def copied(jacobians: object) -> object:
    """A copy of the tensors, or the same object where it holds none."""
    if not is_plain(jacobians):
        return jacobians
    return {name: value.detach().clone() for name, value in plain(jacobians).items()}


def _structural(result: Result, reference: Jacobians) -> tuple[str, str] | None:
    """What a comparison by tolerance finds before it compares values: an exception, names, shapes."""
    if result.error:
        return NO_EXCEPTION.name, first_line(result.error)
    found = result.jacobians
    if not is_plain(found):
        return STRUCTURE.name, f"returned {type(found).__name__}, or values that are no strided tensors"
    found = plain(found)
    if list(found) != list(reference):
        return STRUCTURE.name, f"returned Jacobians of {list(found)}, expected {list(reference)}"
    for name, value in reference.items():
        if found[name].shape != value.shape:
            return STRUCTURE.name, f"{name}: shape {tuple(found[name].shape)}, expected {tuple(value.shape)}"
    return None


def _by_allclose(result: Result, reference: Jacobians) -> tuple[str, str] | None:
    """What `torch.allclose` finds wrong, parameter by parameter."""
    if difference := _structural(result, reference):
        return difference
    for name, value in reference.items():
        found = plain(result.jacobians)[name]
        if found.dtype != value.dtype:
            return STRUCTURE.name, f"{name}: {found.dtype} did not match {value.dtype}"
        if not torch.equal(found, value) and not torch.allclose(found, value):
            return "values", f"{name}: not close"
    return None


def _by_assert_close(result: Result, reference: Jacobians) -> tuple[str, str] | None:
    """What `torch.testing.assert_close` finds wrong, parameter by parameter."""
    if difference := _structural(result, reference):
        return difference
    for name, value in reference.items():
        found = plain(result.jacobians)[name]
        if found.dtype == value.dtype and torch.equal(found, value):
            continue
        try:
            torch.testing.assert_close(found, value)
        except AssertionError as error:
            return "values", f"{name}: {first_line(error)}"
    return None


TOLERANCES: dict[Judge, Callable[[Result, Jacobians], tuple[str, str] | None]] = {
    "allclose": _by_allclose,
    "assert_close": _by_assert_close,
}
