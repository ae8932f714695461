"""`TORCH`: the switches, modes and stacks of torch, with what reads each of them and the way to put it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.autograd.forward_ad
import torch.utils._device
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from jaccheck.judging.laws.aspects import Aspect, Aspects
from jaccheck.judging.laws.torch_switches import SWITCHES, keys

DEEPEST = 256
"""More than anybody leaves on a stack of torch's."""

FLAGS = {
    **{
        f"_get_{name}": f"_set_{name}"
        for name in (
            *("cudnn_enabled", "cudnn_benchmark", "cudnn_deterministic", "cudnn_allow_tf32", "cublas_allow_tf32"),
            *("mkldnn_enabled", "mkldnn_deterministic", "onednn_allow_tf32", "nnpack_enabled", "warnAlways"),
            *("cpu_allow_fp16_reduced_precision_reduction", "deterministic_fill_uninitialized_memory"),
        )
    },
    "_get_math_sdp_enabled": "_set_sdp_use_math",
    "_get_flash_sdp_enabled": "_set_sdp_use_flash",
    "_get_mem_efficient_sdp_enabled": "_set_sdp_use_mem_efficient",
}
"""How torch reads and sets what concerns its back ends."""


def _flag(name: str) -> object:
    """None where this version does not have it, or does not say it."""
    try:
        return getattr(torch._C, name)()
    except (AttributeError, RuntimeError, TypeError):
        return None


_READABLE = tuple(getattr(torch._C, name) for name in FLAGS if _flag(name) is not None)


def _flags() -> tuple[object, ...]:
    try:
        return tuple([read() for read in _READABLE])
    except RuntimeError:  # torch does not say it while its old and its new switches are used side by side
        return tuple([_flag(read.__name__) for read in _READABLE])


def _put_flags(was: Sequence[Any]) -> None:
    for read, value in zip(_READABLE, was, strict=True):
        if value is not None and _flag(read.__name__) != value:
            getattr(torch._C, FLAGS[read.__name__])(value)


def _autocast_before(was: Sequence[Any]) -> None:
    cpu, cpu_dtype, gpu, gpu_dtype, cache = was
    if hasattr(torch, "set_autocast_dtype"):
        torch.set_autocast_enabled("cpu", cpu)
        torch.set_autocast_dtype("cpu", cpu_dtype)
        torch.set_autocast_enabled("cuda", gpu)
        torch.set_autocast_dtype("cuda", gpu_dtype)
    else:  # before torch 2.4
        torch.set_autocast_cpu_enabled(cpu)
        torch.set_autocast_cpu_dtype(cpu_dtype)
        torch.set_autocast_enabled(gpu)
        torch.set_autocast_gpu_dtype(gpu_dtype)
    torch.set_autocast_cache_enabled(cache)
    torch.clear_autocast_cache()


def _nesting() -> int:
    """How many regions of autocast are open."""
    torch.autocast_increment_nesting()
    return int(torch.autocast_decrement_nesting())


def _put_nesting(was: int) -> None:
    for _ in range(DEEPEST):
        if _nesting() <= was:
            break
        torch.autocast_decrement_nesting()


def _stack(kind: str) -> tuple[object, ...]:
    """The modes that are on, the outermost first."""
    at = getattr(torch._C, f"_get_{kind}_stack_at")
    return tuple([at(place) for place in range(getattr(torch._C, f"_len_torch_{kind}_stack")())])


def _put_stack(kind: str, base: type) -> Callable[[Sequence[Any]], None]:
    """Modes are left as their class leaves them, by none of their own code."""

    def put(was: Sequence[Any]) -> None:
        now = _stack(kind)
        same = [one is other for one, other in zip(was, now, strict=False)]
        kept = same.index(False) if False in same else len(same)
        for mode in reversed(now[kept:]):
            base.__exit__(mode, None, None, None)  # type: ignore[attr-defined]
        for mode in was[kept:]:
            base.__enter__(mode)  # type: ignore[attr-defined]

    return put


def _put_saved(was: object) -> None:
    for _ in range(DEEPEST):
        if torch._C._autograd._top_saved_tensors_default_hooks(True) == was:
            break
        torch._C._autograd._pop_saved_tensors_default_hooks()


def _put_forward(was: int) -> None:
    while torch.autograd.forward_ad._current_level > was:
        torch.autograd.forward_ad.exit_dual_level()  # type: ignore[no-untyped-call]


