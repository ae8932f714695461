"""Families of multilayer perceptrons. What one of them has of its own stands in its `Traits`; else it is as generic.

Alternatives stand simplest first (ReLU, integers, one layer), since that is where Hypothesis shrinks to. Nothing is
filtered: every draw is a legal case by construction. What makes a strategy of few kinds of arguments keeps it:
Hypothesis checks each new one, a third of the time of a draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from jaccheck.case.case import Case, DType, InputForm
from jaccheck.case.drawing import composite, st
from jaccheck.case.families.family import Family
from jaccheck.case.families.perceptron_boundaries import BOUNDARIES
from jaccheck.case.layers.activations import ELU, SELU, LeakyReLU, LogSigmoid, ReLU, Sigmoid, Tanh
from jaccheck.case.layers.features import Dropout, Flatten, Identity, Linear
from jaccheck.case.layers.layer import MAX_WIDTH, Layer, Shape
from jaccheck.case.layers.nested import Sequential
from jaccheck.case.values import (
    CopySample,
    Integers,
    Modification,
    Normal,
    Recipe,
    ScaleInput,
    ScaleLayer,
    SetUnit,
    ZeroSample,
)

Widths = tuple[int, list[int]]
"""The batch size, then the widths from input to output."""
Resize = Callable[["st.DrawFn", int, list[int]], Widths]
Modifying = Callable[[DType], "st.SearchStrategy[Modification]"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What random cases of one family have, where those of `generic` do not; the boundary cases say it at length."""

    resized: Resize = lambda draw, batch, widths: (batch, widths)
    is_smooth: bool = False
    is_open: bool = False
    """Without ReLUs among integers: one in each of many narrow layers leaves no path open."""
    has_bias: bool = True
    is_flat: bool = False
    is_nested: bool = False
    has_input_forms: bool = False
    has_frozen: bool = False
    modified: Modifying | None = None
    least_modified: int = 1


def _as_generic(draw: st.DrawFn, batch: int, widths: list[int]) -> Widths:
    if draw(st.integers(0, 3)) == 3:
        # N·C = 2·4ᵏ, where the factor of MSELoss("mean") is a power of two.
        batch, widths[-1] = draw(st.sampled_from([(2, 4), (4, 2), (4, 8), (8, 4), (2, 16), (16, 2)]))
    elif draw(st.integers(0, 4)) == 4:
        widths[draw(st.integers(0, len(widths) - 1))] = draw(st.integers(10, 33))
    return batch, widths


def _as_square(draw: st.DrawFn, batch: int, widths: list[int]) -> Widths:
    return batch, [batch] * len(widths)


def _as_narrow(draw: st.DrawFn, batch: int, widths: list[int]) -> Widths:
    for index in draw(st.lists(st.integers(0, len(widths) - 1), min_size=1, max_size=2)):
        widths[index] = 1
    return batch, widths


def _as_large(draw: st.DrawFn, batch: int, widths: list[int]) -> Widths:
    batch, *widths = [min(size, 4) for size in (batch, *widths)][:3]
    big = draw(st.integers(0, len(widths)))
    if big:
        widths[big - 1] = draw(st.integers(34, 200))
    else:
        batch = draw(st.integers(34, 140))
    return batch, widths


def _as_sizes(draw: st.DrawFn, batch: int, widths: list[int]) -> Widths:
    index = draw(st.integers(0, len(widths)))
    if index:
        widths[index - 1] = draw(st.integers(10, 33))
    else:
        batch = draw(st.integers(10, 33))
    return batch, widths


def _as_deep(draw: st.DrawFn, batch: int, widths: list[int]) -> Widths:
    widths = [min(width, 4) for width in widths] + draw(st.lists(st.integers(2, 4), min_size=4, max_size=8))
    return min(batch, 4), widths


def _with_repeats(draw: st.DrawFn, batch: int, widths: list[int]) -> Widths:
    a, b = widths[:2]
    return batch, [a, b, b, b] if draw(st.booleans()) else [a, b, a, b]


INDICES = (0, 20)


