"""`ClusterUse`: how a run was spread over the workers of a cluster, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from jaccheck.core import Count, plain_data, plural


@plain_data
class ClusterUse:
    """Who judged the parts of a run. What was judged in an earlier session of a run that was resumed is not in it."""

    judged: dict[str, Count] = field(default_factory=dict)
    """How many parts each worker judged, by its name and address."""
    fell_back: Count = 0
    """Parts that were judged on the machine of the command, since no worker survived them."""
    lost: Count = 0
    """How often a part was sent again, since its worker, or the process in which it was judged, had ended."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Workers that were given nothing, or nothing more, and why."""

    def __str__(self) -> str:
        parts = f"on a cluster: {plural(sum(self.judged.values()), 'part')} by {plural(len(self.judged), 'worker')}"
        if self.lost:
            parts += f", {self.lost:,} sent again"
        if self.fell_back:
            parts += f", {self.fell_back:,} judged on this machine, since no worker survived them"
        return "".join((parts, *(f"\nLEFT OUT: {worker}: {why}" for worker, why in self.left_out.items())))


def cluster_uses(uses: Iterable[ClusterUse | None]) -> ClusterUse | None:
    """All of them as one; None where no part of the run was at a cluster."""
    found = [use for use in uses if use is not None]
    if not found:
        return None
    judged: dict[str, int] = {}
    for use in found:
        for worker, count in use.judged.items():
            judged[worker] = judged.get(worker, 0) + count
    return ClusterUse(
        judged=judged,
        fell_back=sum(use.fell_back for use in found),
        lost=sum(use.lost for use in found),
        left_out={worker: why for use in found for worker, why in use.left_out.items()},
    )
