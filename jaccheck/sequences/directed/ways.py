"""Each way of a use between two plain ones, on a network that it can be used on: what it breaks must show."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.sequences.directed.layers import network, used
from jaccheck.sequences.directed.step import Directed, Step
from jaccheck.sequences.uses.rich import Kind, Rich, dense
from jaccheck.sequences.uses.rules import WITH
from jaccheck.sequences.uses.use import LOSSES
from jaccheck.sequences.uses.ways import WAYS, Way

CHAIN = network("vector", "nn.LeakyReLU(0.5)", "nn.Linear(3, 3)")
DENSE: tuple[tuple[Kind, str], ...] = (("signal", "nn.Conv1d(2, 2, 2)"), ("tokens", "nn.Embedding(4, 2)"))
"""What networks with outputs at each position begin with."""
SIGNAL = dense("signal", ("nn.Conv1d(2, 2, 2)", "nn.LeakyReLU(0.5)", "nn.Conv1d(2, 2, 1)"))

SEED = 356
"""No number of these networks is zero then, so that whatever is wrong reaches a result."""


def ways() -> Iterator[Directed]:
    """Each way in the order of `WAYS`, with extensions of both orders where it takes them."""
    for way in WAYS:
        yield Directed(f"way: {way.name}", _between_plain_uses(WITH.get(way.needs, CHAIN), way))


def _between_plain_uses(rich: Rich, way: Way) -> tuple[Step, ...]:
    training = way.needs != "BatchNorm"  # the second-order extensions refuse the other mode
    names = ["BatchGrad", "DiagGGNExact"] if way.is_modular and training else ["BatchGrad"]
    plain = WAYS[0]
    return (
        used(rich, plain, first=True, seed=SEED, training=training, names=names, position=1),
        used(rich, way, seed=SEED + 1, names=names, position=1),
        used(rich, plain, seed=SEED + 2, names=names, position=1),
        used(rich, way, seed=SEED + 3, names=[*reversed(names)], position=1, loss="sum of squares"),
        used(rich, way, seed=SEED + 4, names=["BatchGrad", "SumGradSquared"], position=1),  # where the others raise
    )


def dense_ways() -> Iterator[Directed]:
    """Each way that dense outputs can be used in, after a plain use."""
    for way in WAYS:
        if way.needs_rows or not SIGNAL.has(way.needs):
            continue
        names = ["BatchGrad", "DiagGGNExact"] if way.is_modular else ["BatchGrad"]
        steps = (
            used(SIGNAL, WAYS[0], first=True, seed=SEED, names=names, position=1, loss="cross entropy"),
            used(SIGNAL, way, seed=SEED + 1, names=names, position=1, loss="sum of cross entropies"),
        )
        yield Directed(f"way, of dense outputs: {way.name}", steps)


def losses() -> Iterator[Directed]:
    """Each loss with each extension; exact zeros before Dropout, and a view before a curved activation."""
    for loss in LOSSES:
        asked = [["BatchGrad", "BatchL2Grad", "Variance"], ["SqrtGGNExact", "BatchDiagGGNExact"], ["DiagHessian"]]
        uses = (used(CHAIN, first=not n, seed=SEED + n, loss=loss, names=each) for n, each in enumerate(asked))
        yield Directed(f"loss: {loss}", tuple(uses))
    for view in ("Permute(0, 2, 1)", "Slicing((slice(None), slice(None), slice(1, None)))"):
        yield Directed(
            f"layers: {view} before an activation",
            (used(network("signal", view, "nn.Tanh()"), first=True, names=["DiagHessian", "BatchGrad"]),),
        )
    for kind, layer in DENSE:
        for loss in ("cross entropy", "sum of cross entropies", "ignored target"):
            rich = dense(kind, (layer, "nn.Tanh()"))
            asked = [["BatchGrad", "Variance"], ["SqrtGGNExact", "DiagGGNExact", "BatchDiagGGNExact"], ["DiagHessian"]]
            uses = (used(rich, first=not n, seed=SEED + n, loss=loss, names=each) for n, each in enumerate(asked))
            yield Directed(f"dense outputs of {layer}: {loss}", tuple(uses))
    zeros = network("tokens", "nn.Dropout(0.5)")
    yield Directed(
        "layers: exact zeros before Dropout",
        tuple(used(zeros, first=not n, seed=SEED + n, names=["DiagGGNExact"]) for n in range(3)),
    )
