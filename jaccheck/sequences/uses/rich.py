"""`Rich`: a network of many kinds of layers as plain data, its numbers, and its source."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn

from jaccheck.core import plain_data
from jaccheck.oracle import Array
from jaccheck.sequences.shape import literal
from jaccheck.sequences.uses.plain import NAMES

Kind = Literal["vector", "image", "signal", "tokens", "series"]

INPUTS: dict[Kind, tuple[int, ...]] = {
    "vector": (3,),
    "image": (1, 4, 4),
    "signal": (2, 4),
    "tokens": (3,),
    "series": (2, 2),
}
"""The shape of one sample."""

FIRST: dict[Kind, tuple[str, ...]] = {
    "vector": ("nn.Linear(3, 3)",),
    "image": (
        "nn.Conv2d(1, 2, 2)",
        "nn.Conv2d(1, 2, 2, bias=False)",
        "nn.Conv2d(1, 2, 2, stride=2, padding=1)",
        "nn.Conv2d(1, 2, 2, dilation=2)",
    ),
    "signal": (
        "nn.Conv1d(2, 2, 2)",
        "nn.ConvTranspose1d(2, 2, 2)",
        "nn.Conv1d(2, 2, 2, groups=2)",
        "nn.ConvTranspose1d(2, 2, 2, groups=2)",
    ),
    "tokens": ("nn.Embedding(4, 2)",),
    "series": ("nn.RNN(2, 2, batch_first=True)", "nn.LSTM(2, 2, batch_first=True)"),
}
"""What a network begins with."""

ANYWHERE = (
    *("nn.ReLU()", "nn.LeakyReLU(0.5)", "nn.Tanh()", "nn.Sigmoid()", "nn.LogSigmoid()", "nn.ELU(0.5)", "nn.SELU()"),
    *("nn.Dropout(0.5)", "nn.Dropout(0.25)", "nn.Identity()", "ScaleModule(2.0)"),
)

TOKENS, CLASSES = 4, 2


@plain_data
class Rich:
    """A `Sequential` of layers, each as its source; float32. Outputs are `(N, 2)`, or dense: `(N, 2, positions)`."""

    kind: Kind
    layers: tuple[str, ...]

    C = CLASSES

    @property
    def modules(self) -> int:
        """How many modules do something themselves."""
        return len(self.paths())

    @property
    def positions(self) -> int:
        """How many outputs of each class a sample has, where there are several; otherwise 0."""
        return shape_after(self.kind, self.layers)[1] if self.layers[-1].endswith(f", {CLASSES}, 1)") else 0

    def built(self) -> nn.Sequential:
        """The network without BackPACK, with torch's random numbers."""
        with torch.random.fork_rng(devices=[]):
            made = eval(f"nn.Sequential({', '.join(self.layers)})", dict(NAMES))
        assert isinstance(made, nn.Sequential)
        return made

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter by name."""
        return dict(_facts(self)[0])

    def paths(self) -> tuple[str, ...]:
        """The names of the modules that BackPACK attaches hooks to: those without children, but for `ReduceTuple`."""
        return _facts(self)[1]

    def has(self, word: str) -> bool:
        """Whether a layer's source has the word."""
        return any(word in layer for layer in self.layers)

    def numbers(self, seed: int) -> dict[str, Array]:
        """Small integers for each parameter; halves in recurrent layers, which would saturate."""
        generator = np.random.Generator(np.random.PCG64(seed))
        return {
            name: generator.integers(-2, 2, size=shape, endpoint=True).astype(np.float64) / (2 if "l0" in name else 1)
            for name, shape in self.parameters().items()
        }

    def batch(self, N: int, seed: int) -> Array:
        """N samples: odd numbers of eighths, or indices.

        Were they whole, most networks would meet an exact zero somewhere before Dropout, and the known issue of that
        would excuse whatever else is wrong.
        """
        generator = np.random.Generator(np.random.PCG64(seed))
        if self.kind == "tokens":
            return generator.integers(0, TOKENS, size=(N, *INPUTS[self.kind])).astype(np.float64)
        return (2 * generator.integers(-8, 8, size=(N, *INPUTS[self.kind])) + 1) / 8.0

    def batch_source(self, X: Array, dtype: str) -> str:
        """A batch as a script writes it."""
        if self.kind == "tokens":
            return f"torch.tensor({X.astype(int).tolist()})"
        return f"torch.tensor({literal(X)}, dtype=torch.{dtype})"

    def source(self, name: str, values: dict[str, Array], dtype: str) -> list[str]:
        """Lines of Python that make this network in the variable `name`, with odd statistics in a BatchNorm."""
        lines = [f"{name} = nn.Sequential({', '.join(self.layers)}).to(torch.{dtype})", self.load(name, values)]
        if self.has("BatchNorm"):
            lines += [
                f"for module in {name}:",
                "    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):",
                "        module.running_mean.fill_(1.0), module.running_var.fill_(4.0)",
                "del module",
            ]
            return [lines[0], lines[1], "\n".join(lines[2:])]
        return lines

    def load(self, name: str, values: dict[str, Array]) -> str:
        """The line of Python that gives the network in `name` these numbers."""
        numbers = ", ".join(f'"{key}": torch.tensor({literal(value)})' for key, value in values.items())
        return f"{name}.load_state_dict({{{numbers}}}, strict=False)"


