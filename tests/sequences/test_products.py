"""The law of products: it holds, and each of its parts is seen to fail."""

from __future__ import annotations

import pytest

from jaccheck.methods import calm_torch
from jaccheck.sequences.broken import Broken
from jaccheck.sequences.products import LAWS, USE, check_products


def test_it_holds_of_the_installed_backpack() -> None:
    """Products with Jacobian, its transpose, Hessian, GGN and Kronecker products, in a context and outside."""
    with calm_torch():
        check_products()


SPOILED = {
    "vector_to_parameter_list": "vector = 2 * vector",
    "jacobian_vector_product multiplies with the Jacobian, outside": (
        "jacobian_vector_product = lambda f, p, v: [vectors]"
    ),
    "jacobian_vector_product multiplies with the Jacobian, in a context": (
        "right, jacobian_vector_product = jacobian_vector_product, "
        "lambda f, p, v: [(2.0 if CTX.active_exts else 1.0) * each for each in right(f, p, v)]"
    ),
    "transposed_jacobian_vector_product": (
        "back, transposed_jacobian_vector_product = transposed_jacobian_vector_product, "
        "lambda f, p, v: back(f, p, v.flip(0))"
    ),
    "hessian_vector_product": (
        "second, hessian_vector_product = hessian_vector_product, lambda f, p, v: second(2 * f, p, v)"
    ),
    "ggn_vector_product": (
        "ggn, ggn_vector_product = ggn_vector_product, lambda l, f, m, v: ggn(l, f, m, [-each for each in v])"
    ),
    "kfacs_to_mat": "kron, kfacs_to_mat = kfacs_to_mat, lambda factors: kron(factors[::-1])",
    "apply_inv_kfac_mat_prod": (
        "solve, apply_inv_kfac_mat_prod = apply_inv_kfac_mat_prod, lambda factors, mat, shift=None: solve(factors, mat)"
    ),
}
"""What a message says, and a line after the use that spoils it."""


@pytest.mark.parametrize("what", SPOILED)
def test_each_is_seen_to_fail(what: str) -> None:
    """A function is replaced by a wrong one; the script of what is told fails alone."""
    with pytest.raises(Broken) as caught, calm_torch():
        check_products(use=(*USE, SPOILED[what]))
    assert what in caught.value.message
    with pytest.raises(AssertionError), calm_torch():
        exec(caught.value.script, {})


def test_each_law_is_spoiled_once() -> None:
    """No function is without a test of its own."""
    assert all(any(words.startswith(what.split()[0]) for what in SPOILED) for words, _ in LAWS)
