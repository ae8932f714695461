"""How softmax, norms and attention are recorded."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from torch import Tensor

from jaccheck.judging.live.recording.operations import COMPUTED, Args, Options, canonical, computed, put_back
from jaccheck.judging.live.recording.products import matmul
from jaccheck.judging.live.recording.recorder import Recorder
from jaccheck.oracle import Indices, NoRule


def _softmax_by(rule: str) -> Any:
    def record(recorder: Recorder, found: Tensor, args: Args, kwargs: Options) -> Indices:
        x = recorder.read(args[0])
        rows, places = canonical(x, (args[1] if len(args) > 1 else kwargs["dim"]) % x.ndim)
        return put_back(recorder.node(rule, [rows], rows.shape, found, rule), places, x.shape)

    return record


COMPUTED.update(
    _softmax=_softmax_by("softmax"), _log_softmax=_softmax_by("log_softmax"), _safe_softmax=_softmax_by("softmax")
)


@computed("native_layer_norm")
def _layer_norm(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    x, shape, weight, bias, eps = args
    indices = recorder.read(x)
    rows = indices.reshape(-1, prod(shape))
    inputs = [
        rows,
        *(np.broadcast_to(recorder.read(p).ravel(), rows.shape) for p in _weights(recorder, weight, bias, x)),
    ]
    return (recorder.node("layer_norm", inputs, rows.shape, found[0], "layer_norm", eps=float(eps)),)


def _weights(recorder: Recorder, weight: Tensor | None, bias: Tensor | None, x: Tensor) -> list[Tensor | float]:
    """Weight and bias as far as they are there; a bias without a weight has a weight of one."""
    if bias is not None:
        return [1.0 if weight is None else weight, bias]
    return [] if weight is None else [weight]


@computed("native_group_norm")
def _group_norm(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    x, weight, bias, N, C, size, groups, eps = args
    rows = recorder.read(x).reshape(N * groups, -1)
    per_channel = np.tile(np.repeat(np.arange(C), size).reshape(groups, -1), (N, 1))
    inputs = [rows]
    for p in _weights(recorder, weight, bias, x):
        own = recorder.read(p)
        inputs.append(np.broadcast_to(own, rows.shape) if own.ndim == 0 else own[per_channel])
    return (recorder.node("layer_norm", inputs, rows.shape, found[0], "group_norm", eps=float(eps)),)


@computed("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm")
def _batch_norm(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    x, weight, bias, mean, variance = args[:5]
    is_training, eps = (args[5], args[7]) if len(args) > 7 else (False, args[6])
    indices = recorder.read(x)
    if is_training or mean is None:
        return _instance_norm(recorder, found, indices, weight, bias, x, float(eps))
    shape = (1, -1, *(1,) * (indices.ndim - 2))
    inputs = [indices]
    for p in (mean, variance, *_weights(recorder, weight, bias, x)):
        own = recorder.read(p)
        inputs.append(np.broadcast_to(own if own.ndim == 0 else own.reshape(shape), indices.shape))
    return (recorder.node("fixed_norm", inputs, indices.shape, found[0], "batch_norm", eps=float(eps)),)


def _instance_norm(
    recorder: Recorder, found: Any, indices: Indices, weight: Any, bias: Any, x: Tensor, eps: float
) -> Any:
    """By statistics of each channel, of a batch that is one sample."""
    axes = (0, *range(2, indices.ndim))
    rows, places = canonical(indices, *axes)
    inputs = [rows]
    for p in _weights(recorder, weight, bias, x):
        own = recorder.read(p)
        inputs.append(np.broadcast_to(own if own.ndim == 0 else own.reshape(-1, 1), rows.shape))
    made = recorder.node("layer_norm", inputs, rows.shape, found[0], "instance_norm", eps=eps)
    return (put_back(made, places, indices.shape),)


@computed("_scaled_dot_product_flash_attention_for_cpu")
def _attention(recorder: Recorder, found: Any, args: Args, kwargs: Options) -> Any:
    """softmax(QKᵀ·scale + mask)V for each head, by blocks of keys; its own roundings are in those of the three parts.

    The backward pass takes Σ pg as Σ go over the output, a sum of |g||v| before p: as many roundings of the product
    with V as there are keys more.
    """
    q, k, v = (recorder.read(each) for each in args[:3])
    dropout, is_causal = (args[3] if len(args) > 3 else 0.0), (args[4] if len(args) > 4 else False)
    if dropout:
        raise NoRule("dropout in attention")
    mask, scale = kwargs.get("attn_mask"), kwargs.get("scale")
    scale = 1 / np.sqrt(q.shape[-1]) if scale is None else float(scale)
    result, heads = found[0], q.shape[:2]
    # Several heads of queries may have one of keys and values together.
    k, v = (np.repeat(each, heads[1] // each.shape[1], axis=1) for each in (k, v))
    q, k, v = (each.reshape(-1, *each.shape[2:]) for each in (q, k, v))
    keys = k.shape[1]
    scores = matmul(recorder, q, k.swapaxes(1, 2), result, roundings=2)
    constant = np.broadcast_to(np.array(recorder.constant(scale)), scores.shape)
    scores = recorder.node("mul", [scores, constant], scores.shape, result, "attention")
    if mask is not None:
        added = np.broadcast_to(recorder.read(mask), (*heads, *scores.shape[1:])).reshape(scores.shape)
        scores = recorder.node("add", [scores, added], scores.shape, result, "attention")
    if is_causal:
        lowest = recorder.constant(-np.inf, roundings=0)
        scores = np.where(np.tri(scores.shape[1], keys) > 0, scores, lowest)
    blocks = 1 + keys // 512
    p = recorder.node("softmax", [scores], scores.shape, result, "attention", blocks=blocks)
    return (matmul(recorder, p, v, result, roundings=keys + 8).reshape(tuple(result.shape)),)
