"""One forward pass of one sample, recorded as a `Graph`: which numbers each operation of torch's read and made.

Below autograd every operation passes through a `TorchDispatchMode`. For each storage the recorder keeps which number of
the graph stands in each of its places. So a view needs nothing, a write in place changes what stands there, and what
only moves numbers is run once more, on their indices. Operations that compute become nodes (`operations.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from jaccheck.judging.compiled import WHAT, is_compiled
from jaccheck.oracle import ZERO, Array, Graph, Indices, Leaf, Node, NoRule

MOST_NUMBERS = 2**25
"""Of one graph; evaluation and bounds hold some twenty arrays of that length."""

_DATA = vars(torch._C.TensorBase)["data"].__get__

_OUTSIDE = frozenset(
    ["numpy", "tolist", "__array__", "requires_grad_", "detach_", "backward", "register_hook", "apply_", "map_"]
)
"""Functions of tensors that lead out of torch, or change what has a derivative."""


class Recorder:
    """The graph so far.

    `read` gives the indices of a tensor's numbers, `node` makes one, `write` says what stands where.
    """

    def __init__(self, model: nn.Module, X: Tensor, trainable: Mapping[str, nn.Parameter]) -> None:
        self.leaves: list[Leaf] = []
        self.nodes: list[Node] = []
        self.size = 0
        self._cells: dict[int, tuple[Indices, torch.dtype]] = {}
        self._alive: list[Tensor] = []
        self._constants: dict[float, int] = {}
        self.leaf(np.zeros(1))
        for name, parameter in model.named_parameters():
            self._given(parameter.detach(), name if name in trainable else None)

    def leaf(self, values: Array, parameter: str | None = None, *, roundings: int = 0) -> Indices:
        """The indices of numbers that are given."""
        start = self._take(values.size)
        self.leaves.append(Leaf(start, np.asarray(values, np.float64).ravel(), parameter, roundings))
        return np.arange(start, start + values.size).reshape(values.shape)

    def node(
        self, rule: str, inputs: Sequence[Indices], shape: Sequence[int], like: Tensor, name: str = "", **options: Any
    ) -> Indices:
        """The indices of what an operation makes, computed in the dtype of a tensor."""
        start = self._take(prod(shape))
        dtype = str(like.dtype).removeprefix("torch.")
        self.nodes.append(Node(rule, tuple(inputs), start, tuple(shape), dtype, options, name))
        return np.arange(start, start + prod(shape)).reshape(tuple(shape))

    def constant(self, value: float, *, roundings: int = 1) -> int:
        """The index of a constant, which the dtype may round."""
        if value == 0:
            return ZERO
        if value not in self._constants:
            self._constants[value] = int(self.leaf(np.array([float(value)]), roundings=roundings)[0])
        return self._constants[value]

    def read(self, tensor: Tensor | float) -> Indices:
        """Which numbers stand in a tensor; a number is a constant, and a tensor that is new holds constants."""
        found = self.look(tensor)
        if (found < 0).any():
            raise NoRule("memory that nothing was written to")
        return found

    def look(self, tensor: Tensor | float) -> Indices:
        """The same, −1 where nothing was written."""
        if not isinstance(tensor, Tensor):
            return np.array(self.constant(float(tensor)))
        if tensor.is_complex() or tensor.layout is not torch.strided or tensor.is_neg() or tensor._is_zerotensor():
            raise NoRule(f"a tensor of {tensor.dtype}, {tensor.layout}")
        if not tensor.is_floating_point():
            return self.leaf(tensor.detach().to(torch.float64).numpy())
        if tensor.numel() == 0:
            return np.zeros(tuple(tensor.shape), np.int64)
        key = tensor.untyped_storage()._cdata
        if key not in self._cells:
            storage = tensor.untyped_storage()
            whole = torch.empty(0, dtype=tensor.dtype).set_(
                storage, 0, (storage.nbytes() // tensor.element_size(),), (1,)
            )
            self._given(whole, None)
        cells, dtype = self._cells[key]
        if dtype is not tensor.dtype:
            raise NoRule("a view of another dtype")
        return np.array(self._seen(cells, tensor))

    def write(self, tensor: Tensor, indices: Indices) -> None:
        """From now on these numbers stand in a tensor, and in all that shares its memory."""
        if tensor.numel() == 0:
            return
        key = tensor.untyped_storage()._cdata
        if key not in self._cells:
            self._alive.append(tensor)
            length = tensor.untyped_storage().nbytes() // tensor.element_size()
            self._cells[key] = np.full(length, -1, np.int64), tensor.dtype
        self._seen(self._cells[key][0], tensor)[...] = np.broadcast_to(indices, tuple(tensor.shape))

    def knows(self, tensor: Tensor) -> bool:
        """Whether it is known what stands in the memory of a tensor."""
        return tensor.untyped_storage()._cdata in self._cells

    def is_constant(self, tensor: Tensor) -> bool:
        """Whether what stands in a tensor was given and is no parameter."""
        starts = np.array([leaf.start for leaf in self.leaves] + [node.start for node in self.nodes])
        given = np.array(
            [leaf.parameter is None and not leaf.roundings for leaf in self.leaves] + [False for _ in self.nodes]
        )
        order = np.argsort(starts)
        owners = np.searchsorted(starts[order], self.read(tensor).ravel(), side="right") - 1
        return bool(given[order][owners].all())

    def _given(self, tensor: Tensor, parameter: str | None) -> None:
        if self.size + tensor.untyped_storage().nbytes() // tensor.element_size() > MOST_NUMBERS:
            raise NoRule(f"more than {MOST_NUMBERS:,} numbers")
        if not bool(torch.isfinite(tensor).all()) and parameter is not None:
            raise NoRule("numbers that are not finite")
        self.write(tensor, self.leaf(tensor.to("cpu", torch.float64).numpy(), parameter))

    def _take(self, count: int) -> int:
        start = self.size
        self.size += count
        if self.size > MOST_NUMBERS:
            raise NoRule(f"more than {MOST_NUMBERS:,} numbers")
        return start

    @staticmethod
    def _seen(cells: Indices, tensor: Tensor) -> Indices:
        strides = tuple(stride * cells.itemsize for stride in tensor.stride())
        return np.lib.stride_tricks.as_strided(cells[tensor.storage_offset() :], tuple(tensor.shape), strides)


class _Dispatch(TorchDispatchMode):
    """Hands every operation to its recording."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Otherwise torch imports its compiler here, which takes seconds."""
        return False

    def __init__(self, recorder: Recorder, operations: Callable[[Recorder, Any, Any, Any], Any]) -> None:
        super().__init__()
        self._recorder, self._operations = recorder, operations

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._operations(self._recorder, func, args, kwargs or {})