def _extreme(dtype: DType) -> st.SearchStrategy[Modification]:
    reach = {"float64": 60, "float32": 24, "bfloat16": 24, "float16": 3}[dtype]
    exponents, indices = st.integers(-reach, reach), st.integers(*INDICES)
    # 10³⁰ and 10⁻³⁰, whose squares float32 does not hold.
    far = st.sampled_from([-100, 100]) if dtype != "float16" else exponents
    biases = st.sampled_from([-8.0, 8.0, -32.0, 32.0, 128.0, -1024.0])
    return st.one_of(
        st.builds(ScaleLayer, layer=indices, exponent=exponents),
        st.builds(ScaleInput, exponent=exponents | far),
        st.builds(SetUnit, layer=indices, unit=indices, bias=biases),
    )


def _on_kinks(dtype: DType) -> st.SearchStrategy[Modification]:
    indices = st.integers(*INDICES)
    return st.one_of(
        st.builds(SetUnit, layer=indices, unit=indices),
        st.builds(ZeroSample, sample=indices, negative=st.booleans()),
    )


def _copied(dtype: DType) -> st.SearchStrategy[Modification]:
    indices = st.integers(*INDICES)
    return st.builds(CopySample, source=indices, target=indices)


def _family(name: str, traits: Traits = Traits()) -> Family:
    return Family(name, BOUNDARIES[name], lambda dtypes: _perceptron(name, traits, dtypes))


PERCEPTRONS = (
    _family("generic", Traits(resized=_as_generic)),
    _family("smooth", Traits(is_smooth=True)),
    _family("square", Traits(resized=_as_square)),
    _family("single_sample", Traits(resized=lambda draw, batch, widths: (1, widths))),
    _family(
        "batched_scalar",
        Traits(resized=lambda draw, batch, widths: (batch, [*widths[:-1], 1]), is_flat=True),
    ),
    _family("narrow", Traits(resized=_as_narrow)),
    _family("empty_batch", Traits(resized=lambda draw, batch, widths: (0, widths))),
    _family("large", Traits(resized=_as_large)),
    _family("sizes", Traits(resized=_as_sizes)),
    _family("deep", Traits(resized=_as_deep, is_open=True)),
    _family("repeated_shapes", Traits(resized=_with_repeats)),
    _family("no_bias", Traits(has_bias=False)),
    _family("extremes", Traits(modified=_extreme)),
    _family("kinks", Traits(modified=_on_kinks)),
    _family("inputs", Traits(has_input_forms=True, modified=_copied, least_modified=0)),
    _family("frozen", Traits(has_frozen=True)),
    _family("nested", Traits(is_nested=True)),
)
"""In the order in which a run takes them."""


@composite
def _perceptron(draw: st.DrawFn, name: str, traits: Traits, dtypes: tuple[DType, ...]) -> Case:
    dtype = draw(st.sampled_from(dtypes))
    exact = not traits.is_smooth and (dtype in ("bfloat16", "float16") or draw(st.sampled_from([True, False])))
    batch, widths = draw(_sized(traits.resized))
    layers, in_shape = draw(_layers(traits, widths, exact))
    parameters = sum(1 + layer.bias for layer in layers if isinstance(layer, Linear))
    forms: list[InputForm] = ["contiguous", "strided", "transposed", "expanded"]
    return Case(
        layers=draw(_with_nested(layers)) if traits.is_nested else layers,
        in_shape=in_shape,
        batch_size=batch,
        dtype=dtype,
        seed=draw(st.integers(0, 2**32 - 1)),
        recipe=draw(_recipes(traits.is_open, dtype, exact)),
        modifications=tuple(draw(_modifications(traits, dtype))),
        input_form=draw(st.sampled_from(forms)) if traits.has_input_forms else "contiguous",
        input_requires_grad=traits.has_input_forms and draw(st.booleans()),
        frozen=tuple(draw(_some(parameters))) if traits.has_frozen else (),
        family=name,
    )


@cache
@composite
def _sized(draw: st.DrawFn, resized: Resize) -> tuple[int, tuple[int, ...]]:
    """Batch size, then the widths from input to output; pairwise different unless the family says otherwise."""
    depth = draw(st.integers(1, 3))
    batch, *sizes = draw(st.lists(st.integers(2, 9), unique=True, min_size=depth + 2, max_size=depth + 2))
    batch, widths = resized(draw, batch, list(sizes))
    return batch, tuple(widths)


