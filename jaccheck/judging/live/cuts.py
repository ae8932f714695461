"""What in a model makes autograd's result another than the derivative, where it can be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode

from jaccheck.methods import checkpoint_around, nodes_of, prefix

ROUNDING = {"RoundBackward": "round", "FloorBackward": "floor", "CeilBackward": "ceil", "TruncBackward": "trunc"}
FAKE = "FakeQuantize"
"""Operations with steps, whose derivative is zero wherever there is one; torch's fake quantisation passes gradients."""

TORCHS_OWN = ("CheckpointFunction", "BackwardHookFunction", "NestedTensor", "CompiledFunction")
"""Functions of torch's own that are written like a user's."""


CUTTING = (
    "a reentrant torch.utils.checkpoint, which passes no gradient to parameters where none of its inputs requires one "
    "(use_reentrant=False does)"
)


class Uncut(TorchFunctionMode):
    """While it is on, what cuts gradients on purpose does not; `met` says what was met, in order.

    These are `detach`, `no_grad`, `requires_grad = False`, `padding_idx` and `scale_grad_by_freq` of embeddings.
    """

    def __init__(self) -> None:
        super().__init__()
        self.met: dict[str, None] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result without the cut."""
        kwargs = kwargs or {}
        if func in (Tensor.detach, torch.detach):
            if args[0].requires_grad:
                self.met["detach"] = None
            return args[0].view_as(args[0])
        if func == Tensor.data.__get__:  # type: ignore[attr-defined]
            self.met[".data"] = None
            return args[0].view_as(args[0])
        freezes = func == Tensor.requires_grad_ or func == Tensor.requires_grad.__set__  # type: ignore[attr-defined]
        if freezes and args[0].requires_grad and (*args[1:], *kwargs.values()) == (False,):
            self.met["requires_grad = False"] = None
            return args[0]
        if func is torch._C._set_grad_enabled and args == (False,):
            self.met["no_grad"] = None
            return None
        if func is nn.functional.embedding:
            return self._embedding(func, args, kwargs)
        return func(*args, **kwargs)

    def _embedding(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        names = ("input", "weight", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")
        given = dict(zip(names, args, strict=False)) | kwargs
        for name, plain in (("padding_idx", None), ("scale_grad_by_freq", False)):
            if given.get(name, plain) != plain:
                self.met[f"{name} of an embedding"] = None
                given[name] = plain
        return func(**given)


class Taken(TorchFunctionMode):
    """Sees where autograd loses track: numbers that are taken out of tensors, and checkpoints that pass nothing on."""

    names = ("item", "tolist", "__float__", "__int__")

    def __init__(self) -> None:
        super().__init__()
        self.met: dict[str, None] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result as it is."""
        name = getattr(func, "__name__", "")
        if name in self.names and args[0].requires_grad:
            self.met[f"numbers that are taken out of tensors ({name.strip('_')})"] = None
        if (around := checkpoint_around()) and around.cuts:
            self.met[CUTTING] = None
        return func(*args, **(kwargs or {}))


class HooksOnTensors(TorchFunctionMode):
    """Sees whether a forward pass hangs hooks on tensors that it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.met = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result as it is."""
        self.met |= func is Tensor.register_hook
        return func(*args, **(kwargs or {}))


def rounding_in(f: Tensor) -> list[str]:
    """What in the graph of `f` rounds, by name."""
    found: dict[str, None] = {}
    for node in nodes_of(f):
        kind = type(node).__name__.rstrip("0123456789")
        if kind in ROUNDING or FAKE in kind:
            found[ROUNDING.get(kind, "fake quantisation")] = None
    return list(found)


def taken_out(model: nn.Module, X: Tensor) -> list[str]:
    """What takes numbers out of tensors that follow from parameters, or them out of the graph, by name."""
    taken = Taken()
    with taken:
        model(X)
    return list(taken.met)


def own_backwards(model: nn.Module, X: Tensor) -> list[str]:
    """What changes gradients on their way back: functions and hooks of the model's own, by name."""
    watched = HooksOnTensors()
    with watched:
        f = model(X)
    found: dict[str, None] = {}
    for node in nodes_of(f):
        name = type(node).__name__.removesuffix("Backward")
        if isinstance(node, BackwardCFunction) and not name.startswith(TORCHS_OWN):
            found[f"a backward pass of its own, {name}"] = None
    inside = prefix(model)
    for path, module in model.named_modules():
        if module._backward_hooks or module._backward_pre_hooks:
            found[f"a backward hook on {f'{path}.'.removeprefix(inside).strip('.') or 'the model'}"] = None
    if watched.met:
        found["hooks on tensors that its forward pass computes"] = None
    return list(found)
