"""`matrix_rows`: one case for each layer and option that the support matrix has a row for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaccheck.case.case import Case, DType
from jaccheck.case.families.registry import FAMILIES, PERCEPTRONS, boundary_cases
from jaccheck.case.layers.activations import ELU, SELU, LeakyReLU, LogSigmoid, ReLU, Sigmoid, Tanh
from jaccheck.case.layers.features import Dropout, Identity, Linear
from jaccheck.case.layers.layer import Layer
from jaccheck.case.layers.sequences import Recurrent
from jaccheck.case.layers.views import Pad, Permute, Slice, Take, Transpose
from jaccheck.case.values import Integers, Normal

_BETWEEN = (
    ReLU(),
    LeakyReLU(negative_slope=0.5),
    ELU(),
    SELU(),
    Sigmoid(),
    Tanh(),
    LogSigmoid(),
    Dropout(),
    Identity(),
)


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A row of the matrix: what it is about, in the words of torch's constructors, and its case."""

    group: str
    name: str
    case: Case


def matrix_rows(dtype: DType) -> list[MatrixRow]:
    """Every row, in one dtype."""
    found = [
        MatrixRow("perceptrons", _short(layer), _perceptron(layer, dtype))
        for layer in (Linear(out_features=4, bias=False), *_BETWEEN)
    ]
    found += [
        MatrixRow("perceptrons", "Flatten to [N]", boundary_cases("batched_scalar", dtype)[1]),
        MatrixRow("perceptrons", "frozen parameters", boundary_cases("frozen", dtype)[2]),
        MatrixRow("perceptrons", "empty batch", boundary_cases("empty_batch", dtype)[0]),
    ]
    for family in FAMILIES[len(PERCEPTRONS) :]:
        if family == "losses":  # no layers: docs/gradients.md says what works with which loss
            continue
        found += [MatrixRow(family.replace("_", " "), _told(case), case) for case in boundary_cases(family, dtype)]
    return found


def _perceptron(layer: Layer, dtype: DType) -> Case:
    smooth = isinstance(layer, ELU | SELU | Sigmoid | Tanh | LogSigmoid)
    between = (layer,) if not isinstance(layer, Linear) else (layer, ReLU())
    case = Case(
        layers=(Linear(out_features=4), *between, Linear(out_features=2)),
        in_shape=(3,),
        batch_size=5,
        dtype=dtype,
        seed=1,
        family="probe",
    )
    return replace(case, recipe=Normal() if smooth else Integers(magnitude=1, fan_in=2))


def _told(case: Case) -> str:
    """The layers that the case is about: all but the Flatten and Linear that end it, and activations."""
    plain = (LeakyReLU, ReLU)
    places = {place.path: place for place in case.places()}
    top = [(path, place) for path, place in places.items() if "." not in path]
    told = [place for _, place in top if not isinstance(place.layer, plain)]
    while len(told) > 1 and type(told[-1].layer).__name__ in ("Flatten", "Linear"):
        told.pop()
    # Before what is pooled or normalised stands a convolution that is not the point.
    last = [told[-1]] if case.family in ("pooling", "normalization") and len(told) > 1 else told
    what = ", ".join(_short(place.layer, place.in_shape) for place in last)
    under = f", {case.loss.label}" if case.loss else ""
    return f"{what} on [{', '.join(map(str, ('N', *last[0].in_shape)))}]{under}"


def _short(layer: Layer, shape: tuple[int, ...] = (4,)) -> str:
    if layer.runs:
        inside = [", ".join(_short(each) for each in run) for _, run in layer.runs]
        merge = f", merge={layer.merge!r}" if hasattr(layer, "merge") else ""
        return f"{layer.kind}({' | '.join(inside)}{merge})"
    if isinstance(layer, Permute | Transpose | Slice | Take | Pad):
        return str(layer)
    how = layer.constructor(shape)
    options = [f"{name}={value!r}" for name, value in how.options.items()]
    kernel = [f"kernel {layer.kernel_size}"] if hasattr(layer, "kernel_size") else []
    name = layer.cell if isinstance(layer, Recurrent) else how.name
    return f"{name}({', '.join([*kernel, *options])})" if options or kernel else name
