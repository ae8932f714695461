"""Packages that only some methods need: whether they import is found out when such a method is to run."""

from __future__ import annotations

import importlib
import warnings
from functools import cache

from jaccheck.core import extra, text_of


@cache
def import_failure(module: str, package: str) -> str | None:
    """Why `module` of `package` does not import, with what to do, or None; the first call imports it.

    Not before: all packages of the extra together take ten seconds, and most commands need none of them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)
    except Exception as error:  # a package that is there but broken cannot run, whatever it raises
        if isinstance(error, ModuleNotFoundError) and error.name == module.split(".")[0]:
            return f"{package} is not installed ({extra('others')})"
        hint = _hint(text_of(error))
        return f"{module} does not import: {type(error).__name__}: {text_of(error)}".split("\n")[0] + hint
    return None


def _hint(message: str) -> str:
    """What to do about torchvision, which several packages import merely because it is there."""
    if "torchvision" in message:
        return "; torchvision was built for another torch: install one that fits, or uninstall it"
    return ""
