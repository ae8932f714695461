"""A command made from its request: a frozen dataclass whose annotations say everything about its options.

The type of a field says whether an option may be left out, is a flag or may be repeated, and its default is the
field's. dataclass-click does much of this, but wants each of these said again, and keeps defaults beside the fields.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import click

from jaccheck.cli.group import Interrupted, cli
from jaccheck.cli.unwritten import tell_what_is_unwritten

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Argument:
    """What the type of a field does not say of the argument that it takes."""

    metavar: str | None = None
    type: click.ParamType[Any] | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """What the type of a field does not say of the option that it takes.

    `names` are separated by spaces, `offers`, which a shell completes, by commas. `bare` is the value of the option
    without one; `default` is what would be typed, where the help cannot show the field's own.
    """

    names: str
    metavar: str | None = None
    help: str = ""
    type: click.ParamType[Any] | None = None
    offers: str = ""
    default: str | None = None
    bare: str | None = None


def command(name: str, summary: str) -> Callable[[Callable[[R], int]], Callable[[R], int]]:
    """Makes a function that answers requests a command of the group; its `request` says what the command takes."""

    def add(run: Callable[[R], int]) -> Callable[[R], int]:
        kind = get_type_hints(run)["request"]
        hints = get_type_hints(kind, include_extras=True)

        def answer(**values: Any) -> int:
            try:
                return tell_what_is_unwritten(run(kind(**values)))
            except KeyboardInterrupt:
                raise Interrupted from None

        made = click.Command(
            name,
            params=[_parameter(field, hints[field.name]) for field in fields(kind)],
            help=inspect.getdoc(kind),
            short_help=summary,
            callback=answer,
        )
        cli.add_command(made)
        return run

    return add


def _parameter(field: Field[Any], hint: object) -> click.Parameter:
    """What click has to know of a field."""
    kind, said = get_args(hint)
    is_repeatable = get_origin(kind) is tuple
    if is_repeatable or get_origin(kind) is UnionType:
        kind = get_args(kind)[0]
    has_default = field.default is not MISSING
    converted = said.type or (click.Path(path_type=Path) if kind is Path else kind)
    if isinstance(said, Argument):
        count = -1 if is_repeatable else 1
        return click.Argument([field.name], type=converted, metavar=said.metavar, nargs=count, required=not has_default)
    names = [field.name, *said.names.split()]
    if kind is bool:
        return click.Option(names, is_flag=True, help=said.help)
    default = said.default if not has_default or is_repeatable else field.default
    bare = {} if said.bare is None else {"is_flag": False, "flag_value": said.bare}
    return click.Option(
        names,
        type=converted,
        metavar=said.metavar,
        multiple=is_repeatable,
        default=default,
        show_default=default is not None,
        help=said.help,
        shell_complete=_offers(said.offers) if said.offers else None,
        **bare,
    )


def _offers(names: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Those of the names that begin as what is typed so far."""
    return lambda context, option, typed: [name for name in names.split(", ") if name.startswith(typed)]
