"""Which release made the difference: the releases between two sides, and the first of them that differs."""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence

from packaging.version import InvalidVersion, Version

from jaccheck.errors import BrokenEnvironment, InvalidRequest
from jaccheck.gate.sides import Part, Side


def releases_between(base: Side, candidate: Side) -> tuple[Side, ...]:
    """The sides after `base` up to `candidate`, oldest first. Raises InvalidRequest unless both pin one name."""
    one, other = (_pinned(side) for side in (base, candidate))
    if one[0] != other[0]:
        raise InvalidRequest(f"--bisect: {base} and {candidate} are versions of different distributions")
    low, high = one[1], other[1]
    if low >= high:
        raise InvalidRequest(f"--bisect: {base} is not older than {candidate}")
    between = [version for version in _versions(one[0]) if low < version < high and not version.is_prerelease]
    return tuple(_side(one[0], version) for version in (*sorted(between), high))


def first_that_differs(releases: Sequence[Side], differs: Callable[[Side], bool]) -> Side | None:
    """The first release that differs, if each after it does too; None where the last one does not."""
    known: dict[Side, bool] = {}

    def answer(release: Side) -> bool:
        if release not in known:
            known[release] = differs(release)
        return known[release]

    if not answer(releases[-1]):
        return None
    return releases[bisect_left(releases, True, key=answer)]


def _pinned(side: Side) -> tuple[str, Version]:
    """Name and version of a side that is one pinned requirement."""
    part = side.parts[0]
    if len(side.parts) != 1 or not part.specifier.startswith("==") or "," in part.specifier:
        raise InvalidRequest(f"--bisect: {side} is no single pinned release, as in backpack-for-pytorch==1.6.0")
    try:
        return part.name, Version(part.specifier.removeprefix("=="))
    except InvalidVersion:
        raise InvalidRequest(f"--bisect: {part.specifier!r} does not name one version") from None


def _side(name: str, version: Version) -> Side:
    return Side(parts=(Part(name=name, requirement=f"{name}=={version}"),))


def _versions(name: str) -> list[Version]:
    """Every release of a distribution that pip can find."""
    command = [sys.executable, "-m", "pip", "index", "versions", "--disable-pip-version-check", name]
    done = subprocess.run(command, capture_output=True, text=True)
    line = next((line for line in done.stdout.splitlines() if line.startswith("Available versions:")), None)
    if line is None:
        raise BrokenEnvironment(f"pip finds no releases of {name}: {done.stderr.strip().splitlines()[-1:]}")
    return [Version(word) for word in line.partition(":")[2].replace(",", " ").split()]
