"""Families whose layers have no bound rule: what surrounds the layers that BackPACK knows, and its recurrent ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from jaccheck.case.case import Case, DType
from jaccheck.case.drawing import composite, st
from jaccheck.case.families.family import Family
from jaccheck.case.layers.activations import ReLU, Tanh
from jaccheck.case.layers.convolutions import Convolution
from jaccheck.case.layers.features import Dropout, Flatten, Identity, Linear
from jaccheck.case.layers.layer import Layer, Shape
from jaccheck.case.layers.nested import Parallel, Residual
from jaccheck.case.layers.norms import GroupNorm, LayerNorm, LogSoftmax, Softmax
from jaccheck.case.layers.places import shape_through
from jaccheck.case.layers.sequences import Recurrent, SelfAttention
from jaccheck.case.values import Normal

Drawn = tuple[Shape, tuple[Layer, ...]]
Body = Callable[[], "st.SearchStrategy[Drawn]"]

HEAD = (Flatten(), Linear(out_features=2))
_HALF = ("bfloat16", "float16")


def recurrent() -> Iterator[Drawn]:
    """Each kind of cell, of one layer and of two, between other layers."""
    yield (3, 2), (Recurrent(hidden_size=2), *HEAD)
    yield (3, 2), (Recurrent(cell="LSTM", hidden_size=2), *HEAD)
    yield (2, 3), (Recurrent(cell="GRU", hidden_size=2), *HEAD)
    yield (3, 2), (Recurrent(hidden_size=2, num_layers=2), *HEAD)
    yield (2, 2), (Recurrent(cell="LSTM", hidden_size=1, num_layers=2), *HEAD)
    yield (2, 3), (Linear(out_features=2), Tanh(), Recurrent(hidden_size=3), Tanh(), *HEAD)
    yield (2, 2), (Recurrent(hidden_size=2, bias=False), *HEAD)
    yield (3, 2), (Recurrent(hidden_size=1, bidirectional=True), *HEAD)
    yield (3, 2), (Recurrent(hidden_size=2, has_state=True), *HEAD)
    yield (2, 2), (Recurrent(cell="LSTM", hidden_size=2, has_state=True), *HEAD)
    yield (2, 2), (Recurrent(cell="GRU", hidden_size=2, num_layers=2, has_state=True, returns="both"), *HEAD)
    yield (3, 2), (Recurrent(hidden_size=2, returns="state"), Linear(out_features=2))
    yield (2, 2), (Recurrent(cell="LSTM", hidden_size=2, returns="state"), Linear(out_features=2))
    yield (3, 2), (Recurrent(hidden_size=2, returns="both"), *HEAD)
    yield (2, 2), (Recurrent(cell="LSTM", hidden_size=2, returns="both"), *HEAD)


def boundary() -> Iterator[Drawn]:
    """What stands beside the layers that BackPACK knows, each with and without parameters of its own."""
    yield (3,), (Linear(out_features=4), Softmax(), Linear(out_features=2))
    yield (3,), (Linear(out_features=4), LogSoftmax(dim=1))
    yield (4,), (Linear(out_features=3), LayerNorm(), Linear(out_features=2))
    yield (4,), (Linear(out_features=3), LayerNorm(elementwise_affine=False), Linear(out_features=2))
    yield (2, 3), (Convolution(axes=1, out_channels=4, kernel_size=2), GroupNorm(num_groups=2), *HEAD)
    yield (3, 4), (SelfAttention(num_heads=2), *HEAD)
    yield (2, 3), (Linear(out_features=2), LayerNorm(), SelfAttention(), *HEAD)


def _cases(family: str, drawn: Iterator[Drawn], dtype: DType) -> Iterator[Case]:
    """The boundary cases; in half precision, where an estimate says little, the first one."""
    for number, (shape, layers) in enumerate(drawn):
        if number == 0 or dtype not in _HALF:
            yield Case(layers=layers, in_shape=shape, batch_size=2, dtype=dtype, recipe=Normal(), family=family)


@composite
def _network(draw: st.DrawFn, family: str, body: Body, dtypes: tuple[DType, ...]) -> Case:
    """A random case: the body of a family, and a Linear behind it."""
    # Equal ones too: a mistaken broadcast then goes unnoticed by torch.
    batch, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    shape, layers = draw(body())
    if len(shape_through(layers, shape)) > 1:
        layers = (*layers, Flatten())
    return Case(
        layers=(*layers, Linear(out_features=outputs, bias=draw(st.booleans()))),
        in_shape=shape,
        batch_size=batch,
        dtype=draw(st.sampled_from(dtypes)),
        seed=draw(st.integers(0, 2**32 - 1)),
        recipe=Normal(),
        family=family,
    )


@composite
def _recurrent(draw: st.DrawFn) -> Drawn:
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    layers: list[Layer] = [Linear(out_features=draw(st.integers(1, 3))), Tanh()] if draw(st.booleans()) else []
    layers.append(Recurrent.drawn(draw))
    after: st.SearchStrategy[Layer] = st.sampled_from([Identity(), Tanh(), Dropout()])
    return shape, (*layers, draw(after))


@composite
def _around(draw: st.DrawFn) -> Drawn:
    """Features, or a sequence of them, through layers that keep its shape."""
    shape: tuple[int, ...] = tuple(draw(st.lists(st.integers(2, 4), min_size=1, max_size=2)))
    width = draw(st.integers(2, 4))
    shape_then = (*shape[:-1], width)
    layers: list[Layer] = [Linear(out_features=width)]
    for _ in range(draw(st.integers(1, 2))):
        layer = draw(_keeping(shape_then))
        match draw(st.sampled_from(["plain", "plain", "residual", "sum"])):
            case "residual":
                layers.append(Residual(layers=(layer,)))
            case "sum":
                layers.append(Parallel(branches=((layer,), (ReLU(),))))
            case _:
                layers.append(layer)
    return shape, tuple(layers)


@composite
def _keeping(draw: st.DrawFn, shape: Shape) -> Layer:
    kinds: list[type[Layer]] = [
        Softmax,
        LogSoftmax,
        LayerNorm,
        GroupNorm,
        *([SelfAttention] if len(shape) == 2 else []),
    ]
    return draw(st.one_of([kind.strategy(shape, exact=False) for kind in kinds]))


def _family(name: str, boundary: Callable[[], Iterator[Drawn]], body: Body) -> Family:
    body = cache(body)
    return Family(
        name,
        lambda dtype: _cases(name, boundary(), dtype),
        lambda dtypes: _network(name, body, dtypes),
        has_rules=False,
    )


ESTIMATED = (_family("recurrent", recurrent, lambda: _recurrent()), _family("boundary", boundary, lambda: _around()))
"""In the order in which a run takes them."""
