"""`RowModel`: a user's model with its inputs and the outputs that are asked for, as a map from `[N, ...]` to `[N, C]`.

Methods know of models that take one tensor with a row for each sample, and return one. A model of another form becomes
such a model here: what it gets is the numbers of samples, `torch.arange(N)`, and the user's inputs are buffers from
which those samples are taken.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from jaccheck.methods.adapters import Adapter


@dataclass(frozen=True, slots=True)
class Rows:
    """In the place of a tensor: which one it is, and the axis along which its samples lie."""

    number: int
    axis: int


@dataclass(frozen=True, slots=True)
class Call:
    """How a model is called: its arguments, with `Rows` in the place of tensors. `words` says it to people."""

    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    words: str


@dataclass(frozen=True, slots=True)
class Output:
    """One of the tensors that a model returns: where it lies in what is returned, and the axis of its samples."""

    path: str
    axis: int


class RowModel(Adapter):
    """A model with these inputs and chosen outputs.

    Without a `call`, it gets what the model gets; `tensors` have their samples along the first axis.
    """

    def __init__(
        self,
        model: nn.Module,
        outputs: tuple[Output, ...],
        *,
        call: Call | None = None,
        tensors: tuple[Tensor, ...] = (),
    ) -> None:
        super().__init__(model)
        self.call, self.outputs = call, outputs
        paths = " and ".join(output.path for output in outputs if output.path)
        said = ("" if call is None else call.words, paths and f"its output {paths} alone")
        self.words = ", ".join(filter(None, said)) or "its output in rows"
        for number, tensor in enumerate(tensors):
            self.register_buffer(f"X_{number}", tensor, persistent=False)

    def inner_input(self, X: Tensor) -> Tensor:
        """The first of the inputs."""
        return self._tensors[0][X] if self._tensors else X

    @property
    def _tensors(self) -> tuple[Tensor, ...]:
        return tuple(self._buffers.values())  # type: ignore[arg-type]

    def forward(self, X: Tensor) -> Tensor:
        """The numbers asked for, `(len(X), C)`."""
        if self.call is None:
            return joined(self.model(X), self.outputs)
        arguments, keywords = filled((self.call.arguments, self.call.keywords), self._tensors, X)
        return joined(self.model(*arguments, **keywords), self.outputs)


def filled(value: Any, tensors: tuple[Tensor, ...], samples: Tensor) -> Any:
    """The value with those samples of its tensors in their places."""
    if isinstance(value, Rows):
        rows = tensors[value.number][samples]
        return rows.movedim(0, value.axis).contiguous() if value.axis else rows
    return rebuilt(value, lambda part: filled(part, tensors, samples))


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """A container of the same kind with each of its parts changed; what is none is returned as it is."""
    if isinstance(value, Mapping):
        return {key: change(part) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(change(part) for part in value))
    if isinstance(value, tuple | list):
        return type(value)(change(part) for part in value)
    return value


def joined(found: Any, outputs: tuple[Output, ...]) -> Tensor:
    """One of the tensors that a model returned, its samples first, or several side by side, a row for each sample."""
    parts = dict(leaves(found))
    if len(outputs) == 1:
        only: Tensor = _part(found, parts, outputs[0].path).movedim(outputs[0].axis, 0)
        return only
    rows = [as_rows(_part(found, parts, each.path), each.axis) for each in outputs]
    return torch.cat(rows, dim=1)


def as_rows(f: Tensor, axis: int) -> Tensor:
    """The tensor with all numbers of a sample, which lies along this axis, in one row."""
    f = f.movedim(axis, 0)
    return f.reshape(f.shape[0], f.shape[1:].numel())


DEEPEST = 32
"""Containers within containers that are looked into; one can hold itself."""


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in tuples, lists, dicts and dataclasses, by its place: `logits`, `states.0`; in their order."""
    parts = parts_of_container(value) if path.count(".") < DEEPEST else None
    if parts is None:
        yield path, value
        return
    for name, part in parts:
        yield from leaves(part, f"{path}.{name}" if path else name)


def parts_of_container(value: Any) -> list[tuple[str, Any]] | None:
    """What a container holds, by name or number; None where it is no container."""
    if isinstance(value, Mapping):  # that of transformers is a dict, too
        return [(str(key), part) for key, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, tuple | list):
        return [(str(number), part) for number, part in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    return None


def _part(found: Any, parts: Mapping[str, Any], path: str) -> Any:
    """That part, or where a path leads to none the attribute of that name."""
    return parts[path] if path in parts else operator.attrgetter(path)(found)
