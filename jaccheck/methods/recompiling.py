"""How often torch's compiler may compile one function again."""

from __future__ import annotations

import contextlib
import sys
from typing import Any


def recompiling() -> contextlib.AbstractContextManager[object]:
    """While it is entered, as often as it must: beyond its limit torch runs uncompiled, with a warning or none.

    A judge calls a model in more shapes, dtypes and modes than a program does.
    """
    if "torch._dynamo" not in sys.modules:
        return contextlib.nullcontext()
    from torch import _dynamo

    settings: Any = _dynamo.config
    limits = {"recompile_limit": 2**30, "accumulated_recompile_limit": 2**30}
    patched: contextlib.AbstractContextManager[object] = settings.patch(
        **{name: value for name, value in limits.items() if hasattr(settings, name)}
    )
    return patched
