"""The command line: parse, call, print, exit. Nothing that takes time to import is imported before it is used.

Exit codes: 0 nothing found, 1 something found, 2 misuse or broken environment, 3 a fault of jaccheck's own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import ClassVar, NoReturn

import click

from jaccheck.errors import JaccheckError
from jaccheck.native_caches import bound_native_caches

FAMILY_NAMES = (
    "generic, smooth, square, single_sample, batched_scalar, narrow, empty_batch, large, sizes, deep, repeated_shapes, "
    "no_bias, extremes, kinks, inputs, frozen, nested"
)
"""Written out, since importing them takes longer than printing the help; a test holds them equal."""

NOTHING_FOUND, FOUND, MISUSE, OWN_FAULT = 0, 1, 2, 3


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="jaccheck")
def cli() -> None:
    """Verify batched Jacobians: random networks, every method, every device, proven bounds, no tolerances.

    \b
    jaccheck verify               random MLPs, every method here, against autograd and a closed form
    jaccheck verify --time 600    the same for ten minutes
    jaccheck check FILE.py:MAKE   a model of your own: which methods are right on it, and which one to use
    jaccheck replay FILE          a stored finding: is it still there?

    Exit code of every command: 0 nothing found, 1 something found, 2 misuse or a broken environment,
    3 a fault of jaccheck's own.
    """


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


@cli.command(short_help="List the methods, with what they claim.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def methods(as_json: bool) -> int:
    """List the methods: family, availability and reason, devices, dtypes."""
    from jaccheck.commands.listing import list_methods

    return list_methods(as_json=as_json)


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


@cli.command(short_help="Check every method on a model of your own.")
@click.argument("place", metavar="FILE.py:FUNCTION")
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="Only this method; `package.module:function` for one of your own. Repeatable.",
)
@click.option(
    "--memory",
    type=Size(),
    metavar="SIZE",
    help="What the process may have in all, as in 2GiB; larger Jacobians are compared part by part.  "
    "[default: half of what is free]",
)
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Time for each method; where it ends before the last part, the answer says how far it came.",
)
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="PATH", help="Write everything as JSON to this .json file."
)
def check(place: str, methods: tuple[str, ...], memory: int | None, seconds: float, report: Path | None) -> int:
    """Check every method on a model of your own: which are right, how fast, with how much memory, which one to use.

    FUNCTION in FILE.py takes no arguments and returns the pair (model, X): an nn.Module in evaluation mode, and a batch
    with one row for each sample. The file is run.

    \b
    AGREES      equal to the closed form, or within its proven bound (nn.Sequential of Linear and activations)
    CONSISTENT  other models: within what rounding is estimated to do to autograd in float64; no proof
    DISAGREES   further off than rounding explains
    REFUSES     the method says beforehand that it does not cover the model
    TOO_LARGE   needs more memory than --memory leaves it
    CRASHED, UNDECIDED, NOT_RUN

    Only values are judged, on copies of the model. Ctrl-C ends a check with the answer for what was done.
    """
    bound_native_caches()
    from jaccheck.commands.check import run

    return run(place, methods=methods, memory=memory, seconds=seconds, report_path=report)


@cli.command(short_help="Run stored findings again.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
def replay(paths: tuple[Path, ...]) -> int:
    """Run stored findings again: FIXED, FAILED, ERROR or INCOMPATIBLE for each of PATHS (files or directories)."""
    from jaccheck.commands.replay import replay_all

    return replay_all(paths)


@cli.command(short_help="Run the checks against planted faults.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Which random cases.")
@click.option("--report", type=click.Path(path_type=Path), metavar="PATH", help="Write the scores as JSON.")
def selftest(seed: int, report: Path | None) -> int:
    """Run the suite against a catalogue of planted faults: mutation score, false-alarm rate, beside tolerances."""
    from jaccheck.commands.selftest import run

    return run(seed=seed, report=report)


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
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads of torch.")
@click.option(
    "--memory",
    type=click.FloatRange(min=0, min_open=True),
    metavar="GIB",
    help="Most memory of one call.  [default: a third of what is free, at most 8]",
)
@click.option("--report", type=click.Path(path_type=Path), metavar="PATH", help="Write the times as JSON.")
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
    report: Path | None,
    plots: Path | None,
) -> int:
    """Time every method that is right, and how much memory it takes, beside the time of filling that memory.

    Each method is judged on the very problem that it is timed on. Times are taken in turns, in memory fresh from the
    system and in memory that is there already. Ctrl-C ends a run with what was done so far.
    """
    from jaccheck.commands.bench import Request, run

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
            report=report,
            plots=plots,
        )
    )


@cli.command(short_help="Compare two versions of BackPACK or torch.")
@click.argument("base")
@click.argument("candidate")
@click.option(
    "--profile", "profile_name", default="quick", show_default=True, metavar="quick|ci|nightly", help="How many cases."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Which random cases.")
@click.option("--method", "methods", multiple=True, metavar="NAME", help="Only this method. Repeatable.")
@click.option("--device", "devices", multiple=True, metavar="NAME", help="Only this device. Repeatable.")
@click.option("--dtype", "dtypes", multiple=True, metavar="NAME", help="Only this dtype. Repeatable.")
@click.option("--family", "families", multiple=True, metavar="NAME", help="Only this family of cases. Repeatable.")
@click.option(
    "--cases",
    "case_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Run the cases stored in this file first. Repeatable.",
)
@click.option(
    "--fail-slower",
    "slower",
    metavar="PERCENT",
    help="Time both sides too, as in 10%; slower by more than that is a regression.",
)
@click.option("--accept", type=click.Path(path_type=Path), metavar="FILE", help="Changes that are known and wanted.")
@click.option("--bisect", is_flag=True, help="Walk the releases between the two; name the first with a regression.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write a report: .json, .md (Markdown) or .xml (JUnit). Repeatable.",
)
@click.option("--cache", type=click.Path(path_type=Path), metavar="DIR", help="Where environments are kept.")
@click.option("--quiet", is_flag=True, help="Print the last line only.")
def gate(
    base: str,
    candidate: str,
    profile_name: str,
    seed: int,
    methods: tuple[str, ...],
    devices: tuple[str, ...],
    dtypes: tuple[str, ...],
    families: tuple[str, ...],
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
    from jaccheck.commands.gate import Request, run

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


def main() -> NoReturn:
    """Runs the command; every kind of failure ends in its exit code and one line on standard error."""
    try:
        sys.exit(cli.main(standalone_mode=False) or NOTHING_FOUND)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(MISUSE)
    except (click.ClickException, JaccheckError) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        _complain(" ".join(message.split()))
        sys.exit(MISUSE)
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(NOTHING_FOUND)
    except Exception:
        import traceback

        traceback.print_exc()
        _complain("a fault of jaccheck's own; please report it with the lines above")
        sys.exit(OWN_FAULT)


def _complain(message: str) -> None:
    click.echo(f"jaccheck: {message}", err=True)
