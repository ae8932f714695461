"""Layers on flat features, and those that move no number."""

from __future__ import annotations

from dataclasses import field
from math import prod
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len

from jaccheck.case.drawing import st
from jaccheck.case.layers.layer import MAX_WIDTH, Layer, Shape, Width, layer
from jaccheck.errors import InvalidCase


def check_width(name: str, width: int) -> None:
    """Raises InvalidCase for a number of features or channels out of range: constructors check no ranges."""
    if not 1 <= width <= MAX_WIDTH:
        raise InvalidCase(f"{name}={width} must be 1 to {MAX_WIDTH}")


@layer
class Linear(Layer):
    """`torch.nn.Linear` on the last axis; the number of inputs follows from the layer before."""

    kind: Literal["Linear"] = field(default="Linear", repr=False)
    out_features: Width
    bias: bool = True

    positional = ("out_features",)

    def output_shape(self, shape: Shape) -> Shape:
        check_width("out_features", self.out_features)
        return (*shape[:-1], self.out_features)

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        bias = {"bias": (self.out_features,)} if self.bias else {}
        return {"weight": (self.out_features, shape[-1]), **bias}

    def sizes(self, shape: Shape) -> tuple[object, ...]:
        return shape[-1], self.out_features

    def products(self, shape: Shape, out: Shape) -> int:
        """Of a Linear on several axes; on one axis it is its own weight."""
        return prod(shape) * prod(out) if len(shape) > 1 else 0

    def numbers_beside(self, shape: Shape, out: Shape, N: int, C: int) -> int:
        return prod(shape) * (prod(out) + (1 + N * C) * self.out_features) if len(shape) > 1 else 0


@layer
class Identity(Layer):
    """`torch.nn.Identity`."""

    kind: Literal["Identity"] = field(default="Identity", repr=False)


@layer
class Dropout(Layer):
    """`torch.nn.Dropout` in evaluation mode, where it passes its input on; or in training mode with a fixed mask.

    That is one that keeps all or nothing: any other is drawn at random, so that there is no Jacobian.
    """

    kind: Literal["Dropout"] = field(default="Dropout", repr=False)
    p: Annotated[float, Ge(0), Le(1)] = 0.5
    training: bool = False

    def output_shape(self, shape: Shape) -> Shape:
        if self.training and self.p not in (0, 1):
            raise InvalidCase(f"in training mode p={self.p} draws a mask at random; only 0 and 1 do not")
        return shape

    def options(self) -> dict[str, object]:
        """Without the mode, which is no option of the constructor."""
        return {} if self.p == 0.5 else {"p": self.p}

    @property
    def drops_all(self) -> bool:
        """Whether nothing passes."""
        return self.training and self.p == 1

    @classmethod
    def module_names(cls) -> tuple[str, ...]:
        """In evaluation mode all of these do the same."""
        return "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"


@layer
class Flatten(Layer):
    """`torch.nn.Flatten`; with `start_dim=0`, as the last layer of a network of one output, `f` becomes `[N]`."""

    kind: Literal["Flatten"] = field(default="Flatten", repr=False)
    start_dim: Annotated[int, Ge(-4), Le(4)] = 1
    end_dim: Annotated[int, Ge(-4), Le(4)] = -1

    shrinks_to_defaults = True

    def output_shape(self, shape: Shape) -> Shape:
        axes = len(shape) + 1
        first, last = (each % axes if -axes <= each < axes else axes for each in (self.start_dim, self.end_dim))
        if first > last or last >= axes:
            raise InvalidCase(
                f"from {self.start_dim} to {self.end_dim} names no axes of (N, {', '.join(map(str, shape))})"
            )
        if first == 0:
            if shape != (1,):
                raise InvalidCase("start_dim=0 joins the samples: only after one output, as the last layer")
            return shape
        return (*shape[: first - 1], prod(shape[first - 1 : last]), *shape[last:])


@layer
class Embedding(Layer):
    """`torch.nn.Embedding` of integers below `num_embeddings`, as the first layer.

    Without `max_norm`, by which torch changes the weights in the forward pass, and without `scale_grad_by_freq` and
    `sparse`, whose gradients are no derivatives and no strided tensors.
    """

    kind: Literal["Embedding"] = field(default="Embedding", repr=False)
    num_embeddings: Width
    embedding_dim: Width
    padding_idx: Annotated[int, Ge(-MAX_WIDTH), Le(MAX_WIDTH)] | None = None

    positional = ("num_embeddings", "embedding_dim")

    def output_shape(self, shape: Shape) -> Shape:
        if self.padding_idx is not None and not -self.num_embeddings <= self.padding_idx < self.num_embeddings:
            raise InvalidCase(f"padding_idx={self.padding_idx} is none of {self.num_embeddings} rows")
        return (*shape, self.embedding_dim)

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}

    def products(self, shape: Shape, out: Shape) -> int:
        """The reference's input is a unit vector for each index."""
        return self.num_embeddings * prod(shape) * prod(out)

    def numbers_beside(self, shape: Shape, out: Shape, N: int, C: int) -> int:
        return prod(shape) * self.num_embeddings * (prod(out) + N + (1 + N * C) * (1 + self.embedding_dim))

    @classmethod
    def drawn(cls, draw: st.DrawFn) -> Embedding:
        """A few rows, one of them perhaps for padding."""
        rows = draw(st.integers(2, 6))
        padding = draw(st.none() | st.integers(-rows, rows - 1))
        return cls(num_embeddings=rows, embedding_dim=draw(st.integers(1, 3)), padding_idx=padding)


@layer
class AddEmbedding(Layer):
    """`x + embedding(indices)` on `(steps, features)`: constant indices, which `expand` gives an axis of samples."""

    kind: Literal["AddEmbedding"] = field(default="AddEmbedding", repr=False)
    num_embeddings: Width
    indices: Annotated[tuple[Annotated[int, Ge(0), Le(MAX_WIDTH)], ...], Len(1, 64)]
    expand: bool = False

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2 or shape[0] != len(self.indices):
            raise InvalidCase(f"has {len(self.indices)} indices, and needs as many steps with features, not {shape}")
        if max(self.indices) >= self.num_embeddings:
            raise InvalidCase(f"index {max(self.indices)} is none of {self.num_embeddings} rows")
        return shape

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        return {"embedding.weight": (self.num_embeddings, shape[-1])}

    def sizes(self, shape: Shape) -> tuple[object, ...]:
        return self.num_embeddings, shape[-1], self.indices, self.expand

    def options(self) -> dict[str, object]:
        """All is given without a name."""
        return {}

    def products(self, shape: Shape, out: Shape) -> int:
        """The reference looks up by a unit vector for each step."""
        return self.num_embeddings * shape[0] * prod(out)

    def numbers_beside(self, shape: Shape, out: Shape, N: int, C: int) -> int:
        return shape[0] * self.num_embeddings * (2 * prod(out) + N + (1 + N * C) * (1 + shape[-1]))
