"""From a place, `FILE.py:FUNCTION` or `package.module:function`, to a user's model and batch. Runs that code."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from jaccheck.core import look_in_working_directory
from jaccheck.errors import InvalidModel
from jaccheck.methods.failures import failure
from jaccheck.methods.problem import Problem
from jaccheck.methods.user_loss import loss_problem
from jaccheck.methods.user_model import NOT_USED, Choice, problem_of

EXPECTED = "expected FILE.py:FUNCTION or package.module:function, as in model.py:make"


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a place holds: a model, its inputs, and targets and a loss where there are some."""

    model: Any
    X: Any
    targets: Any = None
    loss: Any = None


def load_problem(place: str, arguments: Sequence[str] = (), choice: Choice | None = None, loss: Any = None) -> Problem:
    """The problem of what a place holds; of its loss, or of this one, the per-sample gradients. Raises InvalidModel."""
    return problem_of_given(place, load_model(place, arguments), choice, loss)


def problem_of_given(place: str, given: Given, choice: Choice | None = None, loss: Any = None) -> Problem:
    """The same of what was loaded."""
    problem = problem_of(given.model, given.X, choice)
    if loss is not None and given.loss is not None:
        raise InvalidModel(f"{place} returns a loss, {type(given.loss).__name__}, and another one is asked for")
    if loss is not None or given.loss is not None:
        if given.targets is None:
            raise InvalidModel(f"{place} returns no targets, expected (model, X, y) for the gradients of a loss")
        return loss_problem(problem, given.targets, given.loss if loss is None else loss)
    if given.targets is not None:
        problem.notes = (f"{place} returns targets: {NOT_USED}", *problem.notes)
    return problem


def load_model(place: str, arguments: Sequence[str] = ()) -> Given:
    """What a function returns as `(model, X)`, `(model, X, y)` or `(model, X, y, loss)`, or a tuple that stands there.

    The function is called with these arguments: `3` by position, `--width 64` by keyword, each a literal of Python or
    else a string. `sys.argv` has them, too. Gradients are switched on again where the file switches them off. Raises
    InvalidModel.
    """
    source, colon, name = place.rpartition(":")
    is_module = all(part.isidentifier() for part in source.split("."))
    if not colon or not all(part.isidentifier() for part in name.split(".")) or not (is_module or _is_file(source)):
        raise InvalidModel(f"{place!r} does not name a function; {EXPECTED}")
    look_in_working_directory()
    with _as_a_script(source, arguments):
        module = _file(source, place) if _is_file(source) else _module(source, place)
        found = _made(_attribute(module, name, source), place, arguments)
    if not isinstance(found, tuple) or len(found) not in (2, 3, 4):
        kind = f"a tuple of {len(found)}" if isinstance(found, tuple) else type(found).__name__
        raise InvalidModel(f"{place} returned {kind}, expected the pair (model, X), or (model, X, y), or with a loss")
    return Given(*found)


def _is_file(source: str) -> bool:
    return Path(source).suffix == ".py"


@contextmanager
def _as_a_script(source: str, arguments: Sequence[str]) -> Iterator[None]:
    """While a user's file runs: its arguments are those of the process, and what it does to gradients is undone."""
    known = sys.argv
    sys.argv = [source, *arguments]
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        sys.argv = known
        torch.set_grad_enabled(True)


def _file(source: str, place: str) -> ModuleType:
    """The module of a file. Its folder and that of its package stay on the path, for imports while it runs."""
    path = Path(source).resolve()
    if not path.is_file():
        raise InvalidModel(f"{source}: there is no such file")
    root = path.parent
    while (root / "__init__.py").is_file() and root.parent != root:
        root = root.parent
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    known = sys.modules.get(name)
    is_this = isinstance(known, ModuleType) and vars(known).get("__file__") == str(path)
    if known is not None and not is_this:
        name = f"{name}_of_user"  # as a file that is called random.py
    for folder in dict.fromkeys((str(root), str(path.parent))):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)  # which it may have done itself
        raise InvalidModel(f"{place} raised {failure(error)}") from error
    return module


def _module(source: str, place: str) -> ModuleType:
    """The module of that name, from the working directory or from what is installed."""
    try:
        return importlib.import_module(source)
    except ModuleNotFoundError as error:
        if error.name and f"{source}.".startswith(f"{error.name}."):
            raise InvalidModel(f"{place}: there is no module {error.name!r} here or installed; {EXPECTED}") from error
        raise InvalidModel(f"{place} raised {failure(error)}") from error
    except (Exception, SystemExit) as error:
        raise InvalidModel(f"{place} raised {failure(error)}") from error


def _attribute(module: ModuleType, name: str, source: str) -> Any:
    found: Any = module
    for part in name.split("."):
        try:
            has_it = hasattr(found, part)
        except (Exception, SystemExit) as error:  # of a `__getattr__` of its own
            raise InvalidModel(f"{source}:{name} raised {failure(error)}") from error
        if not has_it:
            held = getattr(module, "__dict__", {})  # anything may stand in the place of a module
            known = [each for each, value in held.items() if inspect.isfunction(value)]
            close = difflib.get_close_matches(part, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise InvalidModel(f"{source} has no function {name!r}{hint}")
        found = getattr(found, part)
    return found


def _made(found: Any, place: str, arguments: Sequence[str]) -> Any:
    """What the function returns, or the tuple that is no function."""
    if isinstance(found, tuple):
        if arguments:
            raise InvalidModel(f"{place} is a tuple, so {' '.join(arguments)} is given to nothing")
        return found
    if not callable(found) or isinstance(found, torch.nn.Module):
        raise InvalidModel(f"{place} is {type(found).__name__}, expected a function, or the pair (model, X)")
    positional, keywords = call_arguments(arguments)
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        signature = None  # without one, or with one that is none
    try:
        if signature:
            signature.bind(*positional, **keywords)
    except TypeError as error:
        how = f"jaccheck check {place} -- --name value"
        raise InvalidModel(f"{place}{signature}: {error}; give arguments as in {how}") from None
    try:
        return found(*positional, **keywords)
    except (Exception, SystemExit) as error:
        raise InvalidModel(f"{place} raised {failure(error)}") from error


def call_arguments(words: Sequence[str]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments by position and by keyword. Raises InvalidModel for a word that is neither.

    `3 --width 64 --bias=false --deep` is `3, width=64, bias=False, deep=True`.
    """
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not re.match(r"-+[^\d.]", word):
            positional.append(_value(word))
            continue
        name, has_value, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not word.startswith("--") or not name.isidentifier():
            raise InvalidModel(f"argument {word!r}: expected a value, --name value or --name=value")
        if not has_value and waiting and not re.match(r"--\D", waiting[0]):
            keywords[name] = _value(waiting.pop(0))
        else:
            keywords[name] = _value(value) if has_value else True
    return tuple(positional), keywords


def _value(word: str) -> Any:
    if word in ("true", "false"):
        return word == "true"
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return word
