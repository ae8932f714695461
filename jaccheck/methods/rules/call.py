"""`Call`: a call of one of torch's functions, as rules that are not made for one layer see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; `is_parameter` says which tensors come of parameters alone."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    is_parameter: Callable[[Tensor], bool]

    @property
    def is_in_place(self) -> bool:
        """Whether the function changes its first argument."""
        return is_in_place(self.function)

    def places(self) -> Iterator[tuple[Any, Tensor]]:
        """Each tensor among the arguments, and those in lists, with the place where it stands."""
        for key, value in (*enumerate(self.args), *self.kwargs.items()):
            if isinstance(value, Tensor):
                yield (key, None), value
            elif isinstance(value, list | tuple):
                yield from (((key, index), each) for index, each in enumerate(value) if isinstance(each, Tensor))

    def with_tensors(self, change: Callable[[Any, Tensor], Tensor]) -> Any:
        """What the function returns for other tensors at these places."""

        def changed(key: Any, value: Any) -> Any:
            if isinstance(value, Tensor):
                return change((key, None), value)
            if isinstance(value, list | tuple):
                return type(value)(
                    change((key, index), each) if isinstance(each, Tensor) else each for index, each in enumerate(value)
                )
            return value

        args = [changed(key, value) for key, value in enumerate(self.args)]
        return self.function(*args, **{key: changed(key, value) for key, value in self.kwargs.items()})


def is_in_place(function: Any) -> bool:
    """By torch's names: `add_`, `__iadd__`, `__setitem__`."""
    name = getattr(function, "__name__", "")
    if name.startswith("__"):
        return name == "__setitem__" or (name.startswith("__i") and name not in ("__index__", "__int__", "__invert__"))
    return name.endswith("_")
