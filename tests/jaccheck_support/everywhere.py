"""What each command says of each kind of misbehaviour: what is run, what must be said, and with which exit code.

Where a command takes several methods, one run has many kinds, and `vmap_vjp` beside them, of which nothing is said.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaccheck.case import Case, Linear
from jaccheck.methods.registry import forget
from jaccheck.reports import CaseFile, Failure, Finding, MatrixReport, ModelReport, Outcome, Report, Told, load, save
from jaccheck_support import misbehaving
from jaccheck_support.mutated_copies import BackpackMutant, mutated_copy, with_first

for _kind in misbehaving.KINDS:
    forget(_kind)  # here they are only named; the commands import them anew

MATRIX = Path(__file__).parents[2] / "docs" / "support-matrix.json"
"""Where the right method meets known issues of torch."""

SUPPORT = Path(misbehaving.__file__).parents[1]
RIGHT = "vmap_vjp"
MODEL = "import torch\ndef make():\n    torch.manual_seed(0)\n    return torch.nn.Linear(3, 2), torch.rand(5, 3)\n"
CASE = Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=5, dtype="float32")
SMALL = ("--no-store", "--seed", "1", "--family", "generic", "--dtype", "float32", "--max-examples", "1")
SECONDS = 1800.0

ALONE = frozenset({"parent_killed"})
"""Kinds that end the command itself where it is the parent: they run alone."""

BLOCKING = frozenset({name for name, expected in misbehaving.KINDS.items() if expected.startswith("HUNG")})
ENDS = ("CRASHED", "HUNG")

RAISING = frozenset({"recursion", "memory_at_once"})
"""Those that raise an Exception, which `sequences` tells as one that BackPACK should not have raised."""

ONE_BLOCKING = "endless_sleep"
"""Of those that block, the one that is tried where a command gives each of them a minute or more."""

ALL_MEMORY = frozenset({"memory_without_end"})
"""Not in commands whose limit is all the memory that is free: other people use the machine, too."""


BAD = (Outcome.CRASHED, Outcome.HUNG, Outcome.DISAGREES, Outcome.SIDE_EFFECT)


@dataclass(frozen=True, slots=True)
class Said:
    """The exit code of a command, and what it said of one kind."""

    code: int
    text: str


def name_of(kind: str) -> str:
    """The method, as `--method` takes it."""
    return f"{misbehaving.__name__}:{kind}"


def _methods(kinds: Iterable[str]) -> list[str]:
    return [word for kind in kinds for word in ("--method", name_of(kind))]


def _run(folder: Path, *words: str, path: Path = SUPPORT, module: str = "jaccheck") -> subprocess.CompletedProcess[str]:
    """A command in an empty folder. Raises TimeoutExpired."""
    environment = with_first(SUPPORT)
    if path != SUPPORT:
        environment["PYTHONPATH"] = f"{path}:{environment['PYTHONPATH']}"
    command = [sys.executable, "-m", module, *words]
    # One of the kinds writes bytes that are no text wherever it can.
    likes: dict[str, Any] = {"encoding": "utf-8", "errors": "replace", "timeout": SECONDS}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, **likes)


def _of(done: subprocess.CompletedProcess[str], kind: str, lines: Iterable[str]) -> Said:
    """The lines that are about it; all of them where the command did not come to its end."""
    own = [line for line in lines if re.search(rf"\b{kind}\b", line)]
    return Said(done.returncode, "\n".join(own) or ("" if kind == RIGHT else done.stdout + done.stderr))


def verify(folder: Path, kinds: tuple[str, ...]) -> dict[str, Said]:
    """One run; findings as the report has them."""
    limits = ("--case-seconds", "3", "--case-memory", "1GiB", "--report", "report.json")
    done = _run(folder, "verify", "--quiet", *SMALL, *limits, *_methods(kinds), "--method", RIGHT)
    report = folder / "report.json"
    findings = load(Report, report).findings if report.exists() else ()
    lines = [f"{each.method} {each.outcome}: {each.message}" for each in findings]
    return {kind: _of(done, kind, lines) for kind in (*kinds, RIGHT)}


def replay(folder: Path, kinds: tuple[str, ...]) -> dict[str, Said]:
    """A finding of each kind, that it was wrong once."""
    failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=Told(text="once wrong"))
    for kind in (*kinds, RIGHT):
        method = RIGHT if kind == RIGHT else name_of(kind)
        finding = Finding(id=kind, method=method, device="cpu", failure=failure, seen=1, case=CASE, script="")
        save(CaseFile(cases=(CASE,), finding=finding), folder / "found" / f"{kind}.json")
    done = _run(folder, "replay", "found", *_methods(kinds))
    return {kind: _of(done, kind, done.stdout.splitlines()) for kind in (*kinds, RIGHT)}


def check(folder: Path, kinds: tuple[str, ...]) -> dict[str, Said]:
    """One check of a model; answers as the report has them. What blocks comes last: it takes a share of the time."""
    (folder / "model.py").write_text(MODEL)
    methods = ("--method", RIGHT, *_methods(sorted(kinds, key=lambda kind: kind in BLOCKING)))
    done = _run(folder, "check", "model.py:make", "--time", "600", "--report", "report.json", *methods)
    report = folder / "report.json"
    answers = load(ModelReport, report).answers if report.exists() else ()
    lines = [f"{each.method} {each.outcome}: {each.message}" for each in answers]
    return {kind: _of(done, kind, lines) for kind in (*kinds, RIGHT)}


def show(folder: Path, kinds: tuple[str, ...]) -> dict[str, Said]:
    """Each alone: it draws one method."""
    (folder / "model.py").write_text(MODEL)
    found = {}
    for kind in kinds:
        done = _run(folder, "show", "model.py:make", "--time", "3", *_methods([kind]))
        found[kind] = Said(done.returncode, done.stdout + done.stderr)
    return found


def matrix(folder: Path, kinds: tuple[str, ...]) -> dict[str, Said]:
    """One matrix; the gravest of a method's cells. Of the right method what the checked-in matrix does not say."""
    done = _run(folder, "matrix", "--dtype", "float32", "--report", "m.json", *_methods(kinds), "--method", RIGHT)
    report = folder / "m.json"
    cells = load(MatrixReport, report).cells if report.exists() else ()
    known = {each.place for each in load(MatrixReport, MATRIX).cells if each.method == RIGHT and each.outcome in BAD}
    bad = (each for each in cells if each.outcome in BAD and each.place not in known)
    lines = {f"{each.method} {each.outcome}: {each.message}" for each in bad}
    return {kind: _of(done, kind, sorted(lines)) for kind in (*kinds, RIGHT)}


