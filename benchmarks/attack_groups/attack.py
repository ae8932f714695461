"""`Attack`: what is run in an empty folder, and what must happen; `outcome` runs it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MARK = "JACCHECK_ATTACK"
"""The environment variable by which the processes of an attack are known, wherever they end up."""

PROGRESS = re.compile(r"\d+ s: |building an environment|\S+:\d+: \w*Warning: |  \S")
"""Lines on standard error that say how far a command is, or are a warning of a library: torch has one of its own where
numpy does not import. A traceback is looked for by itself.
"""

OWN_LINES = re.compile(r'File ".*/jaccheck/(core|cli)/')

ENDING_SECONDS = 5.0
"""For the processes of a command that has ended to end, on a busy machine."""

COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys; colours are no exception, since no attack has a terminal."""

SMALL = "--no-store --seed 1 --family generic --dtype float32 --max-examples 4"
"""Of `verify`: a run of seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A line of bash in a folder with these files, and what must happen.

    Always: it ends in time and leaves no process, nothing is a traceback, no text commands a terminal, and no file
    `owned` is made, which every piece of code that comes in a file would make.
    """

    name: str
    shell: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    codes: tuple[int, ...]
    """One of them."""
    says: tuple[str, ...] = ()
    """Each stands somewhere in the output."""
    never: tuple[str, ...] = ()
    """None stands anywhere in it."""
    is_one_line: bool = False
    """Whether standard error has one line, beside those on how far it is."""
    is_starting: bool = False
    """Whether Python itself may be at its start still: then a traceback without a line of jaccheck's is its own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 180.0


def run(*words: object) -> str:
    """A command line of jaccheck's, quoted."""
    return shlex.join(["jaccheck", *map(str, words)])


def refused(name: str, shell: str, *says: str, files: Mapping[str, str | bytes] | None = None) -> Attack:
    """An attack that must end in one line and exit code 2."""
    return Attack(name=name, shell=shell, files=files or {}, codes=(2,), says=says, is_one_line=True)


def bash_text(text: str) -> str:
    """A text as bash reads it between $' and '."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def outcome(attack: Attack) -> str:
    """What did not happen as it must, in one line; empty where the attack was survived."""
    with tempfile.TemporaryDirectory(prefix="attack-", ignore_cleanup_errors=True) as name:
        folder, home = Path(name, "here"), Path(name, "home")
        folder.mkdir()
        home.mkdir()
        for place, content in attack.files.items():
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        code, out, err, strays = _ran(attack, folder, Path(name), home)
        is_owned = any(Path(name).rglob("owned"))
    return "; ".join(_wrong(attack, code, out, err, strays, is_owned=is_owned))


def _ran(attack: Attack, folder: Path, above: Path, home: Path) -> tuple[int | None, str, str, list[str]]:
    """The exit code, None where there was no end; both outputs; what is left of its processes, which are ended."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    own = {"PATH": path, "HOME": str(home), "XDG_CACHE_HOME": str(home), MARK: mark, "COLUMNS": "250"}
    with (above / "out").open("wb") as out, (above / "err").open("wb") as err:
        process = subprocess.Popen(
            ["bash", "-c", attack.shell],
            cwd=folder,
            env={**kept, **own, **attack.environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        code: int | None = None
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(attack.seconds)
    strays = _left(mark, ENDING_SECONDS if code is not None else 0.0)
    for each in strays:
        with suppress(psutil.Error):
            each.kill()
    process.wait()
    said = [(above / name).read_bytes().decode(errors="backslashreplace") for name in ("out", "err")]
    names = [] if code is None else [each.info["name"] or "?" for each in strays]
    return code, said[0], said[1], names


def _left(mark: str, patience: float) -> list[psutil.Process]:
    """The processes of an attack that are there still, after some seconds for those that are just ending."""
    until = time.monotonic() + patience
    while found := [each for each in psutil.process_iter(["name"]) if _has(each, mark)]:
        if time.monotonic() > until:
            break
        time.sleep(0.1)
    return found


def _has(process: psutil.Process, mark: str) -> bool:
    with suppress(psutil.Error, OSError):
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    return False


def _wrong(attack: Attack, code: int | None, out: str, err: str, strays: list[str], *, is_owned: bool) -> list[str]:
    wrong, both = [], out + err
    names = {-number: number.name for number in signal.Signals}
    if code is None:
        wrong.append(f"no end after {attack.seconds:.0f} s")
    elif code not in attack.codes:
        expected = " or ".join(map(str, attack.codes))
        wrong.append(f"exit code {names.get(code, code)} instead of {expected}: {_last(err) or _last(out)}")
    wrong += [f"says nothing of {text!r}: {_last(err) or _last(out)}" for text in attack.says if text not in both]
    wrong += [f"says {text!r}" for text in attack.never if text in both]
    if "Traceback (most recent call last)" in both and not (attack.is_starting and not OWN_LINES.search(err)):
        wrong.append(f"a traceback: {_last(err)}")
    if found := COMMANDS.search(both):
        wrong.append(f"commands the terminal: {found[0]!r} in {both[max(found.start() - 20, 0) : found.end() + 20]!r}")
    lines = [line for line in err.splitlines() if line.strip() and not PROGRESS.match(line)]
    if attack.is_one_line and len(lines) != 1:
        wrong.append(f"{len(lines)} lines on standard error instead of one: {_last(err)}")
    if strays:
        wrong.append(f"leaves processes: {', '.join(strays)}")
    if is_owned:
        wrong.append("ran code of a file")
    return wrong


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return ascii(lines[-1][:200]) if lines else ""
