"""Which of the tensors that a model returns are asked for, and along which axis of each the samples lie.

The axis is measured: the model is run on the batch and on one sample, and the axis that has changed its length is that
of the samples.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from jaccheck.core import plural, whole_number
from jaccheck.errors import InvalidModel
from jaccheck.methods.row_model import Output, leaves, parts_of_container


@dataclass(frozen=True, slots=True, eq=False)
class Returned:
    """What a model returns for `count` samples, at least two, and for the first of them alone."""

    count: int
    many: Any
    one: Any


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The outputs asked for, how many numbers they are for a sample, and what a user must know of the choice."""

    outputs: tuple[Output, ...]
    C: int
    notes: tuple[str, ...]


def choose_outputs(returned: Returned, wanted: str | int | None, axes: Collection[int]) -> Chosen:
    """The output of that name or number or, where none is wanted, all with their samples along one of these axes.

    Raises InvalidModel where there is none: with the reason of each.
    """
    many, one = dict(leaves(returned.many)), dict(leaves(returned.one))
    if wanted is not None:
        paths = _paths(returned.many, wanted)
        many, one = ({path: _at(value, path) for path in paths} for value in (returned.many, returned.one))
    outputs: list[Output] = []
    faults: dict[str, str] = {}
    for path, f in many.items():
        axis = _axis(f, one.get(path), returned.count)
        if isinstance(axis, str):
            faults[path] = axis
        elif wanted is None and path and axis not in axes:
            faults[path] = f"has its samples along axis {axis}; choose it by its name to have it"
        else:
            outputs.append(Output(path, axis))
    if not outputs:
        raise InvalidModel(_nothing(returned.many, faults))
    sizes = {output.path: many[output.path].numel() // returned.count for output in outputs}
    notes = [f"output {path} is left out: it {fault}" for path, fault in faults.items()]
    if outputs[0].path == "" and outputs[0].axis not in axes:
        notes.insert(0, f"the output has its samples along axis {outputs[0].axis}, and is taken so")
    if len(outputs) > 1:
        listed = ", ".join(f"{path} ({size:,})" for path, size in sizes.items())
        notes.insert(0, f"outputs joined, in this order: {listed}")
    return Chosen(tuple(outputs), sum(sizes.values()), tuple(notes))


def _nothing(returned: Any, faults: dict[str, str]) -> str:
    if isinstance(returned, Tensor):
        return f"the model's output {faults['']}"
    if parts_of_container(returned) is None and "" in faults:
        kind = "None" if returned is None else type(returned).__name__
        return f"the model returns {kind}, expected a tensor [N, ...], or a tuple, dict or dataclass of them"
    if not faults:
        return f"the model returns an empty {type(returned).__name__}, expected a tensor [N, ...]"
    reasons = "; ".join(f"{path} {fault}" for path, fault in faults.items())
    return f"the model returns nothing to differentiate: {reasons}"


def _axis(f: Any, alone: Any, count: int) -> int | str:
    """The axis of samples, or what is wrong with this output."""
    if not isinstance(f, Tensor):
        return "is None" if f is None else f"is of type {type(f).__name__}, no tensor"
    if fault := _fault(f):
        return fault
    if not isinstance(alone, Tensor):
        return "is missing for one sample alone"
    shape, own = tuple(f.shape), tuple(alone.shape)
    if len(own) != len(shape):
        expected = (1, *shape[1:])
        hint = "the model loses or joins axes, as squeeze() and view(-1) do; name the axis"
        return f"cannot be taken: one sample alone gives shape {own}, expected {expected}: {hint}"
    changed = [axis for axis in range(len(shape)) if shape[axis] != own[axis]]
    if not changed:
        hint = "" if shape else '; a loss is to be that of each sample, as with reduction="none"'
        return f"has shape {shape} whatever the number of samples, expected a row for each{hint}"
    if len(changed) > 1 or (shape[changed[0]], own[changed[0]]) != (count, 1):
        return f"has shape {shape} for {plural(count, 'sample')} and {own} for one, expected a row for each sample"
    if not f.requires_grad:
        return "does not depend on a trainable parameter, or is detached or computed under torch.no_grad()"
    return changed[0]


def _fault(f: Tensor) -> str:
    kind = str(f.dtype).removeprefix("torch.")
    if f.is_nested:
        return "is a nested tensor, whose samples differ in size"
    if f.layout is not torch.strided:
        return f"is sparse ({str(f.layout).removeprefix('torch.')}), expected a dense one: return it with .to_dense()"
    if f.is_complex():
        return (
            f"is {kind}: Jacobians of complex numbers are not covered; return torch.view_as_real(f), whose real and "
            "imaginary parts are outputs of their own"
        )
    return "" if f.is_floating_point() else f"is {kind}, which has no derivative"


def _paths(returned: Any, wanted: str | int) -> list[str]:
    """The places of the output of that name or number, several where it is a container itself."""
    parts = parts_of_container(returned)
    if isinstance(returned, Tensor):
        shape = tuple(returned.shape)
        raise InvalidModel(f"output {wanted!r}: the model returns one tensor, of shape {shape}, and nothing to choose")
    names, name = [each for each, _ in parts or ()], str(wanted)
    number = whole_number(name.removeprefix("-"))
    if name not in names and number is not None:
        from_end = name.startswith("-")
        if number <= len(names) if from_end else number < len(names):
            name = names[-number if from_end else number]
    paths = [path for path, _ in leaves(returned) if path == name or path.startswith(f"{name}.")]
    if paths:
        return paths
    if isinstance(_at(returned, name), Tensor):
        return [name]
    known = {path: value for path, value in leaves(returned) if path}
    close = difflib.get_close_matches(name, {*names, *known}, n=1)
    there = ", ".join(f"{path} {_shape(value)}" for path, value in known.items()) or type(returned).__name__
    hint = f"; did you mean {close[0]}?" if close else "."
    raise InvalidModel(f"output {wanted!r} is none of the model's{hint} It returns {there}")


def _at(value: Any, path: str) -> Any:
    """What lies there, or None."""
    parts = dict(leaves(value))
    if path in parts:
        return parts[path]
    try:
        return operator.attrgetter(path)(value)
    except (AttributeError, TypeError):
        return None


def _shape(value: Any) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else "None" if value is None else type(value).__name__