def sequences(folder: Path, kinds: tuple[str, ...]) -> dict[str, Said]:
    """Each alone, in a copy of BackPACK that does it in its hook: no method of a user's takes part."""
    found = {}
    for kind in kinds:
        place = mutated_copy(BackpackMutant(kind, "control", ()), folder / f"copy-{kind}")
        hook = place / "backpack" / "extensions" / "module_extension.py"
        hook.write_text(hook.read_text() + HOOK.format(kind=kind))
        done = _run(folder, "sequences", "--seed", "1", "--examples", "1", "--steps", "30", path=place)
        found[kind] = Said(done.returncode, done.stdout + done.stderr)
    return found


HOOK = """

_as_it_was = ModuleExtension.__call__

def _misbehaving(self, *arguments, **named):
    import torch
    from jaccheck_support.misbehaving import ACTS
    with torch.enable_grad():  # which the backward pass turns off
        ACTS["{kind}"]()
    return _as_it_was(self, *arguments, **named)

ModuleExtension.__call__ = _misbehaving
"""


TESTS = """
from jaccheck.conformance import conforms
from jaccheck.methods import find_method
from jaccheck.runs.pytest import examination

examination.FAMILIES = ("generic",)  # of 205 boundary cases three, in each of which each of them misbehaves
"""


