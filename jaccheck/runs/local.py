"""`in_this_process`: the simplest scheduler, one shard after the other in the calling process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from jaccheck.case import Profile
from jaccheck.methods import Method
from jaccheck.runs.judging import judge_shard
from jaccheck.runs.plan import Shard
from jaccheck.runs.results import ShardResult
from jaccheck.runs.run import Judges


def in_this_process(methods: Sequence[Method], profile: Profile) -> Judges:
    """Judges here; a method that ends the process, or never returns, ends the run."""
    return Judges(partial(_results, methods, profile))


def _results(methods: Sequence[Method], profile: Profile, shards: Iterable[Shard]) -> Iterator[ShardResult]:
    for shard in shards:
        result = judge_shard(shard, methods, profile)
        yield result
        if not result.is_whole:
            return
