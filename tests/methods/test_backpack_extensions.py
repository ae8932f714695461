"""Faults in BackPACK's options that other methods cannot see are found by those that use them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from backpack.extensions.firstorder.batch_grad import batch_grad_base
from backpack.extensions.saved_quantities import SavedQuantities

from jaccheck.case import Case, Linear, Tanh
from jaccheck.judging import judge
from jaccheck.methods import build, calm_torch, find_method
from jaccheck.methods.backpack_extensions import joined, parts_of

CASE = Case(layers=(Linear(out_features=4), Tanh(), Linear(out_features=2)), in_shape=(3,), batch_size=4, seed=3)


@pytest.mark.parametrize("N", range(1, 7))
def test_parts_are_put_together_again(N: int) -> None:
    """One sample stands in them twice where there are two, in another order, and each ends in its place."""
    problem = build(replace(CASE, batch_size=N))
    empty, *parts = parts_of(problem, raising=())
    assert empty == []
    assert parts_of(problem, raising=("Tanh",)) == parts
    assert [n for part in parts for n in part] != list(range(N)) or N == 1
    assert joined([torch.tensor(part) for part in parts]).tolist() == list(range(N))


def _is_right(name: str) -> bool:
    with calm_torch():
        return not judge(CASE, find_method(name)).failures


def test_a_fault_in_subsampling_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where indices are sorted; without subsampling nothing is wrong."""
    assert _is_right("batch_grad_subsampled")
    right = batch_grad_base.subsample

    def sorts(tensor: torch.Tensor, dim: int = 0, subsampling: list[int] | None = None) -> torch.Tensor:
        return right(tensor, dim, subsampling and sorted(subsampling))

    monkeypatch.setattr(batch_grad_base, "subsample", sorts)
    assert not _is_right("batch_grad_subsampled")
    assert _is_right("batch_grad_loop")


def test_a_fault_of_several_extensions_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where they keep what they propagate in one place."""
    assert _is_right("sqrt_ggn_beside_others")
    kept: dict[int, torch.Tensor] = {}

    def shares(self: SavedQuantities) -> None:
        self._saved_quantities = kept

    monkeypatch.setattr(SavedQuantities, "__init__", shares)
    assert not _is_right("sqrt_ggn_beside_others")
    kept.clear()
    assert _is_right("sqrt_ggn_sum")
