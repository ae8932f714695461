"""What must be true of the live things of a session: networks, graphs, losses, extensions, contexts.

`stored` says for which forward pass a module holds its input and output. BackPACK keeps one pair for each module: the
next forward pass with gradients overwrites it, a backward pass through the module deletes it unless BackPACK's own
`retain_graph` is set. All of BackPACK's documented ways with sequences follow from this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Literal

import numpy as np

from jaccheck.oracle import Array
from jaccheck.sequences.shape import Shape, literal
from jaccheck.sequences.truth import Quantity, Truth
from jaccheck.sequences.uses.rich import Rich


class Unknown(Enum):
    """The value of what cannot be predicted, for example after an exception in the middle of a backward pass."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN

Stored = frozenset[int | None]
"""The numbers of the graphs that may be stored, None for nothing; one number where it is known which."""

NOTHING: Stored = frozenset((None,))
FOREIGN = -1
"""The number of a forward pass that was not the machine's own."""


@dataclass(frozen=True, slots=True)
class Result:
    """Numbers that must be there, in a dtype; `values` is None where they could be rounded and are not compared.

    With `may_be_missing` nothing says whether they must be there, only what they are then. They must be equal, or as
    close as `closeness` times the largest of them, where it is not zero; of a difference, times the largest of the
    `terms`. What is compared is the sum over the first axis of what is found, or of a root `(C, N, *θ.shape)` each
    sample's matrix, if `view` says so.
    """

    values: Array | None
    dtype: str
    may_be_missing: bool = False
    closeness: float = 0.0
    terms: float = 0.0
    view: Literal["", "sum", "gram"] = ""

    def assertion(self, source: str) -> tuple[str, ...]:
        """Lines of a script that pass if `source` has these numbers."""
        if self.values is None:
            return (f"assert {source} is not None",)
        lines: tuple[str, ...] = (f"found = {source}{'.sum(0)' if self.view == 'sum' else ''}",)
        if self.view == "gram":
            lines = (f"root = {source}.flatten(2)", 'found = torch.einsum("cni,cnj->nij", root, root)')
        expected = f"expected = torch.tensor({literal(self.values)}, dtype=torch.{self.dtype})"
        if self.values.size == 0:
            expected = f"expected = torch.zeros({self.values.shape})"
        if self.closeness:
            return (
                *lines,
                expected,
                f"assert found.shape == expected.shape and torch.allclose(found, expected, 0, {self.slack()}), found",
            )
        return (
            *lines,
            expected,
            "assert found.dtype == expected.dtype and torch.equal(found, expected), found",
        )

    def slack(self) -> float:
        """How far a number may be from what it must be."""
        assert self.values is not None
        return float(self.closeness * max(1.0, self.terms, np.abs(self.values).max(initial=0.0)))


@dataclass(slots=True)
class Net:
    """A network in the variable `name`, and everything that must be true of it."""

    name: str
    shape: Shape | Rich
    values: dict[str, Array]
    dtype: str
    is_extended: bool = False
    is_training: bool = True
    trainable: set[str] = field(default_factory=set)
    gradients: dict[str, Result | Unknown | None] = field(default_factory=dict)
    results: dict[tuple[str, str], Result | Unknown] = field(default_factory=dict)
    stored: list[Stored] = field(default_factory=list)
    attributes: list[frozenset[str]] = field(default_factory=list)
    """Of each module, before BackPACK saw it."""
    has_differentiable_results: bool = False
    """Whether a pass with `create_graph` left results."""

    def parameter(self, name: str) -> str:
        """A parameter as a script writes it."""
        module, _, own = name.rpartition(".")
        return f"{self.module(module)}.{own}"

    def module(self, path: str) -> str:
        """A module as a script writes it."""
        return f"{self.name}[{path}]" if path.isdigit() else f'{self.name}.get_submodule("{path}")'

    def path_of(self, module: int) -> str:
        """A module as a script writes it, by its number."""
        return self.module(self.shape.paths()[module])

    @property
    def chain(self) -> Shape:
        """The network as data, which must be one of Linears. Raises TypeError where it is not."""
        if not isinstance(self.shape, Shape):
            raise TypeError(f"{self.name} is not a chain of Linears")
        return self.shape

    def forget_stored(self) -> None:
        """After a step whose effect on what is stored cannot be predicted."""
        self.stored = [each | {FOREIGN, None} for each in self.stored]


@dataclass(slots=True)
class Loss:
    """A loss module in the variable `name`; extended, and perhaps used again and again."""

    name: str
    stored: Stored = NOTHING


@dataclass(slots=True)
class Extension:
    """An extension object in the variable `name`, or written where it is used if it has none.

    `is_dirty` says that an earlier pass left quantities in it, as one that did not reach every module: one in an open
    context is used for several passes, too.
    """

    quantity: Quantity
    name: str = ""
    is_dirty: bool = False

    @property
    def source(self) -> str:
        """The extension as a script writes it."""
        return self.name or f"{self.quantity.extension}()"


@dataclass(slots=True)
class Context:
    """A context that is open: one of `backpack` with extensions, or one of `disable`."""

    name: str
    extensions: tuple[Extension, ...] = ()
    retains: bool = False
    is_disable: bool = False


@dataclass
class Graph:
    """One forward pass with gradients, and the loss on top of it, in variables of the same number."""

    number: int
    net: Net
    X: Array
    y: Array | None
    v: Array | None
    loss: Loss | None
    trainable: frozenset[str]
    input_requires_grad: bool
    is_hooked: bool
    values: dict[str, Array]
    dtype: str
    is_freed: bool = False
    is_touched: bool = False
    """Parameters were written to since, which torch notices."""

    @property
    def variable(self) -> str:
        """The variable that holds the loss."""
        return f"loss{self.number}"

    @cached_property
    def truth(self) -> Truth:
        """What every derivative must be."""
        return Truth(self.net.chain, self.values, self.X, self.dtype, y=self.y, v=self.v)

    def reached(self, wanted: frozenset[str], *, wants_input: bool) -> list[int]:
        """The modules whose backward hook runs in a pass towards the wanted parameters.

        torch runs the hook of a module when the derivative by its input is there; where the input needs none, as soon
        as that by its output is. So a pass to the parameters of one module alone does not run that module's own hook.
        """
        found, needs = [], self.input_requires_grad
        for module in range(self.net.shape.modules):
            own = {name for name in self.trainable if int(name.partition(".")[0]) == module}
            below = {name for name in wanted if int(name.partition(".")[0]) < module}
            from_below = bool(below) or (wants_input and self.input_requires_grad)
            if from_below if needs else own & wanted:
                found.append(module)
            needs = needs or bool(own)
        return found
