"""Which release made the difference: the releases from base to candidate, and the first one that differs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from jaccheck.errors import InvalidRequest
from jaccheck.gate.installing import releases_of
from jaccheck.gate.sides import Part, Side


def releases_between(base: Side, candidate: Side) -> tuple[Side, ...]:
    """The versions after `base` up to `candidate`, oldest first. Raises InvalidRequest if they differ in more than one.

    Everything else in them is the same.
    """
    one, other = _differing(base, candidate)
    low, high = one.version, other.version
    if low is None or high is None:
        raise InvalidRequest(f"--bisect: {one} and {other} do not name one version each, as in {one.name}==1.6.0")
    if low >= high:
        raise InvalidRequest(f"--bisect: {one} is not older than {other}")
    between = [version for version in releases_of(one.name) if low < version < high]
    rest = tuple(part for part in base.parts if part != one)
    return tuple(Side(parts=(one.at(version), *rest)) for version in (*between, high))


def first_that_differs(releases: Sequence[Side], differs: Callable[[Side], bool]) -> Side | None:
    """The first release that differs, if each after it differs too; None if the last one does not."""
    known: dict[Side, bool] = {}

    def answer(release: Side) -> bool:
        if release not in known:
            known[release] = differs(release)
        return known[release]

    if not answer(releases[-1]):
        return None
    return releases[bisect_left(releases, True, key=answer)]


def _differing(base: Side, candidate: Side) -> tuple[Part, Part]:
    """The one part of base and of candidate that the other does not have."""
    mine = [part for part in base.parts if part not in candidate.parts]
    others = [part for part in candidate.parts if part not in base.parts]
    if len(mine) != 1 or len(others) != 1 or mine[0].name != others[0].name:
        raise InvalidRequest(f"--bisect: {base} and {candidate} do not differ in the version of one distribution")
    return mine[0], others[0]
