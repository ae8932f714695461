"""Whether the output of a model depends on what it was run on before, and what it keeps for that.

A hidden state, a cache or a smoothed output that one pass leaves for the next makes samples alone fail, get the shape
of a batch, or give another output. So this is looked at where something of that kind was seen, before it is blamed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from jaccheck.methods.copies import DIFFERENT_ROUNDINGS, deep_copy, differ, largest, named
from jaccheck.methods.module_state import state_of
from jaccheck.methods.row_model import leaves

Run = Callable[[nn.Module, list[int]], Any]
"""What a model returns for samples of these numbers."""

Found = dict[str, Tensor]


def depends_on_before(model: nn.Module, run: Run, N: int) -> str:
    """That a pass over other samples changes what one over all `N` gives, and what is kept between them; else empty.

    Only copies are run. Nothing is said of a model that does not give the same again, or that does not run.
    """
    known = torch.get_rng_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _depends(model, run, [*range(N)])
    finally:
        torch.set_rng_state(known)


def _depends(model: nn.Module, run: Run, samples: list[int]) -> str:
    first, again = (_found(deep_copy(model), run, samples) for _ in range(2))
    if first is None or again is None or _is_another(first, again):
        return ""
    for others in (samples[::-1], samples[:1]):
        ran = deep_copy(model)
        before = state_of(ran)
        if _found(ran, run, others) is None:
            continue
        after = state_of(ran)
        later = _found(ran, run, samples)
        if later is None or _is_another(first, later):
            names = [name for name in after if before.get(name, _MISSING) != after[name]]
            kept = f"it keeps {named(names)}" if names else "something is kept"
            does = "does not run" if later is None else "gives another output"
            return (
                f"the model {does} after it was run on other samples: {kept} from one pass to the next; let each pass "
                "begin without it"
            )
    return ""


_MISSING = object()


def _found(model: nn.Module, run: Run, samples: list[int]) -> Found | None:
    """The tensors that the model returns; nothing where it does not run."""
    try:
        with torch.enable_grad():
            return dict(leaves(run(model, samples)))
    except Exception:  # whatever a user's model raises
        return None


def _is_another(one: Found, other: Found) -> bool:
    if one.keys() != other.keys():
        return True
    return any(_differ(each, other[name]) for name, each in one.items())


def _differ(one: Any, other: Any) -> bool:
    if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
        return False
    if one.shape != other.shape or one.requires_grad != other.requires_grad:
        return True
    if not one.is_floating_point() or one.layout is not torch.strided or one.is_nested:
        return False
    limit = DIFFERENT_ROUNDINGS * torch.finfo(one.dtype).eps * largest(one)
    return differ(one.detach(), other.detach(), limit)
