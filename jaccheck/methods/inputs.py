"""A user's inputs: a tensor, several, by position or by keyword; which rows of them belong to which sample."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader

from jaccheck.core import plural, whole_number
from jaccheck.errors import InvalidModel
from jaccheck.methods.plain_tensors import as_plain
from jaccheck.methods.row_model import Call, Rows, filled

BatchAxis = int | Mapping[Any, int]
"""The axis of samples, of all inputs or by number or keyword of an input; those that are not named have it first.

Under None stands that of all inputs that are not named.
"""

FORMS = "a tensor [N, ...], a tuple or list of inputs, or a dict of keyword arguments"


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """How a model is called with a user's inputs, and the tensors among them with their samples first."""

    call: Call
    tensors: tuple[Tensor, ...]
    plain: Tensor | None
    """The only input, where it is one tensor with its samples first."""
    shapes: str
    subclasses: tuple[str, ...] = ()
    """Those of torch.Tensor among the user's tensors; `call`, `tensors` and `plain` have plain ones."""

    @property
    def N(self) -> int:
        """Number of samples."""
        return len(self.tensors[0])

    def run(self, model: nn.Module, samples: list[int]) -> Any:
        """What the model returns for these samples. Raises what the model does."""
        if self.plain is not None:
            whole = samples == list(range(self.N))
            return model(self.plain.detach().clone() if whole else self.plain.detach()[samples])
        rows = torch.tensor(samples, dtype=torch.long, device=self.tensors[0].device)
        arguments, keywords = filled((self.call.arguments, self.call.keywords), self.tensors, rows)
        return model(*arguments, **keywords)


def split_batch(model: nn.Module, X: Any) -> tuple[Any, Any, str]:
    """The inputs and the targets of a loader's batch `[x, y]` or of a DataLoader, and a note where something was split.

    A pair is taken for inputs and targets where the model takes one input only; else the targets are None.
    """
    said = ""
    if isinstance(X, DataLoader):
        known = torch.get_rng_state()
        X, said = next(iter(X)), "X is a DataLoader: its first batch is taken"
        torch.set_rng_state(known)
    if not isinstance(X, tuple | list) or len(X) != 2 or _takes(model, 2) or not _takes(model, 1):
        return X, None, said
    split = f"{type(model).__name__} takes one input: X[1] is taken for the targets"
    return X[0], X[1], f"{said}; {split}" if said else split


def _takes(model: nn.Module, count: int) -> bool:
    try:
        inspect.signature(model.forward).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return count == 1
    return True


def read_inputs(X: Any, batch_axis: BatchAxis = 0) -> Inputs:
    """The inputs. Raises InvalidModel where they hold no tensor, or have no row for each sample."""
    positional = _positional(X)
    reader = _Reader(batch_axis)
    arguments = tuple(reader.read(each, key, name) for key, each, name in positional)
    keywords = {}
    if isinstance(X, Mapping):
        keywords = {str(key): reader.read(each, key, f"X[{key!r}]") for key, each in X.items()}
    reader.check(keys={key for key, _, _ in positional} | keywords.keys())
    tensors, axes = tuple(tensor for _, tensor, _ in reader.found), [axis for _, _, axis in reader.found]
    is_plain = len(arguments) == 1 and isinstance(arguments[0], Rows) and axes == [0]
    shapes = [tuple(tensor.movedim(0, axis).shape) for tensor, axis in zip(tensors, axes, strict=True)]
    said = ", ".join(f"{name} {shape}" for (name, _, _), shape in zip(reader.found, shapes, strict=True))
    return Inputs(
        Call(arguments, keywords, _words(arguments, keywords, axes)),
        tensors,
        (as_plain(X) if isinstance(X, Tensor) else tensors[0]) if is_plain else None,
        f"X of shape {shapes[0]}" if is_plain else said,
        tuple(reader.subclasses),
    )


def _positional(X: Any) -> list[tuple[int, Any, str]]:
    """The positional arguments, each with its number and its name for people."""
    if isinstance(X, Tensor):
        if X.dim() == 0:
            raise InvalidModel("X is a tensor of shape (), expected a tensor [N, ...], one row for each sample")
        return [(0, X, "X")]
    if isinstance(X, Mapping):
        return []
    if isinstance(X, PackedSequence):
        raise InvalidModel("X is a PackedSequence, which has no row for each sample; pad it (pad_packed_sequence)")
    if not isinstance(X, tuple | list):
        instead = ": give torch.from_numpy(X)" if type(X).__module__ == "numpy" else ""
        raise InvalidModel(f"X is {type(X).__name__}, expected {FORMS}{instead}")
    if len(X) == 1 and isinstance(X[0], Tensor) and X[0].dim():
        return [(0, X[0], "X")]
    return [(number, each, f"X[{number}]") for number, each in enumerate(X)]


