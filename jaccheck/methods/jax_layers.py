"""Layers of torch written out in jax.numpy, from their definitions: what another framework says they compute.

Each rule is `rule(module, θ, x)`: options from the live module, numbers from `θ` by their names within it, `x` with a
leading axis of samples. Rules go by the name of the module's class. Where torch chooses a derivative by convention, at
a kink, among equal maxima, for a row of padding, the rule chooses the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaccheck.methods.jax_sequences import Array, recurrent, self_attention
from jaccheck.methods.jax_views import constants_embedded, padded, permuted, taken, transposed

Rule = Callable[[Any, dict[str, Any], Any], Any]


def _passed_on(module: Any, θ: dict[str, Array], x: Array) -> Array:
    return x


def _linear(module: Any, θ: dict[str, Array], x: Array) -> Array:
    return x @ θ["weight"].T + θ.get("bias", 0.0)


def _leaky_relu(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    return jnp.where(x > 0, x, getattr(module, "negative_slope", 0.0) * x)


def _prelu(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    return jnp.where(x > 0, x, θ["weight"].reshape(-1, *(1,) * (x.ndim - 2)) * x)


def _elu(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    return jnp.where(x > 0, x, module.alpha * jnp.expm1(jnp.where(x > 0, 0.0, x)))


def _selu(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    α, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return scale * jnp.where(x > 0, x, α * jnp.expm1(jnp.where(x > 0, 0.0, x)))


def _sigmoid(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax

    return jax.nn.sigmoid(x)


def _tanh(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    return jnp.tanh(x)


def _log_sigmoid(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax

    return jax.nn.log_sigmoid(x)


def _gelu(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax

    return jax.nn.gelu(x, approximate=module.approximate == "tanh")


def _softplus(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    w = module.beta * x
    is_linear = w > module.threshold
    return jnp.where(is_linear, x, jnp.logaddexp(jnp.where(is_linear, 0.0, w), 0.0) / module.beta)


def _silu(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax

    return x * jax.nn.sigmoid(x)


def _mish(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    return x * jnp.tanh(jnp.logaddexp(x, 0.0))


def _softsign(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    return x / (1 + jnp.abs(x))


def _hardtanh(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    low, high = module.min_val, module.max_val
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


def _hardswish(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    return jnp.where(x <= -3, 0.0, jnp.where(x >= 3, x, x * (x + 3) / 6))


def _softmax(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax

    return jax.nn.softmax(x, axis=module.dim)


def _log_softmax(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax

    return jax.nn.log_softmax(x, axis=module.dim)


def _flatten(module: Any, θ: dict[str, Array], x: Array) -> Array:
    start, end = module.start_dim % x.ndim, module.end_dim % x.ndim
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


def _embedding(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax

    W = θ["weight"]
    if module.padding_idx is not None:
        W = W.at[module.padding_idx].set(jax.lax.stop_gradient(W[module.padding_idx]))
    return W[x]


def _over_channels(values: Array, x: Array) -> Array:
    return values.reshape(-1, *(1,) * (x.ndim - 2))


def _standardised(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    import jax.numpy as jnp

    centred = x - x.mean(axes, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(axes, keepdims=True) + eps)


def _batch_norm(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax.numpy as jnp

    z = (x - _over_channels(θ["running_mean"], x)) / jnp.sqrt(_over_channels(θ["running_var"], x) + module.eps)
    return z * _over_channels(θ["weight"], x) + _over_channels(θ["bias"], x) if "weight" in θ else z


def _layer_norm(module: Any, θ: dict[str, Array], x: Array) -> Array:
    z = _standardised(x, tuple(range(-len(module.normalized_shape), 0)), module.eps)
    return z * θ.get("weight", 1.0) + θ.get("bias", 0.0)


def _group_norm(module: Any, θ: dict[str, Array], x: Array) -> Array:
    groups = x.reshape(len(x), module.num_groups, -1)
    z = _standardised(groups, (-1,), module.eps).reshape(x.shape)
    return z * _over_channels(θ["weight"], x) + _over_channels(θ["bias"], x) if "weight" in θ else z


def _each(value: Any, axes: int) -> tuple[int, ...]:
    """An option as one number for each axis."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


