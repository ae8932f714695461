"""`load_late`: what torch loads at the first call of some functions is loaded at once, two seconds of them."""

from __future__ import annotations

import contextlib
import importlib

MODULES = ("torch._dynamo", "torch.func", "torch.nn.utils._expanded_weights")


def load_late() -> None:
    """Before workers are forked, so that they have it, and before a first call, whose time it is not."""
    for name in MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
