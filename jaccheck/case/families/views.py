"""Families of layers that compute nothing: views, masks that keep all or nothing, classes of the user's own."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.case.drawing import composite, st
from jaccheck.case.families.bodies import HEAD, LEAKY, Drawn, between, family_of
from jaccheck.case.layers.features import Dropout, Linear
from jaccheck.case.layers.layer import Layer, Shape
from jaccheck.case.layers.nested import Own, Parallel, Residual, Scale
from jaccheck.case.layers.places import shape_through
from jaccheck.case.layers.views import Pad, Permute, Slice, Take, Transpose, views


def boundary_views() -> Iterator[Drawn]:
    """Each view between layers with parameters, in branches, and before the first of them."""
    wide, narrow = Linear(out_features=4), Linear(out_features=2)
    yield (3,), (wide, Slice(axis=1, start=1, stop=3), narrow)
    yield (3,), (wide, Slice(axis=1, step=2), LEAKY, narrow)
    yield (3,), (wide, Take(axis=1, indices=(3, 0, 2)), narrow)
    yield (3,), (wide, Take(axis=1, indices=(1, 1, 3)), narrow)
    yield (3,), (wide, Pad(padding=(1, 2), value=1.0), narrow)
    yield (3,), (wide, Pad(padding=(-1, 1)), narrow)
    yield (2, 3), (wide, Permute(order=(2, 1)), LEAKY, *HEAD)
    yield (2, 3), (wide, Transpose(first=1, second=2), narrow, *HEAD)
    yield (2, 1, 3), (Permute(order=(3, 1, 2)), narrow, Pad(padding=(0, 1, 1, 0), value=-2.0), *HEAD)
    halves = ((Slice(axis=1, stop=2), narrow), (Slice(axis=1, start=2), narrow))
    yield (3,), (wide, Parallel(branches=halves), narrow)
    yield (
        (3,),
        (wide, Parallel(branches=((Slice(axis=1, stop=2),), (narrow,), (Take(axis=1, indices=(0, 0)),))), narrow),
    )
    yield (3,), (wide, Residual(layers=(Take(axis=1, indices=(3, 2, 1, 0)), Scale(factor=2.0))), narrow)
    # A mask that keeps all and one that keeps nothing; the integers that come to the first are often exactly zero.
    yield (3,), (wide, Dropout(p=0.0, training=True), narrow)
    yield (3,), (wide, Parallel(branches=((Dropout(p=1.0, training=True),), (LEAKY,))), narrow)
    yield (3,), (Own(layers=(wide, LEAKY)), narrow)
    yield (3,), (wide, Own(layers=(Own(layers=(LEAKY, narrow)),)))


@composite
def _viewed(draw: st.DrawFn, exact: bool) -> Drawn:
    """Linear layers on one to three axes, views between them."""
    start = shape = tuple(draw(st.lists(st.integers(2, 3), min_size=1, max_size=3)))
    layers: list[Layer] = []
    if draw(st.integers(0, 3)):
        layers.append(Linear(out_features=draw(st.integers(2, 4)), bias=draw(st.booleans())))
    for _ in range(draw(st.integers(1, 2))):
        shape = shape_through(tuple(layers), start)
        layers += draw(_changing(shape, exact))
        if draw(st.booleans()):
            layers.append(draw(between(exact)))
    if draw(st.booleans()):
        layers.append(Linear(out_features=draw(st.integers(1, 3))))
    if draw(st.integers(0, 3)) == 3:
        cut = draw(st.integers(1, len(layers)))
        layers = [Own(layers=tuple(layers[:cut])), *layers[cut:]]
    return start, tuple(layers)


@composite
def _changing(draw: st.DrawFn, shape: Shape, exact: bool) -> list[Layer]:
    """A view, alone or beside a branch, or a mask in training mode."""
    match draw(st.sampled_from(["view", "view", "branches", "residual", "mask"])):
        case "branches":
            view = draw(views(shape, exact))
            if len(after := view.output_shape(shape)) == len(shape) and after[:-1] == shape[:-1]:
                ends: list[tuple[Layer, ...]] = [(view,), (Linear(out_features=after[-1]),)]
                ends += [(Take(axis=len(shape), indices=(0,) * after[-1]),)] if draw(st.booleans()) else []
                return [Parallel(branches=tuple(draw(st.permutations(ends))))]
            return [view]
        case "residual":
            axis = draw(st.integers(1, len(shape)))
            return [Residual(layers=(Take(axis=axis, indices=tuple(draw(_rearranged(shape[axis - 1])))),))]
        case "mask":
            mask = Dropout(p=draw(st.sampled_from([0.0, 0.0, 1.0])), training=True)
            return [mask] if mask.p == 0 else [Parallel(branches=((mask,), (draw(between(exact)),)))]
        case _:
            return [draw(views(shape, exact))]


def _rearranged(size: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, size - 1), min_size=size, max_size=size)


VIEWS = family_of("views", boundary_views, lambda exact: _viewed(exact))