def _margins(module: Any, axes: int) -> list[tuple[int, int]]:
    """Padding before and after, for each axis; what is odd of "same" goes behind, as torch has it."""
    if module.padding == "valid":
        return [(0, 0)] * axes
    if module.padding == "same":
        reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        return [(total // 2, total - total // 2) for total in reach]
    return [(p, p) for p in _each(module.padding, axes)]


PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _convolution(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax
    import jax.numpy as jnp

    x = jnp.pad(x, [(0, 0), (0, 0), *_margins(module, x.ndim - 2)], mode=PAD_MODES[module.padding_mode])
    z = jax.lax.conv_general_dilated(
        x,
        θ["weight"],
        module.stride,
        "VALID",
        rhs_dilation=module.dilation,
        feature_group_count=module.groups,
    )
    return z + _over_channels(θ["bias"], x) if "bias" in θ else z


def _transposed_convolution(module: Any, θ: dict[str, Array], x: Array) -> Array:
    """A convolution of the input with zeros put between, by the kernel turned round."""
    import jax
    import jax.numpy as jnp

    W, axes = θ["weight"], x.ndim - 2
    inputs, outputs, *kernel = W.shape
    W = W.reshape(module.groups, inputs // module.groups, outputs, *kernel).swapaxes(1, 2)
    W = jnp.flip(W.reshape(module.groups * outputs, inputs // module.groups, *kernel), tuple(range(2, 2 + axes)))
    reach = [d * (k - 1) for d, k in zip(module.dilation, kernel, strict=True)]
    more = zip(reach, module.padding, module.output_padding, strict=True)
    z = jax.lax.conv_general_dilated(
        x,
        W,
        (1,) * axes,
        [(r - p, r - p + q) for r, p, q in more],
        lhs_dilation=module.stride,
        rhs_dilation=module.dilation,
        feature_group_count=module.groups,
    )
    return z + _over_channels(θ["bias"], x) if "bias" in θ else z


def _zero_pad(module: Any, θ: dict[str, Array], x: Array) -> Array:
    import jax

    left, right, top, bottom = module.padding
    return jax.lax.pad(x, 0.0, [(0, 0, 0), (0, 0, 0), (top, bottom, 0), (left, right, 0)])


Places = Sequence[np.ndarray[Any, np.dtype[np.int64]]]
"""For each axis the places `(windows, places of one window)` along it that a window looks at."""


def _sliding(module: Any, x: Array) -> Places:
    """The windows of a pooling; places may lie in the padding, or behind it where `ceil_mode` adds a window."""
    axes = x.ndim - 2
    stride = module.kernel_size if module.stride is None else module.stride
    options = (module.kernel_size, stride, module.padding, getattr(module, "dilation", 1))
    found = []
    for size, k, s, p, d in zip(x.shape[2:], *(_each(option, axes) for option in options), strict=True):
        room = size + 2 * p - d * (k - 1) - 1
        count = (-(-room // s) if module.ceil_mode else room // s) + 1
        if module.ceil_mode and (count - 1) * s >= size + p:
            count -= 1
        found.append(s * np.arange(count)[:, None] + d * np.arange(k) - p)
    return found


def _adaptive(module: Any, x: Array) -> Places:
    """The windows of an adaptive pooling, of different lengths; -1 fills up the shorter ones."""
    found = []
    for size, count in zip(x.shape[2:], _each(module.output_size, x.ndim - 2), strict=True):
        windows = [range(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
        longest = max(map(len, windows))
        found.append(np.array([[*w, *[-1] * (longest - len(w))] for w in windows]))
    return found


def _windows(x: Array, places: Places, outside: float) -> Array:
    """`(N, channels, *windows, all places of a window)`; `outside` stands where a place is not in the input."""
    import jax.numpy as jnp

    for axis, found in enumerate(places, start=2):
        size = x.shape[axis]
        x = jnp.concatenate([x, jnp.full_like(jnp.take(x, np.array([0]), axis), outside)], axis)
        x = jnp.take(x, np.where((found < 0) | (found >= size), size, found).ravel(), axis)
    axes = len(places)
    x = x.reshape(*x.shape[:2], *(n for found in places for n in found.shape))
    x = x.transpose(0, 1, *range(2, 2 + 2 * axes, 2), *range(3, 3 + 2 * axes, 2))
    return x.reshape(*x.shape[: 2 + axes], -1)


def _first_maximum(x: Array, places: Places) -> Array:
    import jax.numpy as jnp

    windows = _windows(x, places, -np.inf)
    return jnp.take_along_axis(windows, jnp.argmax(windows, -1, keepdims=True), -1)[..., 0]


def _max_pool(module: Any, θ: dict[str, Array], x: Array) -> Array:
    return _first_maximum(x, _sliding(module, x))


def _adaptive_max_pool(module: Any, θ: dict[str, Array], x: Array) -> Array:
    return _first_maximum(x, _adaptive(module, x))


def _counted(places: Places, shape: tuple[int, ...], margin: tuple[int, ...]) -> Array:
    """How many places of each window lie in the input or in a margin around it."""
    counts = np.ones((), dtype=np.int64)
    for found, size, p in zip(places, shape, margin, strict=True):
        counts = np.multiply.outer(counts, ((found >= -p) & (found < size + p)).sum(1))
    return counts


def _average_pool(module: Any, θ: dict[str, Array], x: Array) -> Array:
    places, axes = _sliding(module, x), x.ndim - 2
    margin = _each(module.padding if module.count_include_pad else 0, axes)
    divisor = getattr(module, "divisor_override", None) or _counted(places, x.shape[2:], margin)
    return _windows(x, places, 0.0).sum(-1) / divisor


def _adaptive_average_pool(module: Any, θ: dict[str, Array], x: Array) -> Array:
    places = _adaptive(module, x)
    return _windows(x, places, 0.0).sum(-1) / _counted(places, x.shape[2:], (0,) * (x.ndim - 2))


def _scale(module: Any, θ: dict[str, Array], x: Array) -> Array:
    return module.factor * x


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Identity", "Dropout"), _passed_on),
    **dict.fromkeys(("ReLU", "LeakyReLU"), _leaky_relu),
    "Linear": _linear,
    "PReLU": _prelu,
    "ELU": _elu,
    "SELU": _selu,
    "Sigmoid": _sigmoid,
    "Tanh": _tanh,
    "LogSigmoid": _log_sigmoid,
    "GELU": _gelu,
    "Softplus": _softplus,
    "SiLU": _silu,
    "Mish": _mish,
    "Softsign": _softsign,
    "Hardtanh": _hardtanh,
    "ReLU6": _hardtanh,
    "Hardswish": _hardswish,
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "Flatten": _flatten,
    "Embedding": _embedding,
    "LayerNorm": _layer_norm,
    "GroupNorm": _group_norm,
    "ZeroPad2d": _zero_pad,
    "Scale": _scale,
    "Permute": permuted,
    "Transpose": transposed,
    **dict.fromkeys(("Slice", "Take"), taken),
    "Pad": padded,
    "AddEmbedding": constants_embedded,
    "Recurrent": recurrent,
    "SelfAttention": self_attention,
    **dict.fromkeys((f"BatchNorm{axes}d" for axes in (1, 2, 3)), _batch_norm),
    **dict.fromkeys((f"Conv{axes}d" for axes in (1, 2, 3)), _convolution),
    **dict.fromkeys((f"ConvTranspose{axes}d" for axes in (1, 2, 3)), _transposed_convolution),
    **dict.fromkeys((f"MaxPool{axes}d" for axes in (1, 2, 3)), _max_pool),
    **dict.fromkeys((f"AvgPool{axes}d" for axes in (1, 2, 3)), _average_pool),
    **dict.fromkeys((f"AdaptiveMaxPool{axes}d" for axes in (1, 2, 3)), _adaptive_max_pool),
    **dict.fromkeys((f"AdaptiveAvgPool{axes}d" for axes in (1, 2, 3)), _adaptive_average_pool),
}
"""By the name of the module's class, in torch or in `jaccheck.methods.containers`."""