@cache
def _piecewise() -> st.SearchStrategy[Layer]:
    dyadic = st.sampled_from([0.5, 0.25, 2.0, 0.0, -0.5, 1.0])
    return st.one_of(st.just(ReLU()), st.builds(LeakyReLU, negative_slope=dyadic), st.just(Identity()))


@cache
def _open() -> st.SearchStrategy[Layer]:
    return st.one_of(st.builds(LeakyReLU, negative_slope=st.just(-1.0)), st.just(Identity()))


@cache
def _curves() -> st.SearchStrategy[Layer]:
    slopes = st.one_of(st.sampled_from([0.01, 0.5, 0.0, 1.0, -0.25]), st.floats(-2, 2, allow_subnormal=False, width=32))
    alphas = st.one_of(st.sampled_from([1.0, 0.5, 2.0, 0.0]), st.floats(-1, 4, allow_subnormal=False, width=32))
    return st.one_of(
        st.just(Tanh()),
        st.just(Sigmoid()),
        st.just(LogSigmoid()),
        st.builds(ELU, alpha=alphas),
        st.just(SELU()),
        st.builds(LeakyReLU, negative_slope=slopes),
    )


@cache
def _any() -> st.SearchStrategy[Layer]:
    return st.one_of(st.just(ReLU()), st.just(Identity()), _curves())


@composite
def _layers(draw: st.DrawFn, traits: Traits, widths: tuple[int, ...], exact: bool) -> tuple[tuple[Layer, ...], Shape]:
    """The layers between these widths, flat, and the shape of one input."""
    usual = _piecewise() if exact else _curves() if traits.is_smooth else _any()
    between = _open() if traits.is_open and exact else usual
    biased = st.sampled_from([True, True, True, False]) if traits.has_bias else st.just(False)
    layers: list[Layer] = []
    in_shape: Shape = (widths[0],)
    if traits.is_nested and draw(st.booleans()):
        rows = draw(st.integers(1, 3))
        in_shape, widths = (rows, widths[0]), (rows * widths[0], *widths[1:])
        layers.append(Flatten())
    for index, width in enumerate(widths[1:]):
        if index:
            layers.append(draw(between))
        layers.append(Linear(out_features=width, bias=draw(biased)))
    if draw(st.integers(0, 3)) == 3:
        position = draw(st.integers(bool(in_shape[1:]), len(layers)))
        extra = st.one_of(usual, st.builds(Dropout, p=st.sampled_from([0.5, 0.0, 1.0, 0.1])), st.just(Flatten()))
        layers.insert(position, draw(extra))
    if traits.is_flat and draw(st.booleans()):
        layers.append(Flatten(start_dim=0))
    return tuple(layers), in_shape


@composite
def _with_nested(draw: st.DrawFn, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The same layers, a run of them in a Sequential of its own, perhaps twice."""
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(layers) - 1))
        stop = draw(st.integers(start + 1, len(layers)))
        layers = (*layers[:start], Sequential(layers=layers[start:stop]), *layers[stop:])
    return layers


@cache
def _recipes(is_open: bool, dtype: DType, exact: bool) -> st.SearchStrategy[Recipe]:
    """Integers small enough for the dtype's precision where the case should be exact, else standard normal numbers."""
    if not exact:
        return st.just(Normal())
    if dtype in ("bfloat16", "float16"):
        fan_in = 1 if is_open else 2 if dtype == "bfloat16" else 3
        return st.builds(Integers, magnitude=st.just(1), fan_in=st.integers(1, fan_in))
    # Dense rows first: in sparse ones most derivatives are zero, and zeros tell little.
    fan_ins = st.sampled_from([2, 1] if is_open else [MAX_WIDTH, 3, 1])
    return st.builds(Integers, magnitude=st.integers(1, 3), fan_in=fan_ins)


@cache
def _modifications(traits: Traits, dtype: DType) -> st.SearchStrategy[list[Modification]]:
    if traits.modified is None:
        return st.just([])
    return st.lists(traits.modified(dtype), min_size=traits.least_modified, max_size=3)


@cache
def _some(parameters: int) -> st.SearchStrategy[list[int]]:
    """Some parameters, never all."""
    if parameters == 1:
        return st.just([])
    return st.lists(st.integers(0, parameters - 1), min_size=1, max_size=parameters - 1, unique=True)
