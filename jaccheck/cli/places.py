"""Where a run has its cases judged: in this process, by workers beside it, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from jaccheck import core, runs
from jaccheck.cli.start import Start
from jaccheck.core import whole_number
from jaccheck.errors import BrokenEnvironment, ClusterLost, InvalidRequest

MOST_WORKERS = 256


def worker_count(text: str) -> int:
    """How many worker processes `--workers` asks for. Raises InvalidRequest."""
    if text == "auto":
        return core.usable_cores()
    count = whole_number(text)
    if count is None or count > MOST_WORKERS:
        raise InvalidRequest(f"--workers {text!r:.80}: give a number from 0 to {MOST_WORKERS}, or auto")
    return count


def isolated(workers: int) -> int:
    """As many workers where there can be some; else none, which is said in one line, since a run is then less safe."""
    if workers and not core.CAN_FORK:
        click.echo(
            "jaccheck: this system has no safe fork, so methods are judged in this process: one that ends or blocks it "
            "ends the run",
            err=True,
        )
        return 0
    return workers


def check_scheduler(scheduler: str | None) -> None:
    """Raises BrokenEnvironment where no scheduler can be meant, or Dask is not here; before torch is loaded."""
    if scheduler is not None:
        with _dask():
            runs.scheduler_named(scheduler)


def cluster_at(scheduler: str, wait: float) -> runs.Cluster:
    """The Dask cluster of this scheduler, joined; `wait` seconds for its first worker. Raises BrokenEnvironment."""
    with _dask():
        cluster = runs.Cluster
    return cluster(scheduler, wait=wait, tell=lambda line: click.echo(core.printable(f"jaccheck: {line}"), err=True))


@contextmanager
def _dask() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("distributed", "dask"):
            raise
        raise BrokenEnvironment(f"--scheduler needs Dask: {core.extra('cluster')}") from None


@contextmanager
def judges_of(
    start: Start, workers: int, limits: runs.Limits, record: runs.Recording | None, cluster: runs.Cluster | None
) -> Iterator[runs.Judges]:
    """Who judges: this process, or workers of its own, which end with the run, or those of a cluster."""
    if not workers and cluster is None:
        yield runs.in_this_process(start.methods, start.profile)
        return
    # By the names that were asked for, so that others can import what is named with its module.
    names = start.asked or start.settings.methods
    assignment = runs.Assignment(methods=names, profile=start.profile.name)
    with (
        record.folder() if record else TemporaryDirectory(prefix="jaccheck-") as folder,
        runs.Pool(1 if cluster else workers, assignment, limits, Path(folder)) as pool,
    ):
        if cluster is None:
            yield runs.Judges(pool.results, pool.probe)
            return
        try:
            yield cluster.judges(runs.WorkerConfig(assignment=assignment, limits=limits), pool)
        except ClusterLost as lost:
            if record is None:
                raise
            again = f"jaccheck verify --resume {record.run.id}"
            raise ClusterLost(
                f"{lost}; what is done is stored, to go on: {again} --scheduler ADDRESS, or without"
            ) from None
