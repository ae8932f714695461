"""`cases()`: Hypothesis draws random cases. Hypothesis is imported by strategies, the pytest suite and sequences only.

Alternatives stand simplest first (ReLU, integers, one layer), since that is where Hypothesis shrinks to. Nothing is
filtered: every draw is a legal case by construction. Numbers come by recipe and seed, so live tensors never are drawn.
What makes a strategy of few kinds of arguments keeps it: Hypothesis checks each new one, a third of the time of a draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from jaccheck.case.architecture_strategies import zoo_case
from jaccheck.case.architectures import ZOO
from jaccheck.case.case import DTYPES, Case, DType, InputForm
from jaccheck.case.estimated_cases import ESTIMATED
from jaccheck.case.estimated_strategies import estimated_case
from jaccheck.case.families import FAMILIES
from jaccheck.case.layers.features import (
    ELU,
    MAX_WIDTH,
    SELU,
    Dropout,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    LogSigmoid,
    ReLU,
    Sigmoid,
    Tanh,
)
from jaccheck.case.layers.graph import Layer, Sequential
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

SEEDS = st.integers(0, 2**32 - 1)
INDICES = st.integers(0, 20)
DYADIC_SLOPES = st.sampled_from([0.5, 0.25, 2.0, 0.0, -0.5, 1.0])
SLOPES = st.one_of(st.sampled_from([0.01, 0.5, 0.0, 1.0, -0.25]), st.floats(-2, 2, allow_subnormal=False, width=32))
ALPHAS = st.one_of(st.sampled_from([1.0, 0.5, 2.0, 0.0]), st.floats(-1, 4, allow_subnormal=False, width=32))

PIECEWISE: st.SearchStrategy[Layer] = st.one_of(
    st.just(ReLU()), st.builds(LeakyReLU, negative_slope=DYADIC_SLOPES), st.just(Identity())
)
# For deep networks: a ReLU in each of many narrow layers leaves no path open, and all Jacobians are zero.
OPEN: st.SearchStrategy[Layer] = st.one_of(st.builds(LeakyReLU, negative_slope=st.just(-1.0)), st.just(Identity()))
SMOOTH: st.SearchStrategy[Layer] = st.one_of(
    st.just(Tanh()),
    st.just(Sigmoid()),
    st.just(LogSigmoid()),
    st.builds(ELU, alpha=ALPHAS),
    st.just(SELU()),
    st.builds(LeakyReLU, negative_slope=SLOPES),
)
ANY: st.SearchStrategy[Layer] = st.one_of(st.just(ReLU()), st.just(Identity()), SMOOTH)

# N·C = 2·4ᵏ, where the factor of MSELoss("mean") is a power of two.
POWER_OF_TWO_SIZES = st.sampled_from([(2, 4), (4, 2), (4, 8), (8, 4), (2, 16), (16, 2)])


def cases(family: str | None = None, dtypes: Sequence[DType] = DTYPES) -> st.SearchStrategy[Case]:
    """Random cases of one family, or of any, in one of `dtypes`."""
    families = st.sampled_from(FAMILIES) if family is None else st.just(family)
    return families.flatmap(lambda chosen: _of(chosen, tuple(dtypes)))


@cache
def _of(family: str, dtypes: tuple[DType, ...]) -> st.SearchStrategy[Case]:
    if family in ESTIMATED:
        return estimated_case(family, dtypes)
    return zoo_case(family, dtypes) if family in ZOO else _family_case(family, dtypes)


@st.composite
def _family_case(draw: st.DrawFn, family: str, dtypes: tuple[DType, ...]) -> Case:
    dtype = draw(st.sampled_from(dtypes))
    exact = family != "smooth" and (dtype in ("bfloat16", "float16") or draw(st.sampled_from([True, False])))
    batch, widths = draw(_sizes(family, dtype))
    layers, in_shape = draw(_layers(family, widths, exact))
    parameters = sum(1 + layer.bias for layer in layers if isinstance(layer, Linear))
    forms: list[InputForm] = ["contiguous", "strided", "transposed", "expanded"]
    return Case(
        layers=draw(_nested(layers)) if family == "nested" else layers,
        in_shape=in_shape,
        batch_size=batch,
        dtype=dtype,
        seed=draw(SEEDS),
        recipe=draw(_recipes(family, dtype, exact)),
        modifications=tuple(draw(_modifications(family, dtype))),
        input_form=draw(st.sampled_from(forms)) if family == "inputs" else "contiguous",
        input_requires_grad=family == "inputs" and draw(st.booleans()),
        frozen=tuple(draw(_frozen(parameters))) if family == "frozen" else (),
        family=family,
    )


@cache
@st.composite
def _sizes(draw: st.DrawFn, family: str, dtype: DType) -> tuple[int, tuple[int, ...]]:
    """Batch size, then the widths from input to output; pairwise different unless the family says otherwise."""
    depth = draw(st.integers(1, 3))
    batch, *sizes = draw(st.lists(st.integers(2, 9), unique=True, min_size=depth + 2, max_size=depth + 2))
    widths = list(sizes)
    match family:
        case "generic" if draw(st.integers(0, 3)) == 3:
            batch, widths[-1] = draw(POWER_OF_TWO_SIZES)
        case "generic" if draw(st.integers(0, 4)) == 4:
            widths[draw(st.integers(0, depth))] = draw(st.integers(10, 33))
        case "square":
            widths = [batch] * (depth + 1)
        case "single_sample":
            batch = 1
        case "batched_scalar":
            widths[-1] = 1
        case "narrow":
            for index in draw(st.lists(st.integers(0, depth), min_size=1, max_size=2)):
                widths[index] = 1
        case "empty_batch":
            batch = 0
        case "large":
            batch, *widths = [min(size, 4) for size in (batch, *widths)][:3]
            big = draw(st.integers(0, len(widths)))
            if big:
                widths[big - 1] = draw(st.integers(34, 200))
            else:
                batch = draw(st.integers(34, 140))
        case "sizes":
            index = draw(st.integers(0, depth + 1))
            if index:
                widths[index - 1] = draw(st.integers(10, 33))
            else:
                batch = draw(st.integers(10, 33))
        case "deep":
            widths = [min(width, 4) for width in widths] + draw(st.lists(st.integers(2, 4), min_size=4, max_size=8))
            batch = min(batch, 4)
        case "repeated_shapes":
            a, b = widths[:2]
            widths = [a, b, b, b] if draw(st.booleans()) else [a, b, a, b]
    return batch, tuple(widths)


@st.composite
def _layers(
    draw: st.DrawFn, family: str, widths: tuple[int, ...], exact: bool
) -> tuple[tuple[Layer, ...], tuple[int, ...]]:
    """The layers between these widths, flat, and the shape of one input."""
    usual = PIECEWISE if exact else SMOOTH if family == "smooth" else ANY
    between = OPEN if family == "deep" and exact else usual
    biased = st.just(False) if family == "no_bias" else st.sampled_from([True, True, True, False])
    layers: list[Layer] = []
    in_shape: tuple[int, ...] = (widths[0],)
    if family == "nested" and draw(st.booleans()):
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
    if family == "batched_scalar" and draw(st.booleans()):
        layers.append(Flatten(start_dim=0))
    return tuple(layers), in_shape


@st.composite
def _nested(draw: st.DrawFn, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The same layers, a run of them in a Sequential of its own, perhaps twice."""
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(layers) - 1))
        stop = draw(st.integers(start + 1, len(layers)))
        layers = (*layers[:start], Sequential(layers=layers[start:stop]), *layers[stop:])
    return layers


