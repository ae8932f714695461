"""`Watch`: sees every call of torch's functions while a model runs, and keeps those that parameters enter."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torch.overrides import TorchFunctionMode

from jaccheck.methods.rules.call import is_in_place
from jaccheck.methods.rules.table import EXPANDING, LIKE_ANOTHER, RULES
from jaccheck.methods.rules.use import Use


class Watch(TorchFunctionMode):
    """Keeps each call in which a parameter, or what comes of parameters alone, meets what comes of samples.

    What comes of parameters alone (a transposed weight, a masked one, a table looked up by a constant index) is
    followed up to that call. What requires no gradient comes of samples if it is made from X, or, unless `is_strict`,
    if it has as many rows as there are samples, such as a first state of zeros. An expansion of a parameter to N rows
    is taken for one over samples, but for the `expansions_of_constants`, numbered in their order. Whatever is taken for
    wrong shows in derivatives afterwards: these guesses choose what is watched, and nothing else depends on them.
    """

    def __init__(
        self,
        θ: dict[str, nn.Parameter],
        X: Tensor,
        told: Callable[[str], str],
        *,
        is_strict: bool,
        expansions_of_constants: frozenset[int],
    ) -> None:
        super().__init__()
        self.names = {id(p): name for name, p in θ.items()}
        self.told = {key: told(name) for key, name in self.names.items()}
        """Each name as the user knows it."""
        self.uses: list[Use] = []
        self.derived: dict[int, Tensor] = {id(p): p for p in θ.values()}
        """What comes of parameters alone, the parameters included."""
        self._sampled = {id(X): weakref.ref(X)}
        self._N, self._is_strict, self._constant, self._expansions = len(X), is_strict, expansions_of_constants, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The call itself, and a `Use` of it kept."""
        kwargs = kwargs or {}
        tensors = _tensors(args) + _tensors(kwargs.values()) if kwargs else _tensors(args)
        has_parameters = has_samples = False
        for tensor in tensors:
            key = id(tensor)
            if key in self.derived:
                has_parameters = True
            elif tensor.requires_grad or (key in self._sampled and self._sampled[key]() is tensor):
                has_samples = True
        if has_parameters:
            # Some functions take another tensor for its shape or dtype alone.
            is_made = not has_samples or (func in LIKE_ANOTHER and id(args[0]) in self.derived)
            call = self._make if is_made else self._meet
            return call(func, args, kwargs, tensors)
        y = func(*args, **kwargs)
        # What requires a gradient comes of samples, unless it is known to come of parameters alone.
        if type(y) is not Tensor or not y.requires_grad:
            self._follow(func, y, args, has_samples=has_samples)
        return y

    def _make(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        """A call of parameters and constants."""
        use = None
        if func in EXPANDING:
            use = RULES[func](func, args, kwargs, self._is_derived)
            behind = self._behind(tensors, use) if use else []
        y = func(*args, **kwargs)
        if use and y.requires_grad and self._may_be_over_samples(args[0].shape, y.shape):
            self._expansions += 1
            if self._expansions not in self._constant:
                use.turn = self._expansions
                self._keep(use, y, behind)
                return y
        for each in _tensors([args[0] if y is None and is_in_place(func) else y]):
            if each.requires_grad:
                self.derived[id(each)] = each
            else:
                self._follow(func, each, args, has_samples=False)
        return y

    def _meet(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        """A call of parameters and samples."""
        rule = RULES.get(func)
        if rule is None and (body := _body(func)):
            with self:
                return body(*args, **kwargs)
        use = rule(func, args, kwargs, self._is_derived) if rule else None
        behind = self._behind(tensors, use) if use else []
        y = func(*args, **kwargs)
        returned = args[0] if y is None and is_in_place(func) else y
        if isinstance(returned, Tensor):
            self.derived.pop(id(returned), None)
        if use and isinstance(returned, Tensor) and returned.requires_grad and _is_plain(returned):
            self._keep(use, returned, behind)
        else:
            self._follow(func, returned, args, has_samples=True)
        return y

    def _behind(self, tensors: list[Tensor], use: Use) -> list[tuple[Tensor, Any]]:
        """What goes into a call beside what its rule accounts for: parameters, and what comes of them alone."""
        use.parts = [part for part in use.parts if id(part[0]) in self.derived]
        accounted = [id(parameter) for parameter, _ in use.parts]
        # Of what was made of parameters the graph is asked for in the end, and must then be that of this call.
        use.reads += [(made, made._version) for made, _ in use.parts if id(made) not in self.names]
        others = []
        for tensor in tensors:
            if id(tensor) in accounted:
                accounted.remove(id(tensor))
            else:
                others.append((tensor, tensor.grad_fn))
        return others

    def _keep(self, use: Use, y: Tensor, behind: list[tuple[Tensor, Any]]) -> None:
        use.shape, use.behind = y.shape, behind
        base = y._base if use.is_fresh and y._is_view() else None
        if base is not None and base.numel() == y.numel() and base.is_contiguous() and y.is_contiguous():
            # What is changed in place later is then this tensor, and autograd goes round its view.
            y = base
        # As get_gradient_edge makes it, which takes as long as a small product.
        assert y.grad_fn is not None
        use.edge = GradientEdge(y.grad_fn, y.output_nr)
        self.uses.append(use)

    def name_of(self, use: Use) -> str:
        """The first parameter that goes into a use, by itself or in what was made of it."""
        stack: list[Any] = [tensor for tensor, _ in use.parts if id(tensor) in self.names]
        if stack:
            return self.told[id(stack[0])]
        stack = [parameter.grad_fn for parameter, _ in use.parts]
        while stack:
            node = stack.pop()
            if id(getattr(node, "variable", None)) in self.names:
                return self.told[id(node.variable)]
            stack += [following for following, _ in node.next_functions if following is not None]
        return "a parameter"

    def _is_derived(self, tensor: Tensor) -> bool:
        return id(tensor) in self.derived

    def _follow(self, func: Any, y: Any, args: Any, *, has_samples: bool) -> None:
        """Notes what requires no gradient and comes of samples, or is taken to."""
        changed = [args[0]] if args and is_in_place(func) else []
        for made in _tensors([y, *changed]):
            if made.requires_grad:
                continue
            if has_samples or (not self._is_strict and made.dim() and len(made) == self._N):
                self._sampled[id(made)] = weakref.ref(made)

    def _may_be_over_samples(self, before: torch.Size, after: torch.Size) -> bool:
        """Whether an axis has grown to one, or to several for each, of N samples."""
        if self._N < 2:
            return False
        padded = [1] * (len(after) - len(before)) + list(before)
        return any(new != old and new % self._N == 0 for new, old in zip(after, padded, strict=True))


def _tensors(values: Any) -> list[Tensor]:
    """Those among the values, and those in lists."""
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += _tensors(value)
    return found


def _body(func: Any) -> Any:
    """A function that torch has written in Python, without the line that hands calls to a watch; None for others.

    What it calls is then watched. So attention of several heads is the products that it consists of.
    """
    if not isinstance(func, FunctionType):
        return None
    checks = [name for name in func.__code__.co_names if name.startswith("has_torch_function")]
    if not checks:
        return None
    names = {**func.__globals__, **dict.fromkeys(checks, lambda *_: False)}
    body = FunctionType(func.__code__, names, func.__name__, func.__defaults__, func.__closure__)
    body.__kwdefaults__ = func.__kwdefaults__
    return body


def _is_plain(tensor: Tensor) -> bool:
    """Whether it is real, and not one of those inside a transform of torch.func, by which nothing can be derived."""
    return not tensor.is_complex() and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
