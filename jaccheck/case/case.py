"""`Case`: one network, batch and dtype as plain data, the same on every device, in every process and version."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len

from jaccheck.case.layers import MAX_WIDTH, Flatten, Layer, Linear, Sequential
from jaccheck.case.values import Integers, Modification, Recipe
from jaccheck.errors import InvalidCase
from jaccheck.plain import plain_data

MAX_ENTRIES = 2**28
"""Most entries that all Jacobians of a case may have together: 2 GiB in float64."""

MAX_LAYERS = 256

DType = Literal["float64", "float32", "bfloat16", "float16"]
DTYPES: tuple[DType, ...] = ("float64", "float32", "bfloat16", "float16")


InputForm = Literal["contiguous", "strided", "transposed", "expanded"]
"""How the input lies in memory; every sample of an expanded one is the same."""


@plain_data
class Case:
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
    modifications: tuple[Modification, ...] = ()
    input_form: InputForm = "contiguous"
    input_requires_grad: bool = False
    frozen: tuple[Annotated[int, Ge(0), Le(MAX_WIDTH)], ...] = ()
    family: str = "custom"

    def __post_init__(self) -> None:
        features = self.in_shape
        leaves = list(self.leaves())
        if len(leaves) > MAX_LAYERS:
            raise InvalidCase(f"layers: {len(leaves)} of them, at most {MAX_LAYERS} are allowed")
        for position, (path, layer) in enumerate(leaves):
            if isinstance(layer, Linear):
                if len(features) != 1:
                    raise InvalidCase(
                        f"layers.{path}: Linear needs flat input, not {features}; put a Flatten before it"
                    )
                if not 1 <= layer.out_features <= MAX_WIDTH:
                    raise InvalidCase(f"layers.{path}: out_features={layer.out_features} must be 1 to {MAX_WIDTH}")
                features = (layer.out_features,)
            elif isinstance(layer, Flatten):
                if layer.start_dim == 0 and (position + 1 < len(leaves) or features != (1,)):
                    raise InvalidCase(f"layers.{path}: Flatten(start_dim=0) must be the last layer, after one output")
                features = (prod(features),)
        if len(features) != 1 or not self.linears():
            raise InvalidCase(f"layers: the output is {features}; at least one Linear and flat output are needed")
        if not self.trainable():
            raise InvalidCase(f"frozen={self.frozen}: at least one parameter must stay trainable")
        if (entries := self.entries()) > MAX_ENTRIES:
            raise InvalidCase(f"the Jacobians would have {entries:.3g} entries, at most {MAX_ENTRIES} are allowed")

    def leaves(self) -> Iterator[tuple[str, Layer]]:
        """Every layer that is no Sequential, with its path in the module, as in `"1.0"`."""
        yield from _leaves(self.layers, "")

    def linears(self) -> list[tuple[str, int, Linear]]:
        """Path, number of inputs and layer of each Linear, in order."""
        found: list[tuple[str, int, Linear]] = []
        width = prod(self.in_shape)
        for path, layer in self.leaves():
            if isinstance(layer, Linear):
                found.append((path, width, layer))
                width = layer.out_features
        return found

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter, frozen ones included, in the order of `Module.named_parameters`."""
        shapes: dict[str, tuple[int, ...]] = {}
        for path, inputs, layer in self.linears():
            shapes[f"{path}.weight"] = (layer.out_features, inputs)
            if layer.bias:
                shapes[f"{path}.bias"] = (layer.out_features,)
        return shapes

    def trainable(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the parameters that require a gradient, in order."""
        shapes = self.parameter_shapes()
        frozen = {index % len(shapes) for index in self.frozen}
        return {name: shape for i, (name, shape) in enumerate(shapes.items()) if i not in frozen}

    @property
    def outputs(self) -> int:
        """C, the number of outputs of the network."""
        return self.linears()[-1][2].out_features

    def entries(self) -> int:
        """Number of entries of all Jacobians together."""
        return self.batch_size * self.outputs * sum(prod(shape) for shape in self.trainable().values())


def _leaves(layers: tuple[Layer, ...], prefix: str) -> Iterator[tuple[str, Layer]]:
    for index, layer in enumerate(layers):
        if isinstance(layer, Sequential):
            yield from _leaves(layer.layers, f"{prefix}{index}.")
        else:
            yield f"{prefix}{index}", layer
