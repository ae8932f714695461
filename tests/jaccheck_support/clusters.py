"""A cluster, joined as `verify --scheduler` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jaccheck.runs import Assignment, Cluster, Limits, Pool, WorkerConfig


@contextmanager
def joined(address: str, methods: tuple[str, ...], **options: Any) -> Iterator[Cluster]:
    """The cluster at an address, for these methods; what falls back is judged by one worker beside this process."""
    config = WorkerConfig(assignment=Assignment(methods=methods, profile="quick"), limits=Limits())
    with (
        TemporaryDirectory() as folder,
        Pool(1, config.assignment, config.limits, Path(folder)) as pool,
        Cluster(address, **options) as there,
    ):
        there.judges(config, pool)
        yield there
