"""The numbers of a case, drawn in float64 with numpy: the same for every torch version and device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jaccheck.case import Case, CopySample, Integers, Linear, Modification, ScaleInput, ScaleLayer, SetUnit, ZeroSample

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Input `[N, *in_shape]` and every parameter by name, as drawn, before rounding to the case's dtype."""

    X: Array
    parameters: dict[str, Array]


def sample(case: Case) -> Sample:
    """The numbers of `case`, from its own seed; no global random state is read or written."""
    generator = np.random.Generator(np.random.PCG64(case.seed))
    parameters: dict[str, Array] = {}
    for path, inputs, layer in case.linears():
        parameters[f"{path}.weight"] = _weight(case, generator, (layer.out_features, inputs))
        if layer.bias:
            parameters[f"{path}.bias"] = _bias(case, generator, layer)
    drawn = Sample(_input(case, generator), parameters)
    for modification in case.modifications:
        _modify(drawn, modification)
    if case.input_form == "expanded":
        drawn.X[...] = drawn.X[:1]
    return drawn


def _weight(case: Case, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    if not isinstance(case.recipe, Integers):
        scaled: Array = generator.standard_normal(shape) * np.sqrt(2 / shape[1])
        return scaled
    size = generator.integers(1, case.recipe.magnitude, shape, endpoint=True)
    sign = generator.integers(0, 1, shape, endpoint=True) * 2 - 1
    weight = (size * sign).astype(np.float64)
    if case.recipe.fan_in < shape[1]:
        rank = generator.permuted(np.tile(np.arange(shape[1]), (shape[0], 1)), axis=1)
        weight[rank >= case.recipe.fan_in] = 0
    return weight


def _bias(case: Case, generator: np.random.Generator, layer: Linear) -> Array:
    if isinstance(case.recipe, Integers):
        return generator.integers(-1, 1, layer.out_features, endpoint=True).astype(np.float64)
    return generator.standard_normal(layer.out_features) / 2


def _input(case: Case, generator: np.random.Generator) -> Array:
    """Standard normal, or small integers whose first entry differs from sample to sample."""
    shape = (case.batch_size, *case.in_shape)
    if not isinstance(case.recipe, Integers):
        return generator.standard_normal(shape)
    largest = case.recipe.magnitude
    X = generator.integers(-largest, largest, shape, endpoint=True).astype(np.float64)
    # From 1 − N/2 on, so that a single sample is 1: with 0 all Jacobians of a single feature would be zero.
    distinct = generator.permutation(case.batch_size) + 1 - case.batch_size // 2
    X.reshape(case.batch_size, X[:1].size or 1)[:, :1] = distinct[:, None]
    return X


def _modify(drawn: Sample, modification: Modification) -> None:
    samples = len(drawn.X)
    weights = [name for name in drawn.parameters if name.endswith("weight")]
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
