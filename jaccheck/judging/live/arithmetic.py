"""Whether torch computes with a live model as bounds assume: in its dtype, and by adding up products.

Each function raises NoRule where it does not, or where nobody knows.
"""

from __future__ import annotations

import platform

import torch
from torch import nn

from jaccheck.case import Convolution, Layer, TransposedConvolution
from jaccheck.methods import Problem
from jaccheck.oracle import NoRule

_GLOBAL_HOOKS = tuple(
    name for name in vars(nn.modules.module) if name.startswith("_global_") and name.endswith("_hooks")
)


def check_dtype(problem: Problem) -> None:
    """All numbers of the model are of one dtype; integers are left to the layers that take them."""
    first = next(iter(problem.parameters.values()), problem.X).dtype
    for name, tensor in (*problem.model.named_parameters(), *problem.model.named_buffers()):
        if tensor.is_floating_point() and tensor.dtype != first:
            raise NoRule(f"{name}, which is of {tensor.dtype}")


def check_torch(problem: Problem) -> None:
    """No flag of torch's makes it compute more coarsely or otherwise than the modules say."""
    if problem.dtype == "float32" and (coarse := _coarse_float32()):
        raise NoRule(f"arithmetic in float32 of {coarse} precision")
    if _is_autocast(problem.X.device.type):
        raise NoRule("autocast, which computes in another dtype")
    if any(vars(nn.modules.module)[kind] for kind in _GLOBAL_HOOKS):
        raise NoRule("hooks on all modules")


def check_algorithm(layer: Layer, problem: Problem) -> None:
    """Refuses convolutions where torch may take an algorithm that is no sum of the products, as Winograd's."""
    if isinstance(layer, Convolution | TransposedConvolution):
        check_convolutions(problem)


def check_convolutions(problem: Problem) -> None:
    """The same for a model that has one."""
    if problem.X.device.type != "cpu" or platform.machine().lower() not in ("x86_64", "amd64"):
        raise NoRule(f"on {problem.X.device.type} of {platform.machine()}, where its algorithm is not known")
    if not (torch._C._has_mkldnn and torch._C._get_mkldnn_enabled()):
        raise NoRule("without oneDNN, where its algorithm is not known")


def _coarse_float32() -> str:
    try:
        if (precision := torch.get_float32_matmul_precision()) != "highest":
            return precision
    except RuntimeError:  # set by the newer names below, in a way that this name has no word for
        return "another"
    backends = (torch.backends, *(vars(torch.backends.mkldnn).get(name) for name in ("matmul", "conv")))
    found = (getattr(backend, "fp32_precision", "none") for backend in (*backends, torch.backends.mkldnn))
    return next((str(each) for each in found if each not in ("none", "ieee")), "")


def _is_autocast(device: str) -> bool:
    try:
        return torch.is_autocast_enabled(device)
    except TypeError:  # before torch 2.4
        return torch.is_autocast_enabled() or torch.is_autocast_cpu_enabled()
