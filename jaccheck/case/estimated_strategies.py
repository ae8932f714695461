"""Random cases of the families whose layers have no bound rule; imports hypothesis, as `strategies.py` does."""

from __future__ import annotations

from math import prod

from hypothesis import strategies as st

from jaccheck.case.case import Case, DType
from jaccheck.case.layers.estimated import GroupNorm, LayerNorm, LogSoftmax, Recurrent, SelfAttention, Softmax
from jaccheck.case.layers.features import Dropout, Flatten, Identity, Linear, ReLU, Tanh
from jaccheck.case.layers.graph import Layer, Parallel, Residual
from jaccheck.case.layers.shapes import shape_through
from jaccheck.case.values import Normal

Drawn = tuple[tuple[int, ...], tuple[Layer, ...]]

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 3)


@st.composite
def estimated_case(draw: st.DrawFn, family: str, dtypes: tuple[DType, ...]) -> Case:
    """A random case of one of the families of `estimated_cases.py`."""
    # Equal ones too: a mistaken broadcast then goes unnoticed by torch.
    batch, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    shape, layers = draw(_BODIES[family])
    if len(shape_through(layers, shape)) > 1:
        layers = (*layers, Flatten())
    return Case(
        layers=(*layers, Linear(out_features=outputs, bias=draw(st.booleans()))),
        in_shape=shape,
        batch_size=batch,
        dtype=draw(st.sampled_from(dtypes)),
        seed=draw(SEEDS),
        recipe=Normal(),
        family=family,
    )


@st.composite
def _recurrent(draw: st.DrawFn) -> Drawn:
    shape = (draw(st.integers(1, 3)), draw(SIZES))
    layers: list[Layer] = [Linear(out_features=draw(SIZES)), Tanh()] if draw(st.booleans()) else []
    layers.append(
        Recurrent(
            cell=draw(st.sampled_from(["RNN", "LSTM", "GRU"])),
            hidden_size=draw(SIZES),
            num_layers=draw(st.integers(1, 2)),
            bias=draw(st.sampled_from([True, True, False])),
            bidirectional=draw(st.sampled_from([False, False, True])),
        )
    )
    after: st.SearchStrategy[Layer] = st.sampled_from([Identity(), Tanh(), Dropout()])
    return shape, (*layers, draw(after))


@st.composite
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


@st.composite
def _keeping(draw: st.DrawFn, shape: tuple[int, ...]) -> Layer:
    axes = st.sampled_from([-1, len(shape)])
    groups = st.sampled_from([g for g in (1, 2, 3) if shape[0] % g == 0 and prod(shape) > g])
    heads = st.sampled_from([h for h in (1, 2) if shape[-1] % h == 0])
    choices: list[st.SearchStrategy[Layer]] = [
        st.builds(Softmax, dim=axes),
        st.builds(LogSoftmax, dim=axes),
        st.builds(LayerNorm, eps=st.sampled_from([1e-5, 0.1]), elementwise_affine=st.booleans()),
        st.builds(GroupNorm, num_groups=groups, eps=st.sampled_from([1e-5, 0.1]), affine=st.booleans()),
    ]
    if len(shape) == 2:
        choices.append(st.builds(SelfAttention, num_heads=heads))
    return draw(st.one_of(choices))


_BODIES = {"recurrent": _recurrent(), "boundary": _around()}
