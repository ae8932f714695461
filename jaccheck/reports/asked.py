"""`Asked`: what a check was asked on the command line, so that a report can say how to see more of it."""

from __future__ import annotations

import shlex

from jaccheck.core import plain_data


@plain_data
class Asked:
    """A model by its place, what of it was chosen, and the methods as they were named."""

    place: str
    """FILE.py:FUNCTION, or package.module:FUNCTION."""
    options: tuple[str, ...] = ()
    """The options of `jaccheck show` that choose the same of the model."""
    arguments: tuple[str, ...] = ()
    """What the function is called with."""
    methods: tuple[str, ...] = ()
    """One of another package is named `package.module:function`."""

    def name_of(self, method: str) -> str:
        """The name by which a method is found."""
        return next((name for name in self.methods if name.rpartition(":")[2] == method), method)

    @property
    def keywords(self) -> tuple[str, ...]:
        """What `options` are in Python."""
        pairs = list(zip(self.options[::2], self.options[1::2], strict=False))
        said = [f"output={value!r}" for name, value in pairs if name == "--model-output"]
        if patterns := [value for name, value in pairs if name == "--parameters"]:
            said.append(f"parameters={patterns!r}")
        if axes := [value for name, value in pairs if name == "--batch-axis"]:
            said.append(f"batch_axis={_axis(axes)}")
        return tuple(said)

    def show(self, method: str) -> str:
        """The command that draws what a method makes of the model beside what it should be."""
        words = ["jaccheck", "show", self.place, *self.options, "--method", self.name_of(method)]
        return shlex.join([*words, *(("--", *self.arguments) if self.arguments else ())])


def _axis(texts: list[str]) -> str:
    """One axis for all inputs, or one by the name of each."""
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    return "{" + ", ".join(f"{name!r}: {axis}" for name, _, axis in (text.partition("=") for text in texts)) + "}"
