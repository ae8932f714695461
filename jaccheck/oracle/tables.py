"""Which products a layer is made of: for each output its inputs and, for each of them, the number that multiplies it.

A convolution, a transposed one, pooling by average, padding: all are `z[out] = Σ number[key]·a[inp]` over a table of
triples, with indices into the flattened output, input and weight (all row by row). The triples follow from the
definitions in torch's documentation by arithmetic on whole numbers, and share no code with torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from math import prod
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from jaccheck.case import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    Convolution,
    Embedding,
    Layer,
    Linear,
    MaxPool,
    Placed,
    Shape,
    TransposedConvolution,
    ZeroPad2d,
    numbers_held,
    on_each_axis,
)
from jaccheck.oracle.assumptions import Array

Indices = npt.NDArray[np.int64]
L = TypeVar("L", bound=Layer)
R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Triples of indices, one for each product; `key` is that of the number, flat, or of no use where all are fixed."""

    out: Indices
    inp: Indices
    key: Indices

    def joined(self, outer: Table, sizes: tuple[int, int, int]) -> Table:
        """Each triple of `outer` with each of these, which run faster; `sizes` are theirs."""
        parts = (
            (slow[:, None] * size + fast).ravel()
            for slow, fast, size in zip(
                (outer.out, outer.inp, outer.key), (self.out, self.inp, self.key), sizes, strict=True
            )
        )
        return Table(*parts)


SMALL = 2**15
"""Most numbers that a layer whose table is kept stands for: 256 of them then take some 100 MB at most."""


def _kept_where_small(make: Callable[[L, Shape], R]) -> Callable[[L, Shape], R]:
    """The same function, which remembers its last results for small layers: large ones would fill the memory."""
    remembered = lru_cache(maxsize=256)(make)

    @wraps(make)
    def made(layer: L, shape: Shape) -> R:
        place = Placed("", layer, shape, layer.output_shape(shape))
        return (remembered if numbers_held([place], 1, 1) <= SMALL else make)(layer, shape)

    return made


