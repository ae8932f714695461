"""Global state of torch and of the random generators: observed before and after a call, and put back.

Without putting it back, a method that leaves gradients off or a hook for every module fails all that come after it,
and the reference with them.
"""

from __future__ import annotations

import contextlib
import ctypes
import random
from typing import Any

import numpy as np
import torch
from torch import nn

from jaccheck.judging.laws.torch_state import TORCH

Globals = dict[str, object]

_HOOKS = tuple(name for name in vars(nn.modules.module) if name.startswith("_global_") and name.endswith("_hooks"))


def observe_globals(device: str) -> Globals:
    """Everything global that a method should leave as it is, by name. No mode that it has left on sees that."""
    found = TORCH.observe()
    with torch._C.DisableTorchFunction(), torch._C._DisableTorchDispatch():
        found["random generator"] = torch.get_rng_state().numpy().tobytes()
        if backend := _with_a_generator(device):
            found[_GENERATOR_OF + device] = backend.get_rng_state(device).numpy().tobytes()
    found["random generator of numpy"] = _numpy_state()
    found["random generator of Python"] = random.getstate()
    found["global hooks"] = tuple((kind, key) for kind in _HOOKS for key in getattr(nn.modules.module, kind))
    return found


def restore_globals(before: Globals, now: Globals) -> None:
    """Sets whatever is not `now` as it was `before`, as far as torch can do that."""
    TORCH.put_back(before, now)
    for name, was in before.items():
        if was != now.get(name):
            with contextlib.suppress(Exception):  # what is not put back is seen by whoever looks again
                _restore(name, was)


def _restore(name: str, was: object) -> None:
    if name.startswith(_GENERATOR_OF) and isinstance(was, bytes):
        device = name.removeprefix(_GENERATOR_OF)
        state = torch.frombuffer(bytearray(was), dtype=torch.uint8)
        getattr(torch, torch.device(device).type).set_rng_state(state, device)
        return
    match name, was:
        case "random generator", bytes():
            torch.set_rng_state(torch.frombuffer(bytearray(was), dtype=torch.uint8))
        case "random generator of numpy", (generator, bytes(words)):
            _put_numpy(generator, words)
        case "random generator of Python", tuple():
            random.setstate(was)
        case "global hooks", tuple():
            kept = set(was)
            for kind in _HOOKS:
                hooks = getattr(nn.modules.module, kind)
                for key in [key for key in hooks if (kind, key) not in kept]:
                    del hooks[key]


_GENERATOR_OF = "random generator of the device "


def _with_a_generator(device: str) -> Any:
    """torch's module of a device, if it keeps random numbers of its own there; else None."""
    kind = torch.device(device).type
    backend = None if kind == "cpu" else getattr(torch, kind, None)
    return backend if hasattr(backend, "get_rng_state") else None


_MT19937_WORDS = 624


def _put_numpy(generator: Any, state: bytes) -> None:
    np.random.set_bit_generator(generator)  # type: ignore[attr-defined]
    if isinstance(generator, np.random.MT19937):
        words = np.frombuffer(state, dtype=np.uint32)
        np.random.set_state(("MT19937", words[:_MT19937_WORDS], int(words[_MT19937_WORDS]), 0, 0.0))


def _numpy_state() -> tuple[object, bytes]:
    """numpy's legacy generator, and its words with its position, read where they lie: get_state takes 30 µs."""
    generator = np.random.get_bit_generator()  # type: ignore[attr-defined]
    if not isinstance(generator, np.random.MT19937):
        return generator, repr(generator.state).encode()
    return generator, ctypes.string_at(generator.ctypes.state_address, 4 * (_MT19937_WORDS + 1))
