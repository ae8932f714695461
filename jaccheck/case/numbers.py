"""The numbers of a case, drawn in float64 with numpy: the same for every torch version and device."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt

from jaccheck.case.case import Case
from jaccheck.case.layers.features import Embedding
from jaccheck.case.layers.norms import BatchNorm
from jaccheck.case.layers.places import Placed
from jaccheck.case.layers.sequences import Recurrent
from jaccheck.case.losses import CaseLoss
from jaccheck.case.values import CopySample, Integers, Modification, ScaleInput, ScaleLayer, SetUnit, ZeroSample

Array = npt.NDArray[np.float64]


@dataclass(slots=True)
class Sample:
    """Input `[N, *in_shape]` and every parameter by name, as drawn, before rounding to the case's dtype."""

    X: Array
    parameters: dict[str, Array]
    buffers: dict[str, Array] = field(default_factory=dict)
    targets: Array | None = None
    """Of a loss, a row for each sample."""
    loss_weight: Array | None = None


def sample(case: Case) -> Sample:
    """The numbers of `case`, from its own seed; no global random state is read or written."""
    generator = np.random.Generator(np.random.PCG64(case.seed))
    parameters: dict[str, Array] = {}
    for place in case.weighted():
        for name, shape in place.parameters.items():
            draw = _weight if len(shape) > 1 else _gain if name == "weight" else _bias
            parameters[f"{place.path}.{name}"] = draw(case, generator, place, shape)
    drawn = Sample(_input(case, generator), parameters)
    for place in case.places():
        if isinstance(place.layer, BatchNorm):
            mean, variance = _statistics(case, generator, place.in_shape[0], place.layer.eps)
            drawn.buffers.update({f"{place.path}.running_mean": mean, f"{place.path}.running_var": variance})
        if isinstance(place.layer, Recurrent):
            drawn.buffers.update({f"{place.path}.{n}": generator.uniform(-1, 1, s) for n, s in place.buffers.items()})
    for modification in case.modifications:
        _modify(drawn, modification)
    if case.loss is not None:
        drawn.targets = _targets(case, case.loss, generator)
        drawn.loss_weight = _loss_weight(case, case.loss, generator)
    if case.input_form == "expanded":
        drawn.X[...] = drawn.X[:1]
    return drawn


def _weight(case: Case, generator: np.random.Generator, place: Placed, shape: tuple[int, ...]) -> Array:
    """Of each output a row of as many numbers as it has inputs; a few, where the recipe says so, are not zero."""
    rows, inputs = (shape[0], prod(shape[1:])) if not isinstance(place.layer, Embedding) else (prod(shape), 1)
    if not isinstance(case.recipe, Integers):
        scaled: Array = generator.standard_normal(shape) * np.sqrt(2 / inputs)
        return scaled
    size = generator.integers(1, case.recipe.magnitude, (rows, inputs), endpoint=True)
    sign = generator.integers(0, 1, (rows, inputs), endpoint=True) * 2 - 1
    weight = (size * sign).astype(np.float64)
    if case.recipe.fan_in < inputs:
        rank = generator.permuted(np.tile(np.arange(inputs), (rows, 1)), axis=1)
        weight[rank >= case.recipe.fan_in] = 0
    return weight.reshape(shape)


def _bias(case: Case, generator: np.random.Generator, place: Placed, shape: tuple[int, ...]) -> Array:
    if isinstance(case.recipe, Integers):
        return generator.integers(-1, 1, shape, endpoint=True).astype(np.float64)
    return generator.standard_normal(shape) / 2


def _gain(case: Case, generator: np.random.Generator, place: Placed, shape: tuple[int, ...]) -> Array:
    """The weight of a norm: of order one, never zero, of either sign."""
    gain: Array = (generator.integers(0, 1, shape, endpoint=True) * 2 - 1).astype(np.float64)
    if isinstance(case.recipe, Integers):
        gain *= generator.integers(1, case.recipe.magnitude, shape, endpoint=True)
    else:
        gain *= generator.uniform(0.5, 1.5, shape)
    return gain


