"""`python -P env_versions.py py311-torch213-backpack171`: exit code 0 if that is what is installed here.

tox runs it in each environment before anything else: a resolver that quietly replaces torch, or a working tree that
hides the wheel, must not pass for a test of what the name says. Each factor of the name is one expectation.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

PACKAGES = {"torch": "torch", "backpack": "backpack-for-pytorch"}
"""Distribution by factor; `py` is the interpreter, `min` the file of lowest versions."""

LOWEST = Path(__file__).parents[2] / "constraints" / "min.txt"
FACTOR = re.compile(r"(py|torch|backpack)(\d)(\d+)")
ELSE = ("nightly",)
"""Factors that say what is run, not on which versions."""


def expected_versions(env: str) -> dict[str, str]:
    """Leading part of the version, by distribution or "python", that the name of an environment promises.

    The first digit is the major version: py311 is Python 3.11, torch213 is torch 2.13; in backpack171 each digit is a
    part of its own, since minor versions of BackPACK have one.
    """
    expected: dict[str, str] = {}
    for factor in env.split("-"):
        match = FACTOR.fullmatch(factor)
        if factor == "min":
            expected |= dict(re.findall(r"^([\w-]+)==(\S+)", LOWEST.read_text(), re.MULTILINE))
        elif match:
            kind, major, minor = match.groups()
            parts = [major, *minor] if kind == "backpack" else [major, minor]
            expected[PACKAGES.get(kind, "python")] = ".".join(parts)
        elif factor not in ELSE:
            raise SystemExit(f"environment {env!r}: factor {factor!r} is not known; expected py311, torch213, …")
    return expected


def installed_version(package: str) -> str:
    """What is installed here under that name, or "nothing"."""
    if package == "python":
        return ".".join(map(str, sys.version_info[:3]))
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "nothing"


def faults(env: str) -> list[str]:
    """One line for each expectation that does not hold here."""
    found = []
    for package, expected in expected_versions(env).items():
        installed = installed_version(package)
        # 2.13.0+cpu is 2.13, 2.1 is not.
        if not f"{installed.partition('+')[0]}.".startswith(f"{expected}."):
            found.append(f"{env}: {package} {installed} is installed instead of {expected}")
    return found


def imported_faults() -> list[str]:
    """One line for each package whose import does not give what is installed in this environment."""
    import backpack
    import torch

    import jaccheck

    found = []
    for module, package in ((torch, "torch"), (backpack, "backpack-for-pytorch"), (jaccheck, "jaccheck")):
        path = Path(module.__file__ or "")
        if not path.is_relative_to(sys.prefix):
            found.append(f"import of {package} gives {path}, not the one installed in {sys.prefix}")
    # The build, as in 2.2.2+cu121, need not be told in the metadata.
    if torch.__version__.partition("+")[0] != installed_version("torch").partition("+")[0]:
        found.append(f"torch says that it is {torch.__version__}; installed is {installed_version('torch')}")
    return found


if __name__ == "__main__":
    broken = faults(sys.argv[1]) + imported_faults()
    print(*broken or [f"{sys.argv[1]}: {expected_versions(sys.argv[1])}"], sep="\n")
    sys.exit(bool(broken))
