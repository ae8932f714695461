"""Which scheduler is meant, and the connection to it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import distributed

from jaccheck.errors import BrokenEnvironment

DASKS_OWN = "$DASK_SCHEDULER_ADDRESS"
"""The scheduler that Dask's own configuration names, by this variable or in a file."""

CONNECT_SECONDS = 10
"""For the scheduler to answer."""

CLOSE_SECONDS = 2.0
LOOK_SECONDS = 0.2
WRITING_SECONDS = 1.0
"""A scheduler file that was just made may be half written."""

Tell = Callable[[str], None]


def connected(scheduler: str, deadline: float, tell: Tell) -> tuple[Any, str]:
    """A client of the scheduler, and its address. Raises BrokenEnvironment.

    `scheduler` is an address, a scheduler file, or `DASKS_OWN`. A file that is not there yet is waited for until the
    deadline, by the monotonic clock: in a batch job the scheduler may start together with the command.
    """
    where = scheduler_named(scheduler)
    address = where if isinstance(where, str) else _in_file(where, deadline, tell)
    try:
        return distributed.Client(address, timeout=CONNECT_SECONDS), address
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        who = "" if address == scheduler else f", which {scheduler.removeprefix('$')} names"
        raise BrokenEnvironment(f"no scheduler answers at {address!r:.200}{who}: {error!s:.200}") from None


def close(client: Any) -> None:
    """Ends the connection; the cluster stays as it was."""
    client.close(timeout=CLOSE_SECONDS)


def scheduler_named(scheduler: str) -> str | Path:
    """The address or file that is meant. Raises BrokenEnvironment where none is, or the file can never be there."""
    if scheduler == DASKS_OWN:
        found = dask.config.get("scheduler-address", None)
        if not found:
            raise BrokenEnvironment(
                "--scheduler names none, and DASK_SCHEDULER_ADDRESS is not set: give an address, as in "
                "tcp://10.0.0.1:8786, or a scheduler file"
            )
        return str(found)
    if "://" in scheduler or not (scheduler.endswith(".json") or os.sep in scheduler):
        return scheduler
    path = Path(scheduler)
    if not path.parent.is_dir():
        raise BrokenEnvironment(f"scheduler file {path}: there is no folder {path.parent}")
    return path


def _in_file(path: Path, deadline: float, tell: Tell) -> str:
    """The address in a scheduler file, as `dask scheduler --scheduler-file` writes it."""
    if not path.exists():
        tell(f"waiting for the scheduler file {path}, {max(deadline - time.monotonic(), 0):.0f} s at most")
    while not path.exists():
        if time.monotonic() > deadline:
            raise BrokenEnvironment(
                f"scheduler file {path}: it is not there; `dask scheduler --scheduler-file {path}` writes it, and "
                "--wait gives it more time"
            )
        time.sleep(LOOK_SECONDS)
    readable_by = time.monotonic() + WRITING_SECONDS
    while True:
        try:
            return str(json.loads(path.read_text())["address"])
        except (OSError, ValueError, LookupError, TypeError):
            if time.monotonic() > readable_by:
                raise BrokenEnvironment(
                    f"scheduler file {path} names no address; expected what `dask scheduler --scheduler-file` writes"
                ) from None
        time.sleep(LOOK_SECONDS)
