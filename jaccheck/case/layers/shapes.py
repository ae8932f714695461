"""What shape comes out of a layer, and which parameters it has: torch's rules, and nothing that torch refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from jaccheck.case.layers.estimated import Estimated, estimated_parameters, estimated_shape
from jaccheck.case.layers.features import MAX_WIDTH, Embedding, Flatten, Linear, PReLU
from jaccheck.case.layers.graph import Layer, Parallel, Repeat, Residual, Sequential, Tied, children
from jaccheck.case.layers.spatial import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    BatchNorm,
    Convolution,
    MaxPool,
    Spatial,
    TransposedConvolution,
    ZeroPad2d,
    on_each_axis,
)
from jaccheck.errors import InvalidCase

Shape = tuple[int, ...]

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
        return parameter_shapes(self.layer, self.in_shape)

    @property
    def buffers(self) -> dict[str, Shape]:
        """Shape of each of its own buffers of floating numbers: the running statistics of a norm."""
        channels = self.in_shape[:1]
        return {"running_mean": channels, "running_var": channels} if isinstance(self.layer, BatchNorm) else {}


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
        inside = [list(placed(run, shape, f"{path}.{name}")) for name, run in children(layer)]
        out = _nested_shape(path, layer, shape) if children(layer) else _shape_after(path, layer, shape)
        yield Placed(path, layer, shape, out)
        for run in inside:
            yield from run
        shape = out


def shape_through(layers: tuple[Layer, ...], shape: Shape, prefix: str = "") -> Shape:
    """The shape after all the layers. Raises InvalidCase."""
    for index, layer in enumerate(layers):
        path = f"{prefix}{index}"
        shape = _nested_shape(path, layer, shape) if children(layer) else _shape_after(path, layer, shape)
    return shape


def _nested_shape(path: str, layer: Layer, shape: Shape) -> Shape:
    out = [shape_through(run, shape, f"{path}.{name}") for name, run in children(layer)]
    match layer:
        case Sequential():
            return out[0]
        case Residual() | Repeat() | Tied():
            _need(out[0] == shape, path, layer, f"keeps the shape {shape}, but its layers lead to {out[0]}")
            return shape
        case Parallel(merge="sum"):
            _need(len(set(out)) == 1, path, layer, f"adds branches of one shape, not {out}")
            return out[0]
        case _:
            _need(len({each[1:] for each in out}) == 1, path, layer, f"joins branches along the first axis, not {out}")
            return (sum(each[0] for each in out), *out[0][1:])


def _shape_after(path: str, layer: Layer, shape: Shape) -> Shape:
    try:
        out = output_shape(layer, shape)
    except InvalidCase as error:
        raise InvalidCase(f"layers.{path}: {layer.kind}: {error}") from None
    _need(prod(out) <= MAX_WIDTH**2, path, layer, f"leads to {out}, which is too large")
    if isinstance(layer, Spatial):
        _need(prod(out) * prod(shape) <= MAX_MAP, path, layer, f"from {shape} to {out} is too large a map")
    return out


def _need(holds: bool, path: str, layer: Layer, what: str) -> None:
    if not holds:
        raise InvalidCase(f"layers.{path}: {layer.kind} {what}")


def parameter_shapes(layer: Layer, shape: Shape) -> dict[str, Shape]:
    """The parameters of one layer for input of `shape`, by their names in torch's module, in its order."""
    match layer:
        case Linear(out_features=out, bias=bias):
            return {"weight": (out, shape[-1])} | ({"bias": (out,)} if bias else {})
        case Convolution(out_channels=out, bias=bias):
            kernel = on_each_axis(layer.kernel_size, layer.axes)
            return {"weight": (out, shape[0] // layer.groups, *kernel)} | ({"bias": (out,)} if bias else {})
        case TransposedConvolution(out_channels=out, bias=bias):
            kernel = on_each_axis(layer.kernel_size, layer.axes)
            return {"weight": (shape[0], out // layer.groups, *kernel)} | ({"bias": (out,)} if bias else {})
        case BatchNorm(affine=True):
            return {"weight": shape[:1], "bias": shape[:1]}
        case Embedding(num_embeddings=rows, embedding_dim=dim):
            return {"weight": (rows, dim)}
        case PReLU(num_parameters=count):
            return {"weight": (count,)}
        case _ if isinstance(layer, Estimated):
            return estimated_parameters(layer, shape)
        case _:
            return {}


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """The shape of one sample after a layer that is no nested one. Raises InvalidCase where torch would refuse."""
    match layer:
        case Linear():
            _check_width("out_features", layer.out_features)
            return (*shape[:-1], layer.out_features)
        case Flatten():
            return _flattened(layer, shape)
        case Embedding():
            if layer.padding_idx is not None and not -layer.num_embeddings <= layer.padding_idx < layer.num_embeddings:
                raise InvalidCase(f"padding_idx={layer.padding_idx} is none of {layer.num_embeddings} rows")
            return (*shape, layer.embedding_dim)
        case BatchNorm():
            if len(shape) != layer.axes + 1 and (layer.axes, len(shape)) != (1, 1):
                raise InvalidCase(f"needs (channels, and {layer.axes} axes), not {shape}")
            return shape
        case PReLU(num_parameters=count):
            if count not in (1, shape[0]):
                raise InvalidCase(f"num_parameters={count} is neither 1 nor the {shape[0]} of the first axis")
            return shape
        case _ if isinstance(layer, Estimated):
            out = estimated_shape(layer, shape)
            if isinstance(out, str):
                raise InvalidCase(out)
            return out
        case _ if isinstance(layer, Spatial):
            axes = 2 if isinstance(layer, ZeroPad2d) else layer.axes
            if len(shape) != axes + 1:
                raise InvalidCase(f"needs (channels, and {axes} axes), not {shape}")
            return _moved_over(layer, shape)
        case _:
            return shape


def _flattened(layer: Flatten, shape: Shape) -> Shape:
    axes = len(shape) + 1
    first, last = (each % axes if -axes <= each < axes else axes for each in (layer.start_dim, layer.end_dim))
    if first > last or last >= axes:
        raise InvalidCase(
            f"from {layer.start_dim} to {layer.end_dim} names no axes of (N, {', '.join(map(str, shape))})"
        )
    if first == 0:
        if shape != (1,):
            raise InvalidCase("start_dim=0 joins the samples: only after one output, as the last layer")
        return shape
    return (*shape[: first - 1], prod(shape[first - 1 : last]), *shape[last:])


def _moved_over(layer: Spatial, shape: Shape) -> Shape:
    channels, *lengths = shape
    match layer:
        case Convolution():
            _check_groups(layer, channels)
            margins = margins_of(layer)
            if layer.padding_mode != "zeros":
                widest = [max(pair) for pair in margins]
                limit = {"reflect": -1, "circular": 0}.get(layer.padding_mode)
                if limit is not None and any(w > n + limit for w, n in zip(widest, lengths, strict=True)):
                    raise InvalidCase(f"padding {widest} is too much for {layer.padding_mode} on {tuple(lengths)}")
            kernel, stride, dilation = _reach(layer)
            sizes = [
                (n + sum(m) - d * (k - 1) - 1) // s + 1
                for n, m, k, s, d in zip(lengths, margins, kernel, stride, dilation, strict=True)
            ]
            return _checked((layer.out_channels, *sizes))
        case TransposedConvolution():
            _check_groups(layer, channels)
            kernel, stride, dilation = _reach(layer)
            padding, more = on_each_axis(layer.padding, layer.axes), on_each_axis(layer.output_padding, layer.axes)
            if any(o >= max(s, d) for o, s, d in zip(more, stride, dilation, strict=True)):
                raise InvalidCase(f"output_padding={more} must be less than stride {stride} or dilation {dilation}")
            sizes = [
                (n - 1) * s - 2 * p + d * (k - 1) + o + 1
                for n, p, k, s, d, o in zip(lengths, padding, kernel, stride, dilation, more, strict=True)
            ]
            return _checked((layer.out_channels, *sizes))
        case MaxPool() | AvgPool():
            return _checked((channels, *_pooled(layer, lengths)))
        case AdaptiveAvgPool() | AdaptiveMaxPool():
            return (channels, *on_each_axis(layer.output_size, layer.axes))
        case ZeroPad2d(padding=(left, right, top, bottom)):
            return _checked((channels, lengths[0] + top + bottom, lengths[1] + left + right))
        case _:
            return shape


def _check_width(name: str, width: int) -> None:
    if not 1 <= width <= MAX_WIDTH:
        raise InvalidCase(f"{name}={width} must be 1 to {MAX_WIDTH}")


def _check_groups(layer: Convolution | TransposedConvolution, channels: int) -> None:
    _check_width("out_channels", layer.out_channels)
    if channels % layer.groups or layer.out_channels % layer.groups:
        raise InvalidCase(f"groups={layer.groups} must divide {channels} and {layer.out_channels} channels")


def _reach(layer: Convolution | TransposedConvolution) -> tuple[Shape, Shape, Shape]:
    """Kernel, stride and dilation on each axis."""
    return (
        on_each_axis(layer.kernel_size, layer.axes),
        on_each_axis(layer.stride, layer.axes),
        on_each_axis(layer.dilation, layer.axes),
    )


def margins_of(layer: Convolution) -> list[tuple[int, int]]:
    """What is added before and after each axis; `"same"` adds the odd one after. Raises InvalidCase."""
    kernel, stride, dilation = _reach(layer)
    if layer.padding == "same":
        if any(s != 1 for s in stride):
            raise InvalidCase(f"padding='same' needs stride 1, not {stride}")
        spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(span // 2, span - span // 2) for span in spans]
    padding = on_each_axis(0 if layer.padding == "valid" else layer.padding, layer.axes)
    return [(p, p) for p in padding]


def _pooled(layer: MaxPool | AvgPool, lengths: list[int]) -> list[int]:
    kernel, padding = on_each_axis(layer.kernel_size, layer.axes), on_each_axis(layer.padding, layer.axes)
    stride = kernel if layer.stride is None else on_each_axis(layer.stride, layer.axes)
    dilation = on_each_axis(layer.dilation, layer.axes) if isinstance(layer, MaxPool) else (1,) * layer.axes
    if isinstance(layer, AvgPool) and layer.axes == 1 and layer.divisor_override is not None:
        raise InvalidCase("AvgPool1d has no divisor_override")
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise InvalidCase(f"padding={padding} must be at most half of kernel_size={kernel}")
    sizes = []
    for n, k, s, p, d in zip(lengths, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        size = (-(-room // s) if layer.ceil_mode else room // s) + 1
        if layer.ceil_mode and (size - 1) * s >= n + p:
            size -= 1  # the last window must start inside the input or the padding before it
        sizes.append(size if room >= 0 else 0)
    return sizes


def _checked(shape: Shape) -> Shape:
    if min(shape) < 1:
        raise InvalidCase(f"nothing is left of its input: {shape}")
    return shape
