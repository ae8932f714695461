"""Random cases of the families beyond multilayer perceptrons; imports hypothesis, as `strategies.py` does.

Every option is drawn within what the shape before it allows, so that each draw is a legal case by construction.
"""

from __future__ import annotations

from math import prod

from hypothesis import strategies as st

from jaccheck.case.case import Case, DType
from jaccheck.case.layers.features import (
    GELU,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    PReLU,
    ReLU,
    Sigmoid,
    Tanh,
)
from jaccheck.case.layers.graph import Layer, Parallel, Repeat, Residual, Scale, Tied
from jaccheck.case.layers.shapes import Shape, shape_through
from jaccheck.case.layers.spatial import (
    PADDING_MODES,
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
from jaccheck.case.values import Integers, Normal

AXES: st.SearchStrategy[Axes] = st.sampled_from([1, 2, 3])
SEEDS = st.integers(0, 2**32 - 1)
DYADIC = st.sampled_from([0.5, 2.0, -1.0, 0.25])
BETWEEN: dict[bool, st.SearchStrategy[Layer]] = {
    True: st.one_of(st.just(ReLU()), st.builds(LeakyReLU, negative_slope=DYADIC), st.just(Identity())),
    False: st.one_of(
        st.just(ReLU()),
        st.just(Tanh()),
        st.just(Sigmoid()),
        st.builds(LeakyReLU),
        st.builds(Dropout),
        st.just(Identity()),
    ),
}


@st.composite
def zoo_case(draw: st.DrawFn, family: str, dtypes: tuple[DType, ...]) -> Case:
    """A random case of one of the families of `zoo.py`."""
    dtype = draw(st.sampled_from(dtypes))
    exact = dtype in ("bfloat16", "float16") or draw(st.booleans())
    batch, outputs = draw(st.lists(st.integers(2, 5), unique=True, min_size=2, max_size=2))
    shape, layers = draw(_BODIES[family](exact))
    shape_after = shape_through(layers, shape)
    head = draw(st.sampled_from(["linear", "linear", "linear", "none"]))
    if len(shape_after) > 1:
        layers = (*layers, Flatten())
    if head == "linear" or family in ("pooling", "normalization") or prod(shape_after) > 12:
        layers = (*layers, Linear(out_features=outputs, bias=draw(st.booleans())))
    half = dtype in ("bfloat16", "float16")
    fan_ins = st.integers(1, 2) if half else st.sampled_from([3, 1, 4096])
    magnitudes = st.just(1) if half else st.integers(1, 2)
    return Case(
        layers=layers,
        in_shape=shape,
        batch_size=batch,
        dtype=dtype,
        seed=draw(SEEDS),
        recipe=draw(st.builds(Integers, magnitude=magnitudes, fan_in=fan_ins)) if exact else Normal(),
        family=family,
    )


@st.composite
def _spatial_shape(draw: st.DrawFn, axes: Axes, channels: int | None = None) -> Shape:
    """Channels and lengths; with every axis they are fewer, so that the Jacobian stays small."""
    longest = {1: 7, 2: 4, 3: 3}[axes]
    lengths = draw(st.lists(st.integers(2, longest), min_size=axes, max_size=axes))
    return (channels or draw(st.integers(1, 3)), *lengths)


@st.composite
def _convolution(draw: st.DrawFn, shape: Shape) -> Convolution:
    channels, *lengths = shape
    axes = len(lengths)
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
    mode = draw(st.sampled_from(PADDING_MODES))
    most = {"reflect": -1, "circular": 0}.get(mode, 1)
    form = draw(st.sampled_from(["numbers", "numbers", "numbers", "same", "valid"]))
    padding = [draw(st.integers(0, max(0, min(2, n + most)))) if form == "numbers" else 0 for n in lengths]
    kernel = [draw(st.integers(1, min(3, n + 2 * p))) for n, p in zip(lengths, padding, strict=True)]
    dilation = [
        _within(draw(st.integers(1, 2)), k, n + 2 * p) for k, n, p in zip(kernel, lengths, padding, strict=True)
    ]
    if form == "same" and any(d * (k - 1) > n - 1 for d, k, n in zip(dilation, kernel, lengths, strict=True)):
        form = "valid"
    return Convolution(
        axes=axes,
        out_channels=groups * draw(st.integers(1, 2)),
        kernel_size=_short(kernel),
        stride=1 if form == "same" else _short([draw(st.integers(1, 3)) for _ in lengths]),
        padding=_short(padding) if form == "numbers" else "same" if form == "same" else "valid",
        dilation=_short(dilation),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=mode,
    )


def _within(dilation: int, kernel: int, room: int) -> int:
    return dilation if dilation * (kernel - 1) + 1 <= room else 1


def _short(numbers: list[int]) -> int | tuple[int, ...]:
    """One number where all are the same."""
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


@st.composite
def _transposed(draw: st.DrawFn, shape: Shape) -> TransposedConvolution:
    channels, *lengths = shape
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
    kernel, stride, dilation, padding, more = [], [], [], [], []
    for n in lengths:
        k, s, d = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
        whole = (n - 1) * s + d * (k - 1) + 1
        kernel.append(k)
        stride.append(s)
        dilation.append(d)
        padding.append(draw(st.integers(0, min(2, (whole - 1) // 2))))
        more.append(draw(st.integers(0, max(s, d) - 1)))
    return TransposedConvolution(
        axes=len(lengths),
        out_channels=groups * draw(st.integers(1, 2)),
        kernel_size=_short(kernel),
        stride=_short(stride),
        padding=_short(padding),
        output_padding=_short(more),
        groups=groups,
        bias=draw(st.booleans()),
        dilation=_short(dilation),
    )


@st.composite
def _pool(draw: st.DrawFn, shape: Shape, exact: bool) -> Layer:
    """Never a dilated MaxPool with ceil_mode, on which torch can abort the process."""
    lengths = shape[1:]
    axes = len(lengths)
    kinds = ["max", "average", "adaptive average", "adaptive max", *(["zeros"] if axes == 2 else [])]
    kind = draw(st.sampled_from(kinds))
    if kind == "zeros":
        sides = [draw(st.integers(-1 if n > 2 else 0, 2)) for n in reversed(lengths) for _ in ("before", "after")]
        return ZeroPad2d(padding=tuple(sides))
    if kind.startswith("adaptive"):
        # Among integers only sizes that divide give averages of a power of two.
        choices = [[m for m in range(1, n + 2) if not exact or (n % m == 0 and n // m in (1, 2, 4))] for n in lengths]
        size = _short([draw(st.sampled_from(each)) for each in choices])
        average = kind == "adaptive average"
        return AdaptiveAvgPool(axes=axes, output_size=size) if average else AdaptiveMaxPool(axes=axes, output_size=size)
    kernel = [draw(st.integers(1, min(2 if exact and kind == "average" else 3, n))) for n in lengths]
    padding = [draw(st.integers(0, k // 2)) for k in kernel]
    stride = draw(st.none() | st.integers(1, 2))
    ceil = draw(st.booleans())
    if kind == "average":
        override = None if axes == 1 else draw(st.sampled_from([None, 2, 4] if exact else [None, 2, 3]))
        return AvgPool(
            axes=axes,
            kernel_size=_short(kernel),
            stride=stride,
            padding=_short(padding),
            ceil_mode=ceil,
            count_include_pad=draw(st.booleans()),
            divisor_override=override,
        )
    room = [n + 2 * p for n, p in zip(lengths, padding, strict=True)]
    dilation = [1 if ceil else _within(draw(st.integers(1, 2)), k, r) for k, r in zip(kernel, room, strict=True)]
    return MaxPool(
        axes=axes,
        kernel_size=_short(kernel),
        stride=stride,
        padding=_short(padding),
        ceil_mode=ceil,
        dilation=_short(dilation),
    )


def _norm(axes: Axes, exact: bool) -> st.SearchStrategy[BatchNorm]:
    epsilons = st.sampled_from([0.25, 0.5, 0.125]) if exact else st.sampled_from([1e-5, 0.1, 0.25])
    return st.builds(BatchNorm, axes=st.just(axes), eps=epsilons, affine=st.sampled_from([True, True, False]))


Drawn = tuple[Shape, tuple[Layer, ...]]


@st.composite
def _moving(draw: st.DrawFn, exact: bool, kind: str) -> Drawn:
    """A layer that moves over one to three axes, and perhaps what usually follows it."""
    axes = draw(AXES)
    shape = draw(_spatial_shape(axes))
    layers: list[Layer] = []
    if kind == "transposed":
        layers.append(draw(_transposed(shape)))
    else:
        layers.append(draw(_convolution(shape)))
    if kind == "norm":
        if draw(st.booleans()):
            layers = []
        layers.append(draw(_norm(axes, exact)))
    if draw(st.booleans()) or kind == "pool":
        layers.append(draw(BETWEEN[exact]))
    after = shape_through(tuple(layers), shape)
    if (kind == "pool" or draw(st.integers(0, 3)) == 3) and min(after[1:]) > 1:
        layers.append(draw(_pool(after, exact)))
    after = shape_through(tuple(layers), shape)
    if draw(st.integers(0, 3)) == 3 and min(after[1:]) > 1:
        more: st.SearchStrategy[Layer] = _transposed(after) if draw(st.booleans()) else _convolution(after)
        layers.append(draw(more))
    return shape, tuple(layers)


@st.composite
def _normalised(draw: st.DrawFn, exact: bool) -> Drawn:
    if draw(st.booleans()):
        return draw(_moving(exact, "norm"))
    layers: list[Layer] = [Linear(out_features=draw(st.integers(1, 4)))] if draw(st.booleans()) else []
    return (draw(st.integers(1, 4)),), (*layers, draw(_norm(1, exact)), draw(BETWEEN[exact]))


@st.composite
def _embedded(draw: st.DrawFn, exact: bool) -> Drawn:
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
    rows = draw(st.integers(2, 6))
    padding = draw(st.none() | st.integers(-rows, rows - 1))
    layer = Embedding(num_embeddings=rows, embedding_dim=draw(st.integers(1, 3)), padding_idx=padding)
    return shape, (layer, draw(BETWEEN[exact]))


@st.composite
def _with_axes(draw: st.DrawFn, exact: bool) -> Drawn:
    shape = tuple(draw(st.lists(st.integers(2, 3), min_size=2, max_size=3)))
    layers: list[Layer] = [Linear(out_features=draw(st.integers(1, 3)), bias=draw(st.booleans()))]
    if draw(st.booleans()):
        layers += [draw(BETWEEN[exact]), Linear(out_features=draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        layers.append(
            Flatten(start_dim=draw(st.integers(1, len(shape))), end_dim=draw(st.sampled_from([-1, len(shape)])))
        )
    return shape, (*layers, draw(BETWEEN[exact]))


@st.composite
def _body(draw: st.DrawFn, shape: Shape, exact: bool) -> tuple[Layer, ...]:
    """Layers that keep the shape, of features or of channels."""
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 2))):
        if len(shape) == 1:
            layers.append(Linear(out_features=shape[0], bias=draw(st.booleans())))
        else:
            kernel = draw(st.sampled_from([3, 1]))
            layers.append(
                Convolution(axes=len(shape) - 1, out_channels=shape[0], kernel_size=kernel, padding=kernel // 2)
            )
        layers.append(draw(BETWEEN[exact]))
    return tuple(layers)


@st.composite
def _branched(draw: st.DrawFn, exact: bool) -> Drawn:
    start = shape = draw(st.one_of(st.tuples(st.integers(1, 4)), st.tuples(st.integers(1, 2), st.integers(3, 5))))
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 2))):
        match draw(st.sampled_from(["residual", "sum", "cat", "scale", "heads"])):
            case "residual":
                layers.append(Residual(layers=draw(_body(shape, exact))))
            case "sum":
                layers.append(Parallel(branches=(draw(_body(shape, exact)), draw(_body(shape, exact)))))
            case "cat":
                layers.append(Parallel(branches=(draw(_body(shape, exact)), ()), merge="cat"))
                shape = (2 * shape[0], *shape[1:])
            case "heads" if len(shape) == 1:
                first, second = draw(_body(shape, exact)), draw(_body(shape, exact))
                heads = (Linear(out_features=draw(st.integers(1, 2))),), (Linear(out_features=draw(st.integers(1, 2))),)
                layers += [*first, Parallel(branches=(heads[0], (*second, *heads[1])), merge="cat")]
                shape = (heads[0][0].out_features + heads[1][0].out_features,)
            case _:
                factors = DYADIC if exact else st.sampled_from([0.1, -3.0, 0.5])
                layers += [*draw(_body(shape, exact)), Scale(factor=draw(factors))]
    return start, tuple(layers)


@st.composite
def _activated(draw: st.DrawFn, exact: bool) -> Drawn:
    """Features or channels through one or two of these activations."""
    shape = draw(st.one_of(st.tuples(st.integers(1, 4)), st.tuples(st.integers(1, 2), st.integers(2, 4))))
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 2))):
        layers += draw(_body(shape, exact))
        slopes = st.builds(PReLU, num_parameters=st.sampled_from(sorted({1, shape[0]})))
        curves = st.builds(GELU, approximate=st.sampled_from(["none", "tanh"]))
        layers.append(draw(slopes if exact else st.one_of(slopes, curves)))
    return shape, tuple(layers)


@st.composite
def _repeated(draw: st.DrawFn, exact: bool) -> Drawn:
    shape = draw(st.one_of(st.tuples(st.integers(1, 4)), st.tuples(st.integers(1, 2), st.integers(3, 5))))
    again = draw(st.sampled_from([Repeat, Tied]))
    return shape, (again(layers=draw(_body(shape, exact)), times=draw(st.integers(2, 3))),)


_BODIES = {
    "convolution": lambda exact: _moving(exact, "plain"),
    "transposed_convolution": lambda exact: _moving(exact, "transposed"),
    "pooling": lambda exact: _moving(exact, "pool"),
    "normalization": _normalised,
    "embedding": _embedded,
    "extra_axes": _with_axes,
    "branches": _branched,
    "activations": _activated,
    "shared": _repeated,
}
