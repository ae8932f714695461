"""Whether calling a module does more than its class says, which methods that do not call it would miss."""

from __future__ import annotations

from torch import nn
from torch.nn.modules import module as global_hooks

_FORWARD = ("_forward_hooks", "_forward_pre_hooks")
_BACKWARD = ("_backward_hooks", "_backward_pre_hooks")


def is_called_otherwise(module: nn.Module) -> str:
    """What stands between a call of `module` and its class's `forward`: hooks, a forward of its own; else empty."""
    if has_backward_hooks(module) or any(_has(module, kind) for kind in _FORWARD):
        return "hooks"
    return "a forward of its own" if "forward" in vars(module) or "_call_impl" in vars(module) else ""


def has_backward_hooks(module: nn.Module) -> bool:
    """Whether a backward pass through `module` runs other code, of the module or for all modules of the process."""
    return any(_has(module, kind) for kind in _BACKWARD)


def _has(module: nn.Module, kind: str) -> bool:
    return bool(getattr(module, kind) or getattr(global_hooks, f"_global{kind}", None))
