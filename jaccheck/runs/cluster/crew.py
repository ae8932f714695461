"""`Crew`: the workers of a cluster, of which those may judge that are as this machine is.

Each is asked for its versions when it is first seen, which may be in the middle of a run, and is given nothing before.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter, defaultdict
from typing import Any

import distributed
from distributed.client import FutureCancelledError

from jaccheck.core import from_json
from jaccheck.errors import BrokenEnvironment, ClusterLost, UnreadableFile
from jaccheck.runs.cluster import node
from jaccheck.runs.cluster.address import LOOK_SECONDS, Tell
from jaccheck.runs.cluster.messages import Node

GPU = "GPU"
"""The resource that a worker with an accelerator must be started with, as in `dask worker --resources GPU=1`."""

Room = str
"""What a piece of work needs: the resource `GPU`, or nothing, "", which every worker has."""

MOST_ENDED = 3
"""Of so many pieces of work in a row the processes may end at one worker; then it is left out."""

NOT_AT_SCHEDULER = "Error during deserialization of the task graph"
"""What Dask's scheduler says where it cannot import a function that it passes on."""

GONE = "it was gone before it told its versions; is jaccheck installed there?"

FETCH_SECONDS = 10.0
"""For a few lines from a worker that is there."""


def room_for(device: str) -> Room:
    """What a worker must have for work on this device."""
    return "" if device == "cpu" else GPU