@cache
def _facts(rich: Rich) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], tuple[str, ...]]:
    model = rich.built()
    shapes = tuple((name, tuple(p.shape)) for name, p in model.named_parameters())
    paths = [name for name, module in model.named_modules() if not list(module.children())]
    sums = [f"{name}.merge" for name, module in model.named_modules() if type(module).__name__ == "Parallel"]
    kept = [name for name in paths if type(model.get_submodule(name)).__name__ != "ReduceTuple"]
    return shapes, (*kept, *sums)


@st.composite
def riches(draw: st.DrawFn) -> Rich:
    """Up to four layers between a first one of each kind and a Linear; or a convolution, which gives dense outputs."""
    kind = draw(st.sampled_from(tuple(INPUTS)))
    layers = [draw(st.sampled_from(FIRST[kind]))]
    if kind == "series":
        layers.append("ReduceTuple(0)")
    for _ in range(draw(st.integers(0, 3))):
        layers.append(draw(st.sampled_from(fitting_after(kind, tuple(layers)))))
    shape = shape_after(kind, tuple(layers))
    if len(shape) == 2 and draw(st.integers(0, 3)) == 0:
        return dense(kind, tuple(layers))
    if len(shape) > 1:
        layers.append("nn.Flatten()")
    (width,) = shape_after(kind, tuple(layers))
    return Rich(kind=kind, layers=(*layers, f"nn.Linear({width}, {CLASSES})"))


def dense(kind: Kind, layers: tuple[str, ...]) -> Rich:
    """A network with outputs at each position of what these layers give."""
    return Rich(kind=kind, layers=(*layers, f"nn.Conv1d({shape_after(kind, layers)[0]}, {CLASSES}, 1)"))


def _fitting(shape: tuple[int, ...]) -> tuple[str, ...]:
    """The layers that take a sample of this shape."""
    width = shape[-1]
    every = ", ".join(["slice(None)"] * len(shape))
    fitting = [*ANYWHERE, *(f"Slicing(({every}, {where}))" for where in ("[0, 0, -1]", "slice(0, 2)"))]
    fitting += ["Pad([1, 0])", "Pad([0, 2])"]
    if width > 1:
        fitting += [f"Slicing(({every}, slice(1, None)))", f"Slicing(({every}, [-1, 0]))"]
    if len(shape) == 1:
        one = f"nn.Linear({width}, {width})"
        fitting += [one, f"nn.BatchNorm1d({width})", f"Parallel({one}, {one})", f"Parallel({one}, {one}, {one})"]
        fitting += [f"Parallel(nn.Identity(), {one})", f"Parallel(Slicing((slice(None), slice(0, {width}))), {one})"]
    if len(shape) == 2:
        fitting += ["Permute(0, 2, 1)", "Permute(1, 2, init_transpose=True)", f"nn.BatchNorm1d({shape[0]})"]
        fitting += [f"nn.Linear({width}, 2)", "Permute(0, -1, -2)", "Permute(-1, -2, init_transpose=True)"]
        fitting += [f"nn.Conv1d({shape[0]}, {2 * shape[0]}, 1, groups={shape[0]})", "nn.AdaptiveAvgPool1d(1)"]
        if width > 1:
            fitting += ["nn.MaxPool1d(2, stride=1)", "nn.AvgPool1d(2, stride=1)"]
        if shape[0] == width:
            fitting += ["Parallel(Permute(0, 2, 1), nn.Identity())", "Parallel(Permute(0, 2, 1), nn.Tanh())"]
    if len(shape) == 3:
        fitting += ["Permute(0, 2, 3, 1)", f"nn.BatchNorm2d({shape[0]})", "nn.ZeroPad2d(1)"]
        fitting += [f"nn.ConvTranspose2d({shape[0]}, 2, 2)", "nn.AdaptiveAvgPool2d(1)"]
        if min(shape[1:]) > 1:
            fitting += ["nn.MaxPool2d(2, stride=1)", "nn.AvgPool2d(2, stride=1)"]
            fitting += [f"nn.Conv2d({shape[0]}, {2 * shape[0]}, 2, groups={shape[0]})"]
    return tuple(fitting)


def fitting_after(kind: Kind, layers: tuple[str, ...]) -> tuple[str, ...]:
    """The layers that can follow these."""
    return _fitting(shape_after(kind, layers))


@cache
def shape_after(kind: Kind, layers: tuple[str, ...]) -> tuple[int, ...]:
    """The shape that a sample has after these layers."""
    model = Rich(kind=kind, layers=layers).built().eval()
    size = (1, *INPUTS[kind])
    X = torch.zeros(size, dtype=torch.long) if kind == "tokens" else torch.zeros(size)
    return tuple(model(X).shape[1:])
