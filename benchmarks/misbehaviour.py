"""Kinds of misbehaviour that every command survives: `python benchmarks/misbehaviour.py` prints what each says of each.

The methods are those of `jaccheck_support.misbehaving`, with what is expected of them; the commands and what is run of
each stand in `jaccheck_support.everywhere`. `--page docs/reliability.md` writes the column of each command into the
table of that page; "no" where a kind was not told as it must be.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import psutil
from jaccheck_support import everywhere, misbehaving
from jaccheck_support.everywhere import COMMANDS, RIGHT

BEGINS, ENDS = "<!-- misbehaviour -->", "<!-- end of misbehaviour -->"

NOT_TRIED = "–"


def strays() -> list[str]:
    """Processes of this user that a command has left behind."""
    return [p.info["name"] for p in psutil.process_iter(["name", "cmdline"]) if "time.sleep(3600)" in str(p.info)]


def tell(command: str, kinds: tuple[str, ...]) -> dict[str, str]:
    """What is wrong of each kind, or an empty text; prints it."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            said = everywhere.asked(command, Path(folder), kinds)
        except subprocess.TimeoutExpired:
            return dict.fromkeys(kinds, "no end")
    wrong = {kind: everywhere.what_is_wrong(command, kind, each) for kind, each in said.items()}
    for kind, why in wrong.items():
        if why:
            click.echo(f"OTHERWISE {command:9} {kind}: {ascii(why)[1:-1]}")
    fine = sum(1 for kind in kinds if not wrong[kind])
    click.echo(f"{command:9} {fine} of {len(kinds)} as expected; {time.monotonic() - started:.0f} s")
    return wrong


def commit_here() -> str:
    """That which is checked out."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return said.stdout.strip()


def written(page: Path, command: str, wrong: dict[str, str], commit: str) -> None:
    """Writes the column of a command into the table between its two comments; the other columns stay as they are."""
    text = page.read_text(encoding="utf-8")
    before, begins, rest = text.partition(BEGINS)
    old, ends, after = rest.partition(ENDS)
    columns = dict(_columns(old))
    answers = {kind: ("no" if why else "yes") for kind, why in wrong.items()}
    columns[command] = [*(answers.get(kind, NOT_TRIED) for kind in misbehaving.KINDS), commit]
    names = [name for name in COMMANDS if name in columns]
    firsts = [(kind.replace("_", " "), f"`{expected}`") for kind, expected in misbehaving.KINDS.items()]
    rows = [
        [*first, *(columns[name][place] for name in names)] for place, first in enumerate([*firsts, ("commit", "")])
    ]
    head = ["what a method does", "must be said", *names]
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    page.write_text("\n".join([f"{before}{begins}", "", *lines, "", f"{ends}{after}"]), encoding="utf-8")


def _columns(table: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a table that was written before, each with its cells; none where other kinds were tried then."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
    if rows and [row[0] for row in rows[2:-1]] == [kind.replace("_", " ") for kind in misbehaving.KINDS]:
        yield from ((column[0], list(column[2:])) for column in list(zip(*rows, strict=True))[2:])


@click.command()
@click.option("--command", "commands", multiple=True, type=click.Choice(tuple(COMMANDS)), help="Only these.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(tuple(misbehaving.KINDS)), help="Only these.")
@click.option("--page", type=click.Path(path_type=Path), help="Write the table into this page.")
def main(commands: tuple[str, ...], kinds: tuple[str, ...], page: Path | None) -> None:
    """Prints what is not as it should be; the exit code is 1 where something is not."""
    wrong, commit = {}, commit_here()
    for command in commands or COMMANDS:
        chosen = tuple(kind for kind in everywhere.tried(command) if kind in (kinds or misbehaving.KINDS))
        wrong[command] = tell(command, chosen)
        if page:
            written(page, command, wrong[command], commit)
    click.echo(f"processes left: {len(strays())}; of {RIGHT}, beside them, nothing may be said")
    sys.exit(int(any(any(each.values()) for each in wrong.values()) or bool(strays())))


if __name__ == "__main__":
    main()
