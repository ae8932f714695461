"""The boundary cases of the families beyond multilayer perceptrons: each layer with each of its options once."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.case.case import Case, DType
from jaccheck.case.layers.features import GELU, Embedding, Flatten, LeakyReLU, Linear, PReLU, ReLU
from jaccheck.case.layers.graph import Layer, Parallel, Repeat, Residual, Scale, Tied
from jaccheck.case.layers.spatial import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    Axes,
    BatchNorm,
    Convolution,
    MaxPool,
    TransposedConvolution,
    ZeroPad2d,
)
from jaccheck.case.values import Integers

Shape = tuple[int, ...]
Drawn = tuple[Shape, tuple[Layer, ...]]

HEAD = (Flatten(), Linear(out_features=2))
LEAKY = LeakyReLU(negative_slope=0.5)


def _conv(axes: Axes, out: int, kernel: int | Shape, **options: object) -> Convolution:
    return Convolution(axes=axes, out_channels=out, kernel_size=kernel, **options)  # type: ignore[arg-type]


def _transposed(axes: Axes, out: int, kernel: int | Shape, **options: object) -> TransposedConvolution:
    return TransposedConvolution(axes=axes, out_channels=out, kernel_size=kernel, **options)  # type: ignore[arg-type]


def convolutions() -> Iterator[Drawn]:
    """Every option of a convolution, in one, two and three dimensions."""
    yield (2, 4, 5), (_conv(2, 3, (2, 3), stride=(2, 1), padding=(1, 0)), LEAKY, *HEAD)
    yield (2, 5), (_conv(1, 4, 3, padding="same", dilation=2, groups=2), *HEAD)
    yield (1, 5), (_conv(1, 2, 2, padding="same"), LEAKY, *HEAD)
    yield (1, 6), (_conv(1, 2, 2, stride=3, padding="valid"), *HEAD)
    yield (2, 4), (_conv(1, 2, 3, padding=1, padding_mode="reflect"), *HEAD)
    yield (2, 3, 4), (_conv(2, 2, 2, padding=(0, 1), padding_mode="replicate"), *HEAD)
    yield (1, 3, 3), (_conv(2, 2, 2, padding=1, padding_mode="circular"), *HEAD)
    yield (1, 2, 3, 2), (_conv(3, 2, (1, 2, 2), padding=(0, 1, 0)), LEAKY, *HEAD)
    yield (3, 3, 2), (_conv(2, 3, 2, groups=3, bias=False), *HEAD)
    yield (2, 4), (_conv(1, 3, 2), LEAKY, _conv(1, 2, 2, dilation=2), Flatten())


def transposed_convolutions() -> Iterator[Drawn]:
    """Every option of a transposed convolution, in one, two and three dimensions."""
    yield (2, 3), (_transposed(1, 3, 2), LEAKY, *HEAD)
    yield (1, 3), (_transposed(1, 2, 3, stride=2, padding=1, output_padding=1), *HEAD)
    yield (1, 2, 3), (_transposed(2, 2, (2, 1), stride=(1, 2), dilation=(2, 1)), *HEAD)
    yield (2, 3), (_transposed(1, 4, 2, groups=2), *HEAD)
    yield (4, 2), (_transposed(1, 2, 2, groups=2, bias=False), *HEAD)
    yield (1, 2, 1, 2), (_transposed(3, 2, (1, 2, 2)), *HEAD)


def pooling() -> Iterator[Drawn]:
    """Pooling of every kind after a convolution, with overlapping windows, margins and rests."""
    one, two, three = _conv(1, 2, 2), _conv(2, 2, (1, 2)), _conv(3, 1, (1, 1, 2))
    yield (1, 6), (one, MaxPool(axes=1, kernel_size=2), *HEAD)
    yield (1, 3, 5), (two, MaxPool(kernel_size=(2, 3), stride=1, padding=(1, 0)), *HEAD)
    yield (1, 6), (one, MaxPool(axes=1, kernel_size=2, stride=2, ceil_mode=True), *HEAD)
    yield (1, 7), (one, MaxPool(axes=1, kernel_size=2, stride=1, dilation=2), *HEAD)
    yield (1, 2, 3, 3), (three, MaxPool(axes=3, kernel_size=2, stride=1), *HEAD)
    yield (1, 7), (one, AvgPool(axes=1, kernel_size=2, stride=1, padding=1), *HEAD)
    yield (1, 4, 3), (two, AvgPool(kernel_size=2, stride=2, divisor_override=2), *HEAD)
    yield (1, 3, 4), (two, AvgPool(kernel_size=2, stride=1, padding=1, count_include_pad=False), *HEAD)
    yield (1, 6), (one, AvgPool(axes=1, kernel_size=2, ceil_mode=True), *HEAD)
    yield (1, 2, 2, 3), (three, AvgPool(axes=3, kernel_size=(2, 1, 2)), *HEAD)
    yield (1, 2, 5), (two, AdaptiveAvgPool(output_size=(1, 2)), *HEAD)
    yield (1, 6), (one, AdaptiveMaxPool(axes=1, output_size=2), *HEAD)
    yield (1, 3, 3), (two, ZeroPad2d(padding=(1, 0, -1, 2)), *HEAD)


def normalization() -> Iterator[Drawn]:
    """Batch normalisation in evaluation mode, on features and on channels."""
    yield (3,), (BatchNorm(axes=1, eps=0.25), Linear(out_features=2))
    yield (3,), (Linear(out_features=4), BatchNorm(axes=1, eps=0.5), LEAKY, Linear(out_features=2))
    yield (2, 4), (_conv(1, 3, 2), BatchNorm(axes=1, eps=0.25), LEAKY, *HEAD)
    yield (2, 2, 3), (BatchNorm(eps=0.125), *HEAD)
    yield (1, 2, 1, 2), (_conv(3, 2, 1), BatchNorm(axes=3, eps=0.25), *HEAD)
    yield (3,), (Linear(out_features=4), BatchNorm(axes=1, eps=0.25, affine=False), Linear(out_features=2))


def embedding() -> Iterator[Drawn]:
    """An Embedding of one index and of several, with and without a row for padding."""
    yield (1,), (Embedding(num_embeddings=4, embedding_dim=3), Flatten(), Linear(out_features=2))
    yield (3,), (Embedding(num_embeddings=5, embedding_dim=2), LEAKY, *HEAD)
    yield (3,), (Embedding(num_embeddings=4, embedding_dim=2, padding_idx=1), *HEAD)


def extra_axes() -> Iterator[Drawn]:
    """Linear on more than one axis, `[N, A, D]`, where one weight is used A times."""
    yield (3, 4), (Linear(out_features=2), Flatten())
    yield (2, 4), (Linear(out_features=3), LEAKY, *HEAD)
    yield (2, 3, 2), (Linear(out_features=3, bias=False), Flatten(start_dim=2), LEAKY, *HEAD)
    yield (2, 1, 3), (Flatten(end_dim=2), Linear(out_features=2), *HEAD)


def branches() -> Iterator[Drawn]:
    """Skip connections and several branches, by plain functional operations between modules."""
    square, narrow = Linear(out_features=3), Linear(out_features=2)
    yield (3,), (Residual(layers=(square, LEAKY)), narrow)
    yield (3,), (square, LEAKY, Residual(layers=(square,)), LEAKY, narrow)
    yield (3,), (Parallel(branches=((Linear(out_features=4), LEAKY), (Linear(out_features=4),))), narrow)
    yield (3,), (Parallel(branches=((Linear(out_features=1),), (narrow, LEAKY), ()), merge="cat"), narrow)
    yield (2,), (Linear(out_features=4), Scale(factor=-2.0), LEAKY, narrow)
    yield (2, 3), (Residual(layers=(_conv(1, 2, 3, padding=1),)), *HEAD)
    # Several heads whose outputs are joined; the last time one of them on an earlier layer than the other.
    yield (3,), (square, LEAKY, Parallel(branches=((narrow,), (Linear(out_features=1, bias=False),)), merge="cat"))
    yield (3,), (square, Parallel(branches=((narrow, LEAKY), (LEAKY, square, Linear(out_features=1))), merge="cat"))
    yield (2, 3), (_conv(1, 2, 2), Parallel(branches=(HEAD, (LEAKY, *HEAD)), merge="cat"))
    yield (4,), (square, LEAKY, Parallel(branches=((narrow,), (square, LEAKY, narrow)), merge="cat"))


def activations() -> Iterator[Drawn]:
    """Activations that BackPACK does not know, on features and on channels; a PReLU has parameters of its own."""
    wide, narrow = Linear(out_features=3), Linear(out_features=2)
    yield (4,), (wide, PReLU(), narrow)
    yield (4,), (wide, PReLU(num_parameters=3), narrow)
    yield (2, 4), (_conv(1, 3, 2), PReLU(num_parameters=3), *HEAD)
    yield (3,), (PReLU(), wide, PReLU(num_parameters=3))
    yield (4,), (wide, GELU(), narrow)
    yield (4,), (wide, GELU(approximate="tanh"), narrow)
    yield (2, 4), (_conv(1, 2, 2), GELU(), *HEAD)


def shared() -> Iterator[Drawn]:
    """One parameter, used in two places: by the same module twice in a row, or by two modules that hold it."""
    yield (3,), (Repeat(layers=(Linear(out_features=3), LEAKY)), Linear(out_features=2))
    yield (2, 3), (Repeat(layers=(_conv(1, 2, 3, padding=1), LEAKY)), *HEAD)
    yield (3,), (Linear(out_features=3), Repeat(layers=(ReLU(),), times=2), Linear(out_features=2))
    yield (3,), (Tied(layers=(Linear(out_features=3), LEAKY)), Linear(out_features=2))
    yield (2,), (Tied(layers=(Linear(out_features=2, bias=False),), times=3),)
    yield (2, 3), (Tied(layers=(_conv(1, 2, 3, padding=1), LEAKY)), *HEAD)


ZOO = {
    "convolution": convolutions,
    "transposed_convolution": transposed_convolutions,
    "pooling": pooling,
    "normalization": normalization,
    "embedding": embedding,
    "extra_axes": extra_axes,
    "branches": branches,
    "activations": activations,
    "shared": shared,
}
"""Every family beyond multilayer perceptrons, in the order in which a run takes them."""

BRANCH_SEED = 1
"""With the seed 0 of all others one of the joined branches has no derivative that is not zero."""


def zoo_cases(family: str, dtype: DType) -> Iterator[Case]:
    """The boundary cases of one of these families: small integers, so few that also bfloat16 keeps them exactly."""
    for shape, layers in ZOO[family]():
        yield Case(
            layers=layers,
            in_shape=shape,
            batch_size=3,
            dtype=dtype,
            seed=BRANCH_SEED if isinstance(layers[0], Parallel) and layers[0].merge == "cat" else 0,
            recipe=Integers(magnitude=1, fan_in=2),
            family=family,
        )