@_kept_where_small
def weighted_table(layer: Linear | Convolution | TransposedConvolution | Embedding, shape: Shape) -> Table:
    """The products of a layer with its weight, for one sample of `shape`."""
    match layer:
        case Linear(out_features=features):
            row = _every(features, shape[-1])
            row = Table(row.out, row.inp, row.out * shape[-1] + row.inp)
            rows = np.arange(prod(shape[:-1]))
            return row.joined(Table(rows, rows, np.zeros_like(rows)), (features, shape[-1], features * shape[-1]))
        case Embedding(num_embeddings=rows_, embedding_dim=dim):
            # The input of the reference is a unit vector for each position: 1 at the row that is looked up.
            column = _every(dim, rows_)
            column = Table(column.out, column.inp, column.inp * dim + column.out)
            places = np.arange(prod(shape))
            return column.joined(Table(places, places, np.zeros_like(places)), (dim, rows_, dim * rows_))
        case Convolution():
            return _channels(layer, shape, layer.out_channels // layer.groups, shape[0] // layer.groups)
        case TransposedConvolution():
            return _channels(layer, shape, shape[0] // layer.groups, layer.out_channels // layer.groups)


def _every(outs: int, inps: int) -> Table:
    out, inp = (index.ravel() for index in np.indices((outs, inps)))
    return Table(out, inp, np.zeros_like(out))


def _channels(layer: Convolution | TransposedConvolution, shape: Shape, rows: int, columns: int) -> Table:
    """All pairs of channels of one group: a weight has `groups·rows` times `columns` kernels."""
    lengths, sizes = shape[1:], layer.output_shape(shape)[1:]
    kernel = on_each_axis(layer.kernel_size, layer.axes)
    group, row, column = (index.ravel() for index in np.indices((layer.groups, rows, columns)))
    first, second = group * rows + row, group * columns + column
    out, inp = (first, second) if isinstance(layer, Convolution) else (second, first)
    pairs = Table(out, inp, first * columns + column)
    return _positions(layer, lengths, sizes).joined(pairs, (prod(sizes), prod(lengths), prod(kernel)))


def _positions(layer: Convolution | TransposedConvolution, lengths: Shape, sizes: Shape) -> Table:
    kernel = on_each_axis(layer.kernel_size, layer.axes)
    stride, dilation = on_each_axis(layer.stride, layer.axes), on_each_axis(layer.dilation, layer.axes)
    whole = Table(*(np.zeros(1, np.int64) for _ in range(3)))
    for axis, (n, size, k) in enumerate(zip(lengths, sizes, kernel, strict=True)):
        if isinstance(layer, Convolution):
            out, key = (index.ravel() for index in np.indices((size, k)))
            inp = _folded(out * stride[axis] + key * dilation[axis] - layer.margins()[axis][0], n, layer.padding_mode)
            inside = (inp >= 0) & (inp < n)
        else:
            inp, key = (index.ravel() for index in np.indices((n, k)))
            out = inp * stride[axis] - on_each_axis(layer.padding, layer.axes)[axis] + key * dilation[axis]
            inside = (out >= 0) & (out < size)
        whole = Table(out[inside], inp[inside], key[inside]).joined(whole, (size, n, k))
    return whole


def _folded(position: Indices, n: int, mode: str) -> Indices:
    """The input that stands at a position of the padded axis; outside of [0, n) where that is a zero."""
    match mode:
        case "reflect":
            return np.asarray(n - 1 - np.abs(n - 1 - np.abs(position)))
        case "replicate":
            return np.clip(position, 0, n - 1)
        case "circular":
            return position % n
        case _:
            return position


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """The products of a layer without parameters: a table, and the factor of each product."""

    table: Table
    factor: Array


@_kept_where_small
def fixed_table(layer: AvgPool | AdaptiveAvgPool | ZeroPad2d, shape: Shape) -> Fixed:
    """The products of pooling by average and of padding with zeros, for one sample of `shape`."""
    channels, *lengths = shape
    sizes = layer.output_shape(shape)[1:]
    factors, whole = np.ones(1), Table(*(np.zeros(1, np.int64) for _ in range(3)))
    spans = np.ones(1)
    for axis, (n, size) in enumerate(zip(lengths, sizes, strict=True)):
        own, span = _line(layer, axis, n, size)
        spans = (spans[:, None] * span).ravel()
        whole = own.joined(whole, (size, n, 1))
    if isinstance(layer, AvgPool) and layer.divisor_override is not None:
        spans = np.full_like(spans, layer.divisor_override)
    factors = 1 / spans[whole.out] if not isinstance(layer, ZeroPad2d) else np.ones(len(whole.out))
    each = np.arange(channels)
    table = whole.joined(Table(each, each, np.zeros_like(each)), (prod(sizes), prod(lengths), 1))
    return Fixed(table, np.tile(factors, channels))


def _line(layer: AvgPool | AdaptiveAvgPool | ZeroPad2d, axis: int, n: int, size: int) -> tuple[Table, Array]:
    """On one axis: which inputs each output sees, and what its share of the divisor is."""
    outs = np.arange(size)
    if isinstance(layer, ZeroPad2d):
        before = layer.padding[2 if axis == 0 else 0]
        starts, stops, spans = outs - before, outs - before + 1, np.ones(size)
    elif isinstance(layer, AvgPool):
        kernel = on_each_axis(layer.kernel_size, layer.axes)[axis]
        stride = kernel if layer.stride is None else on_each_axis(layer.stride, layer.axes)[axis]
        padding = on_each_axis(layer.padding, layer.axes)[axis]
        starts = outs * stride - padding
        stops = np.minimum(starts + kernel, n + padding)
        inside = np.minimum(stops, n) - np.maximum(starts, 0)
        spans = (stops - starts if layer.count_include_pad else inside).astype(np.float64)
    else:
        starts, stops = outs * n // size, -(-(outs + 1) * n // size)
        spans = (stops - starts).astype(np.float64)
    out, inp = (index.ravel() for index in np.indices((size, n)))
    inside = (starts[out] <= inp) & (inp < stops[out])
    return Table(out[inside], inp[inside], np.zeros(int(inside.sum()), np.int64)), spans


@_kept_where_small
def windows(layer: MaxPool | AdaptiveMaxPool, shape: Shape) -> Indices:
    """What each output of pooling by maximum chooses from, in torch's order: `(outputs, window)`, −1 for nothing."""
    channels, *lengths = shape
    sizes = layer.output_shape(shape)[1:]
    whole: Indices = np.zeros((1, 1), np.int64)
    for axis, (n, size) in enumerate(zip(lengths, sizes, strict=True)):
        outs = np.arange(size)[:, None]
        if isinstance(layer, MaxPool):
            kernel, dilation = (on_each_axis(each, layer.axes)[axis] for each in (layer.kernel_size, layer.dilation))
            stride = kernel if layer.stride is None else on_each_axis(layer.stride, layer.axes)[axis]
            inp = outs * stride - on_each_axis(layer.padding, layer.axes)[axis] + np.arange(kernel) * dilation
            inp = np.where((inp >= 0) & (inp < n), inp, -1)
        else:
            starts, stops = outs * n // size, -(-(outs + 1) * n // size)
            inp = starts + np.arange(int((stops - starts).max()))
            inp = np.where(inp < stops, inp, -1)
        both = whole[:, None, :, None] * n + inp[None, :, None]
        both = np.where((whole[:, None, :, None] >= 0) & (inp[None, :, None] >= 0), both, -1)
        whole = both.reshape(len(whole) * size, -1)
    each = np.arange(channels)[:, None, None] * prod(lengths)
    return np.where(whole >= 0, whole + each, -1).reshape(channels * len(whole), -1)
