"""How often a method runs the network forward and the autograd engine, so that one that loops is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch import nn


@dataclass(slots=True)
class Passes:
    """Outermost calls of a module, and calls of `torch.autograd.grad` and `backward`, which is what torch.func uses."""

    forward: int = 0
    backward: int = 0


@contextmanager
def count_passes() -> Iterator[Passes]:
    """Counts them while it is on. Never time this."""
    passes, depth = Passes(), 0
    call = nn.Module.__call__

    def counting_call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        nonlocal depth
        passes.forward += depth == 0
        depth += 1
        try:
            return call(module, *args, **kwargs)
        finally:
            depth -= 1

    def counting(run: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            passes.backward += 1
            return run(*args, **kwargs)

        return counted

    with (
        patch.object(nn.Module, "__call__", counting_call),
        patch.object(torch.autograd, "grad", counting(torch.autograd.grad)),
        patch.object(torch.autograd, "backward", counting(torch.autograd.backward)),
    ):
        yield passes
