"""`Check`: one law × method × device × dtype, which is one test; and which checks a `Conformance` stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from jaccheck.case import DTYPES, DType
from jaccheck.core import survive
from jaccheck.judging import TESTED, Law
from jaccheck.methods import Method, choose_devices, choose_methods, has_dtype, import_place, of_function, registered
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
        if ":" not in subject:
            return choose_methods([subject])[0], True
        survive(lambda: import_place(subject), f"method {subject!r}: importing it")
        return replace(choose_methods([subject])[0], name=subject), True
    # Nobody but pytest can import a test file.
    method = of_function(subject)
    if subject.__module__ == module:
        return method, False
    return replace(method, name=f"{subject.__module__}:{subject.__name__}"), method.name in registered()
