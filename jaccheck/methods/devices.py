"""The devices that torch reports here, and which dtypes they have."""

from __future__ import annotations

import platform
from collections.abc import Iterable

import torch

from jaccheck.errors import UnknownName

_KINDS = ("cuda", "xpu", "mps", "mtia", "npu", "hpu")
"""torch's backends with a module of their own; whatever `torch.accelerator` reports is added."""


def available_devices() -> dict[str, str]:
    """Name and description of every device, the CPU first; several of a kind carry their index."""
    found = {"cpu": platform.processor() or platform.machine()}
    kinds = list(_KINDS)
    accelerator = getattr(torch, "accelerator", None)
    if accelerator is not None and accelerator.is_available():
        kinds.append(accelerator.current_accelerator().type)
    for kind in dict.fromkeys(kinds):
        count = _count(kind)
        for index in range(count):
            name = kind if count == 1 else f"{kind}:{index}"
            describe = getattr(getattr(torch, kind), "get_device_name", None)
            found[name] = describe(index) if describe else kind
    return found


def _count(kind: str) -> int:
    """How many devices of this kind are here. In old versions (2.2) only `torch.backends.mps` says it of mps."""
    backend = getattr(torch, kind, None)
    says = next((m for m in (backend, getattr(torch.backends, kind, None)) if hasattr(m, "is_available")), None)
    if backend is None or says is None or not says.is_available():
        return 0
    return int(backend.device_count()) if hasattr(backend, "device_count") else 1


def choose_devices(names: Iterable[str]) -> dict[str, str]:
    """The devices of these names, or all where none is given. Raises UnknownName for one that is not there."""
    found = available_devices()
    names = tuple(names)
    for name in names:
        if name not in found and name.removesuffix(":0") not in found:
            raise UnknownName(f"device {name!r} is not here; torch reports {', '.join(found)}")
    return {name: found[name if name in found else name.removesuffix(":0")] for name in names} or found


def has_dtype(device: str, dtype: str) -> bool:
    """Whether tensors of this dtype can be made on this device (float64 cannot on mps)."""
    try:
        torch.zeros(1, dtype=getattr(torch, dtype), device=device)
    except (RuntimeError, TypeError):
        return False
    return True