def pytest(folder: Path, kinds: tuple[str, ...]) -> dict[str, Said]:
    """One file of tests, judged in forks."""
    lines = [f"test_{kind} = conforms(find_method({name_of(kind)!r}))" for kind in kinds]
    (folder / "test_it.py").write_text("\n".join([TESTS, *lines, f"test_right = conforms({RIGHT!r})"]) + "\n")
    chosen = ("--jaccheck-dtype", "float32", "-k", "structure or purity or no_exception")
    done = _run(folder, "-q", "-p", "no:cacheprovider", "--tb=line", *chosen, module="pytest")
    return {kind: _of(done, kind, done.stdout.splitlines()) for kind in kinds}


Command = Callable[[Path, tuple[str, ...]], dict[str, Said]]
COMMANDS: dict[str, Command] = {
    each.__name__: each for each in (verify, replay, check, show, matrix, sequences, pytest)
}

CODES = {"verify": 1, "replay": 1, "check": 0, "show": 2, "matrix": 0, "sequences": 1, "pytest": 1}
"""Where a method does not do what it should: `check` tells it beside a method that is right, a matrix in a cell, and
`show` has nothing to draw.
"""


def tried(command: str) -> tuple[str, ...]:
    """The kinds that are tried in a command."""
    left_out: set[str] = set()
    if command in ("replay", "check", "matrix", "sequences", "pytest"):  # a minute or more for each that blocks
        left_out |= BLOCKING - {ONE_BLOCKING}
    if command in ("check", "show"):
        left_out |= ALL_MEMORY
    if command == "matrix":  # has hundreds of rows, and waits on each for what may still end
        left_out |= {kind for kind, expected in misbehaving.KINDS.items() if not expected.startswith(ENDS)}
        left_out.discard("process_wide")
    if command == "sequences":  # looks at what BackPACK leaves behind in other ways
        left_out |= {
            kind for kind, expected in misbehaving.KINDS.items() if not expected.startswith(("CRASHED", "HUNG"))
        }
    return tuple(kind for kind in misbehaving.KINDS if kind not in left_out)


def what_is_wrong(command: str, kind: str, said: Said) -> str:
    """What a command should have said of a kind and did not, in one line; empty where it is as it must be."""
    if kind == RIGHT:
        good = {"replay": "FIXED", "check": "AGREES"}.get(command, "")
        return "" if good in said.text and not any(bad in said.text for bad in BAD) else f"it is right: {said.text}"
    outcome, _, words = misbehaving.KINDS[kind].partition(": ")
    code, expected = CODES[command], (outcome, words)
    if kind in ALONE and command != "verify":
        code, expected = (
            (-9, ("",)) if command == "pytest" else (2, ("ended by SIGKILL before the answer was complete",))
        )
    elif outcome == "SIDE_EFFECT" and command == "check":  # which judges values only, here beside others
        expected = ("AGREES",)
    elif command == "check" and kind == "memory_at_once":  # what does not fit is no crash, there
        expected = ("TOO_LARGE", "")
    elif command == "check" and kind in BLOCKING:  # what Python can interrupt was not done in its share of the time
        expected = ("HUNG or NOT_RUN", words)
    elif command == "sequences" and kind in RAISING:
        expected = ("unexpected exception", words)
    elif command == "show":  # says no outcome of an exception, and draws what is right
        code, expected = (0, ("",)) if outcome == "SIDE_EFFECT" else (2, (words, "nothing to draw"))
    last = " ".join(said.text.split())[-300:]
    if said.code != code:
        return f"exit code {said.code} instead of {code}: {last}"
    if missing := [each for each in expected if not any(words in said.text for words in each.split(" or "))]:
        return f"says nothing of {missing[0]!r}: {last}"
    if "Traceback (most recent call last)" in said.text:
        return f"a traceback: {last}"
    return ""


def asked(command: str, folder: Path, kinds: tuple[str, ...]) -> dict[str, Said]:
    """What a command says of each of these kinds, and of the right method beside them."""
    together, found = tuple(kind for kind in kinds if kind not in ALONE), {}
    for number, some in enumerate((together, *((kind,) for kind in kinds if kind in ALONE))):
        place = folder / f"{command}-{number}"
        place.mkdir()
        if some:
            found.update({k: v for k, v in COMMANDS[command](place, some).items() if k != RIGHT or some == together})
    return found
