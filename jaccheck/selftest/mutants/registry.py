"""`Mutant` and the catalogue: decorators that register a way to spoil a right method, as methods are registered."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import wraps

from jaccheck.case import DTYPES, DType
from jaccheck.core import MUTANT, unknown
from jaccheck.errors import UnknownName
from jaccheck.judging import LAWS, NO_EXCEPTION, STRUCTURE
from jaccheck.methods import Compute, Jacobians, Method, Problem, choose_methods, find_method

Spoil = Callable[[Compute], Compute]
Change = Callable[[Problem, Jacobians], Jacobians]
Trigger = Callable[[Problem], bool]

LAW_NAMES = frozenset(law.name for law in (STRUCTURE, *LAWS, NO_EXCEPTION) if not law.backs)
"""What a failure can name as its law, but for the two identities, which no mutant of a method breaks alone."""


def always(problem: Problem) -> bool:
    """Every problem triggers it."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One way to be wrong: `spoil` makes a wrong `compute` from a right one, that of the method named `base`.

    `when` says which problems trigger it; on all others it does what the base does. `expected` names the laws that
    can see it, of which one at least must. `kind` is the file it stands in.
    """

    name: str
    kind: str
    summary: str
    base: str
    expected: frozenset[str]
    spoil: Spoil
    when: Trigger = always
    dtypes: tuple[DType, ...] = DTYPES

    def method(self) -> Method:
        """The wrong method; a mutant that keeps state between calls gets a state of its own."""
        base = find_method(self.base)
        right, wrong = base.compute, self.spoil(base.compute)

        def compute(problem: Problem, **given: Jacobians) -> Jacobians:
            return wrong(problem, **given) if self.when(problem) else right(problem, **given)

        return replace(
            base,
            name=f"{MUTANT}{self.name}",
            summary=self.summary,
            dtypes=self.dtypes,
            compute=compute,
            takes_out="out" in inspect.signature(wrong).parameters,
        )


_CATALOGUE: dict[str, Mutant] = {}

_FILES = ("values", "rare", "precision", "structure", "state", "memory", "related", "losses", "crashes")
"""The modules of this package that register mutants, in the order of listing."""


def stateful_mutant(
    *,
    expected: Iterable[str],
    base: str = "outer_products",
    when: Trigger = always,
    dtypes: tuple[DType, ...] = DTYPES,
) -> Callable[[Spoil], Spoil]:
    """Registers a function `compute -> wrong compute`; its docstring's first line is its summary."""

    def register(spoil: Spoil) -> Spoil:
        name = spoil.__name__
        _CATALOGUE[name] = Mutant(
            name=name,
            kind=spoil.__module__.rpartition(".")[2],
            summary=(inspect.getdoc(spoil) or "").split("\n")[0],
            base=base,
            expected=frozenset(expected),
            spoil=spoil,
            when=when,
            dtypes=dtypes,
        )
        return spoil

    return register


def mutant(
    *,
    expected: Iterable[str],
    base: str = "outer_products",
    when: Trigger = always,
    dtypes: tuple[DType, ...] = DTYPES,
) -> Callable[[Change], Change]:
    """Registers a function `(problem, right Jacobians) -> wrong ones`; it may change both in place."""

    def register(change: Change) -> Change:
        @wraps(change)
        def spoil(compute: Compute) -> Compute:
            return lambda problem: change(problem, compute(problem))

        stateful_mutant(expected=expected, base=base, when=when, dtypes=dtypes)(spoil)
        return change

    return register


def choose_with_mutants(names: Iterable[str]) -> tuple[Method, ...]:
    """The methods of these names, as `choose_methods` has them; a mutant is called `mutant:NAME`."""
    return tuple(by_names(names).values())


def by_names(names: Iterable[str]) -> dict[str, Method]:
    """The methods of `choose_with_mutants`, each under the name by which it was asked for, else under its own."""
    names = tuple(names)
    wrong = {name: find_with_mutants(name) for name in names if name.startswith(MUTANT)}
    right = [name for name in names if name not in wrong]
    if names and not right:
        return wrong
    asked = {find_method(name): name for name in right}
    return {**wrong, **{asked.get(method, method.name): method for method in choose_methods(right)}}


def find_with_mutants(name: str) -> Method:
    """The method of that name, or the mutant called `mutant:NAME`. Raises UnknownName."""
    if not name.startswith(MUTANT):
        return find_method(name)
    known, name = catalogue(), name.removeprefix(MUTANT)
    if name not in known:
        raise unknown("mutant", name, known)
    return known[name].method()


def choose_stored(name: str, imported: Iterable[str] = ()) -> Method:
    """The method that a file names. Raises UnknownName for a `package.module:function` that is not among `imported`.

    Importing a module runs it: which one is for the user to say, not for whoever wrote the file.
    """
    if ":" in name and not name.startswith(MUTANT) and name not in imported:
        raise UnknownName(
            f"method {name!r:.200}: no file may say what is imported; if you trust that module, give it by --method"
        )
    try:
        return choose_with_mutants([name])[0]
    except UnknownName as error:
        if not name.isidentifier():
            raise
        raise UnknownName(f"{error}; one of your own is named again: --method package.module:{name}") from None


def catalogue() -> dict[str, Mutant]:
    """Every mutant by name."""
    for file in _FILES:
        importlib.import_module(f"jaccheck.selftest.mutants.{file}")
    return dict(_CATALOGUE)
