"""Where a run has its cases judged beside this machine, and which part of it runs at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaccheck.errors import BrokenEnvironment, InvalidRequest
from jaccheck.reports import Part

if TYPE_CHECKING:
    from jaccheck.runs import Cluster

MOST_PARTS = 10_000


def cluster_at(address: str) -> Cluster:
    """The Dask cluster whose scheduler is at `address`, joined. Raises BrokenEnvironment."""
    try:
        from jaccheck.runs import Cluster
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("distributed", "dask"):
            raise
        raise BrokenEnvironment("--scheduler needs Dask: pip install 'jaccheck[cluster]'") from None
    return Cluster(address)


def part_named(text: str | None, *, is_agreed: bool) -> Part | None:
    """The part of a run that `3/8` names. Raises InvalidRequest, also where others would draw other cases."""
    if text is None:
        return None
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) <= MOST_PARTS):
        raise InvalidRequest(f"--shard {text!r:.80}: expected NUMBER/OF, as in 3/8, counted from 1")
    if not is_agreed:
        raise InvalidRequest("--shard: give --seed too, the same to all parts, or they are parts of different runs")
    return Part(number=int(number), of=int(of))
