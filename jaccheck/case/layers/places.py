"""`Placed`: a layer where it stands in a network, with the shapes before and after it; and how large that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from jaccheck.case.layers.layer import MAX_WIDTH, Layer, Shape
from jaccheck.case.layers.nested import Nested
from jaccheck.errors import InvalidCase

MAX_MAP = 2**24
"""Most products of inputs and outputs of one layer, which the reference keeps as one matrix."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer with its path in the module, and the shapes of one sample before and after it."""

    path: str
    layer: Layer
    in_shape: Shape
    out_shape: Shape

    @property
    def parameters(self) -> dict[str, Shape]:
        """Shape of each of its own parameters, by its name in the module."""
        return self.layer.parameters(self.in_shape)

    @property
    def buffers(self) -> dict[str, Shape]:
        """Shape of each of its own buffers of floating numbers."""
        return self.layer.buffers(self.in_shape)


@dataclass(frozen=True, slots=True)
class Shapes:
    """Every layer in its place, the shape of every parameter by name, and the shape that comes out."""

    places: tuple[Placed, ...]
    parameters: dict[str, Shape]
    out: Shape


def shapes_of(layers: tuple[Layer, ...], shape: Shape) -> Shapes:
    """All shapes of a network for input of this shape. Raises InvalidCase."""
    places = tuple(placed(layers, shape))
    parameters = {f"{place.path}.{name}": own for place in places for name, own in place.parameters.items()}
    on_top = [place.out_shape for place in places if "." not in place.path]
    return Shapes(places, parameters, on_top[-1] if on_top else shape)


def placed(layers: tuple[Layer, ...], shape: Shape, prefix: str = "") -> Iterator[Placed]:
    """Every layer in the order of calling, a nested one before those inside it. Raises InvalidCase."""
    for index, layer in enumerate(layers):
        path = f"{prefix}{index}"
        inside = [list(placed(run, shape, f"{path}.{name}")) for name, run in layer.runs]
        out = _shape_after(path, layer, shape)
        yield Placed(path, layer, shape, out)
        for run in inside:
            yield from run
        shape = out


def shape_through(layers: tuple[Layer, ...], shape: Shape, prefix: str = "") -> Shape:
    """The shape after all the layers. Raises InvalidCase."""
    for index, layer in enumerate(layers):
        shape = _shape_after(f"{prefix}{index}", layer, shape)
    return shape


def _shape_after(path: str, layer: Layer, shape: Shape) -> Shape:
    where = f"layers.{path}: {layer.kind}"
    if isinstance(layer, Nested):
        out = [shape_through(run, shape, f"{path}.{name}") for name, run in layer.runs]
        try:
            return layer.joined(shape, out)
        except InvalidCase as error:
            raise InvalidCase(f"{where} {error}") from None
    try:
        after = layer.output_shape(shape)
    except InvalidCase as error:
        raise InvalidCase(f"{where}: {error}") from None
    if prod(after) > MAX_WIDTH**2:
        raise InvalidCase(f"{where} leads to {after}, which is too large")
    if layer.is_map and prod(after) * prod(shape) > MAX_MAP:
        raise InvalidCase(f"{where} from {shape} to {after} is too large a map")
    return after


def layers_run(layers: tuple[Layer, ...]) -> int:
    """How many layers a sample goes through, nested ones among them, each counted as often as it is run."""
    return sum(1 + layer.passes * sum(layers_run(run) for _, run in layer.runs) for layer in layers)


def numbers_held(places: Sequence[Placed], N: int, C: int) -> int:
    """How many numbers the reference holds at least once, or more than that, for N samples and C outputs."""
    passes = {place.path: place.layer.passes for place in places if place.layer.passes > 1}
    inputs = N * prod(places[0].in_shape)
    return inputs + sum(
        _held(place, N, C) * prod(times for path, times in passes.items() if place.path.startswith(f"{path}."))
        for place in places
        if not isinstance(place.layer, Nested)
    )


def _held(place: Placed, N: int, C: int) -> int:
    """For one layer its parameters, its output and the derivative by its input; then what it takes beside them."""
    inputs, outputs = prod(place.in_shape), prod(place.out_shape)
    passed = sum(map(prod, place.parameters.values())) + N * outputs + N * C * inputs
    return passed + place.layer.numbers_beside(place.in_shape, place.out_shape, N, C)