_SEVERAL = "torch.get_autocast_dtype('cpu'), torch.is_autocast_enabled('cuda'), torch.get_autocast_dtype('cuda')"
_BEFORE = "torch.get_autocast_cpu_dtype(), torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype()"
_FUNCTION_MODES = "[torch._C._get_function_stack_at(i) for i in range(torch._C._len_torch_function_stack())]"
_DISPATCH_MODES = "[torch._C._get_dispatch_stack_at(i) for i in range(torch._C._len_torch_dispatch_stack())]"

TORCH = Aspects(
    (
        Aspect(name="grad mode", read=("torch.is_grad_enabled()",), put_back=torch.set_grad_enabled),
        Aspect(name="inference mode", read=("torch.is_inference_mode_enabled()",)),
        Aspect(
            name="autocast",
            read=(
                f"(torch.is_autocast_enabled('cpu'), {_SEVERAL}, torch.is_autocast_cache_enabled())",
                f"(torch.is_autocast_cpu_enabled(), {_BEFORE}, torch.is_autocast_cache_enabled())",
            ),
            put_back=_autocast_before,
        ),
        Aspect(
            name="open regions of autocast",
            read=("nesting()",),
            put_back=_put_nesting,
            shown="(torch.autocast_increment_nesting(), torch.autocast_decrement_nesting())[1]",
        ),
        Aspect(
            name="saved-tensor hooks",
            read=("torch._C._autograd._top_saved_tensors_default_hooks(True)",),
            put_back=_put_saved,
        ),
        Aspect(
            name="saved-tensor hooks are allowed",
            read=("torch._C._autograd._saved_tensors_hooks_is_enabled()",),
            put_back=lambda was: torch._C._autograd._saved_tensors_hooks_enable() if was else None,
        ),
        Aspect(
            name="torch functions of subclasses",
            read=("torch._C._get_torch_function_state()", "torch._C._is_torch_function_enabled()"),
            put_back=lambda was: torch._C._set_torch_function_state(was),  # type: ignore[attr-defined]
        ),
        Aspect(name="default dtype", read=("torch.get_default_dtype()",), put_back=torch.set_default_dtype),
        Aspect(
            name="default device",
            read=("torch.utils._device.CURRENT_DEVICE",),
            put_back=lambda was: torch.set_default_device(was),
        ),
        Aspect(
            name="function modes",
            read=("stack('function')", _FUNCTION_MODES),
            put_back=_put_stack("function", TorchFunctionMode),
            shown=_FUNCTION_MODES,
        ),
        Aspect(
            name="dispatch modes",
            read=("stack('dispatch')", _DISPATCH_MODES),
            put_back=_put_stack("dispatch", TorchDispatchMode),
            shown=_DISPATCH_MODES,
        ),
        Aspect(
            name="level of forward mode",
            read=("torch.autograd.forward_ad._current_level",),
            put_back=_put_forward,
        ),
        Aspect(
            name="level of functorch",
            read=("torch._C._functorch.maybe_current_level()",),
            put_back=lambda was: torch._C._functorch.pop_dynamic_layer_stack_and_undo_to_depth(was or 0),
        ),
        Aspect(name="number of threads", read=("torch.get_num_threads()",), put_back=torch.set_num_threads),
        Aspect(
            name="deterministic algorithms",
            read=(
                "(torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled())",
            ),
            put_back=lambda was: torch.use_deterministic_algorithms(was[0], warn_only=was[1]),
        ),
        Aspect(
            name="float32 matmul precision",
            read=("torch.get_float32_matmul_precision()",),
            put_back=torch.set_float32_matmul_precision,
        ),
        Aspect(
            name="anomaly mode",
            read=("(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())",),
            put_back=lambda was: torch.autograd.set_detect_anomaly(*was),
        ),
        Aspect(
            name="threads of the backward pass",
            read=("torch._C._is_multithreading_enabled()",),
            put_back=lambda was: torch._C._set_multithreading_enabled(was),
        ),
        Aspect(
            name="back-end flags",
            read=("flags()",),
            put_back=_put_flags,
            shown=f"[getattr(torch._C, name)() for name in {[read.__name__ for read in _READABLE]}]",
        ),
        *SWITCHES,  # the precision of float32 after the older switch of it, which sets some of it
    ),
    {"torch": torch, "keys": keys, "flags": _flags, "nesting": _nesting, "stack": _stack},
)
