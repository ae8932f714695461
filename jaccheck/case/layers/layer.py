"""`Layer`: what every layer says of itself; and the registry of all layers, told apart in JSON by `kind`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import prod
from typing import Annotated, Any, ClassVar, TypeVar, Union, dataclass_transform

from annotated_types import Ge, Le
from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from jaccheck.case.drawing import st
from jaccheck.core import plain_data

Shape = tuple[int, ...]
T = TypeVar("T", bound="Layer")

MAX_WIDTH = 4096
"""Largest number of features of a layer: far above what a check needs, far below what memory holds."""

Width = Annotated[int, Ge(1), Le(MAX_WIDTH)]

LAYERS: dict[str, type[Layer]] = {}
"""Every layer by its kind, in the order of definition."""


@dataclass(frozen=True, slots=True)
class Constructor:
    """The call `name(*sizes, **options)`."""

    name: str
    sizes: tuple[object, ...]
    options: dict[str, object]

    def __str__(self) -> str:
        arguments = [*map(repr, self.sizes), *(f"{name}={value!r}" for name, value in self.options.items())]
        return f"{self.name}({', '.join(arguments)})"


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def layer(cls: type[T]) -> type[T]:
    """`plain_data`, entered into the registry."""
    made = plain_data(cls)
    LAYERS[made.__dataclass_fields__["kind"].default] = made
    return made


class Layer:
    """A layer as plain data: frozen, its fields the options of torch's constructor and their defaults.

    A subclass says what differs from what stands here. Every `shape` is that of one sample before the layer.
    """

    __slots__ = ()

    __dataclass_fields__: ClassVar[dict[str, Any]]
    kind: str
    has_rule: ClassVar[bool] = True
    """Whether a bound is proven for it. Else its Jacobians are compared with float64 autograd, by estimate."""
    positional: ClassVar[tuple[str, ...]] = ()
    """The options that torch takes without a name, behind the sizes that follow from the shape."""
    fixed: ClassVar[tuple[tuple[str, object], ...]] = ()
    """What attributes of torch's module must be, beside the fields, for it to be this layer."""
    is_map: ClassVar[bool] = False
    """Whether the reference writes it out as one matrix, which limits its size."""
    shrinks_to_defaults: ClassVar[bool] = False
    """Whether its shrinking ends in default options of its own, and not in another layer alone."""

    @property
    def runs(self) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
        """Each run of layers inside it, behind the prefix of their names in the module."""
        return ()

    @property
    def passes(self) -> int:
        """How often the runs inside it are gone through."""
        return 1

    @property
    def torch_name(self) -> str:
        """The name of what makes the module, in `torch.nn` or in `jaccheck.methods.containers`."""
        return self.kind

    @classmethod
    def module_names(cls) -> tuple[str, ...]:
        """The classes of `torch.nn` that this layer stands for."""
        return (cls.__name__,)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of one sample after the layer. Raises InvalidCase where torch would refuse."""
        return shape

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        """The shape of each parameter, by its name in torch's module, in its order."""
        return {}

    def buffers(self, shape: Shape) -> dict[str, Shape]:
        """The shape of each buffer of floating numbers."""
        return {}

    def products(self, shape: Shape, out: Shape) -> int:
        """How many products of inputs and outputs the reference keeps for the layer."""
        return prod(shape) * prod(out) if self.is_map else 0

    def numbers_beside(self, shape: Shape, out: Shape, N: int, C: int) -> int:
        """How many numbers the reference holds beside its parameters, its output and the derivative by its input.

        A layer that is no plain matrix is written out as one, and its Jacobian is a sum of products.
        """
        return prod(shape) * prod(out) if self.is_map else 0

    def sizes(self, shape: Shape) -> tuple[object, ...]:
        """What torch's constructor takes without a name."""
        return tuple(getattr(self, name) for name in self.positional)

    def options(self) -> dict[str, object]:
        """What torch's constructor takes by name: the options that differ from its defaults."""
        unnamed = ("kind", "axes", *self.positional)
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in unnamed and getattr(self, each.name) != each.default
        }

    def constructor(self, shape: Shape) -> Constructor:
        """How torch's module is constructed."""
        return Constructor(self.torch_name, self.sizes(shape), self.options())

    def label(self, shape: Shape) -> str:
        """What a diagram calls it: as torch writes it."""
        return str(self.constructor(shape))

    def with_run(self, index: int, run: tuple[Layer, ...]) -> Layer:
        """The same layer with another run of layers inside."""
        raise IndexError(index)

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        """Random options within what the shape allows; with `exact` those that keep small integers exact."""
        return st.builds(cls)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if cls is not Layer:
            return handler(source)
        union: Any = Annotated[Union[tuple(LAYERS.values())], Field(discriminator="kind")]  # noqa: UP007
        return handler.generate_schema(union)
