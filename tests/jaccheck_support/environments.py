"""Environments of their own within seconds: what is installed here, linked, with some of it left out or replaced."""

from __future__ import annotations

import os
import subprocess
import tarfile
import venv
from collections.abc import Sequence
from pathlib import Path

import numpy

from jaccheck.gate.installing import pip

SITE_PACKAGES = Path(numpy.__file__).parents[1]
ROOT = Path(__file__).parents[2]


class LinkedEnvironment:
    """A virtual environment whose packages are links to those of this one, but for some by the beginning of a name.

    `maker` is the command that makes it, where it is not `venv`.
    """

    def __init__(self, folder: Path, without: Sequence[str] = (), maker: Sequence[str] = ()) -> None:
        if maker:
            run([*maker, folder])
        else:
            venv.create(folder, symlinks=True, with_pip=False)
        self.folder, self.python = folder, folder / "bin" / "python"
        (self.site_packages,) = folder.glob("lib/python3.*/site-packages")
        left_out = (
            *without,
            "jaccheck",
            "__editable__.jaccheck",
            "__editable___jaccheck",
            "__pycache__",
            "pip",
            "_virtual",
        )
        for path in SITE_PACKAGES.iterdir():
            if not path.name.startswith(left_out):
                (self.site_packages / path.name).symlink_to(path)

    def install(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Calls pip for it."""
        return run([*pip(), "--python", self.python, "install", "-q", "--disable-pip-version-check", *arguments])

    def install_jaccheck(self) -> None:
        """jaccheck as it is here, editable, without what it requires."""
        self.install("--no-deps", "--no-build-isolation", "-e", ROOT)

    def run(self, *command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """What came of `python COMMAND` there."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            [self.python, *map(str, command)], capture_output=True, text=True, cwd=cwd or self.folder, env=variables
        )


def run(command: Sequence[object], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What came of a command that must succeed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd)
    assert not done.returncode, f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}"
    return done


def checkout_without_tags(folder: Path, version: str = "1.7.1") -> Path:
    """A checkout of BackPACK as a shallow clone is: its released source in a repository with one commit and no tag."""
    index = folder / "sdist"
    options = ("-q", "--no-deps", "--no-binary", "backpack-for-pytorch", "--no-build-isolation", "--dest", index)
    run([*pip(), "download", *options, f"backpack-for-pytorch=={version}"])
    (archive,) = index.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    checkout = folder / archive.name.removesuffix(".tar.gz")
    (checkout / "PKG-INFO").unlink()  # setuptools-scm takes the version from it, and no repository has one
    author = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    run(["git", "init", "-q"], cwd=checkout)
    run(["git", "add", "-A"], cwd=checkout)
    run(["git", *author, "commit", "-q", "-m", "as released"], cwd=checkout)
    return checkout
