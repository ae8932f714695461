"""The parameters of a user's model: which are asked for, and whether there can be Jacobians by them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from jaccheck.case import DTYPES
from jaccheck.errors import InvalidModel
from jaccheck.methods.copies import deep_copy
from jaccheck.methods.unregistered import HELPS, held_in_vain

SHOWN = 6
"""Names of parameters that a message lists."""


def check_initialised(model: nn.Module) -> None:
    """Nothing, or InvalidModel for a lazy module that has not seen an input yet."""
    for path, module in model.named_modules():
        own = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
        for name, tensor in own:
            if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
                place = f"{path or 'the model'} ({type(module).__name__})"
                raise InvalidModel(f"{name} of {place} has no shape yet; run the lazy model once, model(X), beforehand")


def with_parameters(model: nn.Module, patterns: Sequence[str]) -> nn.Module:
    """The model, or where patterns are given a copy in which only the parameters that they match require grad.

    Raises InvalidModel for a pattern that matches no trainable parameter.
    """
    if not patterns:
        return model
    trainable = [name for name, p in model.named_parameters() if p.requires_grad]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in trainable):
            raise InvalidModel(_unknown(pattern, trainable, [name for name, _ in model.named_parameters()]))
    copied = deep_copy(model)
    for name, p in copied.named_parameters():
        if p.requires_grad and not any(fnmatchcase(name, pattern) for pattern in patterns):
            p.requires_grad_(False)
    return copied


def _unknown(pattern: str, trainable: list[str], names: list[str]) -> str:
    frozen = [name for name in names if fnmatchcase(name, pattern)]
    if frozen:
        return (
            f"parameters {pattern!r} matches {frozen[0]}, which is frozen (requires_grad=False), and no trainable one"
        )
    close = difflib.get_close_matches(pattern, trainable, n=1)
    more = f" and {len(trainable) - SHOWN} more" if len(trainable) > SHOWN else ""
    hint = f"; did you mean {close[0]}?" if close else ";"
    return f"parameters {pattern!r} matches none of the model's{hint} there are {', '.join(trainable[:SHOWN])}{more}"


def check_parameters(model: nn.Module) -> None:
    """Nothing, or InvalidModel where there are no Jacobians by the trainable parameters."""
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not trainable:
        count = len(list(model.parameters()))
        why = f": all {count} are frozen (requires_grad=False)" if count else ""
        held = held_in_vain(model)
        helps = f"; {held} {'is' if ' ' not in held else 'are'} trainable, but no parameter: {HELPS}" if held else ""
        raise InvalidModel(f"the model has no trainable parameter{why}, so nothing to differentiate by{helps}")
    for name, p in trainable.items():
        kind = str(p.dtype).removeprefix("torch.")
        if p.is_complex():
            raise InvalidModel(
                f"{name} is {kind}: derivatives by complex parameters are not covered; hold its real and imaginary "
                "parts in a real parameter (torch.view_as_complex), or choose others by `parameters`"
            )
        if kind not in DTYPES:
            raise InvalidModel(f"{name} is {kind}, expected one of {', '.join(DTYPES)}")
        if p.layout is not torch.strided:
            raise InvalidModel(f"{name} is sparse ({str(p.layout).removeprefix('torch.')}), expected a dense parameter")
    for name, p in model.named_parameters():
        if not p.is_meta and not bool(torch.isfinite(p.detach()).all()):
            raise InvalidModel(f"{name} holds NaN or infinite numbers: nothing could be compared")
