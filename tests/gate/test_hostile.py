"""What comes with somebody else's pull request is read, never executed, and refused in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jaccheck_support.testing import Run

from jaccheck.case import Case
from jaccheck.core import to_json
from jaccheck.errors import UnreadableFile
from jaccheck.reports import CaseFile, load

OLD, NEW = "backpack-for-pytorch==1.7.0", "backpack-for-pytorch==1.7.1"


def changed(case: Case, **changes: Any) -> str:
    """A case file with something else in one place of its case."""
    file = json.loads(to_json(CaseFile(cases=(case,))))
    file["cases"][0].update(changes)
    return json.dumps(file)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"layers": "__import__('os').abort()"}, "cases.0.layers"),
        ({"layers": [{"kind": "__import__('os').abort()"}]}, "cases.0.layers.0"),
        ({"layers": [{"kind": "Linear", "out_features": 10**9}]}, "out_features"),
        ({"layers": [{"kind": "Linear", "out_features": 2, "weight": "pickle"}]}, "weight"),
        ({"batch_size": 10**40}, "batch_size"),
        ({"dtype": "float64'); __import__('os').abort()"}, "dtype"),
        ({"__class__": "subprocess.Popen"}, "__class__"),
        ({"frozen": ["0.weight'] = __import__('os').abort()"]}, "frozen"),
    ],
)
def test_a_case_of_somebody_else_is_only_data(tmp_path: Path, case: Case, changes: Any, place: str) -> None:
    """Whatever is no case is refused, and the place in the file is named."""
    path = tmp_path / "cases.json"
    path.write_text(changed(case, **changes))
    with pytest.raises(UnreadableFile, match=place) as error:
        load(CaseFile, path)
    assert len(" ".join(str(error.value).split())) < 600


def test_a_case_nested_without_end_is_refused(tmp_path: Path, case: Case) -> None:
    """It must not end the process that reads it."""
    nested = '{"kind": "Sequential", "layers": [' * 5000 + "]}" * 5000
    (tmp_path / "cases.json").write_text(changed(case).replace("[{", f"[{nested}, {{", 1))
    with pytest.raises(UnreadableFile):
        load(CaseFile, tmp_path / "cases.json")


def test_a_link_to_a_device_is_not_read(tmp_path: Path) -> None:
    """Nor a pipe: the one has no end, the other perhaps no beginning."""
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("zero.json", "pipe.json"):
        with pytest.raises(UnreadableFile, match="is no file but a device, pipe or socket"):
            load(CaseFile, tmp_path / name)


@pytest.mark.parametrize("option", ["--cases", "--findings"])
def test_a_hostile_file_ends_the_gate_before_it_begins(jaccheck: Run, tmp_path: Path, option: str) -> None:
    """One line, exit code 2, nothing built; also where it lies among the findings."""
    (tmp_path / "stored").mkdir()
    path = tmp_path / "stored" / "cases.json"
    path.write_text('{"schema_version": 1, "cases": [{"layers": "__import__(\'os\').system(\'touch owned\')"}]}')
    where = path if option == "--cases" else path.parent
    done = jaccheck("gate", OLD, NEW, option, where, "--cache", tmp_path / "cache")
    assert done.returncode == 2, done.stderr
    assert "cases.json: cases.0" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "owned").exists()
