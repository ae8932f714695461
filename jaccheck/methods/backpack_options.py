"""What BackPACK refuses of a module by its options, and what its extensions have rules for; imports nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch


@cache
def mse_loss_lacks(dtype: torch.dtype, device: torch.device) -> str | None:
    """Why torch's own MSELoss has no gradient here: torch 2.2 has none for half precision on the CPU."""
    try:
        with torch.enable_grad():
            f = torch.zeros(1, 1, dtype=dtype, device=device, requires_grad=True)
            torch.nn.functional.mse_loss(f, torch.zeros_like(f)).backward()
    except RuntimeError as error:
        return f"torch {torch.__version__} has no MSELoss for it: {error}"
    return None


@cache
def ruled_types(extension: Callable[[], Any]) -> frozenset[type]:
    """The types of modules that an extension has a rule for, from its own list."""
    return frozenset(vars(extension())["_BackpropExtension__module_extensions"])


def beyond_options(module: torch.nn.Module) -> str | None:
    """What BackPACK itself refuses of a module that it has a rule for, by a clear exception in its backward pass."""
    if name := _computed(module):
        return f"a layer whose {name} is computed from other parameters, as prune and weight_norm do"
    match module:
        case torch.nn.Embedding(padding_idx=int()):
            return "an Embedding with padding_idx"
        case torch.nn.Embedding() if module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
            return "an Embedding with max_norm, scale_grad_by_freq or sparse"
        case torch.nn.RNN() | torch.nn.LSTM() if reason := _beyond_recurrent_options(module):
            return reason
    return None


def _computed(module: torch.nn.Module) -> str:
    """The first of a layer's tensors that is no parameter any more: results are set on it, and not on what it is of."""
    own = vars(module)
    return next((name for name in ("weight", "bias") if isinstance(own.get(name), torch.Tensor)), "")


def _beyond_recurrent_options(module: torch.nn.RNNBase) -> str | None:
    if not module.bias or module.bidirectional or module.num_layers > 1 or not module.batch_first or module.proj_size:
        return f"{type(module).__name__} with several layers or directions, without bias, or with another axis first"
    if isinstance(module, torch.nn.RNN) and module.nonlinearity != "tanh":
        return f"RNN with nonlinearity={module.nonlinearity!r}"
    return None


def beyond_second_order_options(module: torch.nn.Module) -> str | None:
    """The same of the second-order extensions."""
    match module:
        case (
            torch.nn.BatchNorm1d(affine=False) | torch.nn.BatchNorm2d(affine=False) | torch.nn.BatchNorm3d(affine=False)
        ):
            return "a BatchNorm with affine=False"
        case torch.nn.AvgPool1d() | torch.nn.AvgPool2d() | torch.nn.AvgPool3d() if not module.count_include_pad:
            return "an average pooling with count_include_pad=False"
    return beyond_options(module)