def _statistics(case: Case, generator: np.random.Generator, channels: int, eps: float) -> tuple[Array, Array]:
    """Running mean and variance; among integers `variance + eps` is 1 or 1/4, so that its root is exact."""
    if not isinstance(case.recipe, Integers):
        return generator.standard_normal(channels) / 2, generator.uniform(0.25, 2, channels)
    mean = generator.integers(-1, 1, channels, endpoint=True).astype(np.float64)
    squares = 4.0 ** generator.integers(-1, 0, channels, endpoint=True)
    return mean, np.where(squares > eps, squares, 1.0) - min(eps, 0.5)


def _input(case: Case, generator: np.random.Generator) -> Array:
    """Standard normal, or small integers whose first entry differs from sample to sample."""
    shape = (case.batch_size, *case.in_shape)
    if isinstance(first := case.layers[0], Embedding):
        return _indices(generator, shape, first.num_embeddings)
    if not isinstance(case.recipe, Integers):
        return generator.standard_normal(shape)
    largest = case.recipe.magnitude
    X = generator.integers(-largest, largest, shape, endpoint=True).astype(np.float64)
    # From 1 − N/2 on, so that a single sample is 1: with 0 all Jacobians of a single feature would be zero.
    distinct = generator.permutation(case.batch_size) + 1 - case.batch_size // 2
    X.reshape(case.batch_size, X[:1].size or 1)[:, :1] = distinct[:, None]
    return X


def _indices(generator: np.random.Generator, shape: tuple[int, ...], rows: int) -> Array:
    """Numbers of rows; the first ones run through all of them, so that samples differ as far as they can."""
    X = generator.integers(0, rows, shape).astype(np.float64)
    X.reshape(shape[0], X[:1].size or 1)[:, :1] = (generator.permutation(shape[0]) % rows)[:, None]
    return X


def _modify(drawn: Sample, modification: Modification) -> None:
    samples = len(drawn.X)
    weights = [name for name in drawn.parameters if "weight" in name.rpartition(".")[2]]
    match modification:
        case ScaleLayer(layer=layer, exponent=exponent):
            drawn.parameters[weights[layer % len(weights)]][...] *= 2.0**exponent
        case ScaleInput(exponent=exponent):
            drawn.X[...] *= 2.0**exponent
        case SetUnit(layer=layer, unit=unit, bias=bias):
            name = weights[layer % len(weights)]
            weight = drawn.parameters[name]
            weight[unit % len(weight)] = 0
            if (biases := drawn.parameters.get(name.removesuffix("weight") + "bias")) is not None:
                biases[unit % len(weight)] = bias
        case CopySample(source=source, target=target):
            if samples:
                drawn.X[target % samples] = drawn.X[source % samples]
        case ZeroSample(sample=index, negative=negative):
            if samples:
                drawn.X[index % samples] = -0.0 if negative else 0.0


def _targets(case: Case, loss: CaseLoss, generator: np.random.Generator) -> Array:
    """Classes, the first one not ignored; shares that add up to 1; zeros and ones; or numbers as of an input."""
    shape = (case.batch_size, case.width)
    if loss.has_shares:
        parts = generator.integers(0, 4, shape).astype(np.float64) + np.eye(1, case.width)
        return np.asarray(parts / parts.sum(axis=1, keepdims=True))
    if loss.kind == "BCEWithLogitsLoss":
        return generator.integers(0, 1, shape, endpoint=True).astype(np.float64)
    if loss.kind == "MSELoss":
        if isinstance(case.recipe, Integers):
            return generator.integers(-3, 3, shape, endpoint=True).astype(np.float64)
        return generator.standard_normal(shape)
    y = generator.integers(0, case.width, case.batch_size).astype(np.float64)
    if loss.is_ignored:
        y[generator.integers(0, 1, case.batch_size, endpoint=True) == 0] = loss.ignore_index
        y[:1] = (loss.ignore_index + 1) % case.width if loss.ignore_index >= 0 else 0
    return y


def _loss_weight(case: Case, loss: CaseLoss, generator: np.random.Generator) -> Array | None:
    """A weight for each class, powers of two among integers; a mean then divides by no number of samples."""
    if not loss.has_weights:
        return None
    if isinstance(case.recipe, Integers):
        return np.asarray(2.0 ** generator.integers(-1, 2, case.width, endpoint=True))
    return generator.uniform(0.25, 2, case.width)
