"""What families beyond multilayer perceptrons have in common: boundary cases, random networks, layers between others.

Every option is drawn within what the shape before it allows, so that each draw is a legal case by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from math import prod

from jaccheck.case.case import Case, DType
from jaccheck.case.drawing import composite, st
from jaccheck.case.families.family import Family
from jaccheck.case.layers.activations import LeakyReLU, ReLU, Sigmoid, Tanh
from jaccheck.case.layers.convolutions import Convolution
from jaccheck.case.layers.features import Dropout, Flatten, Identity, Linear
from jaccheck.case.layers.layer import Layer, Shape
from jaccheck.case.layers.nested import Parallel
from jaccheck.case.layers.places import shape_through, shapes_of
from jaccheck.case.values import Integers, Normal

Drawn = tuple[Shape, tuple[Layer, ...]]
Body = Callable[[bool], "st.SearchStrategy[Drawn]"]

HEAD = (Flatten(), Linear(out_features=2))
LEAKY = LeakyReLU(negative_slope=0.5)

BRANCH_SEED = 1
"""With the seed 0 of all others one of the joined branches has no derivative that is not zero."""


def boundary_of(family: str, drawn: Iterator[Drawn], dtype: DType) -> Iterator[Case]:
    """The boundary cases of one of these families: small integers, so few that also bfloat16 keeps them exactly."""
    for shape, layers in drawn:
        yield Case(
            layers=layers,
            in_shape=shape,
            batch_size=3,
            dtype=dtype,
            seed=BRANCH_SEED if isinstance(layers[0], Parallel) and layers[0].merge == "cat" else 0,
            recipe=Integers(magnitude=1, fan_in=2),
            family=family,
        )


@cache
def dyadic() -> st.SearchStrategy[float]:
    """Factors that round nothing."""
    return st.sampled_from([0.5, 2.0, -1.0, 0.25])


@cache
def between(exact: bool) -> st.SearchStrategy[Layer]:
    """What stands between layers with parameters; with `exact` what keeps small integers exact."""
    if exact:
        return st.one_of(st.just(ReLU()), st.builds(LeakyReLU, negative_slope=dyadic()), st.just(Identity()))
    return st.one_of(
        st.just(ReLU()),
        st.just(Tanh()),
        st.just(Sigmoid()),
        st.builds(LeakyReLU),
        st.builds(Dropout),
        st.just(Identity()),
    )


@composite
def random_of(draw: st.DrawFn, family: str, body: Body, dtypes: tuple[DType, ...]) -> Case:
    """A random case: the body of a family, and a Linear behind it, or what else makes its output flat."""
    dtype = draw(st.sampled_from(dtypes))
    exact = dtype in ("bfloat16", "float16") or draw(st.booleans())
    batch, outputs = draw(st.lists(st.integers(2, 5), unique=True, min_size=2, max_size=2))
    shape, layers = draw(body(exact))
    shape_after = shape_through(layers, shape)
    head = draw(st.sampled_from(["linear", "linear", "linear", "none"]))
    if len(shape_after) > 1:
        layers = (*layers, Flatten())
    if (
        head == "linear"
        or family in ("pooling", "normalization")
        or not shapes_of(layers, shape).parameters
        or (prod(shape_after) > 12)
    ):
        layers = (*layers, Linear(out_features=outputs, bias=draw(st.booleans())))
    half = dtype in ("bfloat16", "float16")
    fan_ins = st.integers(1, 2) if half else st.sampled_from([3, 1, 4096])
    magnitudes = st.just(1) if half else st.integers(1, 2)
    return Case(
        layers=layers,
        in_shape=shape,
        batch_size=batch,
        dtype=dtype,
        seed=draw(st.integers(0, 2**32 - 1)),
        recipe=draw(st.builds(Integers, magnitude=magnitudes, fan_in=fan_ins)) if exact else Normal(),
        family=family,
    )


@composite
def keeping(draw: st.DrawFn, shape: Shape, exact: bool) -> tuple[Layer, ...]:
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
        layers.append(draw(between(exact)))
    return tuple(layers)


def family_of(name: str, boundary: Callable[[], Iterator[Drawn]], body: Body) -> Family:
    """The family of these boundary cases, and of random networks with such a body."""
    return Family(
        name, lambda dtype: boundary_of(name, boundary(), dtype), lambda dtypes: random_of(name, body, dtypes)
    )
