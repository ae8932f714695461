"""What becomes of each operation of torch's in a graph: nothing, other indices, or nodes. All others are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from jaccheck.judging.live.recording.recorder import Recorder
from jaccheck.oracle import Indices, NoRule

Args: TypeAlias = Sequence[Any]
Options: TypeAlias = Mapping[str, Any]
Compute: TypeAlias = Callable[[Recorder, Any, Args, Options], Any]
"""From the result and the arguments to the indices of the results."""

COMPUTED: dict[str, Compute] = {}
"""The operations that compute, by their names."""

MOVES = frozenset(
    {
        "clone",
        "cat",
        "stack",
        "index",
        "index_select",
        "gather",
        "roll",
        "flip",
        "constant_pad_nd",
        "pad",
        "repeat",
        "embedding",
        "_unsafe_view",
        "contiguous",
        "copy",
        "copy_",
        "slice_scatter",
        "select_scatter",
        "tril",
        "triu",
        "masked_fill",
        "where",
        "im2col",
        "reflection_pad1d",
        "reflection_pad2d",
        "replication_pad1d",
        "replication_pad2d",
        "upsample_nearest1d",
        "upsample_nearest2d",
        "pixel_shuffle",
        "pixel_unshuffle",
        "channel_shuffle",
        "native_channel_shuffle",
        "index_put",
        "index_put_",
        "masked_fill_",
        "fill_",
        "zero_",
        "scatter",
        "take",
        "diag_embed",
        "unsafe_split",
        "split_copy",
        "lift_fresh",
        "_reshape_copy",
        "_to_copy",
        "unsafe_chunk",
        "take_along_dim",
        "diagonal_copy",
        "zeros_like",
        "ones_like",
        "full_like",
        "new_zeros",
        "new_ones",
        "new_full",
        "expand_copy",
        "permute_copy",
        "view_copy",
        "triu_",
        "tril_",
        "unsqueeze_copy",
        "rot90",
        "index_copy",
        "_index_put_impl_",
        "narrow_copy",
        "block_diag",
        "fill",
    }
)
"""Operations that only move numbers, and put constants between them: they are run once more on the indices."""

VIEWS_IN_PLACE = ("transpose_", "t_", "squeeze_", "unsqueeze_", "swapaxes_", "as_strided_")
"""Operations that write nothing but shape and strides."""

OF_CONSTANTS = frozenset(
    {
        "pow",
        "exp2",
        "log2",
        "log10",
        "log1p",
        "expm1",
        "erf",
        "tan",
        "atan",
        "floor",
        "ceil",
        "round",
        "trunc",
        "sign",
        "remainder",
        "maximum",
        "minimum",
    }
)
"""Functions of each entry by itself that are taken as torch computes them of constants, off by one library call."""

CALL = 8
"""Roundings that one library call is off by: four units in the last place."""

WHOLE = frozenset({"add", "sub", "rsub", "mul", "neg", "sum", "cumsum", "maximum", "minimum", "amax"})
"""Operations that make whole numbers of whole numbers; of constants, and small ones, these are exact in any order."""

COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
"""Choices by comparison of two numbers."""


IN_EVALUATION = {
    "rrelu_with_noise": ("leaky_relu", torch.ops.aten.leaky_relu.default),
    "rrelu_with_noise_": ("leaky_relu_", torch.ops.aten.leaky_relu_.default),
}
"""What an RReLU is in evaluation mode, with the middle of its range as slope; torch counts it as random even then."""


def computed(*names: str) -> Callable[[Compute], Compute]:
    """Enters how operations of these names are recorded."""

    def enter(function: Compute) -> Compute:
        COMPUTED.update(dict.fromkeys(names, function))
        return function

    return enter


def operation(recorder: Recorder, func: Any, args: Args, kwargs: Options) -> Any:
    """Runs an operation and records it. Raises NoRule for one that cannot be followed."""
    name = str(func._schema.name).removeprefix("aten::")
    if name in IN_EVALUATION and not any(args[4:5]):
        name, func = IN_EVALUATION[name]
        args, kwargs = (args[0], (args[2] + args[3]) / 2 if len(args) > 3 else 11 / 48), {}
    if torch.Tag.nondeterministic_seeded in func.tags and name not in COMPUTED:
        raise NoRule(f"{name}, which draws random numbers")
    given = [each for each in tree_flatten((args, dict(kwargs)))[0] if isinstance(each, Tensor)]
    is_float = any(each.is_floating_point() or each.is_complex() for each in given)
    writes = [i for i, each in enumerate(func._schema.arguments) if each.alias_info and each.alias_info.is_write]
    if writes and (writes != [0] or "out" in kwargs):
        out = kwargs.get("out")
        if out is not None or any(i < len(args) and isinstance(args[i], Tensor) for i in writes):
            raise NoRule(f"{name}, which writes into {len(writes)} tensors")
    found = func(*args, **kwargs)
    if not is_float:
        return _made_of_integers(recorder, name, found)
    made = [each for each in tree_flatten(found)[0] if isinstance(each, Tensor)]
    is_view = not writes and any(each.alias_info for each in func._schema.returns)
    if is_view or name in ("alias", "detach", *VIEWS_IN_PLACE):
        return found
    if name == "_local_scalar_dense":
        if not recorder.is_constant(args[0]):
            raise NoRule("a number taken out of a tensor")
        return found
    if name.startswith(("empty", "new_empty")):
        recorder.write(found, np.full(tuple(found.shape), -1))
        return found
    floats = [each for each in given if each.is_floating_point()]
    if not any(each.is_floating_point() for each in made) and all(recorder.is_constant(each) for each in floats):
        return found
    if _is_of_nothing(recorder, floats, made):
        for each in made:
            recorder.write(each, recorder.leaf(each.detach().to(torch.float64).numpy(), roundings=CALL))
        return found
    base = name.removesuffix("_") if name.endswith("_") and not name.endswith("__") else name
    if (
        base in OF_CONSTANTS
        and not writes
        and base not in COMPUTED
        and all(recorder.is_constant(each) for each in floats)
    ):
        recorder.write(found, recorder.leaf(found.detach().to(torch.float64).numpy(), roundings=CALL))
    elif name in MOVES or base in MOVES:
        _move(recorder, name, func, args, kwargs, found)
    elif not any(each.is_floating_point() for each in made):
        if base not in ("sym_size", "numel"):
            _chosen(recorder, base, args)
    elif base in COMPUTED:
        given = [each for each in floats if not (_is_whole(each) and recorder.is_constant(each))]
        if base in WHOLE and not given and _is_whole(found):
            indices: Any = recorder.leaf(found.detach().to(torch.float64).numpy())
        else:
            indices = COMPUTED[base](recorder, found, args, kwargs)
        _enter(recorder, found, indices)
    else:
        raise NoRule(name)
    return found


def _is_whole(tensor: Tensor) -> bool:
    values = tensor.detach().to(torch.float64)
    return bool((values == values.round()).all()) and bool((values.abs() * max(values.numel(), 1) < 2**20).all())


def _made_of_integers(recorder: Recorder, name: str, found: Any) -> Any:
    """Whole numbers are what they are in every evaluation; so is what is made of nothing."""
    for each in tree_flatten(found)[0]:
        if isinstance(each, Tensor) and each.is_floating_point():
            if name.startswith("empty") or name == "new_empty" or name == "empty_like":
                recorder.write(each, np.full(tuple(each.shape), -1))
            elif not recorder.knows(each):
                recorder.write(each, recorder.leaf(each.detach().to(torch.float64).numpy()))
    return found


def _move(recorder: Recorder, name: str, func: Any, args: Args, kwargs: Options, found: Any) -> None:
    """Runs the operation on indices, held as float64, and enters what comes out."""
    if name in ("index_put_", "index_put", "_index_put_impl_") and len(args) > 3 and args[3]:
        raise NoRule(f"{name}, which adds up")
    given = dict(kwargs)
    if name == "_to_copy":
        source, target = args[0], found
        indices = recorder.read(source)
        if not target.is_floating_point():
            recorder.node("decided", [indices], (), source, name)
            return
        if source.is_floating_point() and torch.finfo(target.dtype).eps > torch.finfo(source.dtype).eps:
            indices = recorder.node("round", [indices], indices.shape, target, name)
        recorder.write(found, indices)
        return
    if "dtype" in given:
        given["dtype"] = torch.float64
    scalars = name in (
        "masked_fill",
        "masked_fill_",
        "constant_pad_nd",
        "fill_",
        "where",
        "full_like",
        "new_full",
        "scatter",
    )

    def as_indices(each: Any) -> Any:
        if isinstance(each, Tensor) and each.is_floating_point():
            return torch.from_numpy(recorder.look(each).astype(np.float64))
        return each

    moved = list(tree_map(as_indices, list(args)))
    if name == "embedding" and len(args) > 2 and args[2] >= 0:
        moved[0] = _without_row(recorder, args[0], int(args[2]))
    if scalars:
        position = {"constant_pad_nd": 2, "fill_": 1, "full_like": 1, "new_full": 2, "where": None}.get(name, 2)
        places = [1, 2] if position is None else [3] if name == "scatter" else [position]
        for place in places:
            if place < len(moved) and isinstance(moved[place], int | float):
                moved[place] = float(recorder.constant(float(moved[place])))
            elif place < len(moved) and isinstance(args[place], Tensor) and not args[place].is_floating_point():
                moved[place] = torch.from_numpy(recorder.read(args[place]).astype(np.float64))
    if name in ("ones_like", "new_ones"):
        recorder.write(found, np.full(tuple(found.shape), recorder.constant(1.0)))
        return
    result = func(*moved, **given)
    if name.endswith("_") and isinstance(args[0], Tensor):
        result, found = moved[0], args[0]
    for tensor, indices in zip(tree_flatten(found)[0], tree_flatten(result)[0], strict=True):
        if isinstance(tensor, Tensor) and tensor.is_floating_point():
            recorder.write(tensor, _stopped(recorder, indices.numpy().astype(np.int64), tensor))


def _without_row(recorder: Recorder, weight: Tensor, row: int) -> Tensor:
    """The indices of an Embedding's weight, of which the row of the padding has no derivative."""
    indices = recorder.read(weight)
    indices[row] = recorder.node("stop", [indices[row]], indices[row].shape, weight, "embedding")
    return torch.from_numpy(indices.astype(np.float64))


