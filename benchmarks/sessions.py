"""Runs the sessions of a page of the docs again, and writes what they print now: `python benchmarks/sessions.py PAGE…`.

A session is a block whose lines begin with `$ `; all sessions of a page run in one new folder, in their order. A Python
block after a line that ends in "`NAME.py` is" is written there first. A session with a line `…` was shortened by hand:
it is run, since others may need what it leaves, and stays as it is. Run it on a quiet machine, if times are shown.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import click

COLUMNS = "140"
SECONDS = 600.0
"""For one command."""

NOT_FOUND = 127
"""What a shell says of a command that is not there."""

FILE = re.compile(r"`(?P<name>\w+\.py)` is\n\n```python\n(?P<source>.*?)```\n", re.DOTALL)
SESSION = re.compile(r"```(?:\w*)\n(?P<text>\$ .*?)```\n", re.DOTALL)
COMMAND = re.compile(r"^\$ (?P<line>(?:.*\\\n)*.*)\n", re.MULTILINE)


@click.command()
@click.argument("pages", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(pages: tuple[Path, ...]) -> None:
    """Writes each page anew, and says which of its sessions have changed."""
    for page in pages:
        text = page.read_text()
        with tempfile.TemporaryDirectory() as folder:
            for found in FILE.finditer(text):
                (Path(folder) / found["name"]).write_text(found["source"])
            page.write_text(SESSION.sub(lambda found: _again(found, folder), text))


def _again(found: re.Match[str], folder: str) -> str:
    """The block with what its commands print now."""
    printed = "".join(
        f"$ {command['line']}\n{_run(command['line'], folder)}" for command in COMMAND.finditer(found["text"])
    )
    old = found["text"]
    is_shortened = any(line.strip() == "…" for line in old.splitlines())
    state = "as before" if printed == old else "shortened by hand: left alone" if is_shortened else "written anew"
    click.echo(f"{state}: {COMMAND.findall(old)[0]}")
    return found[0] if is_shortened else found[0].replace(old, printed)


def _run(line: str, folder: str) -> str:
    variables = {**os.environ, "COLUMNS": COLUMNS, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        line, shell=True, cwd=folder, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode == NOT_FOUND:
        raise click.ClickException(f"{line!r} was not found: run this in the environment of jaccheck")
    return "".join(f"{each.rstrip()}\n" for each in (done.stdout + _without_progress(done.stderr)).splitlines())


def _without_progress(errors: str) -> str:
    """What is said on standard error, but for how far a command has come."""
    return "".join(f"{line}\n" for line in errors.splitlines() if not re.match(r"\d+ s: ", line))


if __name__ == "__main__":
    main()
