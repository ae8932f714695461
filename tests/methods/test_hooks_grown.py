"""`hooks`, and `jaccheck.jacobians` that prefers it, on random modules: right, or refused; never a wrong number."""

from __future__ import annotations

import pytest
import torch
from jaccheck_support.grammar import grown
from jaccheck_support.hooks import HOOKS, expected_of

import jaccheck
from jaccheck.errors import NotCovered
from jaccheck.methods import Jacobians, Problem

FEW, MANY = range(80), range(80, 600)


def _is_right(found: Jacobians, expected: Jacobians) -> None:
    assert list(found) == list(expected)
    for name, right in expected.items():
        size = max(1.0, float(right.abs().max()))
        torch.testing.assert_close(found[name], right, rtol=1e-9, atol=1e-10 * size)


def _check(seeds: range) -> None:
    refused = 0
    for seed in seeds:
        model, X, words = grown(seed)
        problem = Problem(model, X, model(X).numel() // len(X))
        assert HOOKS.refuses(problem) is None, words
        try:
            found = HOOKS.compute(problem)
        except NotCovered:
            assert "apart" in words
            refused += 1
            continue
        try:
            _is_right(found, expected_of(problem))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {words}: {error}") from None
    assert 0 < refused < len(seeds) / 5


def test_random_modules() -> None:
    """Pieces of real architectures, grown together; only pieces that are meant to be are refused."""
    _check(FEW)


@pytest.mark.slow
def test_many_random_modules() -> None:
    """The same on more of them."""
    _check(MANY)


def test_jacobians_of_random_modules_are_right() -> None:
    """By whatever method is taken: `hooks`, or another where that refuses; the last ones hold a `torch.cdist`."""
    for seed in (*range(1000, 1030), 710_019, 4_220_013, 99_310_070):
        model, X, words = grown(seed)
        expected = expected_of(Problem(model, X, model(X).numel() // len(X)))
        try:
            _is_right(jaccheck.jacobians(model, X), expected)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {words}: {error}") from None