class _Detached(TorchFunctionMode):
    """What is detached is copied without a derivative, since below autograd it is the same memory."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _OUTSIDE:
            raise NoRule(f"Tensor.{name}, after which nothing can be followed")
        found = func(*args, **(kwargs or {}))
        if func in (Tensor.detach, torch.detach, _DATA) and found.is_floating_point():
            with torch._C.DisableTorchFunction(), torch.no_grad():
                return found.clone()
        return found


def record(
    model: nn.Module,
    X: Tensor,
    trainable: Mapping[str, nn.Parameter],
    operations: Callable[[Recorder, Any, Any, Any], Any],
) -> tuple[Graph, Tensor]:
    """The graph of the model at a batch of one sample, and its output. Raises NoRule, or what the model raises."""
    if any(map(is_compiled, model.modules())):
        raise NoRule(WHAT)
    recorder = Recorder(model, X, trainable)
    with _Detached(recorder), _Dispatch(recorder, operations):
        output = model(X)
    if not isinstance(output, Tensor) or not output.is_floating_point():
        raise NoRule(f"an output that is {type(output).__name__}")
    outputs = recorder.read(output.detach()).ravel()
    shapes = {name: tuple(p.shape) for name, p in trainable.items()}
    return Graph(tuple(recorder.leaves), tuple(recorder.nodes), outputs, shapes), output
