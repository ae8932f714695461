"""The law of products: what BackPACK offers beside extensions multiplies with the matrix that it says."""

from __future__ import annotations

import torch

from jaccheck.sequences.monte_carlo import check_law
from jaccheck.sequences.sequence import Sequence, Tally

USE = (
    "from torch.func import hessian, jacrev",
    "from backpack.extensions import BatchGrad",
    "from backpack.hessianfree.ggnvp import ggn_vector_product",
    "from backpack.hessianfree.hvp import hessian_vector_product",
    "from backpack.hessianfree.lop import transposed_jacobian_vector_product",
    "from backpack.hessianfree.rop import jacobian_vector_product",
    "from backpack.utils.convert_parameters import vector_to_parameter_list",
    "from backpack.utils.kroneckers import apply_inv_kfac_mat_prod, apply_kfac_mat_prod, kfacs_to_mat",
    "torch.manual_seed(1)",
    "X, y = torch.randn(4, 2).double(), torch.tensor([0, 1, 1, 0])",
    "plain = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)).double()",
    "model = extend(copy.deepcopy(plain))",
    "parameters = list(model.parameters())",
    "flat = torch.cat([p.detach().flatten() for p in parameters])",
    "vector, vectors = torch.randn_like(flat), torch.randn(4, 2).double()",
    "parts = lambda v: v.split([p.numel() for p in parameters])",
    "named = lambda v: {k: part.view_as(p) for (k, p), part in zip(plain.named_parameters(), parts(v))}",
    "outputs = lambda v: functional_call(plain, named(v), (X,)).flatten()",
    "loss = lambda f: nn.functional.cross_entropy(f.view(4, 2), y)",
    "joined = lambda found: torch.cat([part.flatten() for part in found])",
    "J, f = jacrev(outputs)(flat), outputs(flat).detach()",
    "like_parameters = vector_to_parameter_list(vector, parameters)",
    "A, B, M = (torch.randn(n, n).double() for n in (2, 3, 6))",
    "A, B = A @ A.T + torch.eye(2), B @ B.T + torch.eye(3)",
)
"""A smooth network, its Jacobian by torch.func on a plain copy, and two symmetric matrices."""

LAWS: tuple[tuple[str, str], ...] = (
    (
        "vector_to_parameter_list cuts a vector as parameters_to_vector joins it",
        "assert torch.equal(joined(like_parameters), vector)",
    ),
    *(
        (
            f"{name} multiplies with {matrix}, {where}",
            f"{context}:\n"
            "    found = model(X)\n"
            f"    product = joined({call})\n"
            f"assert torch.allclose(product, {expected}, rtol=1e-9, atol=1e-12)",
        )
        for where, context in (
            ("outside a context", "with suppress()"),
            ("in a context", "with backpack(BatchGrad(), retain_graph=True)"),
        )
        for name, matrix, call, expected in (
            (
                "jacobian_vector_product",
                "the Jacobian",
                "jacobian_vector_product(found, parameters, like_parameters)",
                "J @ vector",
            ),
            (
                "transposed_jacobian_vector_product",
                "the transposed Jacobian",
                "transposed_jacobian_vector_product(found, parameters, vectors)",
                "J.T @ vectors.flatten()",
            ),
            (
                "hessian_vector_product",
                "the Hessian",
                "hessian_vector_product(loss(found), parameters, like_parameters)",
                "hessian(lambda v: loss(outputs(v)))(flat) @ vector",
            ),
            (
                "ggn_vector_product",
                "the GGN",
                "ggn_vector_product(loss(found), found, model, like_parameters)",
                "J.T @ hessian(loss)(f) @ J @ vector",
            ),
        )
    ),
    (
        "kfacs_to_mat and apply_kfac_mat_prod are the Kronecker product",
        "assert torch.allclose(kfacs_to_mat([A, B]), torch.kron(A, B))\n"
        "assert torch.allclose(apply_kfac_mat_prod([A, B], M), torch.kron(A, B) @ M)\n"
        "assert torch.allclose(apply_kfac_mat_prod([A, B], M[:, 0]), torch.kron(A, B) @ M[:, 0])",
    ),
    (
        "apply_inv_kfac_mat_prod is the product with the inverse, and with that of shifted factors",
        "assert torch.allclose(apply_inv_kfac_mat_prod([A, B], torch.kron(A, B) @ M), M)\n"
        "shifted = torch.kron(A + 0.5 * torch.eye(2), B + 2.0 * torch.eye(3))\n"
        "assert torch.allclose(apply_inv_kfac_mat_prod([A, B], shifted @ M, shift=[0.5, 2.0]), M)",
    ),
)
"""In words, and the lines that fail where it does not hold."""


def check_products(*, use: tuple[str, ...] = USE) -> None:
    """Raises Broken, with its script, where a law does not hold."""
    sequence = Sequence((), Tally())
    with torch.random.fork_rng(devices=[]):
        sequence.session.run(*use)
        for words, lines in LAWS:
            check_law(sequence, words, lines)
