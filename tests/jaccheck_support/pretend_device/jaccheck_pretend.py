"""A device of torch that is really another one, found by torch itself through the entry point `torch.backends`.

Its memory is the CPU's (`pretend.cpp`). What it is like stands in `JACCHECK_PRETEND`, as JSON:

    library      the compiled `pretend.cpp`
    count        how many devices there are (1)
    lacks        dtypes that it does not have, as mps has no float64
    without      operations that it does not have, as "aten::elu"
    memory       the bytes that each device has; an allocation beyond them is out of memory
    faults       device index -> the name of a function of FAULTS: how it answers wrongly
"""

from __future__ import annotations

import ctypes
import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

KIND = "pretend"
LIKE: dict[str, Any] = json.loads(os.environ["JACCHECK_PRETEND"])
PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
WIDE = 64
"""A kernel that is wrong for wide matrices is right up to so many columns."""


class Backend:
    """`torch.pretend`, as `torch.cuda` is the module of CUDA."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        for name in ("pretend_held", "pretend_peak"):
            getattr(library, name).restype = ctypes.c_int64
        self._generators: dict[int, torch.Generator] = {}

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def _is_in_bad_fork(self) -> bool:
        return False

    def device_count(self) -> int:
        return int(LIKE.get("count", 1))

    def current_device(self) -> int:
        return 0

    def get_device_name(self, index: int = 0) -> str:
        return f"number {index} that the tests pretend"

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def manual_seed_all(self, seed: int) -> None:
        for index in range(self.device_count()):
            self._generator(index).manual_seed(seed)

    def get_rng_state(self, device: Any = 0) -> Tensor:
        return self._generator(_index(device)).get_state()

    def set_rng_state(self, state: Tensor, device: Any = 0) -> None:
        self._generator(_index(device)).set_state(state)

    def synchronize(self, device: Any = None) -> None:
        """Waits for all that is unfinished."""
        while unfinished:
            unfinished.pop().join()

    def begin(self, seconds: float) -> None:
        """Something that takes so long, and is not waited for."""
        thread = threading.Thread(target=time.sleep, args=(seconds,), daemon=True)
        unfinished.add(thread)
        thread.start()

    def memory_allocated(self, device: Any = 0) -> int:
        return int(self._library.pretend_held(_index(device)))

    def max_memory_allocated(self, device: Any = 0) -> int:
        return int(self._library.pretend_peak(_index(device)))

    def reset_peak_memory_stats(self, device: Any = 0) -> None:
        self._library.pretend_reset_peak(_index(device))

    def empty_cache(self) -> None:
        """Nothing is kept."""

    def _generator(self, index: int) -> torch.Generator:
        return self._generators.setdefault(index, torch.Generator().manual_seed(index))


def _index(device: Any) -> int:
    return device if isinstance(device, int) else torch.device(device or KIND).index or 0


unfinished: set[threading.Thread] = set()


def wrong_when_wide(found: Tensor) -> Tensor:
    """A kernel of products that is wrong in the columns beyond 64."""
    found[..., WIDE:] *= 1 + 2.0**-6
    return found


def through_bfloat16(found: Tensor) -> Tensor:
    """Products whose results in float32 have passed through bfloat16."""
    return found.bfloat16().float() if found.dtype is torch.float32 else found


def before_it_has_finished(found: Tensor) -> Tensor:
    """Products that are written some time after they are returned; nothing but `synchronize` waits for them."""
    source, early = found.contiguous(), torch.zeros_like(found, memory_format=torch.contiguous_format)

    def write() -> None:
        time.sleep(0.05)
        ctypes.memmove(early.data_ptr(), source.data_ptr(), source.nbytes)  # as a kernel does, behind torch's back

    thread = threading.Thread(target=write, daemon=True)
    unfinished.add(thread)
    thread.start()
    return early


FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    each.__name__: each for each in (wrong_when_wide, through_bfloat16, before_it_has_finished)
}


def product(name: str) -> Callable[..., Tensor]:
    """A product on a device that answers wrongly: computed on the CPU, and then spoilt."""
    op = getattr(torch.ops.aten, name.removeprefix("aten::")).default

    def run(*args: Any, **kwargs: Any) -> Tensor:
        device = next(each.device for each in args if isinstance(each, Tensor))
        found: Tensor = op(*(each.cpu() if isinstance(each, Tensor) else each for each in args), **kwargs)
        fault = LIKE["faults"].get(str(device.index))
        found = found.to(device)
        return FAULTS[fault](found) if fault else found

    return run


def lacking(name: str) -> Callable[..., Tensor]:
    """An operation that the device does not have."""

    def run(*args: Any, **kwargs: Any) -> Tensor:
        raise NotImplementedError(f"The operator {name!r} is not implemented for the device {KIND}")

    return run


kept: list[torch.library.Library] = []
"""A registration ends with the object that made it."""


def load() -> None:
    """What torch calls at its import."""
    library = ctypes.CDLL(LIKE["library"])
    library.pretend_count(LIKE.get("count", 1))
    for name in LIKE.get("lacks", ()):
        library.pretend_lack(_NUMBER_OF[name])
    for index in range(LIKE.get("count", 1)):
        library.pretend_limit(index, ctypes.c_int64(LIKE.get("memory", 0)))
    torch.utils.rename_privateuse1_backend(KIND)
    torch._register_device_module(KIND, Backend(library))
    torch.utils.generate_methods_for_privateuse1_backend()
    own = torch.library.Library("aten", "IMPL")
    for name in PRODUCTS if LIKE.get("faults") else ():
        own.impl(name.removeprefix("aten::"), product(name), "PrivateUse1")
    for name in LIKE.get("without", ()):
        own.impl(name.removeprefix("aten::"), lacking(name), "PrivateUse1")
    kept.append(own)


_NUMBER_OF = {"float16": 5, "float32": 6, "float64": 7, "bfloat16": 15}
"""`c10::ScalarType`."""
