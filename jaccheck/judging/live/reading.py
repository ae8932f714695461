"""From a live module to the layer that a case would call it: the inverse of `Layer.constructor`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from torch import nn

from jaccheck.case import LAYERS, Dropout, Layer, Nested, Shape
from jaccheck.oracle import NoRule

READ: dict[type[nn.Module], type[Layer]] = {
    getattr(nn, name): kind
    for kind in LAYERS.values()
    if kind.has_rule and not issubclass(kind, Nested)
    for name in kind.module_names()
    if hasattr(nn, name)
}
"""The layer that stands for each module of torch, where one with a bound rule does."""

USUAL: dict[str, object] = {
    "return_indices": False,
    "max_norm": None,
    "scale_grad_by_freq": False,
    "sparse": False,
    "value": 0,
}
"""Options that no layer of a case has, with the values that they must have."""


LEAST_EPS = 1e-12
"""Of a norm, as in a case: below it a reciprocal root is no normal number in float32."""


def layer_of(module: nn.Module, shape: Shape) -> Layer:
    """The layer that a module of a type in `READ` is, for samples of `shape`.

    Raises NoRule for an option that no layer has, and for one that changes what is computed.
    """
    kind = READ[type(module)]
    values: dict[str, Any] = {}
    for name, usual in {**USUAL, **dict(kind.fixed)}.items():
        if getattr(module, name, usual) != usual:
            raise NoRule(f"with {name}={getattr(module, name)!r}")
    if kind is Dropout:
        if module.training and module.p:
            raise NoRule("in training mode")
        return Dropout()
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and (module.training or module.running_var is None):
        raise NoRule("that takes its statistics from the batch")
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.eps < LEAST_EPS:
        raise NoRule(f"with eps={module.eps}")
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) and module.padding_mode != "zeros":
        # What torch pads with in the forward pass is kept in another attribute.
        padding = () if isinstance(module.padding, str) else module.padding
        margins = [margin for margin in reversed(padding) for _ in ("before", "after")]
        if padding and list(module._reversed_padding_repeated_twice) != margins:
            raise NoRule(f"with padding={module.padding} and _reversed_padding_repeated_twice of other margins")
    for field in fields(kind):
        match field.name:
            case "kind":
                continue
            case "axes":
                values["axes"] = int(type(module).__name__[-2])
            case "bias":
                values["bias"] = module.bias is not None
            case "output_size":
                values["output_size"] = _output_size(module, shape)
            case name if hasattr(module, name):
                value = getattr(module, name)
                values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _output_size(module: Any, shape: Shape) -> tuple[int, ...]:
    """Of an adaptive pooling; torch leaves an axis as long as it is where it says None."""
    asked, lengths = module.output_size, shape[1:]
    each = tuple(asked) if isinstance(asked, tuple | list) else (asked,) * len(lengths)
    return tuple(length if size is None else int(size) for size, length in zip(each, lengths, strict=True))
