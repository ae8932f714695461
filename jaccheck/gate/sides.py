"""`Side`: one of the two things that are compared, as it is asked for on the command line."""

from __future__ import annotations

import importlib.metadata
import shlex
from functools import cache
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from jaccheck.core import UNREADABLE, plain_data
from jaccheck.errors import InvalidRequest

BACKPACK = "backpack-for-pytorch"
_WHEEL = "backpack_for_pytorch-1.7.1-py3-none-any.whl"


@plain_data
class Part:
    """One distribution of a side: a requirement, or a wheel or checkout on this machine."""

    name: str
    requirement: str = ""
    path: str = ""

    @property
    def specifier(self) -> SpecifierSet:
        """What its version must satisfy, as in `==1.6.0`; anything, for a wheel or a checkout."""
        return Requirement(self.requirement).specifier if self.requirement else SpecifierSet()

    @property
    def version(self) -> Version | None:
        """The one version that is asked for, as in `==1.6.0`; None for a range, a wheel or a checkout."""
        match [*self.specifier]:
            case [Specifier(operator="==", version=version)] if not version.endswith(".*"):
                return Version(version)
            case _:
                return None

    def at(self, version: Version) -> Part:
        """The same distribution in this version."""
        return Part(name=self.name, requirement=f"{self.name}=={version}")

    def __str__(self) -> str:
        return self.requirement or self.path


@plain_data
class Side:
    """The distributions that differ from the environment that jaccheck itself runs in."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return " ".join(map(str, self.parts))

    @property
    def names(self) -> frozenset[str]:
        """The distributions by their normalised names."""
        return frozenset(part.name for part in self.parts)

    @property
    def needs_own_interpreter(self) -> bool:
        """Whether more differs than BackPACK, which can be laid over the environment that is there."""
        return self.names != {BACKPACK}


def parse_side(text: str) -> Side:
    """The side that `text` names: requirements, wheels and checkouts, separated by spaces. Raises InvalidRequest.

    Nothing is executed, downloaded or looked up; options of an installer and URLs are refused.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidRequest(f"side {text!r}: {error}; expected requirements, wheels or directories") from None
    if not words:
        raise InvalidRequest(f"side {text!r} is empty; expected as in {BACKPACK}==1.7.1")
    parts = tuple(_part(word) for word in words)
    names = [part.name for part in parts]
    for part in parts:
        if part.requirement and part.name not in _about():
            raise InvalidRequest(
                f"{part.name!r} is nothing that jaccheck or what is installed here builds on, so it is not fetched; "
                f"expected as in {BACKPACK}==1.7.1, ./backpack or a.whl"
            )
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"side {text!r} names {name} more than once")
    return Side(parts=parts)


@cache
def _about() -> frozenset[str]:
    """Distributions that can matter: installed ones, and those that jaccheck and its extras name."""
    named = (Requirement(text).name for text in importlib.metadata.requires("jaccheck") or ())
    installed = map(_name_of, importlib.metadata.distributions())
    return frozenset(canonicalize_name(name) for name in (*named, *installed) if name)


def _name_of(found: importlib.metadata.Distribution) -> str:
    """Empty where its metadata cannot be read."""
    try:
        return found.name
    except UNREADABLE:
        return ""


def _part(word: str) -> Part:
    path = Path(word)
    if word.endswith(".whl"):
        if not path.is_file():
            raise InvalidRequest(f"{word!r}: there is no such wheel")
        try:
            name = parse_wheel_filename(path.name)[0]
        except InvalidWheelFilename:
            raise InvalidRequest(f"{word!r} is no name of a wheel; expected as in {_WHEEL}") from None
        return Part(name=canonicalize_name(name), path=str(path.resolve()))
    if path.is_dir() and ("/" in word or word in (".", "..")):
        return Part(name=_name_of_checkout(path), path=str(path.resolve()))
    try:
        requirement = Requirement(word)
    except InvalidRequirement:
        raise InvalidRequest(
            f"{word!r} is no requirement, wheel or directory; expected as in {BACKPACK}==1.7.1, ./backpack or a.whl"
        ) from None
    if requirement.url or requirement.marker or requirement.extras:
        raise InvalidRequest(f"{word!r}: give a version, a wheel or a directory; no URL, marker or extra")
    return Part(name=canonicalize_name(requirement.name), requirement=str(requirement))


def _name_of_checkout(path: Path) -> str:
    """What a checkout is a checkout of: a BackPACK one holds the package, any other says so in pyproject.toml."""
    import tomllib

    if (path / "backpack" / "__init__.py").is_file():
        return BACKPACK
    try:
        name = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    except (OSError, KeyError, ValueError):
        raise InvalidRequest(f"{path}: expected a checkout with a pyproject.toml that has a name") from None
    return canonicalize_name(str(name))
