"""How operations on each entry by itself are recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from jaccheck.case import (
    ELU,
    GELU,
    SELU,
    Hardswish,
    Hardtanh,
    Layer,
    LeakyReLU,
    LogSigmoid,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from jaccheck.judging.live.recording.operations import CALL, COMPUTED, Args, Options, computed
from jaccheck.judging.live.recording.recorder import Recorder
from jaccheck.oracle import Indices, NoRule

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _pair(recorder: Recorder, args: Args) -> tuple[Indices, Indices]:
    a, b = np.broadcast_arrays(recorder.read(args[0]), recorder.read(args[1]))
    return a, b


def scaled(recorder: Recorder, indices: Indices, factor: float, like: Tensor) -> Indices:
    """The indices of that many times the numbers."""
    if factor == 1:
        return indices
    if factor == -1:
        return recorder.node("neg", [indices], indices.shape, like)
    constant = np.broadcast_to(np.array(recorder.constant(factor)), indices.shape)
    return recorder.node("mul", [indices, constant], indices.shape, like)


def _arithmetic(rule: str, *, is_turned: bool = False) -> Any:
    def record(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
        if kwargs.get("rounding_mode") is not None:
            raise NoRule("a quotient that is rounded to a whole number")
        a, b = _pair(recorder, args)
        a, b = (b, a) if is_turned else (a, b)
        alpha = float(kwargs.get("alpha", args[2] if len(args) > 2 else 1))
        if alpha != 1 and is_turned:
            a, b = a, scaled(recorder, b, alpha, found)
        elif alpha != 1:
            b = scaled(recorder, b, alpha, found)
        return recorder.node(rule, [a, b], a.shape, found, rule)

    return record


COMPUTED.update(
    add=_arithmetic("add"),
    sub=_arithmetic("sub"),
    rsub=_arithmetic("sub", is_turned=True),
    mul=_arithmetic("mul"),
    div=_arithmetic("div"),
)


def _activation(layer_of: Any) -> Any:
    def record(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
        x = recorder.read(args[0])
        layer: Layer = layer_of(*args[1:], **kwargs)
        result = found[0] if isinstance(found, tuple) else found
        made = recorder.node("activation", [x], x.shape, result, type(layer).__name__, layer=layer)
        return (made,) if isinstance(found, tuple) else made

    return record


def _elu(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Layer:
    if input_scale == 1 and scale == 1:
        return ELU(alpha=float(alpha))
    if input_scale == 1 and abs(scale - SELU_SCALE) < 1e-12 and abs(alpha - SELU_ALPHA) < 1e-12:
        return SELU()
    raise NoRule(f"an ELU of scale {scale} and input scale {input_scale}")


COMPUTED.update(
    relu=_activation(ReLU),
    sigmoid=_activation(Sigmoid),
    tanh=_activation(Tanh),
    silu=_activation(SiLU),
    mish=_activation(Mish),
    hardswish=_activation(Hardswish),
    gelu=_activation(lambda approximate="none": GELU(approximate=approximate)),
    leaky_relu=_activation(lambda negative_slope=0.01: LeakyReLU(negative_slope=float(negative_slope))),
    softplus=_activation(lambda beta=1, threshold=20: Softplus(beta=float(beta), threshold=float(threshold))),
    hardtanh=_activation(lambda min_val=-1, max_val=1: Hardtanh(min_val=float(min_val), max_val=float(max_val))),
    elu=_activation(_elu),
    log_sigmoid_forward=_activation(LogSigmoid),
)


def _function(of: str) -> Any:
    def record(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
        x = recorder.read(args[0])
        return recorder.node("function", [x], x.shape, found, of, of=of)

    return record


COMPUTED.update({name: _function(name) for name in ("exp", "log", "rsqrt", "abs", "sin", "cos", "erf", "log1p")})


@computed("nan_to_num")
def _same(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    """Of numbers that are finite in every evaluation, as bounds that are finite say, nothing is changed."""
    x = recorder.read(args[0])
    return recorder.node("same", [x], x.shape, found, "nan_to_num")


@computed("neg")
def _negative(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    x = recorder.read(args[0])
    return recorder.node("neg", [x], x.shape, found, "neg")


def power(recorder: Recorder, x: Indices, exponent: float, like: Tensor) -> Indices:
    """The indices of x to that power."""
    return recorder.node("function", [x], x.shape, like, "pow", of="power", exponent=exponent)


@computed("pow")
def _pow(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    base, exponent = args[0], args[1]
    given = [each for each in args if isinstance(each, Tensor) and each.is_floating_point()]
    if all(recorder.is_constant(each) for each in given):
        return recorder.leaf(found.detach().double().numpy(), roundings=CALL)
    if not isinstance(exponent, Tensor):
        return power(recorder, recorder.read(base), float(exponent), found)
    if isinstance(base, Tensor) and not recorder.is_constant(base):
        raise NoRule("a power of two numbers that are computed")
    # e to the exponent times the logarithm of the base, which must not be negative.
    logarithm = torch.as_tensor(base, dtype=torch.float64).log().numpy()
    if not np.isfinite(logarithm).all():
        raise NoRule("a power of a number that is not above zero")
    a, b = np.broadcast_arrays(recorder.read(exponent), recorder.leaf(logarithm, roundings=CALL))
    product = recorder.node("mul", [a, b], a.shape, found, "pow")
    return recorder.node("function", [product], a.shape, found, "pow", of="exp")


def _fixedpower(exponent: float) -> Any:
    return lambda recorder, found, args, kwargs: power(recorder, recorder.read(args[0]), exponent, found)


COMPUTED.update(sqrt=_fixedpower(0.5), square=_fixedpower(2.0), reciprocal=_fixedpower(-1.0))


def _clamped(low: float | None, high: float | None, recorder: Recorder, found: Tensor, x: Tensor) -> Indices:
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        raise NoRule("a clamp by a tensor")
    ends = {"low": -np.inf if low is None else float(low), "high": np.inf if high is None else float(high)}
    indices = recorder.read(x)
    return recorder.node("function", [indices], indices.shape, found, "clamp", of="clamp", **ends)


COMPUTED.update(
    clamp=lambda recorder, found, args, kwargs: _clamped(
        args[1] if len(args) > 1 else kwargs.get("min"),
        args[2] if len(args) > 2 else kwargs.get("max"),
        recorder,
        found,
        args[0],
    ),
    clamp_min=lambda recorder, found, args, kwargs: _clamped(args[1], None, recorder, found, args[0]),
    clamp_max=lambda recorder, found, args, kwargs: _clamped(None, args[1], recorder, found, args[0]),
)


@computed("hardsigmoid")
def _hardsigmoid(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    """Hardtanh of x + 3 between 0 and 6, divided by 6."""
    x = recorder.read(args[0])
    three, six = (np.broadcast_to(np.array(recorder.constant(value)), x.shape) for value in (3.0, 6.0))
    shifted = recorder.node("add", [x, three], x.shape, found, "hardsigmoid")
    cut = recorder.node(
        "activation", [shifted], x.shape, found, "hardsigmoid", layer=Hardtanh(min_val=0.0, max_val=6.0)
    )
    return recorder.node("div", [cut, six], x.shape, found, "hardsigmoid")


@computed("_prelu_kernel")
def _prelu(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    a, w = _pair(recorder, args)
    return recorder.node("prelu", [a, w], a.shape, found, "prelu")


@computed("glu")
def _glu(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    """The first half of an axis times the sigmoid of the second."""
    axis = args[1] if len(args) > 1 else kwargs.get("dim", -1)
    a, b = np.split(recorder.read(args[0]), 2, axis=axis)
    gate = recorder.node("activation", [b], b.shape, found, "glu", layer=Sigmoid())
    return recorder.node("mul", [a, gate], a.shape, found, "glu")


def _extreme(*, is_least: bool) -> Any:
    def record(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
        both = np.stack(_pair(recorder, args), axis=-1)
        if is_least:
            both = recorder.node("neg", [both], both.shape, found)
        made = recorder.node("max", [both], both.shape[:-1], found, "maximum", even=True)
        return recorder.node("neg", [made], made.shape, found) if is_least else made

    return record


def _with_added(rule: str) -> Any:
    def record(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
        a, b, c = np.broadcast_arrays(*(recorder.read(each) for each in args[:3]))
        made = recorder.node(rule, [b, c], b.shape, found, rule)
        made = scaled(recorder, made, float(kwargs.get("value", 1)), found)
        return recorder.node("add", [a, made], a.shape, found, rule)

    return record


COMPUTED.update(
    maximum=_extreme(is_least=False),
    minimum=_extreme(is_least=True),
    addcmul=_with_added("mul"),
    addcdiv=_with_added("div"),
)


@computed("lerp")
def _lerp(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    """a + w(b − a)."""
    a, b, w = np.broadcast_arrays(*(recorder.read(each) for each in args[:3]))
    difference = recorder.node("sub", [b, a], a.shape, found, "lerp")
    made = recorder.node("mul", [w, difference], a.shape, found, "lerp")
    return recorder.node("add", [a, made], a.shape, found, "lerp")
