"""`hooks` equals autograd on layers of every kind that it covers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaccheck_support.hooks import check, integers
from torch import Tensor, nn

from jaccheck.methods.rules.table import table


def test_the_table_of_rules_in_the_documentation_is_that_of_the_code() -> None:
    """`python -m jaccheck.methods.rules.table` prints it."""
    assert table() in (Path(__file__).parents[2] / "docs" / "fast-methods.md").read_text()


@st.composite
def convolutions(draw: Any) -> tuple[nn.Module, Tensor]:
    """A convolution with drawn options, and an input it can take."""
    axes = draw(st.integers(1, 3))
    per_axis = st.tuples(*[st.integers(1, 3)] * axes)
    kernel, stride, dilation = draw(per_axis), draw(per_axis), draw(st.tuples(*[st.integers(1, 2)] * axes))
    groups = draw(st.integers(1, 3))
    padding = draw(st.one_of(st.tuples(*[st.integers(0, 2)] * axes), st.sampled_from(["same", "valid"])))
    mode = draw(st.sampled_from(["zeros", "circular", "reflect", "replicate"]))
    if padding == "same":
        stride = (1,) * axes
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [draw(st.integers(max(span, 5), span + 5)) for span in spans]
    layer = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[axes](
        groups * draw(st.integers(1, 2)),
        groups * draw(st.integers(1, 2)),
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=mode,
    )
    return layer, integers(draw(st.integers(1, 3)), layer.in_channels, *size, seed=7)


@settings(max_examples=60, database=None, derandomize=True)
@given(convolutions())
def test_convolutions_of_every_option(drawn: tuple[nn.Module, Tensor]) -> None:
    """Stride, padding and its mode, dilation, groups, bias, in one to three dimensions."""
    layer, X = drawn
    layer.double().eval()
    with torch.no_grad():
        features = layer(X)[0].numel()
    check(nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.Linear(features, 2)), X)


@st.composite
def transposed_convolutions(draw: Any) -> tuple[nn.Module, Tensor]:
    """A transposed convolution with drawn options, and an input it can take."""
    axes = draw(st.integers(1, 3))
    per_axis = st.tuples(*[st.integers(1, 3)] * axes)
    kernel, stride, dilation = draw(per_axis), draw(per_axis), draw(st.tuples(*[st.integers(1, 2)] * axes))
    most = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
    groups = draw(st.integers(1, 2))
    layer = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}[axes](
        groups * draw(st.integers(1, 2)),
        groups * draw(st.integers(1, 2)),
        kernel,
        stride=stride,
        padding=draw(st.tuples(*[st.integers(0, 1)] * axes)),
        output_padding=tuple(draw(st.integers(0, each)) for each in most),
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
    )
    return layer, integers(draw(st.integers(1, 3)), layer.in_channels, *[draw(st.integers(3, 4))] * axes, seed=7)


@settings(max_examples=40, database=None, derandomize=True)
@given(transposed_convolutions())
def test_transposed_convolutions_of_every_option(drawn: tuple[nn.Module, Tensor]) -> None:
    """Stride, padding, output padding, dilation, groups, bias, in one to three dimensions."""
    layer, X = drawn
    layer.double().eval()
    with torch.no_grad():
        features = layer(X)[0].numel()
    check(nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.Linear(features, 2)), X)


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_adds_up_over_inner_axes(bias: bool) -> None:
    """For input [N, A, B, features]."""
    check(nn.Sequential(nn.Linear(3, 4, bias=bias), nn.ReLU(), nn.Linear(4, 2), nn.Flatten()), integers(3, 2, 2, 3))


def _normalisation(kind: str) -> tuple[nn.Module, Tensor]:
    layers: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
        "layer": (lambda: nn.LayerNorm(4), (3, 4)),
        "layer of two axes": (lambda: nn.LayerNorm((2, 4)), (3, 5, 2, 4)),
        "layer over inner axes": (lambda: nn.LayerNorm(4, bias=False), (3, 2, 5, 4)),
        "group": (lambda: nn.GroupNorm(2, 4), (3, 4, 5)),
        "group of vectors": (lambda: nn.GroupNorm(2, 4), (3, 4)),
        "batch 1d": (lambda: nn.BatchNorm1d(4), (3, 4)),
        "batch 1d of sequences": (lambda: nn.BatchNorm1d(4), (3, 4, 5)),
        "batch 2d": (lambda: nn.BatchNorm2d(4), (3, 4, 2, 3)),
        "batch 3d": (lambda: nn.BatchNorm3d(4), (3, 4, 2, 1, 2)),
    }
    make, shape = layers[kind]
    layer = make()
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        layer.running_mean, layer.running_var = torch.arange(4.0), torch.arange(1.0, 5.0)
    return layer, integers(*shape)


NORMALISATIONS = [
    "layer",
    "layer of two axes",
    "layer over inner axes",
    "group",
    "group of vectors",
    "batch 1d",
    "batch 1d of sequences",
    "batch 2d",
    "batch 3d",
]


@pytest.mark.parametrize("kind", NORMALISATIONS)
def test_normalisations(kind: str) -> None:
    """Their weight and bias, with a Linear above and below."""
    layer, X = _normalisation(kind)
    below = nn.Linear(X.shape[-1], X.shape[-1])
    features = X[0].numel()
    check(nn.Sequential(below, layer, nn.Tanh(), nn.Flatten(), nn.Linear(features, 2)), X, rounds=True)


@pytest.mark.parametrize("padding_idx", [None, 1, -1])
@pytest.mark.parametrize("shape", [(4, 3), (4,), (4, 2, 2)])
def test_an_embedding(shape: tuple[int, ...], padding_idx: int | None) -> None:
    """An index that occurs twice counts twice, the padding never."""
    X = torch.tensor([[0, 0, 4], [1, 4, 4], [2, 1, 0], [3, 3, 3]]).repeat(1, 2)
    X = X[:, 0] if len(shape) == 1 else X[:, : 3 if len(shape) == 2 else 4].reshape(shape)
    model = nn.Sequential(nn.Embedding(5, 3, padding_idx=padding_idx), nn.Linear(3, 2), nn.Flatten())
    check(model, X)
