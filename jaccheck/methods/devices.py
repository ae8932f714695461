"""The devices that torch reports here, and which dtypes they have."""

from __future__ import annotations

import importlib
import os
import platform
import re
from collections.abc import Iterable, Set
from functools import cache

import torch
from torch import Tensor

from jaccheck.core import text_of
from jaccheck.errors import UnknownName

_KINDS = ("cuda", "xpu", "mps", "mtia", "npu", "hpu")
"""torch's backends with a module of their own; whatever `torch.accelerator` reports is added."""

_PACKAGES = {"xla": "torch_xla"}
"""Devices that torch has only after a package has been imported."""

_LACKING = re.compile(
    r"Could not run 'aten::([\w.]+)' with arguments from the"
    r"|operator 'aten::([\w.]+)' is not (?:currently )?implemented for the"
    r"|^(\w+_overrideable) not implemented"  # convolutions and attention, which a back end must bring
)
"""How torch says that a device has no such operation."""


def available_devices(named: Set[str] = frozenset()) -> dict[str, str]:
    """Name and description of every device, the CPU first; several of a kind carry their index.

    XLA's is among them where it is `named`, or where `PJRT_DEVICE` says what it is to run on.
    """
    found = {"cpu": platform.processor() or platform.machine()}
    kinds = list(_KINDS)
    accelerator = getattr(torch, "accelerator", None)
    if accelerator is not None and accelerator.is_available():
        kinds.append(accelerator.current_accelerator().type)
    if "xla" in named or os.environ.get("PJRT_DEVICE"):
        found |= _xla_devices()
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


def _xla_devices() -> dict[str, str]:
    """The devices of torch_xla, which says of itself where it computes; none where it does not import."""
    try:
        import torch_xla
        from torch_xla import runtime

        count = len(torch_xla.devices())
        where = f"torch_xla {torch_xla.__version__} on {runtime.device_type()}"
    except Exception:  # a package that is there but broken, whatever it raises, is a device that is not there
        return {}
    return {"xla" if count == 1 else f"xla:{index}": where for index in range(count)}


def loading_of(device: str) -> list[str]:
    """The lines of a script without which torch does not know the device."""
    package = _PACKAGES.get(device.split(":")[0])
    return [f"import {package}"] if package else []


def lacks(device: str, error: BaseException) -> str:
    """The operation that an error says the device does not have, as `aten::elu`; empty for any other error."""
    if device.startswith("cpu") or not isinstance(error, NotImplementedError):
        return ""
    found = _LACKING.search(text_of(error))
    return f"aten::{next(filter(None, found.groups()))}" if found else ""


def arrived(found: object, device: str) -> None:
    """Raises here what a device that computes later raises only when a result is read.

    XLA puts together what it is to do until somebody reads a number, and compiles it then.
    """
    if device.startswith("cpu") or not isinstance(found, dict):
        return
    with torch._C.DisableTorchFunctionSubclass():
        for value in found.values():
            if isinstance(value, Tensor):
                Tensor.detach(value).to("cpu")


def choose_devices(names: Iterable[str]) -> dict[str, str]:
    """The devices of these names, or all where none is given. Raises UnknownName for one that is not there."""
    names = tuple(names)
    for name in names:
        if not isinstance(name, str):
            raise UnknownName(f"device {name!r}: expected a name, as in 'cpu' or 'cuda:0'")
    found = available_devices({name.split(":")[0] for name in names})
    for name in names:
        if name not in found and name.removesuffix(":0") not in found:
            raise UnknownName(f"device {name!r} is not here; torch reports {', '.join(found)}")
    return {name: found[name if name in found else name.removesuffix(":0")] for name in names} or found


@cache
def check_device(device: str) -> None:
    """Raises UnknownName for a device that is not here."""
    if device != "cpu":
        choose_devices([device])


@cache
def load_device(device: str) -> None:
    """Imports the package without which torch does not know the device."""
    if package := _PACKAGES.get(device.split(":")[0]):
        importlib.import_module(package)
        # A backward pass on the CPU before there was any tensor of the device makes torch's engine assert later.
        torch.empty(0, device=device)


@cache
def made_on(device: str) -> tuple[torch.device, type[Tensor]]:
    """The device, with its index, and the type of tensors that torch itself makes there.

    A backend that is written in Python has a type of its own, which is as plain there as `Tensor` is elsewhere.
    """
    load_device(device)
    made = torch.empty(0, dtype=torch.int64, device=device)
    return made.device, type(made)


def has_dtype(device: str, dtype: str) -> bool:
    """Whether tensors of this dtype can be made on this device (float64 cannot on mps)."""
    load_device(device)
    try:
        torch.zeros(1, dtype=getattr(torch, dtype), device=device)
    except (RuntimeError, TypeError):
        return False
    return True
