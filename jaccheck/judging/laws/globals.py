"""Global state of torch and of the random generators: observed before and after a call, and put back.

Without putting it back, a method that leaves gradients off or a hook for every module fails all that come after it,
and the reference with them.
"""

from __future__ import annotations

import ctypes
import random

import numpy as np
import torch
from torch import nn

Globals = dict[str, object]

_HOOKS = tuple(name for name in vars(nn.modules.module) if name.startswith("_global_") and name.endswith("_hooks"))


def observe_globals(device: str) -> Globals:
    """Everything global that a method should leave as it is, by name."""
    found: Globals = {
        "random generator": torch.get_rng_state().numpy().tobytes(),
        "random generator of numpy": _numpy_words(),
        "random generator of Python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "default dtype": torch.get_default_dtype(),
        "number of threads": torch.get_num_threads(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "float32 matmul precision": torch.get_float32_matmul_precision(),
        "anomaly mode": torch.is_anomaly_enabled(),
        "global hooks": tuple((kind, key) for kind in _HOOKS for key in getattr(nn.modules.module, kind)),
    }
    if device.startswith("cuda"):
        found["random generator of CUDA"] = torch.cuda.get_rng_state().numpy().tobytes()
    return found


def restore_globals(before: Globals, now: Globals) -> None:
    """Sets whatever is not `now` as it was `before`."""
    for name, was in before.items():
        if was != now.get(name):
            _restore(name, was)


def _restore(name: str, was: object) -> None:
    match name, was:
        case "random generator", bytes():
            torch.set_rng_state(torch.frombuffer(bytearray(was), dtype=torch.uint8))
        case "random generator of CUDA", bytes():
            torch.cuda.set_rng_state(torch.frombuffer(bytearray(was), dtype=torch.uint8))
        case "random generator of numpy", bytes():
            words = np.frombuffer(was, dtype=np.uint32)
            np.random.set_state(("MT19937", words[:_MT19937_WORDS], int(words[_MT19937_WORDS]), 0, 0.0))
        case "random generator of Python", tuple():
            random.setstate(was)
        case "grad mode", bool():
            torch.set_grad_enabled(was)
        case "default dtype", torch.dtype():
            torch.set_default_dtype(was)
        case "number of threads", int():
            torch.set_num_threads(was)
        case "deterministic algorithms", bool():
            torch.use_deterministic_algorithms(was)
        case "float32 matmul precision", str():
            torch.set_float32_matmul_precision(was)
        case "anomaly mode", bool():
            torch.autograd.set_detect_anomaly(was)
        case "global hooks", tuple():
            kept = set(was)
            for kind in _HOOKS:
                hooks = getattr(nn.modules.module, kind)
                for key in [key for key in hooks if (kind, key) not in kept]:
                    del hooks[key]


_MT19937_WORDS = 624


def _numpy_words() -> bytes:
    """The words of numpy's legacy generator and its position, read where they lie: get_state takes 30 µs."""
    generator = np.random.get_bit_generator()  # type: ignore[attr-defined]
    if not isinstance(generator, np.random.MT19937):
        return repr(generator.state).encode()
    return ctypes.string_at(generator.ctypes.state_address, 4 * (_MT19937_WORDS + 1))
