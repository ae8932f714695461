"""`jaccheck replay`: is a stored finding still there?"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from jaccheck import judging, methods, rendering, reports, runs, selftest
from jaccheck.cli.command import Argument, Option, command
from jaccheck.errors import IncompatibleFile, InvalidRequest, JaccheckError, UnreadableFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Run stored findings again, and say of each what became of it. PATHS are files or directories.

    \b
    FIXED         the method keeps the law on this case now
    an outcome    it still breaks it, as DISAGREES says
    ERROR         it could not be tried: no finding in the file, no such method or device
    INCOMPATIBLE  the file was written under another schema version

    Exit code 0 where all are FIXED, 1 where one is not, 2 where one could not be tried. A finding says which method it
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


FIXED, ERROR, INCOMPATIBLE = "FIXED", "ERROR", "INCOMPATIBLE"
"""What is printed where the finding is gone, or its file cannot be replayed; else the outcome is."""


@command("replay", "Run stored findings again.")
def run(request: Request) -> int:
    """Prints what became of each finding; 2 where a file could not be replayed, else 1 where one is still there."""
    console = rendering.make_console()
    if request.methods:
        selftest.choose_with_mutants(request.methods)
    code = 0
    for path in _files(request.paths):
        try:
            outcome, why = _replay(reports.load(reports.CaseFile, path), request.methods)
        except JaccheckError as error:
            code, answer, why = 2, INCOMPATIBLE if isinstance(error, IncompatibleFile) else ERROR, str(error)
        else:
            code, answer = max(code, int(outcome is not None)), outcome or FIXED
        console.print(
            f"{answer}: {path}: {why.removeprefix(f'{path}: ')}", highlight=False, markup=False, soft_wrap=True
        )
    return code


def _replay(stored: reports.CaseFile, own: tuple[str, ...]) -> tuple[reports.Outcome | None, str]:
    """In which way a stored finding is still there, None where it is not, and one line that says more.

    Raises a JaccheckError where it cannot be replayed.
    """
    finding = stored.finding
    if finding is None:
        raise InvalidRequest("holds cases but no finding; run them with `jaccheck verify --cases`")
    is_reference = finding.method == runs.REFERENCE.name
    method = runs.REFERENCE if is_reference else selftest.choose_stored(finding.method, own)
    methods.choose_devices([finding.device])
    group = runs.FailureGroup(method=finding.method, device=finding.device, law=finding.law, outcome=finding.outcome)
    with warnings.catch_warnings(), _probe(finding, own) as probe:
        warnings.simplefilter("ignore")
        for case in stored.cases:
            failure = probe(runs.Try(group=group, case=case), method)
            if failure is not None:
                listed = judging.explanation(case, method.name, failure)
                known = f"; listed as {listed.id} (`jaccheck known {listed.id}`)" if listed else ""
                return failure.outcome, f"{finding.method}, {failure.law}: {failure.message}{known}"
    return None, f"{finding.method} keeps the law {finding.law!r} on this case now"


@contextmanager
def _probe(finding: reports.Finding, own: tuple[str, ...]) -> Iterator[runs.Probe]:
    """Tries a case here, or in a process of its own where the finding is that it ends or blocks the process."""
    if finding.law != reports.SURVIVAL:
        yield runs.failure_of
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