def _words(arguments: tuple[Any, ...], keywords: Mapping[str, Any], axes: list[int]) -> str:
    along = f"samples along axis {max(axes)}" if any(axes) else ""
    several = f"inputs {', '.join(keywords)}" if keywords else f"{len(arguments)} inputs" if len(arguments) > 1 else ""
    return ", ".join(filter(None, (several, along))) or "an input in a list"


def batch_axis_of(words: Sequence[str]) -> BatchAxis:
    """The same as typed: `1` for all inputs, `h=1` or `0=1` for one. Raises InvalidModel for anything else."""
    found: dict[str | int | None, int] = {}
    for word in words:
        match = re.fullmatch(r"(?:(\w{1,200})=)?(-?\d{1,9})", word)
        if not match:
            raise InvalidModel(f"--batch-axis {word!r:.200}: expected the number of an axis, or INPUT=AXIS as in h=1")
        name = match[1]
        number = whole_number(name) if name else None
        found[name if number is None else number] = int(match[2])
    return found or 0


class _Reader:
    """Takes the tensors out of inputs, one after another."""

    def __init__(self, batch_axis: BatchAxis) -> None:
        self.axis_of = batch_axis
        self.found: list[tuple[str, Tensor, int]] = []
        """Name, tensor with its samples first, and the axis that they lay along."""
        self.subclasses: dict[str, None] = {}

    def read(self, value: Any, key: Any, name: str) -> Any:
        """The value with `Rows` in the place of each tensor that has samples."""
        if isinstance(value, Tensor):
            _check_tensor(name, value)
            plain = as_plain(value)
            if type(plain) is not type(value):
                self.subclasses[type(value).__name__] = None
            return self._rows(plain, key, name) if value.dim() else plain.detach()
        if isinstance(value, Mapping):
            return {each: self.read(part, key, f"{name}[{each!r}]") for each, part in value.items()}
        if isinstance(value, tuple | list):
            parts = [self.read(part, key, f"{name}[{number}]") for number, part in enumerate(value)]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if type(value).__module__ == "numpy" and getattr(value, "shape", None):
            raise InvalidModel(f"{name} is a numpy array, expected a tensor: give torch.from_numpy({name})")
        return value

    def _rows(self, tensor: Tensor, key: Any, name: str) -> Rows:
        axis = self.axis_of
        if isinstance(axis, Mapping):
            axis = axis.get(key, axis.get(None, 0))
        if not isinstance(axis, int) or isinstance(axis, bool) or not -tensor.dim() <= axis < tensor.dim():
            raise InvalidModel(f"{name} has shape {tuple(tensor.shape)}: there is no axis {axis!r} of samples")
        axis %= tensor.dim()
        with torch.inference_mode(False):
            own = tensor.detach().movedim(axis, 0).contiguous()
            self.found.append((name, own.clone() if own.is_inference() else own, axis))
        return Rows(len(self.found) - 1, axis)

    def check(self, keys: set[Any]) -> None:
        """Raises InvalidModel where there is no tensor, or not one row for each sample in each."""
        if not self.found:
            raise InvalidModel(f"X holds no tensor, expected {FORMS}")
        if isinstance(self.axis_of, Mapping) and (unknown := self.axis_of.keys() - keys - {None}):
            raise InvalidModel(f"batch_axis names the input {next(iter(unknown))!r}; there are {_listed(keys)}")
        (first, one, _), *others = self.found
        for name, other, axis in others:
            if len(other) != len(one):
                raise InvalidModel(
                    f"{first} has {plural(len(one), 'sample')}, and {name} has {len(other)} along axis {axis}; "
                    "expected one row for each sample in each; what all samples share belongs into the model (a "
                    "buffer or an attribute)"
                )
        for name, tensor, _ in self.found:
            is_fine = torch.isfinite(tensor) if len(self.found) == 1 else ~torch.isnan(tensor)
            if not bool(is_fine.all()):
                raise InvalidModel(f"{name} holds NaN or infinite numbers: nothing could be compared")


def _listed(keys: set[Any]) -> str:
    return ", ".join(sorted(map(repr, keys)))


def _check_tensor(name: str, tensor: Tensor) -> None:
    """Raises InvalidModel for a tensor whose samples cannot be taken row by row."""
    if tensor.is_nested:
        raise InvalidModel(
            f"{name} is a nested tensor, whose samples differ in size; pad it (torch.nested.to_padded_tensor) and give "
            "the model a mask"
        )
    if tensor.layout is not torch.strided:
        kind = str(tensor.layout).removeprefix("torch.")
        raise InvalidModel(f"{name} is sparse ({kind}), which has no rows to take; give {name}.to_dense()")
    if tensor.is_quantized:
        raise InvalidModel(f"{name} is quantized, {tensor.dtype}; give {name}.dequantize()")
