"""Releases, not checkouts: found, pinned, bisected, as pip finds them in a folder of wheels made here."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaccheck_support.backpack_mutants import find
from jaccheck_support.mutated_copies import ROOT, Edit
from jaccheck_support.testing import Run
from jaccheck_support.wheels import release

from jaccheck.errors import BrokenEnvironment
from jaccheck.gate import parse_side, prepare
from jaccheck.gate.environments import pinned
from jaccheck.gate.process import SideProcess

pytestmark = pytest.mark.slow

NAME = "backpack-for-pytorch"
SIGN = find("bias_sign").edits
FIRST = "from inspect import isclass\n"
OLD_IMPORT = Edit(ROOT, FIRST, f"import pkg_resources\n{FIRST}")


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip finds wheels in, and nowhere else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_first_release_with_a_regression_is_named(jaccheck: Run, tmp_path: Path, wheels: Path) -> None:
    """Also where 1.10 comes after 1.9; its report is the one that is written."""
    for version in ("1.8.0", "1.9.0", "1.10.0", "1.11.0"):
        release(wheels, version, *(SIGN if version in ("1.10.0", "1.11.0") else ()))
    options = ("--family", "smooth", "--dtype", "float64", "--method", "batch_grad_loop", "--quiet")
    where = ("--cache", tmp_path / "cache", "--report", "gate.md")
    done = jaccheck("gate", f"{NAME}==1.8.0", f"{NAME}==1.11.0", "--bisect", *options, *where)
    assert done.returncode == 1, done.stderr
    assert f"the first release with a regression from {NAME}==1.8.0 is {NAME}==1.10.0\n" in done.stdout
    assert f"{NAME}==1.10.0" in (tmp_path / "gate.md").read_text()


def test_a_range_is_the_newest_release_in_it(wheels: Path) -> None:
    """So that what is kept for it never stands for another; one without a release is refused with what there is."""
    for version in ("1.8.0", "1.9.0", "1.10.0", "1.11.0rc1"):
        release(wheels, version)
    assert str(pinned(parse_side(f"{NAME}>=1.7"))) == f"{NAME}==1.10.0"
    assert str(pinned(parse_side(f"{NAME}<1.10"))) == f"{NAME}==1.9.0"
    with pytest.raises(BrokenEnvironment, match=r"no release fits; there are 1\.8\.0, 1\.9\.0, 1\.10\.0"):
        pinned(parse_side(f"{NAME}>=2"))
    with pytest.raises(BrokenEnvironment, match="no release fits"):
        pinned(parse_side(f"{NAME}===--index-url=http://localhost/"))


def test_what_cannot_be_installed_leaves_nothing(tmp_path: Path, wheels: Path) -> None:
    """One line with the installer's reason; no environment, whole or half."""
    (wheels / "backpack_for_pytorch-1.8.0-py3-none-any.whl").write_bytes(b"no wheel")
    with pytest.raises(BrokenEnvironment, match=r"pip install .* failed: .*backpack_for_pytorch-1\.8\.0") as error:
        prepare(parse_side(f"{NAME}==1.8.0"), tmp_path / "cache", lambda text: None)
    assert "\n" not in str(error.value)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_an_old_release_gets_what_it_imports_without_requiring(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BackPACK before 1.7 imports pkg_resources, which the newest setuptools no longer has."""
    release(wheels, "1.8.0", OLD_IMPORT)
    monkeypatch.delenv("PIP_NO_INDEX")
    prepared = prepare(parse_side(f"{NAME}==1.8.0"), tmp_path / "cache", lambda text: None)
    process = SideProcess(prepared, tmp_path / "scratch.bin")
    process.stop()
    assert process.hello.methods["sqrt_ggn_sum"] is None
    assert process.hello.versions[NAME] == "1.8.0"
