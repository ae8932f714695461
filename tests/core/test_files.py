"""Files are whole or not there; nothing is left beside them; what has no end is not read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from jaccheck.core import check_folder, check_writable, read_text, write_text
from jaccheck.errors import UnreadableFile

WITH_LITTLE_SPACE = """
import resource, signal, sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from jaccheck.core import write_text
from jaccheck.errors import UnreadableFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_text("new" * 1000, Path(sys.argv[1]))
except UnreadableFile as error:
    print(error)
"""
"""No file may be longer than 1000 bytes: the write fails in its middle, as on a full disk."""


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    """And nothing beside it."""
    path = tmp_path / "report.json"
    path.write_text("old")
    command = [sys.executable, "-c", WITH_LITTLE_SPACE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: cannot be written: File too large\n"
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_link_stays_one_and_permissions_stay(tmp_path: Path) -> None:
    """What is written is the file that it points to."""
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_text("new", link)
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_is_replaced_where_it_is_not_followed(tmp_path: Path) -> None:
    """What it points to keeps what it holds."""
    path, of_the_user = tmp_path / "finding.json", tmp_path / "of the user"
    of_the_user.write_text("old")
    path.symlink_to(of_the_user)
    write_text("new", path, follows_links=False)
    assert (of_the_user.read_text(), path.read_text(), path.is_symlink()) == ("old", "new", False)


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    """Not those of a temporary file, which nobody else may read; the folders above it are made."""
    write_text("\ud800", tmp_path / "a" / "b")
    (tmp_path / "usual").touch()
    assert (tmp_path / "a" / "b").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "a" / "b").read_text() == "\\ud800"


def test_a_check_leaves_nothing(tmp_path: Path) -> None:
    """Neither folders nor files."""
    check_folder(tmp_path / "a" / "b")
    check_writable(tmp_path / "report.json")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("place", ["file/x", "/proc/none/x", "circle", "/dev/full/x"])
def test_a_folder_that_takes_nothing_is_told(tmp_path: Path, place: str) -> None:
    """Before anything is run."""
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    for check in (check_folder, check_writable):
        with pytest.raises(UnreadableFile, match="cannot be written"):
            check(tmp_path / place)


@pytest.mark.parametrize("use", [read_text, partial(write_text, ""), check_writable, check_folder])
def test_a_path_that_can_be_nobodys_is_told(use: Callable[[Path], object]) -> None:
    """In one line, as a file that is not there."""
    with pytest.raises(UnreadableFile, match=r"no path holds the character NUL"):
        use(Path("a\0b"))


@pytest.mark.skipif(not Path("/proc/kmsg").exists(), reason="Linux only")
@pytest.mark.parametrize("file", ["/proc/kmsg", "/proc/self/mem", "/proc/self/environ"])
def test_a_file_of_the_kernel_is_not_read(tmp_path: Path, file: str) -> None:
    """Reading some of them never ends, and some hold secrets; a file that is empty is."""
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(UnreadableFile, match=r"is a file of the kernel|cannot be read"):
        read_text(tmp_path / "link")
    (tmp_path / "empty").touch()
    assert read_text(tmp_path / "empty") == ""
