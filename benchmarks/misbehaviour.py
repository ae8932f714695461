"""Kinds of misbehaviour that every command survives: `python benchmarks/misbehaviour.py` prints what each says of each.

The methods are those of `jaccheck_support.misbehaving`, with what is expected of them; the commands and what is run of
each stand in `jaccheck_support.everywhere`. `--page docs/reliability.md` writes the table into that page.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
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


def written(page: Path, wrong: dict[str, dict[str, str]]) -> None:
    """Writes the table between its two comments."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()

    def cell(command: str, kind: str) -> str:
        if kind not in wrong[command]:
            return NOT_TRIED
        return "no" if wrong[command][kind] else "yes"

    rows = [
        f"| {kind.replace('_', ' ')} | `{expected}` | {' | '.join(cell(command, kind) for command in wrong)} |"
        for kind, expected in misbehaving.KINDS.items()
    ]
    head = [f"| what a method does | must be said | {' | '.join(wrong)} |", f"|---|---|{'---|' * len(wrong)}"]
    text = page.read_text(encoding="utf-8")
    before, begins, rest = text.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    table = [*head, *rows, "", f"Run at {commit}."]
    page.write_text("\n".join([f"{before}{begins}", "", *table, "", f"{ends}{after}"]), encoding="utf-8")


@click.command()
@click.option("--command", "commands", multiple=True, type=click.Choice(tuple(COMMANDS)), help="Only these.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(tuple(misbehaving.KINDS)), help="Only these.")
@click.option("--page", type=click.Path(path_type=Path), help="Write the table into this page.")
def main(commands: tuple[str, ...], kinds: tuple[str, ...], page: Path | None) -> None:
    """Prints what is not as it should be; the exit code is 1 where something is not."""
    wrong = {}
    for command in commands or COMMANDS:
        chosen = tuple(kind for kind in everywhere.tried(command) if kind in (kinds or misbehaving.KINDS))
        wrong[command] = tell(command, chosen)
    if page:
        written(page, wrong)
    click.echo(f"processes left: {len(strays())}; of {RIGHT}, beside them, nothing may be said")
    sys.exit(int(any(any(each.values()) for each in wrong.values()) or bool(strays())))


if __name__ == "__main__":
    main()
