"""The boundary cases of the families whose layers have no bound rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jaccheck.case.case import Case, DType
from jaccheck.case.layers.estimated import GroupNorm, LayerNorm, LogSoftmax, Recurrent, SelfAttention, Softmax
from jaccheck.case.layers.features import Flatten, Linear, Tanh
from jaccheck.case.layers.graph import Layer
from jaccheck.case.layers.spatial import Convolution
from jaccheck.case.values import Normal

Drawn = tuple[tuple[int, ...], tuple[Layer, ...]]

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


def boundary() -> Iterator[Drawn]:
    """What stands beside the layers that BackPACK knows, each with and without parameters of its own."""
    yield (3,), (Linear(out_features=4), Softmax(), Linear(out_features=2))
    yield (3,), (Linear(out_features=4), LogSoftmax(dim=1))
    yield (4,), (Linear(out_features=3), LayerNorm(), Linear(out_features=2))
    yield (4,), (Linear(out_features=3), LayerNorm(elementwise_affine=False), Linear(out_features=2))
    yield (2, 3), (Convolution(axes=1, out_channels=4, kernel_size=2), GroupNorm(num_groups=2), *HEAD)
    yield (3, 4), (SelfAttention(num_heads=2), *HEAD)
    yield (2, 3), (Linear(out_features=2), LayerNorm(), SelfAttention(), *HEAD)


ESTIMATED: dict[str, Callable[[], Iterator[Drawn]]] = {"recurrent": recurrent, "boundary": boundary}
"""Every family without a bound rule, in the order in which a run takes them."""


def estimated_cases(family: str, dtype: DType) -> Iterator[Case]:
    """The boundary cases of one of these families; in half precision, where an estimate says little, the first one."""
    for number, (shape, layers) in enumerate(ESTIMATED[family]()):
        if number == 0 or dtype not in _HALF:
            yield Case(layers=layers, in_shape=shape, batch_size=2, dtype=dtype, recipe=Normal(), family=family)
