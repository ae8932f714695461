"""`Session`: runs lines of Python and keeps them, so that what was run is the script that shows it.

It needs only torch and backpack. This is the second place, beside `methods/backpack.py`, where backpack is imported:
as a user's script would, by the first lines of the session.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from textwrap import indent
from typing import Any

from jaccheck.core import text_of
from jaccheck.sequences.broken import Refused
from jaccheck.sequences.truth import QUANTITIES

IMPORTS = {
    "copy": "import copy",
    "gc": "import gc",
    "pickle": "import pickle",
    "threading": "import threading",
    "weakref": "import weakref",
    "suppress": "from contextlib import suppress",
    "SimpleNamespace": "from types import SimpleNamespace",
    "torch": "import torch",
    "nn": "from torch import nn",
    "backpack": "from backpack import backpack",
    "disable": "from backpack import disable",
    "extend": "from backpack import extend",
    "memory_cleanup": "from backpack import memory_cleanup",
    "CTX": "from backpack.context import CTX",
    "functional_call": "from torch.func import functional_call",
    "checkpoint": "from torch.utils.checkpoint import checkpoint",
    "Slicing": "from backpack.custom_module.slicing import Slicing",
    "Pad": "from backpack.custom_module.pad import Pad",
    "ScaleModule": "from backpack.custom_module.scale_module import ScaleModule",
    "Permute": "from backpack.custom_module.permute import Permute",
    "ReduceTuple": "from backpack.custom_module.reduce_tuple import ReduceTuple",
    "Parallel": "from backpack.custom_module.branching import Parallel",
}
"""By the name that it binds, every import that a line may rely on."""


def available_extensions() -> tuple[str, ...]:
    """The extensions that the installed BackPACK has."""
    names: dict[str, Any] = {}
    exec("import backpack.extensions", names)
    return tuple(each.extension for each in QUANTITIES if hasattr(names["backpack"].extensions, each.extension))


class Session:
    """The variables of a script that is being written while it runs, and its lines so far."""

    def __init__(self, extensions: tuple[str, ...]) -> None:
        self.imports = {**IMPORTS, **{name: f"from backpack.extensions import {name}" for name in extensions}}
        self.names: dict[str, Any] = {}
        self.lines: list[str] = []
        self.definitions: dict[str, str] = {}
        exec("\n".join(self.imports.values()), self.names)

    def run(self, *lines: str) -> None:
        """Runs lines that must not raise, which then stand in the script. Raises Refused where they do."""
        if failed := self.attempt(*lines):
            del self.lines[-1]
            raise Refused(failed, *lines)

    def attempt(self, *lines: str) -> str:
        """Runs lines that may raise; empty, or the exception in one line. The script then goes on after it."""
        text = "\n".join(lines)
        try:
            exec(text, self.names)
        except Exception as error:  # what BackPACK may refuse is judged by the caller
            kind = type(error).__name__
            self.lines.append(f"with suppress({kind}):\n" + indent(text, "    "))
            return f"{kind}: {text_of(error)}".split("\n")[0]
        self.lines.append(text)
        return ""

    def define(self, function: Callable[..., Any], imports: list[str], body: str) -> None:
        """Makes a function known by its name; the script gets its source, with what it imports."""
        self.names[function.__name__] = function
        self.definitions[function.__name__] = body + "\n"
        for line in imports:
            name = line.split()[-1]
            self.imports.setdefault(name, line)

    def __getitem__(self, expression: str) -> Any:
        return eval(expression, self.names)

    def script(self, *ending: str) -> str:
        """All lines that were run, with the imports they need, and an ending."""
        body = "\n".join((*self.definitions.values(), *self.lines, *ending))
        words = set(re.findall(r"\w+", body))
        return "\n".join((*merged([line for name, line in self.imports.items() if name in words]), "", body)) + "\n"


def merged(imports: list[str]) -> list[str]:
    """Imports from one module in one line."""
    names: dict[str, list[str]] = {}
    for line in imports:
        start, _, name = line.partition(" import ")
        names.setdefault(start, []).append(name)
    return [f"{start} import {', '.join(sorted(found))}" if found != [""] else start for start, found in names.items()]
