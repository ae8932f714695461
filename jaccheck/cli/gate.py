"""`jaccheck gate`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli


@cli.command(short_help="Compare two versions of BackPACK or torch.")
@click.argument("base")
@click.argument("candidate")
@options.profile
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", default=0, show_default=True, help="Which random cases."
)
@options.methods
@options.devices
@options.dtypes
@options.families
@options.findings
@options.cases("Run the cases stored in this file first, those of stored findings after them. Repeatable.")
@click.option(
    "--fail-slower",
    "slower",
    metavar="PERCENT",
    help="Time both sides too, as in 10%; slower by more than that is a regression.",
)
@click.option("--accept", type=click.Path(path_type=Path), metavar="FILE", help="Changes that are known and wanted.")
@click.option("--bisect", is_flag=True, help="Walk the releases between the two; name the first with a regression.")
@options.reports(".html", ".json", ".md (Markdown)", ".xml (JUnit)")
@click.option("--cache", type=click.Path(path_type=Path), metavar="DIR", help="Where environments are kept.")
@options.quiet
def gate(
    base: str,
    candidate: str,
    profile_name: str,
    seed: int,
    methods: tuple[str, ...],
    devices: tuple[str, ...],
    dtypes: tuple[str, ...],
    families: tuple[str, ...],
    directory: Path,
    case_files: tuple[Path, ...],
    slower: str | None,
    accept: Path | None,
    bisect: bool,
    reports: tuple[Path, ...],
    cache: Path | None,
    quiet: bool,
) -> int:
    """Did going from BASE to CANDIDATE change anything?

    Each side is a requirement, a checkout, a wheel, or several of them in quotes. Both run the same cases, each in an
    environment of its own; what differs in bits is judged, shrunk, and told with a script.

    \b
    jaccheck gate backpack-for-pytorch==1.7.0 backpack-for-pytorch==1.7.1
    jaccheck gate backpack-for-pytorch==1.7.1 ./backpack --fail-slower 10%
    jaccheck gate "backpack-for-pytorch==1.7.1 torch==2.13.0" "backpack-for-pytorch==1.7.1 torch==2.15.0"

    Exit code 0: nothing that matters changed; 1: a method is wrong where it was right, wrong in another way, refuses
    what it did not, leaves something else behind or, if asked for, is slower.
    """
    from jaccheck.cli.run_gate import Request, run

    return run(
        Request(
            base=base,
            candidate=candidate,
            profile=profile_name,
            seed=seed,
            methods=methods,
            devices=devices,
            dtypes=dtypes,
            families=families,
            findings=directory,
            case_files=case_files,
            fail_slower=None if slower is None else _share(slower),
            accept=accept,
            reports=reports,
            cache=cache,
            bisect=bisect,
            quiet=quiet,
        )
    )


def _share(text: str) -> float:
    """0.1 for `10%`."""
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not (text.endswith("%") and 0 < share < 10):
        raise click.BadParameter(f"{text!r} is no percentage above 0; expected as in 10%", param_hint="--fail-slower")
    return share
