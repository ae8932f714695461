"""Issues that no comparison of numbers shows: what a call leaves behind in the model, or in the process."""

from __future__ import annotations

from jaccheck.judging.known.issue import KnownIssue, Severity
from jaccheck.judging.known.others import LAPLACE

PROCESS_ISSUES: tuple[KnownIssue, ...] = (
    KnownIssue(
        id="laplace-backpack-removes-hooks",
        title="BackPackGGN.jacobians takes the hooks of BackPACK off every model of the process",
        severity=Severity.SIDE_EFFECT,
        methods=("laplace_backpack",),
        package=LAPLACE,
        versions=">=0.3",
        condition="another model of the process is extended",
        instead="later passes of BackPACK over that model give no result, or fail",
        reason="jacobians ends with CTX.remove_hooks(), which is for all that was ever extended",
        reference="searched, none found (2026-11-30)",
    ),
    KnownIssue(
        id="torch-functional-call-shared-module",
        title="functional_call leaves a module that has two names without its parameters",
        severity=Severity.SIDE_EFFECT,
        methods=(
            *("func_jacrev", "func_jacrev_chunked", "func_jacfwd", "func_linearize"),
            *(
                "vmap_jacrev",
                "vmap_jacrev_chunked",
                "vmap_jacfwd",
                "vmap_jacfwd_chunked",
                "vmap_vjp",
                "vmap_vjp_chunked",
            ),
        ),
        package="torch",
        versions=">=2.0",
        condition="a module is registered under two names in the model",
        instead="its parameters are the plain tensors of the last call: no optimizer and no later gradient sees them",
        reason="both names are swapped one after the other, and the second remembers what the first has put there",
        reference="https://github.com/pytorch/pytorch/issues/164759",
    ),
)
"""What packages do to the model that they get, or to the process beyond it."""
