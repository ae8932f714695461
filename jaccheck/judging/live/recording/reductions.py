"""How sums, means, maxima and pooling are recorded: as one over the last axis, of windows for pooling."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from torch import Tensor

from jaccheck.judging.live.recording.elementwise import power
from jaccheck.judging.live.recording.operations import COMPUTED, Args, Options, canonical, computed, put_back
from jaccheck.judging.live.recording.products import matmul, windows
from jaccheck.judging.live.recording.recorder import Recorder
from jaccheck.oracle import ZERO, Indices, NoRule


def _axes(given: Any, ndim: int) -> tuple[int, ...]:
    if given is None or (isinstance(given, list | tuple) and not given):
        return tuple(range(ndim))
    return tuple(axis % ndim for axis in (given if isinstance(given, list | tuple) else [given]))


def _reduced(recorder: Recorder, rule: str, x: Indices, axes: Sequence[int], like: Tensor, **options: Any) -> Indices:
    rows, _ = canonical(x, *axes)
    return recorder.node(rule, [rows], rows.shape[:1], like, rule, **options)


@computed("sum")
def _sum(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    x = recorder.read(args[0])
    return _reduced(recorder, "sum", x, _axes(args[1] if len(args) > 1 else None, x.ndim), found)


@computed("mean")
def _mean(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    x = recorder.read(args[0])
    axes = _axes(args[1] if len(args) > 1 else None, x.ndim)
    return _reduced(recorder, "sum", x, axes, found, divisor=float(prod(x.shape[axis] for axis in axes)))


@computed("amax", "max", "amin", "min")
def _amax(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    """The largest; the least is minus the largest of the negative numbers."""
    return _extreme(recorder, found, args, is_least=False)


def _extreme(recorder: Recorder, found: Any, args: Args, *, is_least: bool) -> Any:
    if len(args) > 1 and isinstance(args[1], Tensor):
        raise NoRule("an extreme of two tensors")
    x = recorder.read(args[0])
    result = found[0] if isinstance(found, tuple) else found
    if is_least:
        x = recorder.node("neg", [x], x.shape, result)
    axes = _axes(args[1] if len(args) > 1 else None, x.ndim)
    made = _reduced(recorder, "max", x, axes, result, even=not isinstance(found, tuple))
    if is_least:
        made = recorder.node("neg", [made], made.shape, result)
    return (made,) if isinstance(found, tuple) else made


def _least(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    return _extreme(recorder, found, args, is_least=True)


COMPUTED.update(amin=_least, min=_least)


def _several(given: Any, axes: int) -> tuple[int, ...]:
    values = tuple(given) if isinstance(given, list | tuple) else (given,)
    return values * axes if len(values) == 1 else values


@computed("max_pool2d_with_indices", "max_pool3d_with_indices")
def _max_pool(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    axes = found[0].ndim - 2
    x, kernel = _sample(recorder.read(args[0]), axes), _several(args[1], axes)
    stride = _several(args[2], axes) if len(args) > 2 and args[2] else kernel
    padding, dilation = (_several(args[i], axes) if len(args) > i else (d,) * axes for i, d in ((3, 0), (4, 1)))
    lowest = recorder.constant(-np.inf, roundings=0)
    places = found[0].shape[2:]
    seen = windows(x, kernel, stride, [(p, p) for p in padding], dilation, fill=lowest, out=places)
    rows = seen.reshape(prod(seen.shape[: 1 + axes]), -1)
    return (recorder.node("max", [rows], rows.shape[:1], found[0], "max_pool"),)


def _sample(x: Indices, axes: int) -> Indices:
    if x.ndim == axes + 1:
        return x
    if len(x) != 1:
        raise NoRule("a pooling of more than the sample")
    return x.reshape(x.shape[1:])


@computed("avg_pool2d", "avg_pool3d")
def _avg_pool(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    axes = found.ndim - 2
    x, kernel = _sample(recorder.read(args[0]), axes), _several(args[1], axes)
    given: dict[int, Any] = dict(enumerate(args))
    stride = _several(given[2], axes) if given.get(2) else kernel
    padding = _several(given.get(3, 0), axes)
    sizes, lengths = found.shape[-axes:], x.shape[1:]
    spans = np.ones(())
    for k, step, margin, n, size in zip(kernel, stride, padding, lengths, sizes, strict=True):
        starts = np.arange(size) * step - margin
        stops = np.minimum(starts + k, n + margin)
        inside = np.minimum(stops, n) - np.maximum(starts, 0)
        spans = np.multiply.outer(spans, stops - starts if given.get(5, True) else inside)
    spans = np.full_like(spans, given[6]) if given.get(6) else spans
    seen = windows(x, kernel, stride, [(p, p) for p in padding], (1,) * axes, out=sizes)
    seen = seen.reshape(len(x), *sizes, -1)
    made = np.empty(seen.shape[:-1], np.int64)
    for divisor in np.unique(spans):
        rows = seen[:, spans == divisor]
        flat = rows.reshape(-1, rows.shape[-1])
        own = recorder.node("sum", [flat], flat.shape[:1], found, "avg_pool", divisor=float(divisor))
        made[:, spans == divisor] = own.reshape(rows.shape[:-1])
    return made


@computed("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d")
def _adaptive(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    result = found[0] if isinstance(found, tuple) else found
    x = recorder.read(args[0])
    axes = len(args[1])
    lengths, sizes = x.shape[-axes:], result.shape[-axes:]
    flat = x.reshape(-1, *lengths)
    made = np.empty((len(flat), *sizes), np.int64)
    for place in np.ndindex(*sizes):
        cut = tuple(slice(p * n // s, -(-(p + 1) * n // s)) for p, n, s in zip(place, lengths, sizes, strict=True))
        rows = flat[(slice(None), *cut)].reshape(len(flat), -1)
        is_max = isinstance(found, tuple)
        options: dict[str, Any] = {} if is_max else {"divisor": float(rows.shape[1])}
        made[(slice(None), *place)] = recorder.node(
            "max" if is_max else "sum", [rows], rows.shape[:1], result, **options
        )
    return (made,) if isinstance(found, tuple) else made


@computed("cumsum")
def _cumsum(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    """A product with a triangle of ones."""
    x = recorder.read(args[0])
    rows, places = canonical(x, args[1] % x.ndim)
    triangle = np.where(np.tri(rows.shape[1]).T > 0, recorder.constant(1.0), ZERO)
    return put_back(matmul(recorder, rows[None], triangle[None], found), places, x.shape)


@computed("linalg_vector_norm")
def _vector_norm(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    order = args[1] if len(args) > 1 else 2
    if order not in (1, 2):
        raise NoRule(f"a norm of order {order}")
    x = recorder.read(args[0])
    axes = _axes(args[2] if len(args) > 2 else None, x.ndim)
    if order == 1:
        return _reduced(recorder, "sum", recorder.node("function", [x], x.shape, found, "norm", of="abs"), axes, found)
    return power(recorder, _reduced(recorder, "sum", power(recorder, x, 2.0, found), axes, found), 0.5, found)


@computed("_weight_norm_interface")
def _weight_norm(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    """v·g/‖v‖, with a norm for each index of an axis."""
    v, g, axis = recorder.read(args[0]), recorder.read(args[1]), (args[2] if len(args) > 2 else kwargs.get("dim", 0))
    axes = tuple(i for i in range(v.ndim) if i != axis)
    squares = power(recorder, v, 2.0, found[0])
    norms = power(recorder, _reduced(recorder, "sum", squares, axes, found[0]), 0.5, found[0]).reshape(g.shape)
    factor = recorder.node("div", [g, norms], g.shape, found[0], "weight_norm")
    return recorder.node("mul", [v, np.broadcast_to(factor, v.shape)], v.shape, found[0], "weight_norm"), norms


@computed("var", "std", "var_mean", "std_mean")
def _var(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    """The variance, its root, and the mean beside it."""
    x = recorder.read(args[0])
    axes = _axes(args[1] if len(args) > 1 and not isinstance(args[1], bool) else None, x.ndim)
    correction = kwargs.get("correction", 1)
    n = prod(x.shape[axis] for axis in axes)
    if n <= (1 if correction is None else correction):
        raise NoRule(f"a variance of {n} numbers")
    result = found[0] if isinstance(found, tuple) else found
    made = _reduced(recorder, "variance", x, axes, result, divisor=float(n - (1 if correction is None else correction)))
    return made, _reduced(recorder, "sum", x, axes, result, divisor=float(n)) if isinstance(found, tuple) else None


def _rooted(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    variance, mean = _var(recorder, found, args, kwargs)
    return power(recorder, variance, 0.5, found[0] if isinstance(found, tuple) else found), mean


COMPUTED.update(std=_rooted, std_mean=_rooted)


@computed("logsumexp")
def _logsumexp(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    x = recorder.read(args[0])
    return _reduced(recorder, "logsumexp", x, _axes(args[1], x.ndim), found)


@computed("scatter_add", "index_add")
def _added_up(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    """For each place the sum of what was there and of all that is added to it; 0 where there is less than elsewhere."""
    if kwargs.get("alpha", 1) != 1:
        raise NoRule(f"index_add with alpha={kwargs['alpha']}")
    target, axis, index, source = recorder.read(args[0]), args[1], args[2].numpy(), recorder.read(args[3])
    places = np.arange(target.size).reshape(target.shape)
    if index.ndim == 1 and source.ndim > 1:
        places = np.take(places, index, axis=axis)
    else:
        places = np.take_along_axis(
            places[tuple(slice(n) if a != axis % target.ndim else slice(None) for a, n in enumerate(index.shape))],
            index,
            axis=axis,
        )
        source = source[tuple(slice(n) for n in index.shape)]
    order = np.argsort(places.ravel(), kind="stable")
    sorted_places, counts = places.ravel()[order], np.bincount(places.ravel(), minlength=target.size)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.full((target.size, 1 + int(counts.max(initial=0))), ZERO)
    rows[:, 0] = target.ravel()
    rows[sorted_places, 1 + rank] = source.ravel()[order]
    return recorder.node("sum", [rows], rows.shape[:1], found, "scatter_add")


@computed("upsample_bilinear2d")
def _bilinear(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    """Sums of four numbers with weights that are exact: multiples of 1/64, as they are for a factor of two."""
    x, align = recorder.read(args[0]), bool(args[2])
    factors = args[3:5] if len(args) > 4 else (None, None)
    near, weights = [], []
    for axis in (2, 3):
        n, size = x.shape[axis], found.shape[axis]
        factor = factors[axis - 2]
        if align:
            at = np.arange(size) * ((n - 1) / (size - 1) if size > 1 else 0.0)
        else:
            at = np.maximum((np.arange(size) + 0.5) * (1 / factor if factor else n / size) - 0.5, 0)
        low = np.minimum(np.floor(at).astype(np.int64), n - 1)
        near.append(np.stack([low, np.minimum(low + 1, n - 1)]))
        weights.append(np.stack([1 - (at - low), at - low]))
        if np.any(weights[-1] * 64 % 1):
            raise NoRule("a bilinear interpolation with weights that are rounded")
    seen = np.stack([x[:, :, near[0][i]][:, :, :, near[1][j]] for i in (0, 1) for j in (0, 1)], axis=-1)
    factor = np.stack([np.multiply.outer(weights[0][i], weights[1][j]) for i in (0, 1) for j in (0, 1)], axis=-1)
    constants = np.vectorize(lambda value: recorder.constant(value, roundings=0))(factor)
    products = recorder.node("mul", [seen, np.broadcast_to(constants, seen.shape)], seen.shape, found, "bilinear")
    return recorder.node("sum", [products.reshape(-1, 4)], (products.size // 4,), found, "bilinear")
