"""The boundary cases of the families of multilayer perceptrons, one function for each family."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.case.case import DTYPES, Case, DType
from jaccheck.case.families.family import Boundary
from jaccheck.case.layers.activations import ELU, SELU, LeakyReLU, LogSigmoid, ReLU, Sigmoid, Tanh
from jaccheck.case.layers.features import Dropout, Flatten, Identity, Linear
from jaccheck.case.layers.layer import Layer
from jaccheck.case.layers.nested import Sequential
from jaccheck.case.values import (
    CopySample,
    Integers,
    Modification,
    Normal,
    ScaleInput,
    ScaleLayer,
    SetUnit,
    ZeroSample,
)

SMOOTH: tuple[Layer, ...] = (Tanh(), Sigmoid(), LogSigmoid(), ELU(), SELU(), ELU(alpha=0.5))
SMALL = Integers(magnitude=1, fan_in=2)
"""Small enough that three layers are exact even in bfloat16, which has eight bits."""


def _mlp(*widths: int, between: Layer | None = None, bias: bool = True) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for width in widths:
        if layers:
            layers.append(between or ReLU())
        layers.append(Linear(out_features=width, bias=bias))
    return tuple(layers)


def _case(
    family: str,
    dtype: DType,
    inputs: int,
    batch: int,
    layers: tuple[Layer, ...],
    *modifications: Modification,
    seed: int = 1,
) -> Case:
    return Case(
        layers=layers,
        in_shape=(inputs,),
        batch_size=batch,
        dtype=dtype,
        recipe=SMALL,
        family=family,
        seed=seed,
        modifications=modifications,
    )


def _generic(dtype: DType) -> Iterator[Case]:
    yield _case("generic", dtype, 3, 4, _mlp(2))
    yield _case("generic", dtype, 4, 3, _mlp(5, 2))
    yield _case("generic", dtype, 4, 5, _mlp(3, 6, 2, between=LeakyReLU(negative_slope=0.5)))


def _smooth(dtype: DType) -> Iterator[Case]:
    for i, between in enumerate(SMOOTH):
        layers = _mlp(3, 2, between=between)
        recipe = Normal()
        yield Case(layers=layers, in_shape=(4,), batch_size=5, dtype=dtype, recipe=recipe, seed=i, family="smooth")


def _square(dtype: DType) -> Iterator[Case]:
    yield _case("square", dtype, 3, 3, _mlp(3))
    yield _case("square", dtype, 3, 3, _mlp(3, 3))
    yield _case("square", dtype, 4, 4, _mlp(4, 4, between=LeakyReLU(negative_slope=2.0)), seed=2)


def _single_sample(dtype: DType) -> Iterator[Case]:
    yield _case("single_sample", dtype, 3, 1, _mlp(2))
    yield _case("single_sample", dtype, 3, 1, _mlp(5, 4))


def _batched_scalar(dtype: DType) -> Iterator[Case]:
    yield _case("batched_scalar", dtype, 3, 4, _mlp(1))
    yield _case("batched_scalar", dtype, 3, 4, (*_mlp(5, 1), Flatten(start_dim=0)))
    yield _case("batched_scalar", dtype, 3, 1, (*_mlp(1), Flatten(start_dim=0)))


def _narrow(dtype: DType) -> Iterator[Case]:
    yield _case("narrow", dtype, 1, 3, _mlp(2))
    yield _case("narrow", dtype, 2, 3, _mlp(1, 4), seed=2)
    yield _case("narrow", dtype, 1, 1, _mlp(1))


def _empty_batch(dtype: DType) -> Iterator[Case]:
    yield _case("empty_batch", dtype, 3, 0, _mlp(2))
    yield _case("empty_batch", dtype, 3, 0, _mlp(4, 2, between=Tanh()))


def _large(dtype: DType) -> Iterator[Case]:
    yield _case("large", dtype, 3, 67, _mlp(2))
    yield _case("large", dtype, 5, 2, _mlp(130, 2))
    yield _case("large", dtype, 2, 3, _mlp(67))


def _sizes(dtype: DType) -> Iterator[Case]:
    """Each size from 5 to 33 as N, as C, as a number of inputs and of hidden units, in one of the dtypes."""
    for size in range(5 + DTYPES.index(dtype), 34, len(DTYPES)):
        yield _case("sizes", dtype, 5 + (size + 9) % 29, size, _mlp(5 + (size + 18) % 29, 2), seed=2)
        yield _case("sizes", dtype, 3, 2, _mlp(size), seed=2)


def _deep(dtype: DType) -> Iterator[Case]:
    # |z| between the layers, and one ReLU: ten ReLUs in a row leave no path open, and all Jacobians are zero.
    layers: list[Layer] = []
    for depth in range(10):
        layers += [Linear(out_features=3), ReLU() if depth == 5 else LeakyReLU(negative_slope=-1.0)]
    chain = Integers(magnitude=1, fan_in=1)
    layers.append(Linear(out_features=2))
    yield Case(layers=tuple(layers), in_shape=(4,), batch_size=3, dtype=dtype, recipe=chain, seed=1, family="deep")


def _repeated_shapes(dtype: DType) -> Iterator[Case]:
    yield _case("repeated_shapes", dtype, 2, 4, _mlp(3, 3, 3), seed=2)
    yield _case("repeated_shapes", dtype, 3, 4, _mlp(2, 3, 2, between=LeakyReLU(negative_slope=0.5)))


def _no_bias(dtype: DType) -> Iterator[Case]:
    yield _case("no_bias", dtype, 3, 4, _mlp(2, bias=False))
    yield _case("no_bias", dtype, 3, 4, _mlp(5, 2, bias=False))


def _extremes(dtype: DType) -> Iterator[Case]:
    up, down = (20, -20) if dtype in ("float64", "float32", "bfloat16") else (4, -4)
    yield _case("extremes", dtype, 3, 4, _mlp(5, 2), ScaleLayer(layer=0, exponent=up))
    yield _case("extremes", dtype, 3, 4, _mlp(5, 2), ScaleLayer(layer=1, exponent=down))
    yield _case("extremes", dtype, 3, 4, _mlp(5, 2, bias=False), ScaleInput(exponent=down))
    yield _case("extremes", dtype, 3, 4, _mlp(5, 2, bias=False), ScaleInput(exponent=2 * down))
    if dtype != "float16":
        yield _case("extremes", dtype, 3, 4, _mlp(5, 2, bias=False), ScaleInput(exponent=100))
        yield _case("extremes", dtype, 3, 4, _mlp(5, 2, bias=False), ScaleInput(exponent=-100))
    yield _case("extremes", dtype, 3, 4, _mlp(5, 2, between=Tanh()), SetUnit(layer=0, unit=1, bias=30.0))
    yield _case("extremes", dtype, 3, 4, _mlp(5, 2, between=LogSigmoid()), SetUnit(layer=0, unit=1, bias=-60.0))
    yield _case("extremes", dtype, 3, 4, _mlp(5, 2, between=LogSigmoid()), SetUnit(layer=0, unit=1, bias=-1000.0))


def _kinks(dtype: DType) -> Iterator[Case]:
    for between in (ReLU(), LeakyReLU(negative_slope=0.5), ELU(alpha=2.0), SELU()):
        modifications = (SetUnit(layer=0, unit=0), ZeroSample(sample=1))
        yield _case("kinks", dtype, 3, 4, _mlp(5, 2, between=between), *modifications, seed=2)
    yield _case(
        "kinks", dtype, 3, 4, _mlp(5, 2), ZeroSample(sample=2, negative=True), SetUnit(layer=0, unit=1, bias=-9.0)
    )


def _inputs(dtype: DType) -> Iterator[Case]:
    for form in ("strided", "transposed", "expanded"):
        layers = _mlp(5, 2)
        yield Case(
            layers=layers, in_shape=(3,), batch_size=4, dtype=dtype, recipe=SMALL, input_form=form, family="inputs"
        )
    yield Case(
        layers=_mlp(5, 2),
        in_shape=(3,),
        batch_size=4,
        dtype=dtype,
        recipe=SMALL,
        input_requires_grad=True,
        family="inputs",
    )
    yield _case("inputs", dtype, 3, 4, _mlp(5, 2), CopySample(source=0, target=2))


def _frozen(dtype: DType) -> Iterator[Case]:
    for frozen in ((0,), (1,), (0, 1), (2, 3), (1, 3)):
        yield Case(
            layers=_mlp(4, 2), in_shape=(3,), batch_size=5, dtype=dtype, recipe=SMALL, frozen=frozen, family="frozen"
        )


def _nested(dtype: DType) -> Iterator[Case]:
    inner = Sequential(layers=(Linear(out_features=4), Dropout(p=0.5), ReLU()))
    yield _case("nested", dtype, 3, 5, (inner, Sequential(layers=(Identity(), Linear(out_features=2)))))
    shaped = (Flatten(), Linear(out_features=4), ReLU(), Flatten(), Linear(out_features=2))
    yield Case(layers=shaped, in_shape=(2, 3), batch_size=5, dtype=dtype, recipe=SMALL, family="nested")
    yield _case("nested", dtype, 3, 5, (Dropout(p=0.0), ReLU(), Linear(out_features=2), Dropout(p=1.0)))


BOUNDARIES: dict[str, Boundary] = {
    "generic": _generic,
    "smooth": _smooth,
    "square": _square,
    "single_sample": _single_sample,
    "batched_scalar": _batched_scalar,
    "narrow": _narrow,
    "empty_batch": _empty_batch,
    "large": _large,
    "sizes": _sizes,
    "deep": _deep,
    "repeated_shapes": _repeated_shapes,
    "no_bias": _no_bias,
    "extremes": _extremes,
    "kinks": _kinks,
    "inputs": _inputs,
    "frozen": _frozen,
    "nested": _nested,
}
"""By the name of the family."""
