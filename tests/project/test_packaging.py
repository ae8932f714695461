"""What an installation takes: constraints, extras, the sdist; and the documented way to test a checkout."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from jaccheck_support.environments import checkout_without_tags, run
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def names(texts: list[str]) -> set[str]:
    """The distributions that requirements name."""
    return {canonicalize_name(Requirement(text).name) for text in texts}


def constrained(file: str) -> set[str]:
    """The distributions that a file of constraints names."""
    lines = (ROOT / "constraints" / file).read_text().splitlines()
    return names([line for line in lines if line and not line.startswith(("#", "-"))])


@pytest.mark.parametrize("path", sorted((ROOT / "constraints").glob("torch-*.txt")), ids=lambda path: path.name)
def test_constraints_hold_torch_only(path: Path) -> None:
    """And numpy where torch is built against it: a constraint on BackPACK would forbid a checkout of it."""
    assert constrained(path.name) - {"numpy"} == {"torch"}


def test_the_lowest_versions_are_of_what_is_required() -> None:
    """constraints/min.txt names what jaccheck and its tests require, and nothing else."""
    assert constrained("min.txt") == names([*PROJECT["dependencies"], *EXTRAS["test"]])


def test_extras_ask_for_the_same_versions() -> None:
    """What several extras name is asked for alike, so that two of them together are no other environment."""
    asked: dict[str, set[str]] = {}
    for text in (
        *PROJECT["dependencies"],
        *(text for name, texts in EXTRAS.items() if name != "fuzz" for text in texts),
    ):
        asked.setdefault(canonicalize_name(Requirement(text).name), set()).add(str(Requirement(text).specifier))
    assert {name: found for name, found in asked.items() if len(found) > 1} == {}


def test_nothing_that_users_do_without_is_required() -> None:
    """`pip install .` takes no BackPACK, which it would replace, and nothing for tests, pictures or clusters."""
    required = names(PROJECT["dependencies"])
    for extra, texts in EXTRAS.items():
        assert required.isdisjoint(names(texts) - {"hypothesis"}), extra
    assert "backpack-for-pytorch" not in required


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_every_extra_is_documented(extra: str) -> None:
    """Somewhere in the documents, as it is typed."""
    texts = [path.read_text() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "tox.ini")]
    typed = re.compile(rf"\[(?:[a-z]+,)*{extra}(?:,[a-z]+)*\]|^\s+{extra}$|`{extra}`", re.MULTILINE)
    assert any(typed.search(text) for text in texts)


@pytest.mark.slow
def test_the_tests_of_the_sdist_run(tmp_path: Path) -> None:
    """It holds them with all that they use; two files of them pass from the unpacked archive."""
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run([sys.executable, "-c", build, tmp_path], cwd=ROOT)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    folder = tmp_path / archive.name.removesuffix(".tar.gz")
    for name in ("tests/jaccheck_support/testing.py", "conftest.py", "constraints/min.txt", "docs/index.md", ".ci/run"):
        assert (folder / name).is_file(), name
    command = (sys.executable, "-P", "-m", "pytest", "-q", "tests/case/test_case.py", "tests/project/test_packaging.py")
    done = subprocess.run([*command, "-m", "not slow"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_checkout_is_installed_as_documented(tmp_path: Path) -> None:
    """In a new environment, without tags and with them: the resolver finds a solution, and the checkout is judged."""
    page = (ROOT / "docs" / "backpack-ci.md").read_text()
    (install,) = re.findall(r"^pip install (-c constraints/torch-2\.13\.txt .*path/to/backpack)$", page, re.MULTILINE)
    checkout = checkout_without_tags(tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    run([sys.executable, "-m", "venv", python.parents[1]])
    arguments = [str(checkout) if word == "path/to/backpack" else word for word in install.split()]
    run([python, "-m", "pip", "install", "-q", *arguments], cwd=ROOT)
    verify = (python, "-m", "jaccheck", "verify", "--seed", "1", "--max-examples", "3", "--no-store")
    untagged = run([*verify, "--require-local", "backpack"], cwd=tmp_path)
    assert "BackPACK 0.1.dev1+g" in untagged.stdout.splitlines()[0]
    assert "git fetch --tags" in untagged.stderr
    run(["git", "tag", "1.7.2"], cwd=checkout)
    run([python, "-m", "pip", "install", "-q", "--no-deps", "-e", checkout])
    tagged = run([*verify, "--require-local", "backpack"], cwd=tmp_path)
    assert f"BackPACK 1.7.2 from {checkout}" in tagged.stdout.splitlines()[0]
    assert "git fetch --tags" not in tagged.stderr
