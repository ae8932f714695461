"""How products of matrices and convolutions are recorded: as batched products, the latter of windows of the input."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from torch import Tensor

from jaccheck.judging.live.recording.elementwise import scaled
from jaccheck.judging.live.recording.operations import Args, Options, computed
from jaccheck.judging.live.recording.recorder import Recorder
from jaccheck.oracle import ZERO, Indices, NoRule


def matmul(
    recorder: Recorder,
    a: Indices,
    b: Indices,
    like: Tensor,
    bias: Indices | None = None,
    *,
    name: str = "matmul",
    **options: Any,
) -> Indices:
    """A B (+ c), batched; `(batch, n, k)` and `(batch, k, m)`."""
    shape = (a.shape[0], a.shape[1], b.shape[2])
    inputs = [a, b] if bias is None else [a, b, np.broadcast_to(bias, shape)]
    return recorder.node("matmul", inputs, shape, like, name, **options)


@computed("mm")
def _mm(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    return matmul(recorder, recorder.read(args[0])[None], recorder.read(args[1])[None], found).reshape(
        tuple(found.shape)
    )


@computed("bmm")
def _bmm(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    return matmul(recorder, recorder.read(args[0]), recorder.read(args[1]), found)


@computed("mv", "dot")
def _mv(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    a, b = recorder.read(args[0]), recorder.read(args[1])
    made = matmul(recorder, np.atleast_2d(a)[None], b[None, :, None], found)
    return made.reshape(tuple(found.shape))


@computed("addmm", "baddbmm", "addmv")
def _addmm(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    beta, alpha = float(kwargs.get("beta", 1)), float(kwargs.get("alpha", 1))
    bias, a, b = (recorder.read(each) for each in args[:3])
    b = b[:, None] if b.ndim == 1 else b
    bias = bias[:, None] if found.ndim == 1 else bias
    a, b = (a, b) if a.ndim == 3 else (a[None], b[None])
    shape = (a.shape[0], a.shape[1], b.shape[2])
    start = None if beta == 0 else scaled(recorder, np.broadcast_to(bias, shape), beta, found)
    extra = 0 if alpha == 1 else 2
    return matmul(recorder, scaled(recorder, a, alpha, found), b, found, start, roundings=extra).reshape(
        tuple(found.shape)
    )


def windows(
    x: Indices,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    *,
    fill: int = ZERO,
    out: Sequence[int] | None = None,
) -> Indices:
    """What each window of the last axes of `(channels, *lengths)` sees: `(channels, *places, *kernel)`."""
    x = np.pad(x, [(0, 0), *padding], constant_values=fill)
    for axis, (k, s, d) in enumerate(zip(kernel, stride, dilation, strict=True)):
        length = x.shape[1 + axis]
        count = (length - d * (k - 1) - 1) // s + 1 if out is None else out[axis]
        places = np.arange(count)[:, None] * s + np.arange(k)[None, :] * d
        beyond = max(int(places.max(initial=0)) + 1 - length, 0)
        x = np.pad(x, [(0, beyond if i == 1 + axis else 0) for i in range(x.ndim)], constant_values=fill)
        x = np.take(x, places.ravel(), axis=1 + axis).reshape(*x.shape[: 1 + axis], count, k, *x.shape[2 + axis :])
        x = np.moveaxis(x, 2 + axis, -1)
    return np.asarray(x)


@computed("convolution", "mkldnn_convolution", "_convolution", "conv2d")
def _convolution(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
    x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = args[:9]
    a, w = recorder.read(x), recorder.read(weight)
    axes = w.ndim - 2
    stride, padding, dilation, output_padding = (
        tuple(each) * (axes if len(each) == 1 else 1) for each in (stride, padding, dilation, output_padding)
    )
    if a.ndim == axes + 1:
        a = a[None]
    if len(a) != 1:
        raise NoRule("a convolution of more than the sample")
    kernel, a = tuple(w.shape[2:]), a[0]
    shape: tuple[Any, ...] | None
    if transposed:
        a, w = _spread_out(a, w, stride, groups)
        padding_ = [
            (d * (k - 1) - p, d * (k - 1) - p + extra)
            for d, k, p, extra in zip(dilation, kernel, padding, output_padding, strict=True)
        ]
        stride = (1,) * axes
        for axis, (low, high) in enumerate(padding_):
            cut = slice(max(-low, 0), a.shape[1 + axis] - max(-high, 0))
            a = np.take(a, np.arange(a.shape[1 + axis])[cut], axis=1 + axis)
        padding_ = [(max(low, 0), max(high, 0)) for low, high in padding_]
    else:
        padding_ = [(p, p) for p in padding]
    seen = windows(a, kernel, stride, padding_, dilation)
    places, k = seen.shape[1 : 1 + axes], prod(kernel)
    channels = a.shape[0] // groups
    patches = seen.reshape(groups, channels, prod(places), k).transpose(0, 2, 1, 3).reshape(groups, prod(places), -1)
    matrices = w.reshape(groups, w.shape[0] // groups, -1).transpose(0, 2, 1)
    start = None if bias is None else recorder.read(bias).reshape(groups, 1, -1)
    shape = (kernel, dilation, a.shape[1:])
    if prod(kernel) == 1 or len(np.unique(a[a != ZERO])) < np.count_nonzero(a != ZERO):
        shape = None
    made = matmul(recorder, patches, matrices, found, start, name="convolution", convolution=shape)
    return made.transpose(0, 2, 1).reshape(tuple(found.shape))


def _spread_out(a: Indices, w: Indices, stride: Sequence[int], groups: int) -> tuple[Indices, Indices]:
    """A transposed convolution is one of the input with zeros between, with the kernels turned round."""
    for axis, s in enumerate(stride):
        wide = list(a.shape)
        wide[1 + axis] = (wide[1 + axis] - 1) * s + 1
        spread = np.full(wide, ZERO)
        spread[(slice(None),) * (1 + axis) + (slice(None, None, s),)] = a
        a = spread
    ins, outs, *kernel = w.shape
    w = w.reshape(groups, ins // groups, outs, *kernel).swapaxes(1, 2).reshape(groups * outs, ins // groups, *kernel)
    return a, np.flip(w, axis=tuple(range(2, w.ndim)))