@cache
def _recipes(family: str, dtype: DType, exact: bool) -> st.SearchStrategy[Recipe]:
    """Integers small enough for the dtype's precision where the case should be exact, else standard normal numbers."""
    if not exact:
        return st.just(Normal())
    if dtype in ("bfloat16", "float16"):
        fan_in = 1 if family == "deep" else 2 if dtype == "bfloat16" else 3
        return st.builds(Integers, magnitude=st.just(1), fan_in=st.integers(1, fan_in))
    # Dense rows first: in sparse ones most derivatives are zero, and zeros tell little.
    fan_ins = st.sampled_from([2, 1] if family == "deep" else [MAX_WIDTH, 3, 1])
    return st.builds(Integers, magnitude=st.integers(1, 3), fan_in=fan_ins)


@cache
def _modifications(family: str, dtype: DType) -> st.SearchStrategy[list[Modification]]:
    reach = {"float64": 60, "float32": 24, "bfloat16": 24, "float16": 3}[dtype]
    exponents = st.integers(-reach, reach)
    choices: dict[str, st.SearchStrategy[Modification]] = {
        "extremes": st.one_of(
            st.builds(ScaleLayer, layer=INDICES, exponent=exponents),
            st.builds(ScaleInput, exponent=exponents),
            st.builds(
                SetUnit, layer=INDICES, unit=INDICES, bias=st.sampled_from([-8.0, 8.0, -32.0, 32.0, 128.0, -1024.0])
            ),
        ),
        "kinks": st.one_of(
            st.builds(SetUnit, layer=INDICES, unit=INDICES),
            st.builds(ZeroSample, sample=INDICES, negative=st.booleans()),
        ),
        "inputs": st.builds(CopySample, source=INDICES, target=INDICES),
    }
    if family not in choices:
        return st.just([])
    return st.lists(choices[family], min_size=0 if family == "inputs" else 1, max_size=3)


@cache
def _frozen(parameters: int) -> st.SearchStrategy[list[int]]:
    """Some parameters, never all."""
    if parameters == 1:
        return st.just([])
    return st.lists(st.integers(0, parameters - 1), min_size=1, max_size=parameters - 1, unique=True)


class SameEverywhere(HypothesisProvider):
    """Draws what the seed says, and nothing that depends on what else is loaded.

    Hypothesis likes to draw constants that it finds in the source of loaded modules outside site-packages. A worker, a
    checkout and an installed wheel have others loaded, so one seed would mean other cases in each.
    """

    def _maybe_draw_constant(self, *args: object, **options: object) -> None:
        """No constant."""


AVAILABLE_PROVIDERS["jaccheck"] = f"{SameEverywhere.__module__}.{SameEverywhere.__name__}"


def draw_cases(family: str, dtypes: Sequence[DType], *, seed_number: int, count: int) -> list[Case]:
    """About `count` cases of a family, the same ones for the same seed; the first is the simplest there is."""
    drawn: list[Case] = []

    @seed(seed_number)
    @settings(
        backend="jaccheck",
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        stateful_step_count=1,
        report_multiple_bugs=False,
    )
    @given(cases(family, dtypes))
    def collect(case: Case) -> None:
        drawn.append(case)

    collect()
    return drawn
