"""Which BackPACK and torch a run is about: said before it begins, and refused where it is not the checkout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import click

from jaccheck import core, judging, methods, rendering
from jaccheck.cli.command import Option
from jaccheck.core import printable
from jaccheck.errors import BrokenEnvironment

if TYPE_CHECKING:
    from rich.console import Console

    from jaccheck.reports import Environment

DISTRIBUTIONS = {"backpack": "backpack-for-pytorch", "torch": "torch"}
RequireLocal = Annotated[
    tuple[str, ...],
    Option(
        "--require-local",
        "backpack|torch",
        type=click.Choice(tuple(DISTRIBUTIONS)),
        help="Exit with 2 where this is a plain release, not a checkout or a build of one: an installation may have "
        "replaced it. Repeatable.",
    ),
]


def check_local(modules: Iterable[str]) -> None:
    """Raises BrokenEnvironment where one of these packages is a plain release, or is not here."""
    for module in modules:
        distribution = DISTRIBUTIONS[module]
        origin = core.origin_of(distribution, module)
        if origin is None:
            raise BrokenEnvironment(f"--require-local {module}: {distribution} is not installed")
        if not origin.is_local:
            raise BrokenEnvironment(
                f"--require-local {module}: {distribution} {origin.version} is here, a plain release; install your "
                f"checkout after everything else: pip install --no-deps -e path/to/{module}"
            )


def say_versions(environment: Environment, console: Console, *, quiet: bool, is_all: bool) -> None:
    """What a reader must know of the versions, on standard error; then the line that names them, unless it is quiet.

    `is_all` says that no method was asked for by name, so that missing ones are missing from the run.
    """
    missing = methods.left_out() if is_all else ()
    if missing:
        click.echo(
            f"jaccheck: without BackPACK, which is not installed ({core.extra('backpack')}): its "
            f"{core.plural(len(missing), 'method')} {core.is_are(len(missing))} left out",
            err=True,
        )
    _say_unreleased()
    if not quiet:
        console.print(rendering.environment_line(environment), highlight=False, soft_wrap=True)


def tell_versions() -> None:
    """The versions on standard error, for a command whose standard output holds answers and nothing else."""
    _say_unreleased()
    click.echo(printable(methods.describe_environment({}).versions_said), err=True)


def _say_unreleased() -> None:
    for line in judging.unreleased():
        click.echo(f"jaccheck: {line}", err=True)
