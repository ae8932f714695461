"""Standard output and error that are full, closed, ASCII, or whose reader has enough: nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck_support.example_reports.judged import verify_report

from attack_groups.attack import SMALL, Attack
from jaccheck.reports import as_json

WAYS = {
    "full": "> /dev/full",
    "closed": ">&-",
    "both closed": ">&- 2>&-",
    "all three closed": "<&- >&- 2>&-",
    "errors full": "2> /dev/full",
    "both full": "> /dev/full 2>&1",
    "a reader that has enough": "| head -1; exit ${PIPESTATUS[0]}",
    "a reader that is gone": "| true; exit ${PIPESTATUS[0]}",
    "an output that does not wait": "| python -c 'import os, sys, time; os.set_blocking(0, False); time.sleep(1)'; "
    "exit ${PIPESTATUS[0]}",
}

COMMANDS = {
    "help": ("jaccheck --help", 0),
    "known": ("jaccheck known", 0),
    "methods": ("jaccheck methods", 0),
    "report": ("jaccheck report report.json --report out.json", 1),
    "a wrong option": ("jaccheck verify --time nan", 2),
    "verify that finds": (f"jaccheck verify {SMALL} --method mutant:sample_roll --report out.json", 1),
    "verify that finds nothing": (f"jaccheck verify {SMALL} --method outer_products --report out.json", 0),
}

FORMS = {
    "ASCII": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "an unknown locale": {"LC_ALL": "xx_YY.UTF-8", "LANG": "xx"},
    "a width of one": {"COLUMNS": "1"},
    "colours forced": {"TERM": "dumb"},
}


def attacks() -> Iterator[Attack]:
    """Each way for each command."""
    files = {"report.json": as_json(verify_report())}
    for command, (line, code) in COMMANDS.items():
        whole = "out.json" in line
        for way, redirection in WAYS.items():
            shell = f"({line} {redirection}); code=$?; "
            shell += "python -m json.tool out.json > /dev/null || exit 97; exit $code" if whole else "exit $code"
            yield Attack(name=f"{command}, {way}", shell=shell, files=files, codes=(code,))
        for form, environment in FORMS.items():
            yield Attack(name=f"{command}, {form}", shell=line, files=files, codes=(code,), environment=environment)
