"""`jaccheck replay`: is a stored finding still there?"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from jaccheck import judging, methods, rendering, reports, runs, selftest
from jaccheck.cli.command import Argument, Option, command
from jaccheck.errors import IncompatibleFile, JaccheckError, UnreadableFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Run stored findings again, and say of each what became of it. PATHS are files or directories.

    \b
    FIXED         the method keeps the law on this case now
    FAILED        it still breaks it
    ERROR         it could not be tried: no finding in the file, no such method or device
    INCOMPATIBLE  the file was written under another schema version

    Exit code 0 where all are FIXED, 1 where one FAILED, 2 where one could not be tried. A finding says which method it
    is about, but never what is imported: a module of your own is given by --method.
    """

    paths: Annotated[tuple[Path, ...], Argument()]
    methods: Annotated[
        tuple[str, ...],
        Option(
            "--method",
            "NAME",
            help="`package.module:function`, a method of your own that the findings are about; it is imported. "
            "Repeatable.",
        ),
    ] = ()


class Answer(StrEnum):
    """What a replay found."""

    FIXED = "FIXED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    INCOMPATIBLE = "INCOMPATIBLE"


@command("replay", "Run stored findings again.")
def run(request: Request) -> int:
    """Prints an answer for each file; 2 where a file could not be replayed, else 1 where a finding is still there."""
    console = rendering.make_console()
    if request.methods:
        selftest.choose_with_mutants(request.methods)
    answers = []
    for path in _files(request.paths):
        answer, why = _answer(path, request.methods)
        answers.append(answer)
        console.print(
            f"{answer}: {path}: {why.removeprefix(f'{path}: ')}", highlight=False, markup=False, soft_wrap=True
        )
    if {Answer.ERROR, Answer.INCOMPATIBLE} & set(answers):
        return 2
    return int(Answer.FAILED in answers)


def _answer(path: Path, own: tuple[str, ...]) -> tuple[Answer, str]:
    """The answer for one file, and one line that says why."""
    try:
        return _replay(reports.load(reports.CaseFile, path), own)
    except IncompatibleFile as error:
        return Answer.INCOMPATIBLE, str(error)
    except JaccheckError as error:
        return Answer.ERROR, str(error)


def _replay(stored: reports.CaseFile, own: tuple[str, ...]) -> tuple[Answer, str]:
    finding = stored.finding
    if finding is None:
        return Answer.ERROR, "holds cases but no finding; run them with `jaccheck verify --cases`"
    is_reference = finding.method == runs.REFERENCE.name
    method = runs.REFERENCE if is_reference else selftest.choose_stored(finding.method, own)
    methods.choose_devices([finding.device])
    fault = runs.Fault(method=finding.method, device=finding.device, law=finding.law, outcome=finding.outcome)
    with warnings.catch_warnings(), _probe(finding, own) as probe:
        warnings.simplefilter("ignore")
        for case in stored.cases:
            breach = probe(runs.Try(fault=fault, case=case), method)
            if breach is not None:
                listed = judging.explanation(case, method.name, breach)
                known = f"; listed as {listed.id} (`jaccheck known {listed.id}`)" if listed else ""
                return Answer.FAILED, f"{finding.method}, {breach.law}: {breach.message}{known}"
    return Answer.FIXED, f"{finding.method} keeps the law {finding.law!r} on this case now"


@contextmanager
def _probe(finding: reports.Finding, own: tuple[str, ...]) -> Iterator[runs.Probe]:
    """Tries a case here, or in a process of its own where the finding is that it ends or blocks the process."""
    if finding.law != runs.LAW:
        yield runs.breach_of
        return
    names = own if finding.method == runs.REFERENCE.name else (*own, finding.method)
    assignment = runs.Assignment(methods=names, profile="quick")
    with (
        TemporaryDirectory(prefix="jaccheck-") as folder,
        runs.Pool(1, assignment, runs.Limits(), Path(folder)) as pool,
    ):
        yield pool.probe


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.json"))
            if not inside:
                raise UnreadableFile(f"{path}: holds no .json files")
            yield from inside
        else:
            yield path
