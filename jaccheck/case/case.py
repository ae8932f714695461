"""`Case`: one network, batch and dtype as plain data, the same on every device, in every process and version."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len

from jaccheck.case.drawing import register
from jaccheck.case.layers.features import Embedding, Flatten
from jaccheck.case.layers.layer import MAX_WIDTH, Layer
from jaccheck.case.layers.places import Placed, Shapes, layers_run, numbers_held, shapes_of
from jaccheck.case.losses import CaseLoss
from jaccheck.case.values import Integers, Modification, Recipe
from jaccheck.core import plain_data
from jaccheck.errors import InvalidCase

MAX_ENTRIES = 2**28
"""Most entries that all Jacobians of a case may have together, and most other numbers: 2 GiB each in float64."""

MAX_LAYERS = 256
"""Each counted as often as it is run."""

MAX_CHANGES = 256
"""Most modifications, and most frozen parameters: a case has a few of either."""

DType = Literal["float64", "float32", "bfloat16", "float16"]
DTYPES: tuple[DType, ...] = ("float64", "float32", "bfloat16", "float16")


InputForm = Literal["contiguous", "strided", "transposed", "expanded"]
"""How the input lies in memory; every sample of an expanded one is the same."""


class _Once:
    """Room for the shapes of a case, which are asked for dozens of times and worked out once; no field of it."""

    __slots__ = ("_shapes",)


@plain_data
class Case(_Once):
    """A network of `layers` for input `[N, *in_shape]` with N = `batch_size`, and the recipe for its numbers.

    `frozen` are indices of parameters that require no gradient, taken modulo their number. `family` says what the
    case was made for. Raises InvalidCase where it describes no network or one larger than `MAX_ENTRIES`.
    """

    layers: Annotated[tuple[Layer, ...], Len(1, MAX_LAYERS)]
    in_shape: Annotated[tuple[Annotated[int, Ge(1), Le(MAX_WIDTH)], ...], Len(1, 4)]
    batch_size: Annotated[int, Ge(0), Le(65536)]
    dtype: DType = "float64"
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    recipe: Recipe = Integers()
    modifications: Annotated[tuple[Modification, ...], Len(0, MAX_CHANGES)] = ()
    input_form: InputForm = "contiguous"
    input_requires_grad: bool = False
    frozen: Annotated[tuple[Annotated[int, Ge(0), Le(MAX_WIDTH)], ...], Len(0, MAX_CHANGES)] = ()
    loss: CaseLoss | None = None
    """With a loss the case asks for its per-sample gradients: the only output for each sample is that sample's loss."""
    family: str = "custom"

    def __post_init__(self) -> None:
        if (run := layers_run(self.layers)) > MAX_LAYERS:
            raise InvalidCase(f"layers: {run} are run, at most {MAX_LAYERS} are allowed")
        places, out = self.places(), self._all_shapes.out
        leaves = [place for place in places if not place.layer.runs]
        for place in leaves:
            joins_samples = isinstance(place.layer, Flatten) and place.layer.start_dim % (len(place.in_shape) + 1) == 0
            if joins_samples and (place is not places[-1] or "." in place.path):
                raise InvalidCase(f"layers.{place.path}: Flatten(start_dim=0) must be the last layer")
            if isinstance(place.layer, Embedding) and place is not places[0]:
                raise InvalidCase(f"layers.{place.path}: Embedding must be the first layer: only input is integer")
        if len(out) != 1 or not self.parameter_shapes():
            raise InvalidCase(f"layers: the output is {out}; flat output and at least one parameter are needed")
        if not self.trainable():
            raise InvalidCase(f"frozen={self.frozen}: at least one parameter must stay trainable")
        if self.has_indices and self.input_requires_grad:
            raise InvalidCase("input_requires_grad: the indices that an Embedding takes have no gradient")
        if self.loss is not None:
            self._check_loss(leaves[-1].layer)
        if (entries := self.entries()) > MAX_ENTRIES:
            raise InvalidCase(f"the Jacobians would have {entries:.3g} entries, at most {MAX_ENTRIES} are allowed")
        if (numbers := numbers_held(places, self.batch_size, out[0])) > MAX_ENTRIES:
            raise InvalidCase(f"the reference would hold {numbers:.3g} numbers, at most {MAX_ENTRIES} are allowed")

    def _check_loss(self, last: Layer) -> None:
        assert self.loss is not None
        if isinstance(last, Flatten) and last.start_dim == 0:
            raise InvalidCase("loss: Flatten(start_dim=0) leaves no axis of outputs")
        if self.input_requires_grad or self.input_form != "contiguous":
            raise InvalidCase("loss: the input of such a case are row numbers, contiguous and without gradient")
        if self.loss.has_classes and (
            self.loss.ignore_index >= self.width or (self.loss.is_ignored and self.width < 2)
        ):
            raise InvalidCase(f"loss: ignore_index={self.loss.ignore_index} of {self.width} classes")

    @property
    def _all_shapes(self) -> Shapes:
        """Kept, but not where the case is copied or pickled: there it is worked out anew."""
        kept: Shapes | None = getattr(self, "_shapes", None)
        if kept is None:
            kept = shapes_of(self.layers, self.in_shape)
            object.__setattr__(self, "_shapes", kept)
        return kept

    def places(self) -> tuple[Placed, ...]:
        """Every layer with its path and the shapes before and after it, a nested one before those inside it."""
        return self._all_shapes.places

    def leaves(self) -> Iterator[tuple[str, Layer]]:
        """Every layer that is no nested one, with its path in the module, as in `"1.0"`."""
        return ((place.path, place.layer) for place in self.places() if not place.layer.runs)

    def weighted(self) -> list[Placed]:
        """Every layer that has parameters, in order."""
        return [place for place in self.places() if place.parameters]

    @property
    def last_weight(self) -> str:
        """Name of the weight of the last layer that has one."""
        return [name for name in self.parameter_shapes() if "weight" in name.rpartition(".")[2]][-1]

    @property
    def has_indices(self) -> bool:
        """Whether the input is integers, below `num_embeddings` of the Embedding that takes them."""
        return isinstance(self.layers[0], Embedding)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter, frozen ones included, in the order of `Module.named_parameters`."""
        return dict(self._all_shapes.parameters)

    def trainable(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the parameters that require a gradient, in order."""
        shapes = self.parameter_shapes()
        frozen = {index % len(shapes) for index in self.frozen}
        return {name: shape for i, (name, shape) in enumerate(shapes.items()) if i not in frozen}

    @property
    def outputs(self) -> int:
        """C, the number of outputs that are asked for: those of the network, or the one loss."""
        return self.width if self.loss is None else 1

    @property
    def width(self) -> int:
        """The number of outputs of the network."""
        return self._all_shapes.out[0]

    def entries(self) -> int:
        """Number of entries of all Jacobians together."""
        return self.batch_size * self.outputs * sum(prod(shape) for shape in self.trainable().values())


register(Case)
