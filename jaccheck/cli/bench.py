"""`jaccheck bench`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli


@cli.command(short_help="Time the methods side by side.")
@click.option("--model", metavar="FILE.py:FUNCTION", help="Your own: a function that returns (model, X).")
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="NAME",
    help="Only this shape: tutorial, small, cnn, deep, many_outputs, wide, large, or sweeps. Repeatable.",
)
@click.option("--method", "methods", multiple=True, metavar="NAME", help="Only this method. Repeatable.")
@click.option("--dtype", "dtypes", multiple=True, metavar="NAME", help="Only float32 or float64. Repeatable.")
@click.option("--device", "devices", multiple=True, metavar="NAME", help="Only this device. Repeatable.")
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(min=1),
    default=480.0,
    show_default=True,
    metavar="SECONDS",
    help="For everything together.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", default=1, show_default=True, help="Threads of torch."
)
@click.option(
    "--memory",
    type=click.FloatRange(min=0, min_open=True),
    metavar="GIB",
    help="Most memory of one call.  [default: a third of what is free, at most 8]",
)
@options.reports(".html", ".json")
@click.option(
    "--plot", "plots", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write plots into DIR."
)
def bench(
    model: str | None,
    shapes: tuple[str, ...],
    methods: tuple[str, ...],
    dtypes: tuple[str, ...],
    devices: tuple[str, ...],
    seconds: float,
    threads: int,
    memory: float | None,
    reports: tuple[Path, ...],
    plots: Path | None,
) -> int:
    """Time every method that is right, and how much memory it takes, beside the time of filling that memory.

    Each method is judged on the very problem that it is timed on. Times are taken in turns, in memory fresh from the
    system and in memory that is there already. Ctrl-C ends a run with what was done so far.
    """
    from jaccheck.cli.run_bench import Request, run

    return run(
        Request(
            model=model,
            shapes=shapes,
            methods=methods,
            dtypes=dtypes,
            devices=devices,
            time=seconds,
            threads=threads,
            memory=memory,
            reports=reports,
            plots=plots,
        )
    )
