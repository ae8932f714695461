"""Models that torch.compile has been asked to compile: what is known of them, and how they run as they were written."""

from __future__ import annotations

import contextlib
import sys

import torch
from torch import nn

WHAT = "what torch.compile makes of it"


def is_compiled(module: nn.Module) -> bool:
    """Whether a compiler decides in which order the module's forward pass computes: no bound covers that."""
    eval_frame = sys.modules.get("torch._dynamo.eval_frame")
    return eval_frame is not None and isinstance(module, eval_frame.OptimizedModule)


def is_compiled_in_place(module: nn.Module) -> bool:
    """Whether `module.compile()` was called, which copies do not have."""
    return getattr(module, "_compiled_call_impl", None) is not None


def as_written() -> contextlib.AbstractContextManager[object]:
    """While it is entered, compiled models run operation by operation, so that each can be looked at.

    Before torch 2.6 there is no way to ask for that.
    """
    if "torch._dynamo" not in sys.modules or not hasattr(torch.compiler, "set_stance"):
        return contextlib.nullcontext()
    stance: contextlib.AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance
