"""`Check`: one law × method × device × dtype, which is one test; and which checks a `Conformance` stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from jaccheck.case import DTYPES, DType
from jaccheck.core import survive
from jaccheck.errors import UnknownName
from jaccheck.judging import TESTED, Law
from jaccheck.methods import Method, choose_devices, choose_methods, has_dtype, import_place, registered, unsaid
from jaccheck.runs.pytest.conformance import Conformance


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One law asked of one method on one device in one dtype."""

    law: Law
    method: Method
    device: str
    dtype: DType
    is_replayable: bool
    """Whether `jaccheck replay` finds the method by its name."""
    expected_failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the options of pytest leave of the tests; empty means all."""

    methods: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()


def checks_of(conformance: Conformance, choice: Choice, *, module: str) -> Iterator[Check]:
    """The checks that a `Conformance` found in `module` stands for, all laws of one cell in a row.

    Dtypes come first and methods second, so that methods share the references of a dtype. Raises UnknownName and
    BrokenEnvironment.
    """
    if conformance.subject is None:
        methods = [(method, True) for method in choose_methods(choice.methods)]
    else:
        methods = [_resolve(conformance.subject, module)]
    for device in choose_devices(choice.devices):
        for dtype in DTYPES:
            if dtype not in (choice.dtypes or DTYPES) or not has_dtype(device, dtype):
                continue
            for method, is_replayable in methods:
                for law in TESTED:
                    if law.applies(method):
                        yield Check(
                            law=law,
                            method=method,
                            device=device,
                            dtype=dtype,
                            is_replayable=is_replayable,
                            expected_failure=conformance.reason(law.id, dtype),
                        )


def _resolve(subject: str | Callable[..., Any] | Method, module: str) -> tuple[Method, bool]:
    """The method, under the name by which it can be replayed if there is one, and whether there is."""
    if isinstance(subject, Method):
        return subject, False
    if isinstance(subject, str):
        function = _imported(subject)
        return _of_function(function, subject) if function else (choose_methods([subject])[0], True)
    # Nobody but pytest can import a test file.
    return _of_function(subject, None if subject.__module__ == module else f"{subject.__module__}:{subject.__name__}")


def _imported(name: str) -> Callable[..., Any] | None:
    """The function that "package.module:function" names, or None for another kind of name. Raises UnknownName."""
    if ":" not in name:
        return None
    survive(lambda: import_place(name), f"method {name!r}: importing it")
    module, function = import_place(name)
    found: Callable[..., Any] | None = getattr(module, function, None)
    if found is None:
        raise UnknownName(f"method {name!r}: module {module.__name__!r} has no {function!r}")
    return found


def _of_function(function: Callable[..., Any], name: str | None) -> tuple[Method, bool]:
    """As it was registered; undecorated, it claims everything, leaves nothing behind and takes no `out`."""
    for known in registered().values():
        if known.compute is function:
            return (replace(known, name=name), True) if name else (known, False)
    summary = (function.__doc__ or "").strip().split("\n")[0]
    own = Method(name=name or function.__name__, family="own", compute=function, summary=summary, spreads=unsaid)
    return own, False
