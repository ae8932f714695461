"""`jaccheck verify`."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from jaccheck.cli import options
from jaccheck.cli.group import cli
from jaccheck.core import bound_native_caches
from jaccheck.errors import InvalidRequest
from jaccheck.runs import start_fork_server


@cli.command(short_help="Draw random networks and judge every method.")
@options.profile
@click.option(
    "--max-examples", type=click.IntRange(min=1), metavar="N", help="Run this many cases, whatever the profile says."
)
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Draw new cases until this many seconds have passed.",
)
@options.methods
@options.devices
@options.dtypes
@options.families
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    metavar="N",
    help="Makes the run repeatable, case by case.  [default: random]",
)
@options.cases("Run the cases stored in this file instead of drawing. Repeatable.")
@click.option(
    "--shard",
    "part",
    metavar="NUMBER/OF",
    help="Run this part only, as in 3/8, for CI jobs side by side; `jaccheck report` merges what they report.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Have the cases judged by the workers of a Dask cluster, as in tcp://10.0.0.1:8786.",
)
@options.reports(".html", ".json", ".md (Markdown)", ".xml (JUnit)")
@options.findings
@options.quiet
@click.option(
    "--workers",
    default="1",
    show_default=True,
    metavar="N|auto",
    help="Judge in so many processes, which methods may end or block without harm; auto: one for each core; "
    "0: in this process, for debuggers.",
)
@click.option(
    "--case-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="A method that is not done with a case by then is HUNG.",
)
@click.option(
    "--case-memory",
    type=options.Size(),
    default="4GiB",
    show_default=True,
    metavar="SIZE",
    help="A method that takes more memory for a case, as in 2GiB, has CRASHED.",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where the run is stored as it goes on.  [default: .jaccheck/runs.db]",
)
@click.option("--no-store", is_flag=True, help="Store nothing but findings.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="last",
    metavar="[RUN]",
    help="Go on with a run that was killed or interrupted, the last one or that of this number, as it was begun.",
)
@click.pass_context
def verify(
    context: click.Context,
    profile_name: str,
    max_examples: int | None,
    seconds: float | None,
    methods: tuple[str, ...],
    devices: tuple[str, ...],
    dtypes: tuple[str, ...],
    families: tuple[str, ...],
    seed: int | None,
    case_files: tuple[Path, ...],
    part: str | None,
    scheduler: str | None,
    reports: tuple[Path, ...],
    directory: Path,
    quiet: bool,
    workers: str,
    case_seconds: float,
    case_memory: int,
    store: Path | None,
    no_store: bool,
    resume: str | None,
) -> int:
    """Draw random networks and compare every method on every device with autograd and the closed form.

    Every run takes the boundary cases of each family first, then random ones. Ctrl-C ends a run with a valid report
    of what was done. To see what a failure looks like, run a method that is wrong on purpose (`jaccheck selftest`
    lists them): jaccheck verify --family generic --method mutant:sample_roll
    """
    if resume:
        _check_nothing_is_changed(context)
    bound_native_caches()
    if workers != "0":
        start_fork_server()  # before torch is imported here, which takes as long there: both at once
    from jaccheck.cli.run_verify import Request, run, worker_count
    from jaccheck.runs import Limits

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
            part=part,
            scheduler=scheduler,
            workers=worker_count(workers),
            store=store,
            is_stored=not no_store,
            resume=resume,
            limits=Limits(seconds=case_seconds, memory=case_memory),
        )
    )


WHAT_A_RUN_IS = ("profile_name", "max_examples", "seconds", "devices", "dtypes", "families", "seed", "case_files")
"""Parameters that a run that goes on has already."""


def _check_nothing_is_changed(context: click.Context) -> None:
    for option in context.command.params:
        if option.name in WHAT_A_RUN_IS and context.get_parameter_source(option.name) is not ParameterSource.DEFAULT:
            raise InvalidRequest(f"--resume goes on with a run as it was begun; leave out {option.opts[0]}")
