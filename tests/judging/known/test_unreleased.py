"""A BackPACK without a release behind it is judged by the known issues of the newest; and what was judged is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jaccheck_support.environments import LinkedEnvironment, checkout_without_tags, run

from jaccheck.core import Origin
from jaccheck.judging.known.issue import judged_as
from jaccheck.reports import Report, load

SEEN = "1.7.1"
VERIFY = (
    "-m",
    "jaccheck",
    "verify",
    "--seed",
    "1",
    "--family",
    "pooling",
    "--family",
    "shared",
    "--no-store",
    "--workers",
    "1",
)
METHODS = ("--method", "batch_grad_loop", "--method", "sqrt_ggn_sum", "--max-examples", "60", "--dtype", "float64")


@pytest.mark.parametrize(
    ("version", "is_released", "expected"),
    [
        ("1.7.1", True, "1.7.1"),
        ("1.5.2", True, "1.5.2"),
        ("2.13.0+cpu", True, "2.13.0"),
        ("0.1.dev1+g6ec57f8", False, SEEN),  # a checkout without tags
        ("1.5.1.dev300", False, SEEN),  # one of a fork with old tags
        ("1.7.2.dev3+g6ec57f8", False, "1.7.2.dev3"),  # a full clone
        ("unknown", False, SEEN),  # a folder on PYTHONPATH
    ],
)
def test_what_has_no_release_behind_it_counts_as_the_newest(version: str, is_released: bool, expected: str) -> None:
    """But for what is newer than that."""
    assert judged_as(Origin(version=version, is_released=is_released), SEEN) == expected


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BackPACK without tags."""
    return checkout_without_tags(tmp_path_factory.mktemp("checkout"))


@pytest.fixture
def without_backpack(tmp_path: Path) -> LinkedEnvironment:
    """jaccheck, and no BackPACK."""
    there = LinkedEnvironment(tmp_path / "env", without=("backpack",))
    there.install_jaccheck()
    return there


@pytest.mark.slow
@pytest.mark.parametrize("how", ["wheel", "directory", "editable"])
def test_a_checkout_without_tags_is_no_finding(
    checkout: Path, without_backpack: LinkedEnvironment, tmp_path: Path, how: str
) -> None:
    """Built, installed from its directory, or editable: known issues are known, and one line says what to do."""
    options = ("--no-deps", "--no-build-isolation")
    if how == "wheel":
        run([sys.executable, "-c", _BUILD, tmp_path], cwd=checkout)
        (what,) = tmp_path.glob("*.whl")
        without_backpack.install("--no-deps", what)
    else:
        without_backpack.install(*options, *(("-e",) if how == "editable" else ()), checkout)
    done = without_backpack.run(*VERIFY, *METHODS, "--require-local", "backpack", "--report", "report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " wrong as a known issue" in done.stdout
    (warning,) = (line for line in done.stderr.splitlines() if "no release behind it" in line)
    assert warning.startswith("jaccheck: BackPACK 0.1.dev")
    assert "git fetch --tags" in warning
    head = done.stdout.splitlines()[0]
    commit = run(["git", "rev-parse", "--short=7", "HEAD"], cwd=checkout).stdout.strip()
    place = tmp_path if how == "wheel" else checkout
    assert f" from {place}" in head
    assert f" at {commit}" in head
    environment = load(Report, without_backpack.folder / "report.json").environment
    assert environment.backpack_path.startswith(str(place))
    assert environment.backpack_commit.startswith(commit)


_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.mark.slow
def test_without_backpack_its_methods_are_missing_and_the_rest_runs(without_backpack: LinkedEnvironment) -> None:
    """The first line says so; named, they end the run with 2."""
    done = without_backpack.run(*VERIFY, "--max-examples", "3", "--method", "batch_grad_loop")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "jaccheck: method 'batch_grad_loop' cannot run: backpack-for-pytorch is not installed"
    )
    done = without_backpack.run(*VERIFY, "--max-examples", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.startswith("jaccheck: without BackPACK, which is not installed")
    assert "BackPACK not installed" in done.stdout.splitlines()[0]
    done = without_backpack.run(*VERIFY, "--require-local", "backpack")
    assert done.returncode == 2
    assert done.stderr == "jaccheck: --require-local backpack: backpack-for-pytorch is not installed\n"


@pytest.mark.slow
def test_installing_jaccheck_replaces_no_checkout(checkout: Path, without_backpack: LinkedEnvironment) -> None:
    """What it requires is installed already, and BackPACK is not among it; the extra would take the release."""
    without_backpack.install("--no-deps", "--no-build-isolation", "-e", checkout)
    without_backpack.install("--no-build-isolation", Path(__file__).parents[3])
    show = "from jaccheck.core import origin_of; print(origin_of('backpack-for-pytorch', 'backpack').path)"
    assert without_backpack.run("-c", show).stdout.strip() == str(checkout / "backpack")
