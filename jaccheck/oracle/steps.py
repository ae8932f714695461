"""From a case to its `Network`: each layer becomes one or two steps, each nested one what it does with its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from jaccheck.case import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AddEmbedding,
    AvgPool,
    BatchNorm,
    Case,
    Convolution,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    Layer,
    Linear,
    MaxPool,
    Own,
    Pad,
    Parallel,
    Permute,
    Placed,
    PReLU,
    ReLU,
    Repeat,
    Residual,
    Scale,
    Sequential,
    Slice,
    Take,
    Tied,
    Transpose,
    TransposedConvolution,
    ZeroPad2d,
)
from jaccheck.errors import InvalidCase
from jaccheck.oracle.activations import RULES, NegativePart
from jaccheck.oracle.assumptions import Array
from jaccheck.oracle.loss_ends import LossEnd
from jaccheck.oracle.moves import filling, sources
from jaccheck.oracle.networks import Affine, Branches, Network, SparseAffine, Step, WindowMax
from jaccheck.oracle.tables import Indices, Table, fixed_table, weighted_table, windows

NORM_ROUNDINGS = 8
"""Of 1/√(variance + ε) and the shift by the mean, in whatever order they are joined with weight and bias: one for the
sum, two for root and quotient, up to five for the products and sums that follow."""

CONSTANT_ROUNDINGS = 2
"""Of a fixed factor such as 1/9, and of the product or quotient with it."""


class NoRule(Exception):
    """A layer of a case has no bound rule; the message names it."""


def network(case: Case, X: Array, numbers: Mapping[str, Array]) -> Network:
    """The network of `case` with these parameters and buffers (already rounded to its dtype), shaped for the oracle.

    Raises NoRule for a layer that is none of those with a bound.
    """
    if not np.isfinite(X).all() or not all(np.isfinite(value).all() for value in numbers.values()):
        raise InvalidCase("its numbers overflow its dtype: scale them down")
    end = None
    if case.loss is not None:
        samples = X.astype(np.int64)
        X, y = numbers["inputs"][samples], numbers["targets"][samples]
        end = LossEnd(case.loss, y, numbers.get("loss_weight"))
    places = {place.path: place for place in case.places()}
    rows = X.reshape(len(X), prod(case.in_shape))
    if isinstance(first := case.layers[0], Embedding):
        rows = np.eye(first.num_embeddings)[rows.astype(np.int64)].reshape(len(X), -1)
    steps = tuple(_steps(case.layers, "", places, numbers))
    return Network(rows, steps, case.trainable(), case.outputs, case.width, loss=end)


def _steps(
    layers: tuple[Layer, ...], prefix: str, places: Mapping[str, Placed], numbers: Mapping[str, Array]
) -> Iterator[Step]:
    for index, layer in enumerate(layers):
        path = f"{prefix}{index}"
        match layer:
            case Sequential(layers=inside) | Own(layers=inside):
                yield from _steps(inside, f"{path}.", places, numbers)
            case Repeat(layers=inside, times=times):
                yield from tuple(_steps(inside, f"{path}.", places, numbers)) * times
            case Tied(layers=inside, times=times):
                yield from tuple(_steps(inside, f"{path}.0.", places, numbers)) * times
            case Residual(layers=inside):
                yield Branches(((), tuple(_steps(inside, f"{path}.", places, numbers))), is_sum=True)
            case Parallel(branches=branches, merge=merge):
                runs = (tuple(_steps(run, f"{path}.{i}.", places, numbers)) for i, run in enumerate(branches))
                yield Branches(tuple(runs), is_sum=merge == "sum")
            case _:
                yield from steps_of(places[path], numbers)


def steps_of(place: Placed, numbers: Mapping[str, Array]) -> Iterator[Step]:
    """What a layer that is no nested one does, with these parameters and buffers. Raises NoRule."""
    weight, bias = numbers.get(f"{place.path}.weight"), numbers.get(f"{place.path}.bias")
    sizes = (prod(place.out_shape), prod(place.in_shape))
    match place.layer:
        case Dropout(drops_all=True):
            each = np.arange(sizes[0])
            yield _fixed(place.path, Table(each, each, each), np.zeros(sizes[0]), sizes, 0)
        case Identity() | Dropout() | Flatten():
            return
        case Linear() if len(place.in_shape) == 1:
            assert weight is not None
            yield Affine(place.path, weight, bias)
        case Linear() | Convolution() | TransposedConvolution() as layer:
            assert weight is not None
            last = isinstance(layer, Linear)
            table = weighted_table(layer, place.in_shape)
            yield SparseAffine(place.path, table, weight.ravel(), sizes, bias, _channel(place.out_shape, last=last))
        case Embedding() as layer:
            assert weight is not None
            sizes = (sizes[0], sizes[1] * layer.num_embeddings)
            silent = None
            if layer.padding_idx is not None:
                row = layer.padding_idx % layer.num_embeddings
                silent = row * layer.embedding_dim + np.arange(layer.embedding_dim)
            table = weighted_table(layer, place.in_shape)
            channel = _channel(place.out_shape, last=True)
            yield SparseAffine(place.path, table, weight.ravel(), sizes, None, channel, silent=silent)
        case AddEmbedding() as layer:
            yield _looked_up(place, layer, numbers)
        case BatchNorm():
            yield from _norm(place, numbers, weight, bias)
        case AvgPool() | AdaptiveAvgPool() | ZeroPad2d() as layer:
            fixed = fixed_table(layer, place.in_shape)
            roundings = 0 if isinstance(layer, ZeroPad2d) else CONSTANT_ROUNDINGS
            yield _fixed(place.path, fixed.table, fixed.factor, sizes, roundings)
        case Permute() | Transpose() | Slice() | Take() | Pad() as layer:
            source = sources(layer, place.in_shape)
            there = np.flatnonzero(source >= 0)
            table = Table(there, source[there], np.zeros_like(there))
            moved = _fixed(place.path, table, np.ones(len(there)), sizes, 0)
            moved.b = filling(layer, source)
            yield moved
        case MaxPool() | AdaptiveMaxPool() as layer:
            yield WindowMax(windows(layer, place.in_shape))
        case Scale(factor=factor):
            each = np.arange(sizes[0])
            yield _fixed(place.path, Table(each, each, each), np.full(sizes[0], factor), sizes, CONSTANT_ROUNDINGS)
        case PReLU():
            assert weight is not None
            yield prelu(place.path, weight, place.in_shape)
        case layer if type(layer) in RULES:
            yield layer
        case layer:
            raise NoRule(f"{layer.kind}, as layer {place.path}, has no bound rule")


def prelu(path: str, weight: Array, shape: tuple[int, ...]) -> Step:
    """max(z, 0) + w·min(z, 0): the sum of a ReLU and of a linear map of the negative part, whose weights are w."""
    each = np.arange(prod(shape))
    channel = _channel(shape, last=False) if len(weight) > 1 else np.zeros_like(each)
    sloped = SparseAffine(path, Table(each, each, channel), weight, (len(each), len(each)), None, channel)
    return Branches(((ReLU(),), (NegativePart(), sloped)), is_sum=True)


def _channel(shape: tuple[int, ...], *, last: bool) -> Indices:
    """For each output the index of its bias: along the last axis of a Linear, the first of all others."""
    index = np.indices(shape)[-1 if last else 0]
    return np.asarray(index.ravel())


def _looked_up(place: Placed, layer: AddEmbedding, numbers: Mapping[str, Array]) -> Branches:
    """The input, and beside it a map from nothing to constant unit vectors, of which each looks up a row."""
    steps, features = place.in_shape
    units, size = steps * layer.num_embeddings, steps * features
    nothing = np.zeros(0, np.int64)
    constant = _fixed(place.path, Table(nothing, nothing, nothing), np.zeros(0), (units, size), 0)
    constant.b = np.eye(layer.num_embeddings)[list(layer.indices)].ravel()
    path = f"{place.path}.embedding"
    table = weighted_table(Embedding(num_embeddings=layer.num_embeddings, embedding_dim=features), (steps,))
    weight, channel = numbers[f"{path}.weight"].ravel(), _channel(place.out_shape, last=True)
    return Branches(((), (constant, SparseAffine(path, table, weight, (size, units), None, channel))), is_sum=True)


def _fixed(
    path: str, table: Table, factor: Array, sizes: tuple[int, int], roundings: int, *, is_dyadic: bool = True
) -> SparseAffine:
    nowhere = np.zeros(sizes[0], np.int64)
    return SparseAffine(
        path, table, factor, sizes, None, nowhere, is_fixed=True, roundings=roundings, is_dyadic=is_dyadic
    )


def _norm(
    place: Placed, numbers: Mapping[str, Array], weight: Array | None, bias: Array | None
) -> Iterator[SparseAffine]:
    """`(a − mean)/√(variance + ε)`, then times weight plus bias; how they are joined is left to the method."""
    assert isinstance(place.layer, BatchNorm)
    channel = _channel(place.in_shape, last=False)
    mean, variance = (numbers[f"{place.path}.{name}"] for name in place.buffers)
    factor = 1 / np.sqrt(variance + place.layer.eps)
    each, size = np.arange(len(channel)), len(channel)
    is_dyadic = all(float(number * 256).is_integer() for number in (*variance, place.layer.eps))
    table = Table(each, each, each)
    normalised = _fixed(place.path, table, factor[channel], (size, size), NORM_ROUNDINGS, is_dyadic=is_dyadic)
    normalised.b = -(mean * factor)[channel]
    yield normalised
    if weight is not None:
        yield SparseAffine(place.path, Table(each, each, channel), weight, (size, size), bias, channel)
