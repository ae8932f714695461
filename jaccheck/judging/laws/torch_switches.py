"""`SWITCHES`: the quieter switches of torch, which few know of and every method after them computes with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.utils.parametrize
from torch.distributions import Distribution

from jaccheck.judging.laws.aspects import Aspect

_C: Any = torch._C
_FUNCTORCH: Any = torch._C._functorch

PRECISIONS = tuple(
    (backend, operation)
    for backend in ("generic", "mkldnn", "cuda")
    for operation in ("all", "conv", "rnn", "matmul")
    if backend != "generic" or operation == "all"
)
"""For which torch 2.9 and later know a precision of float32."""


def _put_precisions(was: Sequence[str]) -> None:
    # What stands for all of a back end is said of each operation that says nothing itself, so it comes first.
    for (backend, operation), precision in zip(PRECISIONS, was, strict=True):
        if _C._get_fp32_precision_getter(backend, operation) != precision:
            _C._set_fp32_precision_setter(backend, operation, precision)


def _put_conversion(was: Sequence[bool]) -> None:
    torch.__future__.set_overwrite_module_params_on_conversion(was[0])
    torch.__future__.set_swap_module_params_on_conversion(was[1])


def _put_autograd(was: Sequence[bool]) -> None:
    _C._set_fwd_grad_enabled(was[0])
    _C._set_view_replay_enabled(was[1])


def _put_functorch(was: Sequence[bool]) -> None:
    _FUNCTORCH._set_vmap_fallback_enabled(was[0])
    _FUNCTORCH.set_inplace_requires_grad_allowed(was[1])
    _FUNCTORCH.set_single_level_autograd_function_allowed(was[2])


def keys() -> tuple[str, str]:
    """The keys of the dispatcher that this thread always has, and never."""
    return str(_C._dispatch_tls_local_include_set()), str(_C._dispatch_tls_local_exclude_set())


def _put_keys(was: Sequence[str]) -> None:
    ways = (_C._dispatch_tls_set_dispatch_key_included, _C._dispatch_tls_set_dispatch_key_excluded)
    for put, before, now in zip(ways, was, keys(), strict=True):
        old, new = (set(re.findall(r"\w+", text)) for text in (before, now))
        for name in old ^ new:
            put(getattr(_C.DispatchKey, name), name in old)


@lru_cache(maxsize=2)
def operators(size: int) -> frozenset[str]:
    """Kernels that stand in place of torch's own, as Python has registered them, while there are so many of all.

    Those of vmap are not counted: torch registers some when it is first used.
    """
    return frozenset(
        name for name in torch.library._impls if name.startswith("aten/") and not name.endswith("/FuncTorchBatched")
    )


def _put_printing(was: dict[str, object]) -> None:
    vars(torch._tensor_str.PRINT_OPTS).update(was)


def _put_cache(was: int) -> None:
    torch.nn.utils.parametrize._cache_enabled = was
    torch.nn.utils.parametrize._cache = {}


def _put_mkldnn_and_einsum(was: Sequence[Any]) -> None:
    _C._set_qengine(was[0])
    einsum: Any = torch.backends.opt_einsum
    einsum.enabled, einsum.strategy = was[1:]


_PRECISION = f"[torch._C._get_fp32_precision_getter(*each) for each in {PRECISIONS}]"
_CONVERSION = ", ".join(
    f"torch.__future__.get_{each}_on_conversion()" for each in ("overwrite_module_params", "swap_module_params")
)
_FALLBACK = "torch._C._functorch._is_vmap_fallback_enabled()"
_ALLOWED = ", ".join(
    f"torch._C._functorch.get_{each}_allowed()" for each in ("inplace_requires_grad", "single_level_autograd_function")
)
_START = "torch.multiprocessing.get_start_method(True)"

SWITCHES = (
    Aspect(name="precision of float32", read=(_PRECISION,), put_back=_put_precisions),
    Aspect(name="conversion of modules", read=(f"({_CONVERSION})",), put_back=_put_conversion),
    Aspect(
        name="fast path of attention",
        read=("torch.backends.mha.get_fastpath_enabled()",),
        put_back=lambda was: torch.backends.mha.set_fastpath_enabled(was),
    ),
    Aspect(
        name="engines of quantization and einsum",
        read=("(torch._C._get_qengine(), torch.backends.opt_einsum.enabled, torch.backends.opt_einsum.strategy)",),
        put_back=_put_mkldnn_and_einsum,
    ),
    Aspect(
        name="switches of autograd",
        read=("(torch._C._is_fwd_grad_enabled(), torch._C._is_view_replay_enabled())",),
        put_back=_put_autograd,
    ),
    Aspect(name="switches of functorch", read=(f"({_FALLBACK}, {_ALLOWED})",), put_back=_put_functorch),
    Aspect(
        name="profiler",
        read=("torch.autograd._profiler_enabled()",),
        put_back=lambda was: None if was else _C._autograd._disable_profiler(),
    ),
    Aspect(
        name="keys of the dispatcher",
        read=("keys()",),
        put_back=_put_keys,
        shown="(torch._C._dispatch_tls_local_include_set(), torch._C._dispatch_tls_local_exclude_set())",
    ),
    Aspect(name="printing of tensors", read=("dict(vars(torch._tensor_str.PRINT_OPTS))",), put_back=_put_printing),
    Aspect(
        name="cache of parametrizations",
        read=("torch.nn.utils.parametrize._cache_enabled",),
        put_back=_put_cache,
    ),
    Aspect(
        name="sharing of memory",
        read=("torch.multiprocessing.get_sharing_strategy()",),
        put_back=lambda was: torch.multiprocessing.set_sharing_strategy(was),  # type: ignore[no-untyped-call]
    ),
    Aspect(
        name="start of processes",
        # Who starts one without having chosen a way has chosen the first of them.
        read=(f"{_START} or torch.multiprocessing.get_all_start_methods()[0]",),
        put_back=lambda was: torch.multiprocessing.set_start_method(was, force=True),
    ),
)

OF_IMPORTS = (
    # torch's own compiler switches it off when it is first used, which loads it.
    Aspect(
        name="validation of distributions",
        read=("torch.distributions.Distribution._validate_args",),
        put_back=Distribution.set_default_validate_args,
    ),
    Aspect(
        name="operators of torch",
        read=("operators(len(torch.library._impls))",),
        shown="len([name for name in torch.library._impls if name.startswith('aten/')])",
    ),
)
"""What the first import of a package may change for good."""
