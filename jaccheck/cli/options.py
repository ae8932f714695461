"""Options that several commands have, each written once, and the types of values that several options have."""

from __future__ import annotations

import re
from math import isnan
from pathlib import Path
from typing import Annotated, Any, ClassVar

import click

from jaccheck.cli.command import Argument, Option
from jaccheck.core import MOST

FAMILY_NAMES = (
    "generic, smooth, square, single_sample, batched_scalar, narrow, empty_batch, large, sizes, deep, repeated_shapes, "
    "no_bias, extremes, kinks, inputs, frozen, nested, convolution, transposed_convolution, pooling, normalization, "
    "embedding, extra_axes, branches, activations, shared, views, losses, recurrent, "
    "boundary"
)
"""Written out, since importing them takes longer than printing the help; a test holds them equal.

Of methods and devices a shell offers none: to find them torch must be imported, for which nobody waits at a prompt.
"""

DTYPE_NAMES = "float64, float32, bfloat16, float16"
PROFILE_NAMES = "quick, ci, nightly"


class Amount(click.FloatRange):
    """A number in a range; NaN is in none, though it is neither below nor above."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        found = super().convert(value, param, ctx)
        if isnan(found):
            self.fail(f"{value!r} is no number; expected one in the range {self._describe_range()}", param, ctx)
        return float(found)


SEED = click.IntRange(0, 2**32 - 1)
AT_LEAST_ONE = click.IntRange(1, MOST)
ABOVE_ZERO = Amount(min=0, min_open=True, max=MOST)


class Size(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes: 2GiB, 500MB, or a plain number."""

    name = "size"
    _UNITS: ClassVar[dict[str, int]] = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
    _MOST: ClassVar[int] = 2**53

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes; MB and MiB are both 2²⁰ bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", value, re.IGNORECASE)
        size = float(match[1]) * self._UNITS[match[2].upper()] if match else 0.0
        if not 1 <= size < self._MOST:
            expected = "expected a number with KiB, MiB, GiB or TiB, as in 2GiB, of no more than 8192 TiB"
            self.fail(f"{value!r} is no size; {expected}", param, ctx)
        return int(size)


class Percentage(click.ParamType):  # type: ignore[type-arg]
    """A share in per cent: 0.1 for `10%`."""

    name = "percentage"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share."""
        try:
            share = float(value.removesuffix("%")) / 100
        except ValueError:
            share = -1.0
        if not (value.endswith("%") and 0 < share < 10):
            self.fail(f"{value!r} is no percentage above 0; expected as in 10%", param, ctx)
        return share


Arguments = Annotated[tuple[str, ...], Argument("[-- ARGUMENTS]")]
"""Of the function that makes a model: what follows `--`."""
Parameters = Annotated[
    tuple[str, ...],
    Option("--parameters", "PATTERN", help="Only parameters of this name, as in 'head.*'. Repeatable."),
]
BatchAxis = Annotated[
    tuple[str, ...],
    Option(
        "--batch-axis",
        "[INPUT=]AXIS",
        help="The axis along which samples lie in the inputs, or in that of this number or keyword. Repeatable.  "
        "[default: 0]",
    ),
]

Profile = Annotated[
    str,
    Option(
        "--profile",
        "quick|ci|nightly",
        offers=PROFILE_NAMES,
        help="How much to do: quick, a minute or three; ci, ten minutes or so; nightly, hours.",
    ),
]
Methods = Annotated[
    tuple[str, ...],
    Option("--method", "NAME", help="Only this method; `package.module:function` for one of your own. Repeatable."),
]
Devices = Annotated[
    tuple[str, ...], Option("--device", "NAME", help="Only this device, as torch names it. Repeatable.")
]
Dtypes = Annotated[
    tuple[str, ...],
    Option(
        "--dtype",
        "NAME",
        offers=DTYPE_NAMES,
        help="Only this dtype: float64, float32, bfloat16 or float16. Repeatable.",
    ),
]
Families = Annotated[
    tuple[str, ...],
    Option("--family", "NAME", offers=FAMILY_NAMES, help=f"Only this family of cases: {FAMILY_NAMES}. Repeatable."),
]
Findings = Annotated[Path, Option("--findings", "DIR", help="Where findings are stored.")]
FINDINGS = Path("jaccheck-findings")
Quiet = Annotated[bool, Option("--quiet", help="Print findings and the last line only.")]
CaseSeed = Annotated[int, Option("--seed", "N", type=SEED, help="Which random cases.")]

Scheduler = Annotated[
    str | None,
    Option(
        "--scheduler",
        "[ADDRESS|FILE]",
        bare="$DASK_SCHEDULER_ADDRESS",
        help="Have the work done by the workers of a Dask cluster, as in tcp://10.0.0.1:8786; or give its scheduler "
        "file; alone, the scheduler that DASK_SCHEDULER_ADDRESS names.",
    ),
]
Wait = Annotated[
    float,
    Option(
        "--wait",
        "SECONDS",
        type=Amount(min=0, max=MOST),
        help="With --scheduler: how long to wait for its first worker.",
    ),
]
WAIT = 120.0

# Of commands where a method or a device can be named only.
MethodNames = Annotated[tuple[str, ...], Option("--method", "NAME", help="Only this method. Repeatable.")]
DeviceNames = Annotated[tuple[str, ...], Option("--device", "NAME", help="Only this device. Repeatable.")]
