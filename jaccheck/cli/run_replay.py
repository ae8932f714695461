"""`jaccheck replay`: is a stored finding still there?"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from jaccheck.errors import IncompatibleFile, InvalidRequest, JaccheckError, UnreadableFile
from jaccheck.judging import explanation
from jaccheck.methods import choose_devices
from jaccheck.rendering import make_console
from jaccheck.reports import CaseFile, Finding, Outcome, load
from jaccheck.runs import LAW, REFERENCE, Assignment, Fault, Limits, Pool, Probe, Try, breach_of
from jaccheck.selftest import choose_stored, choose_with_mutants

FIXED, ERROR, INCOMPATIBLE = "FIXED", "ERROR", "INCOMPATIBLE"
"""What is printed where the finding is gone, or its file cannot be replayed; else the outcome is."""


def replay_all(paths: Iterable[Path], methods: tuple[str, ...] = ()) -> int:
    """Prints what became of each finding; 2 where a file could not be replayed, else 1 where a finding is still there.

    `methods` are those of the user's own that the files may name; they are imported.
    """
    console = make_console()
    if methods:
        choose_with_mutants(methods)
    code = 0
    for path in _files(paths):
        try:
            outcome, why = replay(load(CaseFile, path), methods)
        except JaccheckError as error:
            code, answer, why = 2, INCOMPATIBLE if isinstance(error, IncompatibleFile) else ERROR, str(error)
        else:
            code, answer = max(code, int(outcome is not None)), outcome or FIXED
        console.print(
            f"{answer}: {path}: {why.removeprefix(f'{path}: ')}", highlight=False, markup=False, soft_wrap=True
        )
    return code


def replay(stored: CaseFile, methods: tuple[str, ...] = ()) -> tuple[Outcome | None, str]:
    """In which way a stored finding is still there, None where it is not, and one line that says more.

    Raises a JaccheckError where it cannot be replayed.
    """
    finding = stored.finding
    if finding is None:
        raise InvalidRequest("holds cases but no finding; run them with `jaccheck verify --cases`")
    method = REFERENCE if finding.method == REFERENCE.name else choose_stored(finding.method, methods)
    choose_devices([finding.device])
    fault = Fault(method=finding.method, device=finding.device, law=finding.law, outcome=finding.outcome)
    with warnings.catch_warnings(), _probe(finding, methods) as probe:
        warnings.simplefilter("ignore")
        for case in stored.cases:
            breach = probe(Try(fault=fault, case=case), method)
            if breach is not None:
                listed = explanation(case, method.name, breach)
                known = f"; listed as {listed.id} (`jaccheck known {listed.id}`)" if listed else ""
                return breach.outcome, f"{finding.method}, {breach.law}: {breach.message}{known}"
    return None, f"{finding.method} keeps the law {finding.law!r} on this case now"


@contextmanager
def _probe(finding: Finding, methods: tuple[str, ...]) -> Iterator[Probe]:
    """Tries a case here, or in a process of its own where the finding is that it ends or blocks the process."""
    if finding.law != LAW:
        yield breach_of
        return
    names = methods if finding.method == REFERENCE.name else (*methods, finding.method)
    assignment = Assignment(methods=names, profile="quick")
    with TemporaryDirectory(prefix="jaccheck-") as folder, Pool(1, assignment, Limits(), Path(folder)) as pool:
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
