"""`jaccheck show`."""

from __future__ import annotations

from pathlib import Path

import click

from jaccheck.cli import options
from jaccheck.cli.group import cli
from jaccheck.core import bound_native_caches


@cli.command(short_help="Draw the Jacobians of a model, a case or a finding.")
@click.argument("what", metavar="[FILE.py:FUNCTION|FILE.json|ID]", required=False)
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="Draw this method beside the reference; two of them beside each other. `package.module:function` for one of "
    "your own, `mutant:NAME` for a mutant.",
)
@click.option(
    "--family",
    shell_complete=options.complete(options.FAMILY_NAMES),
    metavar="NAME",
    help="Draw a random case of this family instead of a file's.",
)
@click.option(
    "--dtype",
    shell_complete=options.complete(options.DTYPE_NAMES),
    metavar="NAME",
    help="Dtype of the random case.  [default: float32]",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="Which random case, from 0.  [default: 0]")
@click.option(
    "--case", "number", type=click.IntRange(0), metavar="N", help="Which case of a file, from 0.  [default: 0]"
)
@click.option("--device", default="cpu", show_default=True, metavar="NAME", help="Device of a case, as torch names it.")
@options.findings
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Draw into this .png, .svg or .pdf with matplotlib, not into the terminal.",
)
@click.option("--window", is_flag=True, help="Draw into a window.")
def show(
    what: str | None,
    methods: tuple[str, ...],
    family: str | None,
    dtype: str | None,
    seed: int | None,
    number: int | None,
    device: str,
    directory: Path,
    output: Path | None,
    window: bool,
) -> int:
    """Draw the Jacobians: samples × outputs by all parameters, one after another, as in BackPACK's tutorial.

    \b
    jaccheck show model.py:make                        of a model of your own, as for `jaccheck check`
    jaccheck show model.py:make --method sqrt_ggn_sum  a method beside the closed form, and their difference
    jaccheck show --family convolution --seed 3        of a random case
    jaccheck show cases.json --case 2                  of a stored case
    jaccheck show 5d37eeac96                           of a finding, by file or by id (looked up in --findings)

    Without --method the closed form is drawn, or autograd in float64 where a layer has no closed form; with one, it is
    drawn beside that. Exit code 0: a picture is no judgement.

    Drawn in the terminal, in colours where it has some. The difference is in units of the proven bound: beyond ±1 is
    wrong. Where nothing is proven it says so, and shows the plain difference. What is too large for the picture is
    reduced to the entry of largest magnitude of each cell, so that nothing that sticks out is lost.
    """
    bound_native_caches()
    from jaccheck.cli.run_show import Request, run

    return run(
        Request(
            what=what,
            methods=methods,
            family=family,
            dtype=dtype,
            seed=seed,
            number=number,
            device=device,
            findings=directory,
            output=output,
            window=window,
        )
    )
