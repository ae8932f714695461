"""Each kind of layer in a network of its own: in both modes, with every extension, with losses of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from jaccheck.sequences.directed.step import Directed, Step
from jaccheck.sequences.uses.rich import ANYWHERE, CLASSES, FIRST, INPUTS, Kind, Rich, fitting_after, shape_after
from jaccheck.sequences.uses.ways import WAYS, Way

FIRST_ORDER = ["BatchGrad", "BatchL2Grad", "SumGradSquared"]
SECOND_ORDER = ["SqrtGGNExact", "DiagGGNExact", "BatchDiagGGNExact"]
HESSIANS = ["DiagHessian", "BatchDiagHessian", "BatchGrad"]

ORDERS: tuple[list[int], ...] = ([1, 0], [1, 1, 0], [2], [])
"""Samples in another order, one of them twice, one alone, none."""

SEEDS = 60
"""Among so many seeds the one whose numbers have the fewest zeros, which hide errors, is taken."""

PLAIN = WAYS[0]


def used(rich: Rich, way: Way = PLAIN, *, first: bool = False, seed: int | None = None, **drawn: Any) -> Step:
    """A use of the network, which is made for the first one."""
    chosen: dict[str, Any] = {
        "rich": rich,
        "way": way,
        "index": 0 if first else 1,
        "seed": _seed(rich) if seed is None else seed,
        "names": ["BatchGrad", "DiagGGNExact"],
        "rows": None,
        "loss": "squares",
        "N": 3,
        "position": 0,
        "training": True,
    }
    return Step("use", {**chosen, **drawn})


def mode(*, training: bool) -> Step:
    """The network in another mode."""
    return Step("change_rich", {"what": "set_mode", "index": 0, "position": 0, "seed": 0, "switch": training})


def network(kind: Kind, *layers: str, first: int = 0) -> Rich:
    """These layers after a first one of its kind, and a Linear at the end."""
    every = [FIRST[kind][first], *(["ReduceTuple(0)"] if kind == "series" else []), *layers]
    if len(shape_after(kind, tuple(every))) > 1:
        every.append("nn.Flatten()")
    (width,) = shape_after(kind, tuple(every))
    return Rich(kind=kind, layers=(*every, f"nn.Linear({width}, {CLASSES})"))


def layers() -> Iterator[Directed]:
    """Every layer that can follow the first one of each kind, and each first one alone.

    Layers that take any shape follow a Linear only, but Dropout follows everything.
    """
    for kind in INPUTS:
        for first in range(len(FIRST[kind])):
            yield _all_of(network(kind, first=first))
        anywhere = () if kind == "vector" else tuple(each for each in ANYWHERE if "Dropout" not in each)
        start = (FIRST[kind][0], "ReduceTuple(0)") if kind == "series" else FIRST[kind][:1]
        for layer in fitting_after(kind, start):
            if layer not in anywhere:
                yield _all_of(network(kind, layer))


def _all_of(rich: Rich) -> Directed:
    seed = _seed(rich)
    return Directed(
        f"layers {' '.join(rich.layers)}",
        (
            used(rich, first=True, training=False, names=FIRST_ORDER),
            used(rich, seed=seed + 1, names=SECOND_ORDER, loss="sum of cross entropies"),
            mode(training=True),
            used(rich, seed=seed + 2, names=["BatchGrad", "DiagGGNExact", "Variance"]),
            used(rich, seed=seed + 3, names=HESSIANS, loss="cross entropy"),
        ),
    )


def subsampled() -> Iterator[Directed]:
    """Samples in any order, repeated, one alone and none, of each kind of input and loss."""
    for kind in INPUTS:
        rich = network(kind)
        for loss in ("squares", "sum of cross entropies"):
            steps = [
                used(rich, first=not number, seed=_seed(rich) + number, names=names, rows=rows, loss=loss)
                for number, rows in enumerate(ORDERS)
                for names in (["BatchGrad", "SqrtGGNExact"],)
            ]
            yield Directed(f"subsampling with {FIRST[kind][0]}, {loss}", tuple(steps))


@cache
def _seed(rich: Rich) -> int:
    return min(range(SEEDS), key=lambda seed: sum(int((v == 0).sum()) for v in rich.numbers(seed).values()))
