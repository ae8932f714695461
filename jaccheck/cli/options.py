"""Options that several commands have, each written once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FAMILY_NAMES = (
    "generic, smooth, square, single_sample, batched_scalar, narrow, empty_batch, large, sizes, deep, repeated_shapes, "
    "no_bias, extremes, kinks, inputs, frozen, nested, convolution, transposed_convolution, pooling, normalization, "
    "embedding, extra_axes, branches, activations, shared, recurrent, boundary"
)
"""Written out, since importing them takes longer than printing the help; a test holds them equal."""

DTYPE_NAMES = "float64, float32, bfloat16, float16"


class Size(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes: 2GiB, 500MB, or a plain number."""

    name = "size"
    _UNITS: ClassVar[dict[str, int]] = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes; MB and MiB are both 2²⁰ bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", value, re.IGNORECASE)
        if match is None or not float(match[1]):
            self.fail(f"{value!r} is no size; expected a number with KiB, MiB, GiB or TiB, as in 2GiB", param, ctx)
        return int(float(match[1]) * self._UNITS[match[2].upper()])


def complete(names: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """What a shell offers for an option: those of the names, separated by commas, that begin as what is typed so far.

    Methods and devices are not offered: to find them torch must be imported, for which nobody waits at a prompt.
    """
    return lambda context, option, typed: [name for name in names.split(", ") if name.startswith(typed)]


profile = click.option(
    "--profile",
    "profile_name",
    shell_complete=complete("quick, ci, nightly"),
    default="quick",
    show_default=True,
    metavar="quick|ci|nightly",
    help="How much to do: quick, a minute or three; ci, ten minutes or so; nightly, hours.",
)
methods = click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="Only this method; `package.module:function` for one of your own. Repeatable.",
)
devices = click.option(
    "--device", "devices", multiple=True, metavar="NAME", help="Only this device, as torch names it. Repeatable."
)
dtypes = click.option(
    "--dtype",
    "dtypes",
    shell_complete=complete(DTYPE_NAMES),
    multiple=True,
    metavar="NAME",
    help="Only this dtype: float64, float32, bfloat16 or float16. Repeatable.",
)


def cases(help: str) -> Callable[[F], F]:
    """`--cases`; what is done with them is said by the command."""
    return click.option(
        "--cases", "case_files", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help=help
    )


families = click.option(
    "--family",
    "families",
    shell_complete=complete(FAMILY_NAMES),
    multiple=True,
    metavar="NAME",
    help=f"Only this family of cases: {FAMILY_NAMES}. Repeatable.",
)
findings = click.option(
    "--findings",
    "directory",
    type=click.Path(path_type=Path),
    default=Path("jaccheck-findings"),
    show_default=True,
    metavar="DIR",
    help="Where findings are stored.",
)
quiet = click.option("--quiet", is_flag=True, help="Print findings and the last line only.")


def reports(*endings: str) -> Callable[[F], F]:
    """The option `--report`, for a command that writes files with these endings."""
    *most, last = endings
    known = f"{', '.join(most)} or {last}"
    text = f"Write a report, {known} by its ending. Repeatable."
    path = click.Path(path_type=Path)
    return click.option("--report", "reports", multiple=True, type=path, metavar="PATH", help=text)
