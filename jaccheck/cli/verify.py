"""`jaccheck verify`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli.group import cli
from jaccheck.native_caches import bound_native_caches

FAMILY_NAMES = (
    "generic, smooth, square, single_sample, batched_scalar, narrow, empty_batch, large, sizes, deep, repeated_shapes, "
    "no_bias, extremes, kinks, inputs, frozen, nested"
)
"""Written out, since importing them takes longer than printing the help; a test holds them equal."""


@cli.command(short_help="Draw random networks and judge every method.")
@click.option(
    "--profile",
    "profile_name",
    default="quick",
    show_default=True,
    metavar="quick|ci|nightly",
    help="How much to do: quick, under a minute; ci, some minutes; nightly, an hour or more.",
)
@click.option("--max-examples", type=click.IntRange(min=1), help="Run this many cases, whatever the profile says.")
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Draw new cases until this many seconds have passed.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="Only this method; `package.module:function` for one of your own. Repeatable.",
)
@click.option(
    "--device", "devices", multiple=True, metavar="NAME", help="Only this device, as torch names it. Repeatable."
)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    metavar="NAME",
    help="Only this dtype: float64, float32, bfloat16 or float16. Repeatable.",
)
@click.option(
    "--family",
    "families",
    multiple=True,
    metavar="NAME",
    help=f"Only this family of cases: {FAMILY_NAMES}. Repeatable.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), help="Makes the run repeatable, case by case.  [default: random]"
)
@click.option(
    "--cases",
    "case_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Run the cases stored in this file instead of drawing. Repeatable.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write a report, .json or .xml (JUnit) by its ending. Repeatable.",
)
@click.option(
    "--findings",
    "directory",
    type=click.Path(path_type=Path),
    default=Path("jaccheck-findings"),
    show_default=True,
    metavar="DIR",
    help="Where findings are stored.",
)
@click.option("--quiet", is_flag=True, help="Print findings and the last line only.")
def verify(
    profile_name: str,
    max_examples: int | None,
    seconds: float | None,
    methods: tuple[str, ...],
    devices: tuple[str, ...],
    dtypes: tuple[str, ...],
    families: tuple[str, ...],
    seed: int | None,
    case_files: tuple[Path, ...],
    reports: tuple[Path, ...],
    directory: Path,
    quiet: bool,
) -> int:
    """Draw random networks and compare every method on every device with autograd and the closed form.

    Every run takes the boundary cases of each family first, then random ones. Ctrl-C ends a run with a valid report
    of what was done.
    """
    bound_native_caches()
    from jaccheck.commands.verify import Request, run

    return run(
        Request(
            profile=profile_name,
            max_examples=max_examples,
            time=seconds,
            methods=methods,
            devices=devices,
            dtypes=dtypes,
            families=families,
            seed=seed,
            case_files=case_files,
            reports=reports,
            findings=directory,
            quiet=quiet,
        )
    )
