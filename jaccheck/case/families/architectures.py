"""Families beyond multilayer perceptrons: each layer with each of its options once, then random networks of them.

Every option is drawn within what the shape before it allows, so that each draw is a legal case by construction.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.case.drawing import composite, st
from jaccheck.case.families.bodies import HEAD, LEAKY, Drawn, between, dyadic, family_of, keeping
from jaccheck.case.layers.activations import GELU, Activation, PReLU, ReLU
from jaccheck.case.layers.convolutions import Axes, Convolution, TransposedConvolution
from jaccheck.case.layers.features import AddEmbedding, Embedding, Flatten, Linear
from jaccheck.case.layers.layer import LAYERS, Layer, Shape
from jaccheck.case.layers.nested import Parallel, Repeat, Residual, Scale, Tied
from jaccheck.case.layers.norms import BatchNorm
from jaccheck.case.layers.places import shape_through
from jaccheck.case.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, MaxPool, ZeroPad2d, pools


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
    # Inside the network, fed by constants: as many steps as samples, other numbers of them, and for each sample.
    wide = Linear(out_features=2)
    yield (2, 3), (wide, AddEmbedding(num_embeddings=3, indices=(2, 0)), LEAKY, *HEAD)
    yield (3, 2), (wide, AddEmbedding(num_embeddings=3, indices=(0, 1, 1)), *HEAD)
    yield (2, 2), (AddEmbedding(num_embeddings=2, indices=(1, 1), expand=True), wide, LEAKY, *HEAD)


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
    yield (3,), (square, LEAKY, Parallel(branches=((square,), (square, LEAKY), (LEAKY, square))), narrow)
    yield (3,), (Parallel(branches=((Linear(out_features=1),), (narrow, LEAKY), ()), merge="cat"), narrow)
    yield (2,), (Linear(out_features=4), Scale(factor=-2.0), LEAKY, narrow)
    yield (2, 3), (Residual(layers=(_conv(1, 2, 3, padding=1),)), *HEAD)
    # Several heads whose outputs are joined; the last time one of them on an earlier layer than the other.
    yield (3,), (square, LEAKY, Parallel(branches=((narrow,), (Linear(out_features=1, bias=False),)), merge="cat"))
    yield (3,), (square, Parallel(branches=((narrow, LEAKY), (LEAKY, square, Linear(out_features=1))), merge="cat"))
    yield (2, 3), (_conv(1, 2, 2), Parallel(branches=(HEAD, (LEAKY, *HEAD)), merge="cat"))
    yield (4,), (square, LEAKY, Parallel(branches=((narrow,), (square, LEAKY, narrow)), merge="cat"))


def _kinds() -> list[type[Activation]]:
    """The activations that this family is about: those that name variants."""
    found = [kind for kind in LAYERS.values() if issubclass(kind, Activation)]
    return [kind for kind in found if kind.variants()]


def activations() -> Iterator[Drawn]:
    """Activations that BackPACK does not know, on features and on channels; a PReLU has parameters of its own."""
    wide, narrow = Linear(out_features=3), Linear(out_features=2)
    yield (4,), (wide, PReLU(), narrow)
    yield (4,), (wide, PReLU(num_parameters=3), narrow)
    yield (2, 4), (_conv(1, 3, 2), PReLU(num_parameters=3), *HEAD)
    yield (3,), (PReLU(), wide, PReLU(num_parameters=3))
    yield from (((4,), (wide, activation, narrow)) for activation in GELU.variants())
    yield (2, 4), (_conv(1, 2, 2), GELU(), *HEAD)
    others = (variant for kind in _kinds() if kind is not GELU for variant in kind.variants())
    yield from (((3,), (wide, activation, narrow)) for activation in others)


def shared() -> Iterator[Drawn]:
    """One parameter, used in two places: by the same module twice in a row, or by two modules that hold it."""
    yield (3,), (Repeat(layers=(Linear(out_features=3), LEAKY)), Linear(out_features=2))
    yield (2, 3), (Repeat(layers=(_conv(1, 2, 3, padding=1), LEAKY)), *HEAD)
    yield (3,), (Linear(out_features=3), Repeat(layers=(ReLU(),), times=2), Linear(out_features=2))
    yield (3,), (Tied(layers=(Linear(out_features=3), LEAKY)), Linear(out_features=2))
    yield (2,), (Tied(layers=(Linear(out_features=2, bias=False),), times=3),)
    yield (2, 3), (Tied(layers=(_conv(1, 2, 3, padding=1), LEAKY)), *HEAD)


@composite
def _spatial_shape(draw: st.DrawFn, axes: Axes, channels: int | None = None) -> Shape:
    """Channels and lengths; with every axis they are fewer, so that the Jacobian stays small."""
    longest = {1: 7, 2: 4, 3: 3}[axes]
    lengths = draw(st.lists(st.integers(2, longest), min_size=axes, max_size=axes))
    return (channels or draw(st.integers(1, 3)), *lengths)


@composite
def _moving(draw: st.DrawFn, exact: bool, kind: str) -> Drawn:
    """A layer that moves over one to three axes, and perhaps what usually follows it."""
    axes = draw(st.sampled_from([1, 2, 3]))
    shape = draw(_spatial_shape(axes))
    layers: list[Layer] = []
    if kind == "transposed":
        layers.append(draw(TransposedConvolution.strategy(shape, exact=exact)))
    else:
        layers.append(draw(Convolution.strategy(shape, exact=exact)))
    if kind == "norm":
        if draw(st.booleans()):
            layers = []
        layers.append(draw(BatchNorm.strategy(shape, exact=exact)))
    if draw(st.booleans()) or kind == "pool":
        layers.append(draw(between(exact)))
    after = shape_through(tuple(layers), shape)
    if (kind == "pool" or draw(st.integers(0, 3)) == 3) and min(after[1:]) > 1:
        layers.append(draw(pools(after, exact)))
    after = shape_through(tuple(layers), shape)
    if draw(st.integers(0, 3)) == 3 and min(after[1:]) > 1:
        more = TransposedConvolution if draw(st.booleans()) else Convolution
        layers.append(draw(more.strategy(after, exact=exact)))
    return shape, tuple(layers)


@composite
def _normalised(draw: st.DrawFn, exact: bool) -> Drawn:
    if draw(st.booleans()):
        return draw(_moving(exact, "norm"))
    layers: list[Layer] = [Linear(out_features=draw(st.integers(1, 4)))] if draw(st.booleans()) else []
    width = draw(st.integers(1, 4))
    return (width,), (*layers, draw(BatchNorm.strategy((width,), exact=exact)), draw(between(exact)))


@composite
def _embedded(draw: st.DrawFn, exact: bool) -> Drawn:
    if draw(st.integers(0, 2)) == 2:
        return draw(_positioned(exact))
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
    return shape, (Embedding.drawn(draw), draw(between(exact)))


@composite
def _positioned(draw: st.DrawFn, exact: bool) -> Drawn:
    """A sequence to which an embedding of constants is added, after a Linear or before one."""
    steps, rows = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    indices = tuple(draw(st.lists(st.integers(0, rows - 1), min_size=steps, max_size=steps)))
    embedding = AddEmbedding(num_embeddings=rows, indices=indices, expand=draw(st.sampled_from([False, False, True])))
    first = [Linear(out_features=draw(st.integers(1, 3)))] if draw(st.booleans()) else []
    return (steps, draw(st.integers(1, 3))), (*first, embedding, draw(between(exact)))


@composite
def _with_axes(draw: st.DrawFn, exact: bool) -> Drawn:
    shape = tuple(draw(st.lists(st.integers(2, 3), min_size=2, max_size=3)))
    layers: list[Layer] = [Linear(out_features=draw(st.integers(1, 3)), bias=draw(st.booleans()))]
    if draw(st.booleans()):
        layers += [draw(between(exact)), Linear(out_features=draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        layers.append(
            Flatten(start_dim=draw(st.integers(1, len(shape))), end_dim=draw(st.sampled_from([-1, len(shape)])))
        )
    return shape, (*layers, draw(between(exact)))


@composite
def _branched(draw: st.DrawFn, exact: bool) -> Drawn:
    start = shape = draw(st.one_of(st.tuples(st.integers(1, 4)), st.tuples(st.integers(1, 2), st.integers(3, 5))))
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 2))):
        match draw(st.sampled_from(["residual", "sum", "cat", "scale", "heads"])):
            case "residual":
                layers.append(Residual(layers=draw(keeping(shape, exact))))
            case "sum":
                count = draw(st.sampled_from([2, 3]))
                layers.append(Parallel(branches=tuple(draw(keeping(shape, exact)) for _ in range(count))))
            case "cat":
                layers.append(Parallel(branches=(draw(keeping(shape, exact)), ()), merge="cat"))
                shape = (2 * shape[0], *shape[1:])
            case "heads" if len(shape) == 1:
                first, second = draw(keeping(shape, exact)), draw(keeping(shape, exact))
                heads = (Linear(out_features=draw(st.integers(1, 2))),), (Linear(out_features=draw(st.integers(1, 2))),)
                layers += [*first, Parallel(branches=(heads[0], (*second, *heads[1])), merge="cat")]
                shape = (heads[0][0].out_features + heads[1][0].out_features,)
            case _:
                factors = dyadic() if exact else st.sampled_from([0.1, -3.0, 0.5])
                layers += [*draw(keeping(shape, exact)), Scale(factor=draw(factors))]
    return start, tuple(layers)


@composite
def _activated(draw: st.DrawFn, exact: bool) -> Drawn:
    """Features or channels through one or two of these activations."""
    shape = draw(st.one_of(st.tuples(st.integers(1, 4)), st.tuples(st.integers(1, 2), st.integers(2, 4))))
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 2))):
        layers += draw(keeping(shape, exact))
        kinds: list[type[Layer]] = [PReLU, *(kind for kind in _kinds() if kind.is_exact or not exact)]
        layers.append(draw(st.one_of([kind.strategy(shape, exact=exact) for kind in kinds])))
    return shape, tuple(layers)


@composite
def _repeated(draw: st.DrawFn, exact: bool) -> Drawn:
    shape = draw(st.one_of(st.tuples(st.integers(1, 4)), st.tuples(st.integers(1, 2), st.integers(3, 5))))
    again = draw(st.sampled_from([Repeat, Tied]))
    return shape, (again(layers=draw(keeping(shape, exact)), times=draw(st.integers(2, 3))),)


ARCHITECTURES = (
    family_of("convolution", convolutions, lambda exact: _moving(exact, "plain")),
    family_of("transposed_convolution", transposed_convolutions, lambda exact: _moving(exact, "transposed")),
    family_of("pooling", pooling, lambda exact: _moving(exact, "pool")),
    family_of("normalization", normalization, lambda exact: _normalised(exact)),
    family_of("embedding", embedding, lambda exact: _embedded(exact)),
    family_of("extra_axes", extra_axes, lambda exact: _with_axes(exact)),
    family_of("branches", branches, lambda exact: _branched(exact)),
    family_of("activations", activations, lambda exact: _activated(exact)),
    family_of("shared", shared, lambda exact: _repeated(exact)),
)
"""In the order in which a run takes them."""
