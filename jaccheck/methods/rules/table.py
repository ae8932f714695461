"""Which of torch's functions have which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from jaccheck.methods.rules.call import Call
from jaccheck.methods.rules.convolutions import convolution, transposed_convolution
from jaccheck.methods.rules.elementwise import ELEMENTWISE, attention, elementwise
from jaccheck.methods.rules.layers import (
    batch_norm,
    bilinear,
    embedding,
    group_norm,
    instance_norm,
    layer_norm,
    linear,
    prelu,
    rms_norm,
)
from jaccheck.methods.rules.products import einsum, product, product_and_sum
from jaccheck.methods.rules.selections import CHOICES, EXPANSIONS, JOINS, REPETITIONS, expansion, selection
from jaccheck.methods.rules.use import Use

OF_LAYERS: dict[str, Callable[..., Use]] = {
    "linear": linear,
    "bilinear": bilinear,
    "conv1d": convolution,
    "conv2d": convolution,
    "conv3d": convolution,
    "conv_transpose1d": transposed_convolution,
    "conv_transpose2d": transposed_convolution,
    "conv_transpose3d": transposed_convolution,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "prelu": prelu,
    "embedding": embedding,
}
"""By their names in `torch.nn.functional`; rules with the signature of the function."""

OF_TENSORS: dict[Callable[[Call], Use | None], tuple[str, ...]] = {
    elementwise: ELEMENTWISE,
    product: ("matmul", "mm", "bmm", "mv"),
    product_and_sum: ("addmm",),
    expansion: EXPANSIONS,
    selection: (*REPETITIONS, *JOINS, *CHOICES, "__setitem__"),
}
"""By their names in `torch` and as methods of a tensor, also with one underscore behind, or two on both sides."""


Rule = Callable[[Any, tuple[Any, ...], dict[str, Any], Callable[[Tensor], bool]], Use | None]
"""`rule(function, args, kwargs, is_parameter)`: the use that a call is, or None where there is none."""


def _of_layer(rule: Callable[..., Use]) -> Rule:
    def called(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], is_parameter: Any) -> Use:
        use = rule(*args, **kwargs)
        use.is_fresh = True
        return use

    return called


def _of_tensors(rule: Callable[[Call], Use | None]) -> Rule:
    return lambda *call: rule(Call(*call))


def _functions(names: Iterable[str]) -> Iterator[Any]:
    for name in names:
        for form in (name, f"{name}_", f"__{name}__", f"__r{name}__", f"__i{name}__"):
            yield from (getattr(place, form) for place in (torch, Tensor) if hasattr(place, form))


RULES: dict[Any, Rule] = {
    **{function: _of_tensors(rule) for rule, names in OF_TENSORS.items() for function in _functions(names)},
    torch.functional.einsum: _of_tensors(einsum),
    functional.scaled_dot_product_attention: _of_tensors(attention),
    # torch 2.2 has no rms_norm.
    **{getattr(functional, name): _of_layer(rule) for name, rule in OF_LAYERS.items() if hasattr(functional, name)},
}

LIKE_ANOTHER = frozenset(_functions(("to", "type_as", "view_as", "reshape_as")))
"""Functions of a tensor that take another one for its shape, dtype or device alone."""

EXPANDING = frozenset(_functions((*EXPANSIONS, *REPETITIONS)))
"""Functions that may give a parameter an axis of samples."""


def table() -> str:
    """The table of rules in docs/fast-methods.md, which `python -m jaccheck.methods.rules.table` prints."""
    rows: dict[str, list[str]] = {}
    for name, of_layer in OF_LAYERS.items():
        rows.setdefault((of_layer.__doc__ or "").split("\n")[0], []).append(f"`{name}`")
    for of_tensors, names in OF_TENSORS.items():
        rows[(of_tensors.__doc__ or "").split("\n")[0]] = [f"`{name}`" for name in names if _known(name)]
    for of_tensors in (einsum, attention):
        name = "einsum" if of_tensors is einsum else "scaled_dot_product_attention"
        rows[(of_tensors.__doc__ or "").split("\n")[0]] = [f"`{name}`"]
    lines = (f"| {', '.join(names)} | {text} |" for text, names in rows.items())
    return "| function | Jacobian by a parameter |\n|---|---|\n" + "\n".join(lines)


def _known(name: str) -> bool:
    return any(hasattr(place, name) for place in (torch, Tensor))


if __name__ == "__main__":
    print(table())
