"""The process that workers are forked from; quick to import, so that it can load torch while its parent does."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""One thread for torch and for numpy, so that workers do not compete for the cores."""


def start_fork_server() -> None:
    """Starts it unless it runs already. It continues to load after this returns."""
    with _environment(ONE_THREAD):
        multiprocessing.get_context("forkserver").set_forkserver_preload(["jaccheck.runs.workers.loaded"])
        forkserver.ensure_running()


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
