"""Saved reports of `jaccheck bench`, found again by number, as pytest-benchmark saves and finds its runs."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from jaccheck import core, reports
from jaccheck.core import whole_number
from jaccheck.errors import InvalidRequest, UnreadableFile

FOLDER = Path(".jaccheck/bench")
"""In the project's directory, beside the runs of `verify`."""

LATEST = "latest"

ILLEGAL = r'\/:*?"<>|'
"""Not in a name, since some system has no such files; pytest-benchmark refuses the same."""

MOST_LETTERS = 100


def check_name(name: str) -> None:
    """Refuses what no file could be called. Raises InvalidRequest."""
    if not name or not name.isprintable() or set(name) & set(ILLEGAL) or len(name) > MOST_LETTERS:
        expected = f"expected 1 to {MOST_LETTERS} letters, none of {' '.join(ILLEGAL)}"
        raise InvalidRequest(f"--save {name[:MOST_LETTERS]!r} is no name of a run: {expected}")


def check_folder(name: str) -> None:
    """Makes the folder of saved runs. Raises UnreadableFile where nothing can be written."""
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnreadableFile(f"{FOLDER}: cannot be made: {error.strerror}") from None
    core.check_writable(FOLDER / f"0001_{name}.json")


def next_path(name: str) -> Path:
    """Where the next run of this name is saved: the number after that of the newest, taken by an empty file.

    So two runs that end at the same time do not write the same file.
    """
    for number in count(max(map(_number, FOLDER.glob("*.json")), default=0) + 1):
        path = FOLDER / f"{number:04}_{name}.json"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        except OSError:  # whoever writes it says why
            pass
        return path
    raise AssertionError("numbers have no end")


def saved_runs() -> list[Path]:
    """The saved runs, oldest first."""
    found = [path for path in FOLDER.glob("*.json") if _number(path) and not _is_empty(path)]
    return sorted(found, key=lambda path: (_number(path), path.name))


def _number(path: Path) -> int:
    """That of a saved run; 0 where its name has none."""
    digits, has_name, _ = path.name.partition("_")
    return (whole_number(digits) or 0) if has_name and len(digits) >= 4 else 0


def _is_empty(path: Path) -> bool:
    """Whether it is being written, or never was."""
    try:
        return path.is_file() and not path.stat().st_size
    except OSError:
        return True


def find_run(asked: str) -> tuple[Path, reports.BenchReport]:
    """The report that is meant: a file, the number of a saved run, or the latest of them.

    Raises InvalidRequest where there is none, UnreadableFile where it is no report of `bench`.
    """
    runs = saved_runs()
    path = Path(asked)
    if asked == LATEST and runs:
        path = runs[-1]
    elif not path.is_file() and (number := whole_number(asked)):
        path = next((run for run in runs if _number(run) == number), path)
    if not path.is_file():
        known = f"saved are {', '.join(run.name for run in runs[-5:])}" if runs else f"nothing is saved in {FOLDER}"
        raise InvalidRequest(f"--compare {asked!r}: no such report; expected a file or the number of a run; {known}")
    return path, reports.load(reports.BenchReport, path)
