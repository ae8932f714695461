"""Real architectures, checked: `python benchmarks/architectures.py run` and `… table` make docs/architectures.md.

    python benchmarks/architectures.py run --folder build/architectures --seeds 5
    python benchmarks/architectures.py table --folder build/architectures

Each architecture and seed is a process of its own, and a file of the folder. A run that is begun again does those that
have no file yet. Every statement of each answer is held against a loop of `torch.autograd.grad` that is written in
`real_architectures/loop.py` and uses nothing of jaccheck. The packages: constraints/architectures.txt.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import pkgutil
import re
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import click
from real_architectures import ARCHITECTURES, FILES, Architecture, load_all
from real_architectures.table import write_page

import jaccheck

ROOT = Path(__file__).parents[1]
LIMIT_S = 1500.0
"""After which a process is ended; what it left undone is a row, too."""


def commit() -> str:
    """Of the working tree."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()


def work(architecture: Architecture, seed: int, place: Path, without: tuple[str, ...]) -> None:
    """What the child process does: writes the row, and the answer as a user reads it."""
    log = os.open(place.with_suffix(".log"), os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import torch
    from real_architectures.statements import row_of

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        row, text = row_of(architecture, seed, without)
    except BaseException as error:
        traceback.print_exc()
        row, text = {"name": architecture.name, "package": architecture.package, "version": architecture.version}, ""
        row |= {"seed": seed, "died": f"{type(error).__name__}: {error}".split("\n")[0]}
    place.with_suffix(".txt").write_text(text)
    place.write_text(json.dumps(row | {"commit": os.environ["COMMIT"], "without": without}, indent=1))


def finish(
    process: multiprocessing.process.BaseProcess, begun: float, architecture: Architecture, seed: int, place: Path
) -> str:
    """Waits for it no longer than the limit; the line that tells how it went."""
    process.join(max(0.0, begun + LIMIT_S - time.monotonic()))
    if process.is_alive():
        process.kill()
        process.join()
    if not place.exists():
        died = f"the process ended with {process.exitcode}" if process.exitcode != -9 else f"more than {LIMIT_S:.0f} s"
        row = {"name": architecture.name, "package": architecture.package, "version": architecture.version}
        place.write_text(json.dumps(row | {"seed": seed, "died": died, "commit": os.environ["COMMIT"]}))
    return line_of(json.loads(place.read_text()))


def line_of(row: dict[str, Any]) -> str:
    """One line on a row."""
    head = f"{row['name']:28s} {row['seed']}"
    if "died" in row:
        return f"{head} DIED: {row['died']}"
    head += f" {row['seconds']:6.1f} s, cpu {row['cpu_s']:6.1f} s, {row['peak_rss'] / 2**30:.2f} GiB"
    if row["refused"]:
        return f"{head} REFUSED: {row['refused'][:120]}"
    found = sum(row["planted"].values())
    lines = [f"{head} {row['reference']}, uses {row['recommended']}, planted {found}/3, false {len(row['false'])}"]
    return "\n".join([*lines, *(f"    FALSE {each[:260]}" for each in row["false"][:3])])


@click.group()
def main() -> None:
    """Checks real architectures, and writes the page about them."""


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--seeds", default=5, show_default=True, help="Seeds 0 up to this one.")
@click.option("--only", multiple=True, help="Only these architectures.")
@click.option("--processes", default=1, show_default=True)
@click.option("--without", multiple=True, help="Methods that are left out.")
def run(folder: Path, seeds: int, only: tuple[str, ...], processes: int, without: tuple[str, ...]) -> None:
    """Checks every architecture, seed after seed."""
    os.environ["COMMIT"] = commit()
    os.environ["OMP_NUM_THREADS"] = "1"
    folder.mkdir(parents=True, exist_ok=True)
    load_all()
    unknown = [name for name in only if name not in ARCHITECTURES]
    if unknown:
        raise click.ClickException(f"architecture {unknown[0]!r} is not known; there are {', '.join(ARCHITECTURES)}")
    import_packages()
    fork = multiprocessing.get_context("fork")
    going: list[tuple[Any, float, Architecture, int, Path]] = []
    for seed in range(seeds):
        for architecture in sorted(ARCHITECTURES.values(), key=lambda each: FILES.index(each.file)):
            place = folder / f"{architecture.name}-{seed}.json"
            if place.exists() or (only and architecture.name not in only):
                continue
            while len(going) >= processes:
                ended = next(
                    (each for each in going if not each[0].is_alive() or each[1] + LIMIT_S < time.monotonic()), None
                )
                if ended:
                    going.remove(ended)
                    click.echo(finish(*ended))
                else:
                    time.sleep(0.05)
            process = fork.Process(target=work, args=(architecture, seed, place, without))
            process.start()
            going.append((process, time.monotonic(), architecture, seed, place))
    for each in going:
        click.echo(finish(*each))


def import_packages() -> None:
    """What children need is loaded once, before the first fork; no kernel of torch runs here."""
    for name in ("timm", "torchvision", "transformers", "monai", "kornia", "backpack", "scipy.stats", "torch._dynamo"):
        importlib.import_module(name)
    import_own_modules()


def import_own_modules() -> None:
    """Those of jaccheck that can be loaded here: what needs an extra that is not installed, no check needs."""
    for module in pkgutil.walk_packages(jaccheck.__path__, "jaccheck."):
        if not re.search(r"__main__|pytest|jax|laplace|distributed|cluster|conformance", module.name):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if str(error.name).startswith("jaccheck"):
                    raise


@main.command()
@click.option("--folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option(
    "--into", type=click.Path(path_type=Path, exists=True), default=ROOT / "docs", help="Where the page goes."
)
def table(folder: Path, into: Path) -> None:
    """Writes architectures.json and architectures.md; exit code 1 where a statement is false or a check died."""
    rows = [json.loads(path.read_text()) for path in folder.glob("*-*.json")]
    order = [each.name for file in FILES for each in load_all().values() if each.file == file]
    rows.sort(key=lambda row: (order.index(row["name"]), row["seed"]))
    write_page(rows, into)
    wrong = [row for row in rows if "died" in row or row["false"]]
    for row in wrong:
        click.echo(line_of(row))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
