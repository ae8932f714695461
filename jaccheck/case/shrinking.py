"""Smaller cases: what a finding is shrunk through.

Hypothesis can shrink what it has just drawn, but not a case from a file, another process or another version; so the
steps are written out on the plain data, and the same shrinker serves drawn and stored cases. Every step lowers
`complexity`, so shrinking ends; what it ends in is made for a person to read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import prod
from typing import Any, get_args

from jaccheck.case.case import DTYPES, Case, InputForm
from jaccheck.case.layers.activations import ELU, LeakyReLU, ReLU
from jaccheck.case.layers.features import Flatten, Linear
from jaccheck.case.layers.layer import Layer
from jaccheck.case.layers.nested import Parallel, Sequential
from jaccheck.case.losses import simpler_losses
from jaccheck.case.values import Integers
from jaccheck.errors import InvalidCase

FORMS: tuple[InputForm, ...] = get_args(InputForm)

SEEDS = range(4)
"""Tried in place of the seed that was drawn, alone and together with each other step."""


def shrink(case: Case, still_fails: Callable[[Case], bool], *, seconds: float) -> Case:
    """The smallest case found within `seconds` by steps of `reductions`, each of which `still_fails`.

    First all that makes the network and the input simpler in kind, then sizes and numbers, and never back: of two
    faults the one that shows in every small network would otherwise take the place of the one that is looked for.
    """
    deadline = time.monotonic() + seconds
    tried: set[Case] = {case}
    for changes in (_simpler_kinds, _simpler_sizes):
        shrunk = True
        while shrunk:
            shrunk = False
            for smaller in _simpler(case, changes):
                if time.monotonic() > deadline:
                    return case
                if smaller in tried:
                    continue
                tried.add(smaller)
                if still_fails(smaller):
                    case, shrunk = smaller, True
                    break
    return case


def complexity(case: Case) -> tuple[int, ...]:
    """What a reader has to take in, most telling first; every reduction lowers it."""
    leaves = [layer for _, layer in case.leaves()]
    recipe = case.recipe
    # An empty batch is harder to read than one sample.
    batch = case.batch_size or 2
    return (
        len(leaves),
        sum(not isinstance(layer, Linear | ReLU) for layer in leaves),
        batch * case.width * sum(prod(shape) for shape in case.parameter_shapes().values())
        + 2 * len(case.parameter_shapes())
        + 4 * (batch + sum(case.in_shape) + sum(place.out_shape[-1] for place in case.weighted())),
        _nested(case.layers) + len(case.in_shape),
        len(case.modifications) + len(case.frozen),
        0 if case.loss is None else case.loss.size,
        case.input_requires_grad + FORMS.index(case.input_form),
        DTYPES.index(case.dtype),
        recipe.magnitude + recipe.fan_in if isinstance(recipe, Integers) else 100,
        sum(layer.shrinks_to_defaults and layer != type(layer)() for layer in leaves),
        case.seed,
    )


def reductions(case: Case) -> Iterator[Case]:
    """Valid cases that are simpler than `case`, the boldest steps first."""
    yield from _simpler(case, _simpler_kinds)
    yield from _simpler(case, _simpler_sizes)


def _simpler(case: Case, steps: Callable[[Case], Iterator[dict[str, Any]]]) -> Iterator[Case]:
    limit = complexity(case)
    for changes in steps(case):
        try:
            smaller = replace(case, **changes)
        except InvalidCase:
            continue
        if complexity(smaller) < limit:
            yield smaller


def _simpler_kinds(case: Case) -> Iterator[dict[str, Any]]:
    """Fewer layers, or simpler ones; plain input; nothing modified."""
    yield {"modifications": (), "frozen": (), "input_form": "contiguous", "input_requires_grad": False}
    yield from ({"loss": loss} for loss in simpler_losses(case.loss))
    networks = [*_fewer_layers(case.layers), *_each(case.layers, _simpler_activation)]
    yield from ({"layers": layers} for layers in networks)
    yield {"in_shape": (1,)}
    yield {"in_shape": (prod(case.in_shape),)}
    yield from ({"modifications": fewer} for fewer in _without_one(case.modifications))
    yield from ({"frozen": fewer} for fewer in _without_one(case.frozen))
    yield from ({"input_form": form} for form in FORMS[: FORMS.index(case.input_form)])
    yield {"input_requires_grad": False}
    if len(case.in_shape) > 1:  # a layer that took several axes may have been what made the rest possible
        yield from ({"layers": layers, "in_shape": (prod(case.in_shape),)} for layers in networks)
    yield from ({"layers": layers, "seed": seed} for layers in networks for seed in SEEDS)


def _simpler_sizes(case: Case) -> Iterator[dict[str, Any]]:
    """Fewer samples, inputs and outputs, no bias, and numbers that can be read."""
    # Numbers before sizes: in a network of one weight there may be no integers left that still fail.
    yield from _simpler_numbers(case)
    sizes = list(_smaller_sizes(case))
    yield from sizes
    yield from ({"seed": seed} for seed in SEEDS)
    for changes in [*_simpler_numbers(case), *sizes]:
        yield from ({**changes, "seed": seed} for seed in SEEDS)


def _simpler_numbers(case: Case) -> Iterator[dict[str, Any]]:
    yield from ({"dtype": dtype} for dtype in DTYPES[: DTYPES.index(case.dtype)])
    if case.recipe != Integers(magnitude=1, fan_in=1):
        yield {"recipe": Integers(magnitude=1, fan_in=1)}
        yield {"recipe": Integers()}


def _smaller_sizes(case: Case) -> Iterator[dict[str, Any]]:
    yield from ({"batch_size": smaller} for smaller in _smaller(case.batch_size or 2))
    for axis, size in enumerate(case.in_shape):
        before, after = case.in_shape[:axis], case.in_shape[axis + 1 :]
        yield from ({"in_shape": (*before, smaller, *after)} for smaller in _smaller(size))
    for layers in _each(case.layers, _narrower):
        yield {"layers": layers}


def _fewer_layers(layers: tuple[Layer, ...]) -> Iterator[tuple[Layer, ...]]:
    """Half of the layers, all but two neighbours, all but one; a nested one opened, or the same inside it."""
    half = len(layers) // 2
    if half:
        yield layers[half:]
        yield layers[:half]
    for width in (2, 1):
        yield from (layers[:i] + layers[i + width :] for i in range(len(layers) - width + 1) if len(layers) > width)
    for i, layer in enumerate(layers):
        runs = [run for _, run in layer.runs]
        yield from ((*layers[:i], *run, *layers[i + 1 :]) for run in runs if run or len(layers) > 1)
        if isinstance(layer, Parallel) and len(runs) > 1:
            fewer = (replace(layer, branches=rest) for rest in _without_one(layer.branches))
            yield from ((*layers[:i], one, *layers[i + 1 :]) for one in fewer)
        yield from ((*layers[:i], one, *layers[i + 1 :]) for one in _inside(layer, _fewer_layers))


def _each(layers: tuple[Layer, ...], simpler: Callable[[Layer], Iterable[Layer]]) -> Iterator[tuple[Layer, ...]]:
    """The layers with one of them made simpler, nested ones too."""
    for i, layer in enumerate(layers):
        for one in (*simpler(layer), *_inside(layer, lambda run: _each(run, simpler))):
            yield (*layers[:i], one, *layers[i + 1 :])


def _inside(layer: Layer, changes: Callable[[tuple[Layer, ...]], Iterable[tuple[Layer, ...]]]) -> Iterator[Layer]:
    """A nested layer with one of its runs of layers changed."""
    for index, (_, run) in enumerate(layer.runs):
        yield from (layer.with_run(index, changed) for changed in changes(run))


def _narrower(layer: Layer) -> Iterable[Layer]:
    if not isinstance(layer, Linear):
        return []
    narrower: list[Layer] = [replace(layer, out_features=width) for width in _smaller(layer.out_features)]
    return [*narrower, replace(layer, bias=False)]


def _simpler_activation(layer: Layer) -> Iterable[Layer]:
    own = [type(layer)()] if layer.shrinks_to_defaults else []
    match layer:
        case Linear() | ReLU() | Sequential():
            return []
        case Flatten():
            # Flattening named axes ties a case to input of as many.
            return own
        case LeakyReLU() | ELU():
            return [ReLU(), *own]
        case _:
            return [ReLU(), Linear(out_features=2), *own]


def _smaller(size: int) -> list[int]:
    return sorted({1, 2, 3, size // 2, size - 1} & set(range(1, size)))


def _without_one(items: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    return (items[:i] + items[i + 1 :] for i in range(len(items)))


def _nested(layers: tuple[Layer, ...]) -> int:
    return sum(1 + _nested(run) for layer in layers for _, run in layer.runs)