class Crew:
    """The workers of the scheduler at `address`; `mine` is this machine. Who is left out is told, in one line."""

    def __init__(self, client: Any, address: str, mine: Node, tell: Tell) -> None:
        self.address = address
        self.left_out: dict[str, str] = {}
        """Why, by name and address; also those that have gone since."""
        self.devices: dict[str, str] = {}
        """What the workers that may judge have, with its description."""
        self._client, self._mine, self._tell = client, mine, tell
        self._there: dict[str, Any] = {}
        self._asked: dict[str, Any] = {}
        self._fit: set[str] = set()
        self._unfit: set[str] = set()
        self._ended: dict[str, set[object]] = defaultdict(set)
        self._call: Any = None
        self._looked = float("-inf")
        self._gone_before = self._gone()

    def gather(self, deadline: float, seconds: float) -> None:
        """Waits until a worker may judge, and until those that are there have said whether they may.

        Raises BrokenEnvironment where there is none at the deadline, by the monotonic clock, `seconds` after the start.
        """
        self.look(at_once=True)
        if not self._there:
            self._tell(f"waiting for the first worker of {self.address}, {seconds:g} s at most")
        while True:
            self.look(at_once=True)
            if self._fit and not self._asked:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        if not self._fit:
            if not self._there and not self.left_out:  # they came for the call, and had gone before anybody looked
                for address in sorted(self._gone() - self._gone_before):
                    self._note(address, GONE)
            what = "no workers" if not self._there else "no worker that can judge"
            raise BrokenEnvironment(
                f"the scheduler at {self.address} has {what} after {seconds:g} s{self.reasons}; --wait gives it more "
                "time"
            )

    def look(self, *, at_once: bool = False) -> None:
        """Takes note of who has come and gone, and of what was answered. Raises ClusterLost."""
        if not at_once and time.monotonic() - self._looked < LOOK_SECONDS:
            return
        before, self._there, self._looked = self._there, self._workers(), time.monotonic()
        for known in (self._fit, self._unfit):
            known.intersection_update(self._there)
        for gone in self._asked.keys() - self._there.keys():
            del self._asked[gone]
            # Dask ends a worker that cannot import what it is asked.
            self._note(_label(gone, before), GONE)
        for address in self._there.keys() - self._fit - self._unfit - self._asked.keys():
            # As a task, and not by `Client.run`, which would keep a worker from all else until torch is imported.
            self._asked[address] = self._client.submit(node.describe, pure=False, workers=[address], priority=1)
        for address, future in list(self._asked.items()):
            if future.done() or future.status == "cancelled":
                del self._asked[address]
                self._hear(address, future)
        self._call_for_workers()

    def fit(self, room: Room = "") -> frozenset[str]:
        """The addresses of those that are given work that needs this."""
        return frozenset(each for each in self._fit if not room or self._there[each]["resources"].get(room, 0))

    def places(self) -> Counter[Room]:
        """How many pieces of work can be judged at once, by what they need."""
        there = [self._there[address] for address in self._fit]
        return Counter(
            {
                "": sum(int(worker["nthreads"]) for worker in there),
                GPU: sum(int(worker["resources"].get(GPU, 0)) for worker in there),
            }
        )

    def is_there(self, address: str) -> bool:
        """Whether the scheduler knows the worker, may it judge or not."""
        return address in self._there

    def may_come(self) -> bool:
        """Whether there is a worker that has not answered yet."""
        return bool(self._asked)

    def label(self, address: str) -> str:
        """The name and address of a worker."""
        return _label(address, self._there)

    def has_judged(self, address: str) -> None:
        """What ended there before was not the worker's doing."""
        self._ended.pop(address, None)

    def has_ended(self, address: str, how: str, piece: object) -> None:
        """The process that judged this piece of work there has ended; after some pieces the worker is left out."""
        self._ended[address].add(piece)
        if len(self._ended[address]) >= MOST_ENDED:
            self.leave_out(address, f"its judging process ended on {MOST_ENDED} parts in a row: {how}")

    def leave_out(self, address: str, why: str) -> None:
        """Gives the worker nothing from now on."""
        if address in self._unfit:
            return
        self._fit.discard(address)
        self._unfit.add(address)
        self._note(self.label(address), why)

    @property
    def reasons(self) -> str:
        """Who is left out and why, as the end of a sentence; empty where nobody is."""
        return "".join(f"; {worker} is left out: {why}" for worker, why in list(self.left_out.items())[:3])

    def _note(self, label: str, why: str) -> None:
        if label not in self.left_out:
            self._tell(f"worker {label} is left out: {why:.600}")
        self.left_out[label] = f"{why:.600}"

    def _workers(self) -> dict[str, Any]:
        try:
            # Not `Client.scheduler_info`: Dask's own regular update, without workers, may come between ask and answer.
            found: dict[str, Any] = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        except (OSError, TimeoutError) as error:
            raise ClusterLost(f"the scheduler at {self.address} is gone: {error}") from None
        return found

    def _gone(self) -> set[str]:
        """The addresses of workers that the scheduler has seen go."""
        try:
            events = self._client.get_events("all")
        except (OSError, TimeoutError) as error:
            raise ClusterLost(f"the scheduler at {self.address} is gone: {error}") from None
        removed = [event for _, event in events if isinstance(event, dict) and event.get("action") == "remove-worker"]
        return {event["worker"] for event in removed}

    def _hear(self, address: str, future: Any) -> None:
        """Whether a worker may judge, by what it said of itself."""
        try:
            text = future.result(timeout=FETCH_SECONDS)
            there = from_json(Node, text, where="worker")
        except (TimeoutError, distributed.TimeoutError, FutureCancelledError):
            return  # it has gone meanwhile, or is asked again
        except UnreadableFile:
            self.leave_out(address, "another jaccheck is there, whose answer cannot be read here")
            return
        except Exception as error:  # whatever the packages there raise
            said = " ".join(f"{type(error).__name__}: {error}".split())
            if NOT_AT_SCHEDULER in said:
                raise BrokenEnvironment(
                    f"the scheduler at {self.address} does not know jaccheck: install it where the scheduler runs, "
                    "too, since that looks at what is sent"
                ) from None
            self.leave_out(address, f"jaccheck does not run there: {said}")
            return
        if differences := "; ".join(self._mine.differences(there)):
            self.leave_out(address, differences)
            return
        self._fit.add(address)
        self.left_out.pop(self.label(address), None)  # one that was gone for a moment
        self.devices |= there.environment.devices

    def _call_for_workers(self) -> None:
        """An adaptive cluster starts workers where there is work that any could do, and none before."""
        if self._there:
            self._call = None  # what is not wanted any more is forgotten by the scheduler
        elif self._call is None:
            self._call = self._client.submit(node.describe, pure=False)


def _label(address: str, there: dict[str, Any]) -> str:
    name = str(there.get(address, {}).get("name", address))
    return address if name == address else f"{name:.80} at {address}"


def forget(client: Any, futures: list[Any]) -> None:
    """Has the scheduler forget work, wherever it is; what is being judged is judged in vain."""
    with contextlib.suppress(Exception):  # the scheduler may be gone
        client.cancel(futures, force=True)