def _stopped(recorder: Recorder, indices: Indices, like: Tensor) -> Indices:
    """What is made where gradients are switched off has no derivative, unless it is written into what has one."""
    if torch.is_grad_enabled():
        return indices
    if like.requires_grad:
        raise NoRule("a write in place under torch.no_grad(), which gradients pass all the same")
    return recorder.node("stop", [indices], indices.shape, like, "no_grad")


def _enter(recorder: Recorder, found: Any, indices: Any) -> None:
    results = found if isinstance(found, tuple | list) else (found,)
    entries = indices if isinstance(indices, tuple) else (indices,)
    for place, tensor in enumerate(results):
        index = entries[place] if place < len(entries) else None
        if index is None and isinstance(tensor, Tensor) and tensor.is_floating_point():
            recorder.write(tensor, np.full(tuple(tensor.shape), -1))
        elif index is not None:
            recorder.write(tensor, _stopped(recorder, np.asarray(index).reshape(tuple(tensor.shape)), tensor))


def _is_of_nothing(recorder: Recorder, floats: Sequence[Tensor], made: Sequence[Tensor]) -> bool:
    """Whether there are no numbers in what is returned, or in all that a derivative could go to: a sum of none."""
    if not any(each.numel() for each in made):
        return True
    others = [each for each in floats if each.numel()]
    return len(others) < len(floats) and all(recorder.is_constant(each) for each in others)


def _chosen(recorder: Recorder, name: str, args: Args) -> None:
    """A choice by comparison of numbers: evaluation checks that rounding cannot turn it."""
    if name not in COMPARISONS:
        raise NoRule(f"{name}, a choice by numbers")
    a, b = np.broadcast_arrays(recorder.read(args[0]), recorder.read(args[1]))
    recorder.node("decided", [a, b], (), args[0] if isinstance(args[0], Tensor) else args[1], name)


def canonical(indices: Indices, *axes: int) -> tuple[Indices, Indices]:
    """Indices with these axes last, as one, `(rows, n)`; and where in that each of the original places is."""
    places = np.arange(prod(indices.shape)).reshape(indices.shape)
    n = prod(indices.shape[axis] for axis in axes)
    kept = [axis for axis in range(indices.ndim) if axis not in axes]
    return indices.transpose(*kept, *axes).reshape(-1, n), places.transpose(*kept, *axes).reshape(-1, n)


def put_back(made: Indices, places: Indices, shape: Sequence[int]) -> Indices:
    """What was made in canonical order, in the original one."""
    back = np.empty(prod(shape), np.int64)
    back[places.ravel()] = made.ravel()
    return back.reshape(tuple(shape))
