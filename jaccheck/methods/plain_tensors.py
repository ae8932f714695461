"""Tensors of subclasses, as torchvision, kornia and MONAI have them, as plain ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def as_plain(tensor: Tensor) -> Tensor:
    """The same numbers as a tensor of no subclass; one that keeps its numbers elsewhere, as DTensor, as it is.

    What autograd computes from a tensor of a subclass is of that subclass, too, whoever asks: no method chose it.
    """
    kind = type(tensor)
    if kind in (Tensor, nn.Parameter) or kind.__torch_dispatch__ is not Tensor.__torch_dispatch__:
        return tensor
    with torch._C.DisableTorchFunctionSubclass():
        return tensor.detach().as_subclass(Tensor).requires_grad_(tensor.requires_grad)
