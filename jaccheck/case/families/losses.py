"""The family of losses: perceptrons that are asked for the per-sample gradients of a loss, in every reduction."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.case.case import Case, DType
from jaccheck.case.drawing import composite, st
from jaccheck.case.families.family import Family
from jaccheck.case.layers.activations import LeakyReLU, ReLU, Sigmoid, Tanh
from jaccheck.case.layers.convolutions import Convolution
from jaccheck.case.layers.features import Flatten, Linear
from jaccheck.case.layers.layer import Layer
from jaccheck.case.losses import CaseLoss, losses
from jaccheck.case.values import Integers, Normal, Recipe

BOUNDARY = (
    CaseLoss(),
    CaseLoss(reduction="mean"),
    CaseLoss(reduction="none"),
    CaseLoss(kind="NLLLoss", reduction="mean"),
    CaseLoss(kind="NLLLoss", reduction="mean", has_weights=True, is_ignored=True),
    CaseLoss(kind="NLLLoss", is_ignored=True, ignore_index=1),
    CaseLoss(kind="CrossEntropyLoss"),
    CaseLoss(kind="CrossEntropyLoss", reduction="mean"),
    CaseLoss(kind="CrossEntropyLoss", reduction="none", has_weights=True),
    CaseLoss(kind="CrossEntropyLoss", reduction="mean", has_weights=True),
    CaseLoss(kind="CrossEntropyLoss", reduction="mean", is_ignored=True),
    CaseLoss(kind="CrossEntropyLoss", reduction="mean", is_ignored=True, ignore_index=2, has_weights=True),
    CaseLoss(kind="CrossEntropyLoss", reduction="mean", label_smoothing=0.125),
    CaseLoss(kind="CrossEntropyLoss", reduction="mean", has_weights=True, is_ignored=True, label_smoothing=0.125),
    CaseLoss(kind="CrossEntropyLoss", reduction="mean", has_shares=True, has_weights=True),
    CaseLoss(kind="BCEWithLogitsLoss", reduction="mean"),
    CaseLoss(kind="BCEWithLogitsLoss", has_weights=True),
)
"""Each kind, each option alone, and those together whose factors are easily taken for one another."""


def _cases(dtype: DType) -> Iterator[Case]:
    for number, loss in enumerate(BOUNDARY):
        layers: tuple[Layer, ...] = (Linear(out_features=4), ReLU(), Linear(out_features=3))
        # Other numbers of samples than of outputs: a factor of one must not pass for the other.
        yield Case(layers=layers, in_shape=(3,), batch_size=4, dtype=dtype, seed=number, loss=loss, family="losses")
    one = CaseLoss(reduction="mean")
    yield Case(layers=(Linear(out_features=1),), in_shape=(2,), batch_size=1, dtype=dtype, loss=one, family="losses")


@composite
def _random(draw: st.DrawFn, dtypes: tuple[DType, ...]) -> Case:
    activations: list[Layer] = [ReLU(), LeakyReLU(), Tanh(), Sigmoid()]
    recipes: list[Recipe] = [Integers(), Normal(), Normal()]
    layers: list[Layer] = []
    shape: tuple[int, ...] = (draw(st.integers(1, 5)),)
    if draw(st.integers(0, 3)) == 3:
        shape = (2, draw(st.integers(2, 4)))
        layers += [Convolution(axes=1, out_channels=2, kernel_size=2), draw(st.sampled_from(activations)), Flatten()]
    for width in draw(st.lists(st.integers(1, 5), max_size=2)):
        layers += [Linear(out_features=width), draw(st.sampled_from(activations))]
    classes = draw(st.integers(1, 5))
    layers.append(Linear(out_features=classes, bias=draw(st.booleans())))
    return Case(
        layers=tuple(layers),
        in_shape=shape,
        batch_size=draw(st.integers(1, 6)),
        dtype=draw(st.sampled_from(dtypes)),
        seed=draw(st.integers(0, 2**32 - 1)),
        recipe=draw(st.sampled_from(recipes)),
        loss=draw(losses(classes)),
        family="losses",
    )


LOSSES = Family("losses", _cases, lambda dtypes: _random(dtypes))
