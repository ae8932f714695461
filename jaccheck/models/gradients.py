"""`gradients`: per-sample gradients of a loss; `assert_gradients_right`: are these the right ones?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from jaccheck.core import checked
from jaccheck.errors import InvalidModel
from jaccheck.judging import Expectation, examine
from jaccheck.methods import (
    BatchAxis,
    Choice,
    Returns,
    check_returns,
    divisor_of,
    gradients_on,
    loss_problem,
    problem_of,
)
from jaccheck.models.asserting import assert_right
from jaccheck.models.computing import computed
from jaccheck.models.convention import mistaken
from jaccheck.oracle import Array

PREFERENCE = (
    "hooks",
    "loss_vmap_grad",
    "vmap_vjp",
    "vmap_jacrev",
    "func_jacrev",
    "loss_autograd_loop",
    "autograd_loop",
)
"""In which order methods are tried where none is named: the fast ones, then those that ask less of a model."""

Loss = nn.Module | Callable[..., Tensor]


@checked("method")
def gradients(
    model: nn.Module,
    X: Any,
    y: Tensor,
    loss: Loss,
    *,
    returns: Returns = "own",
    output: str | int | None = None,
    parameters: Sequence[str] | str = (),
    batch_axis: BatchAxis = 0,
    method: str | None = None,
) -> dict[str, Tensor]:
    """The per-sample gradients `(N, *θ.shape)` of every trainable parameter θ by name, by this method or the best.

    Row n is the gradient of `loss(model(X), y)` for sample n alone, with reduction "sum"; with `returns="share"` it is
    that sample's share in the loss as it is reduced, and the rows add up to its gradient. `output`, `parameters` and
    `batch_axis` choose among what there is, as in `jacobians`. Works on a copy. Raises InvalidModel where there are
    none, UnknownName for a method that does not exist, and what the named method raises.
    """
    check_returns(returns)
    choice = Choice(output=output, parameters=parameters, batch_axis=batch_axis)
    problem = loss_problem(problem_of(model, X, choice), y, loss)
    by = divisor_of(problem) if returns == "share" else 1.0
    if not by:
        raise InvalidModel("the mean of no target is not defined: no sample has a share in it")
    return {name: g.squeeze(1) / by for name, g in computed(problem, PREFERENCE if method is None else method).items()}


def assert_gradients_right(
    actual: Mapping[str, Tensor],
    model: nn.Module,
    X: Any,
    y: Tensor,
    loss: Loss,
    *,
    returns: Returns,
    output: str | int | None = None,
    parameters: Sequence[str] | str = (),
    batch_axis: BatchAxis = 0,
) -> None:
    """Nothing, where `actual` holds the per-sample gradients `(N, *θ.shape)` of the loss by parameter name.

    `returns` says which: "own", of the loss of each sample alone, or "share", of its part in the loss as it is reduced.
    Otherwise raises AssertionError with the entry furthest out, what was expected, by which comparison and, where the
    numbers are right but for the factor of the reduction, that. Entries that cannot be decided pass, as in
    `assert_jacobians_right`. `output`, `parameters` and `batch_axis` are those of `gradients`. Raises InvalidModel like
    `check`.
    """
    check_returns(returns)
    choice = Choice(output=output, parameters=parameters, batch_axis=batch_axis)
    problem = loss_problem(problem_of(model, X, choice), y, loss)
    by = divisor_of(problem)
    if returns == "share" and not by:
        raise InvalidModel("the mean of no target is not defined: no sample has a share in it")
    is_mapping = isinstance(actual, Mapping) and all(isinstance(g, Tensor) and g.dim() for g in actual.values())
    found: Any = {name: g[:, None] for name, g in actual.items()} if is_mapping else actual

    def hint(own: Array, expectation: Expectation) -> str:
        return mistaken(own, expectation, returns, by, problem.N)

    with gradients_on():
        factor = by if returns == "share" else 1.0
        assert_right("gradients, as (N, 1, *θ.shape)", found, examine(problem), factor=factor, hint=hint)
