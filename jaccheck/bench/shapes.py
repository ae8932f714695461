"""The shapes that methods are timed on, from the tutorial's to two gigabytes, and sweeps along one axis each."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import torch
from torch import nn

from jaccheck.core import plain_data
from jaccheck.errors import UnknownName
from jaccheck.methods import Problem, load_device, load_problem
from jaccheck.reports import Axis


@plain_data
class Shape:
    """A network and batch to be timed on.

    `widths` are those of a multilayer perceptron with ReLU, input first, C last; without any it is a small
    convolutional network, or the user's own where `model` names one as FILE.py:FUNCTION. `axis` and `size` say
    which sweep it is a point of.
    """

    name: str
    widths: tuple[int, ...] = ()
    N: int = 16
    model: str | None = None
    axis: Axis | None = None
    size: int | None = None

    @property
    def network(self) -> str:
        """The network in a few characters."""
        return self.model or "-".join(map(str, self.widths)) or "conv 1-8-16, 16×16 pixels, 10 classes"

    @property
    def entries(self) -> int:
        """Entries of the Jacobian; 0 where only the network itself could tell."""
        parameters = sum((a + 1) * b for a, b in pairwise(self.widths))
        return self.N * self.widths[-1] * parameters if self.widths else 0


SHAPES = (
    Shape(name="tutorial", widths=(10, 7, 5), N=15),
    Shape(name="small", widths=(50, 50, 10), N=32),
    Shape(name="cnn", N=8),
    Shape(name="deep", widths=(32,) * 17 + (10,), N=32),
    Shape(name="many_outputs", widths=(64, 64, 100), N=32),
    Shape(name="wide", widths=(100, 1000, 10), N=64),
    Shape(name="large", widths=(784, 512, 10), N=128),
)

DEFAULT = tuple(shape for shape in SHAPES if shape.name in ("tutorial", "cnn", "deep", "wide"))
"""What calls cost, convolutions, many layers, memory: one shape for each, within a minute and a half."""

# The point that all sweeps share has 3 million entries: large enough for the work to outweigh what a call costs.
_N, _C, _WIDTH, _DEPTH = 32, 10, 96, 2


def _point(axis: Axis, size: int) -> Shape:
    sizes: dict[Axis, int] = {"N": _N, "C": _C, "width": _WIDTH, "depth": _DEPTH, axis: size}
    widths = (sizes["width"],) * sizes["depth"] + (sizes["C"],)
    return Shape(name=f"{axis}={size}", widths=widths, N=sizes["N"], axis=axis, size=size)


_SIZES: dict[Axis, tuple[int, ...]] = {
    "N": (8, 16, 32, 64, 128),
    "C": (4, 8, 16, 32, 64),
    "width": (24, 48, 96, 192, 384),
    "depth": (2, 4, 8, 16, 32),
}
"""Five each: from fewer the interval of an exponent says nothing."""

SWEEPS = tuple(_point(axis, size) for axis, sizes in _SIZES.items() for size in sizes)


def choose_shapes(names: tuple[str, ...], *, is_thorough: bool = False) -> tuple[Shape, ...]:
    """The shapes of these names; "sweeps" stands for all points of the sweeps. Without a name four, or all.

    The largest shape comes last, so that whatever ends the run early, most is there. Raises UnknownName.
    """
    known = {shape.name: shape for shape in (*SWEEPS, *SHAPES)}
    for name in names:
        if name not in known and name != "sweeps":
            named = ", ".join(shape.name for shape in SHAPES)
            raise UnknownName(
                f"shape {name!r} is not known; choose from {named}, or sweeps, or one of its points as N=64"
            )
    if not names:
        return (*SHAPES[:-1], *SWEEPS, SHAPES[-1]) if is_thorough else DEFAULT
    return tuple(shape for name, shape in known.items() if name in names or ("sweeps" in names and shape.axis))


def make(shape: Shape, dtype: str, device: str) -> Problem:
    """The problem of a shape, the same numbers every time."""
    load_device(device)
    kind = getattr(torch, dtype)
    if shape.model is not None:
        own = load_problem(shape.model)
        model, X = own.model.to(device), own.X.to(device)
        return Problem(model, X, own.C)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _perceptron(shape.widths) if shape.widths else _convolutional()
        X = torch.randn(shape.N, *((shape.widths[0],) if shape.widths else (1, 16, 16)))
    return Problem(model.to(device, kind).train(False), X.to(device, kind), shape.widths[-1] if shape.widths else 10)


def _perceptron(widths: tuple[int, ...]) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 8 * 8, 10),
    )


def jacobian_bytes(problem: Problem) -> int:
    """Bytes of all Jacobians of a problem together."""
    return sum(problem.N * problem.C * prod(p.shape) * p.element_size() for p in problem.parameters.values())
