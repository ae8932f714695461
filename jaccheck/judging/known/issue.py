"""`KnownIssue`: what a release does wrong, when, what it gives then, and the script that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from jaccheck.core import Origin, origin_of


class Severity(Enum):
    """What an issue does to those who do not know of it."""

    SILENT = "silently wrong"
    WARNED = "wrong, with a warning"
    EXCEPTION = "exception"
    SIDE_EFFECT = "side effect"


@dataclass(frozen=True, slots=True)
class Package:
    """Whose issue it is: the name it goes by, the release in which its issues were seen, the place to report them."""

    name: str
    seen: str
    imports: str
    tracker: str
    module: str = ""
    """Its own module, where it is another than the one that is imported."""


PACKAGES = {
    "asdfghjkl": Package(
        "ASDL", "0.1a4", "laplace.curvature", "https://github.com/kazukiosawa/asdl/issues", "asdfghjkl"
    ),
    "backpack-for-pytorch": Package("BackPACK", "1.7.1", "backpack", "https://github.com/f-dangel/backpack/issues"),
    "captum": Package(
        "Captum", "0.9.0", "captum._utils.sample_gradient", "https://github.com/meta-pytorch/captum/issues"
    ),
    "curvlinops-for-pytorch": Package(
        "curvlinops", "3.0.1", "curvlinops", "https://github.com/f-dangel/curvlinops/issues"
    ),
    "laplace-torch": Package(
        "laplace-torch", "0.3", "laplace.curvature", "https://github.com/aleximmer/Laplace/issues"
    ),
    "nngeometry": Package("NNGeometry", "0.4", "nngeometry.jacobian", "https://github.com/tfjgeorge/nngeometry/issues"),
    "opacus": Package("Opacus", "1.6.0", "opacus", "https://github.com/meta-pytorch/opacus/issues"),
    "torch_xla": Package("PyTorch/XLA", "2.9.0", "torch_xla", "https://github.com/pytorch/xla/issues"),
    "torch": Package("PyTorch", "2.13.0", "torch", "https://github.com/pytorch/pytorch/issues"),
}
"""By distribution."""

SEARCHED = "searched, none found (2026-11-30)"
"""Of issues whose upstream threads were all searched on that day. Later ones name their own."""

SCRIPTS = Path(__file__).with_name("scripts")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIssue:
    """An issue that is expected, with all that a reader or a bug report needs.

    `package` is the distribution whose fault it is, `versions` those in which it was seen, as pip writes them.
    `methods` are those that show it, of jaccheck or in words. `condition` says in words when: a wrong result under it
    is no finding. `instead` is what comes then, `reason` the cause in the source. `reference` is the address of the
    upstream report, or "searched, none found (DATE)". The title names neither package nor version: `headline` does.
    """

    id: str
    title: str
    severity: Severity
    package: str
    versions: str
    methods: tuple[str, ...]
    condition: str
    instead: str
    reason: str
    reference: str

    @property
    def headline(self) -> str:
        """The title with the package and its version, the installed one where that is affected."""
        package = PACKAGES[self.package]
        here = _version(self.package)
        return f"{package.name} {here if here and self.is_in_installed else package.seen}: {self.title}"

    @property
    def script(self) -> str:
        """At most 15 lines of torch and the package alone, which print what is expected and what comes instead."""
        return (SCRIPTS / f"{self.id}.py").read_text()

    @property
    def is_in_installed(self) -> bool:
        """Whether the installed version is one of those that have it."""
        here = _version(self.package)
        return here is not None and SpecifierSet(self.versions).contains(here, prereleases=True)

    @property
    def absence(self) -> str:
        """Why the script cannot show it here; empty where it can."""
        here = _version(self.package)
        if here is None:
            return f"{self.package} is not installed"
        return "" if self.is_in_installed else f"{self.package} {here} is installed, and it was seen in {self.versions}"


def tracker_of(issue: KnownIssue) -> str:
    """Where an issue is to be filed."""
    return PACKAGES[issue.package].tracker


def judged_as(origin: Origin, seen: str) -> str:
    """The version whose issues are expected: without a release behind it, at least the newest release that is known.

    A checkout without its tags has a version such as 0.1.dev1, and one of a fork may have any. `seen` is that release.
    """
    public = origin.version.partition("+")[0]  # no +cpu
    if origin.is_released:
        return public
    try:
        return public if Version(public) > Version(seen) else seen
    except InvalidVersion:
        return seen


def unreleased(packages: tuple[str, ...] = ("backpack-for-pytorch", "torch")) -> tuple[str, ...]:
    """One line for each of these that is judged by the known issues of another version, with what to do."""
    return tuple(filter(None, map(_warning, packages)))


def _warning(distribution: str) -> str:
    package, origin, version = PACKAGES[distribution], _origin(distribution), _version(distribution)
    if origin is None or version == origin.version.partition("+")[0]:
        return ""
    return (
        f"{package.name} {origin.version} has no release behind it, so the known issues of {version}, the newest that "
        "is known here, are expected of it. In a checkout without tags: `git fetch --tags --unshallow` (of "
        "actions/checkout: `fetch-depth: 0`), then install it again"
    )


@cache
def _origin(distribution: str) -> Origin | None:
    package = PACKAGES[distribution]
    return origin_of(distribution, package.module or package.imports.partition(".")[0])


def _version(distribution: str) -> str | None:
    origin = _origin(distribution)
    return judged_as(origin, PACKAGES[distribution].seen) if origin else None
