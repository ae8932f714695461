"""Real architectures from packages that people use, small, with random weights: one function each, giving (model, X).

Each is called with a seed, draws weights and X of it, and leaves the global generators where they were. Nothing is
loaded from a hub. `benchmarks/architectures.py` checks them all.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

Made = tuple[nn.Module, Any]

FILES = ("tabular", "sequences", "flows", "science", "language", "transformers_of_images", "dense", "vision")
"""The modules of this package that hold architectures; each imports its packages inside its functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """`make(seed)` is the model in evaluation mode and its batch; `package` the distribution that it comes from."""

    name: str
    package: str
    file: str
    make: Callable[[int], Made]

    @property
    def version(self) -> str:
        """Of the package as it is installed."""
        return version(self.package)


ARCHITECTURES: dict[str, Architecture] = {}


def architecture(package: str) -> Callable[[Callable[[], Made]], Callable[..., Made]]:
    """Registers a function without arguments under its own name; what it returns then depends on `seed` alone."""

    def register(function: Callable[[], Made]) -> Callable[..., Made]:
        @wraps(function)
        def make(seed: int = 0) -> Made:
            state = random.getstate()
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                random.seed(seed)
                model, X = function()
            random.setstate(state)
            return model.eval(), X

        del make.__wrapped__  # type: ignore[attr-defined]
        file = function.__module__.rpartition(".")[2]
        name = function.__name__
        ARCHITECTURES[name] = Architecture(name=name, package=package, file=file, make=make)
        return make

    return register


def load_all() -> dict[str, Architecture]:
    """Every architecture by name, in the order of the files."""
    allow_torchvision_without_operators()
    for file in FILES:
        importlib.import_module(f"{__name__}.{file}")
    return ARCHITECTURES


def allow_torchvision_without_operators() -> None:
    """Lets torchvision be imported where its compiled part does not load: its wheel is for CUDA, torch's for the CPU.

    It only needs the names of two operators, which no model here calls. To be dropped once both wheels are for the CPU.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)


_KEPT: list[torch.library.Library] = []
"""A library of operators is undefined when it is collected."""


class Select(nn.Module):
    """A model of which one entry of the output is asked for, by `take`."""

    def __init__(self, model: nn.Module, take: Callable[[Any], torch.Tensor]) -> None:
        super().__init__()
        self.model = model
        self.take = take

    def forward(self, *inputs: Any, **named: Any) -> torch.Tensor:
        return self.take(self.model(*inputs, **named))


def first_outputs(model: nn.Module, count: int) -> nn.Module:
    """The first outputs only, of a model `[N, many]` that has no option for fewer."""
    return Select(model, lambda f: f.flatten(1)[:, :count])
