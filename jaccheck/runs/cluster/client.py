"""`Cluster`: a scheduler of shards that has them judged by the workers of a Dask cluster.

A worker that dies has its shards given to others by Dask. A shard that has cost so many workers that Dask gives up on
it is judged here instead, in a process of its own. Faults are shrunk here, too, where the device is here: a case waits
for nothing then.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

import distributed
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from jaccheck.core import from_json, to_json
from jaccheck.errors import BrokenEnvironment, ClusterLost, JaccheckError, UnknownName
from jaccheck.methods import Method
from jaccheck.reports import Failure
from jaccheck.runs.cluster import node
from jaccheck.runs.cluster.messages import Node, Question, Reply, WorkerConfig
from jaccheck.runs.cluster.worker import here
from jaccheck.runs.plan import Shard
from jaccheck.runs.results import ShardResult, Try
from jaccheck.runs.run import Judges
from jaccheck.runs.workers.isolated import Pool

CONNECT_SECONDS = 10
"""For the scheduler to answer, and then for the first worker to be there."""

ALONE_SECONDS = 120.0
"""How long a run waits while there is no worker at all: a batch system may be starting others."""

AHEAD = 2
"""Shards at the cluster for each that can be judged at once: none waits for the next one to be sent."""

LOOK_SECONDS = 2.0
GPU = "GPU"
"""The resource that a worker with an accelerator must be started with, as in `dask worker --resources GPU=1`."""

Room = str
"""What a shard needs: the resource `GPU`, or nothing, "", which every worker has."""


def room_for(device: str) -> Room:
    """What a worker must have for a shard on this device."""
    return "" if device == "cpu" else GPU


class Cluster:
    """The workers at one address. Raises BrokenEnvironment where they cannot judge what is to be judged here."""

    def __init__(self, address: str) -> None:
        self.address = address
        # It would tell of each lost connection with a traceback; what becomes of a run is told here.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._client = _connected(address)
        try:
            nodes = self._nodes()
            self._here = here()
            for worker, there in nodes.items():
                if differences := list(self._here.differences(there)):
                    raise BrokenEnvironment(f"worker {worker} of {address} is no match: {'; '.join(differences)}")
            self._devices = {name: text for there in nodes.values() for name, text in there.environment.devices.items()}
        except BaseException:
            self._client.close(timeout=LOOK_SECONDS)
            raise

    def __enter__(self) -> Cluster:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connection; the cluster stays as it was."""
        with contextlib.suppress(Exception):  # the scheduler may be gone
            self._client.close(timeout=LOOK_SECONDS)

    def judges(self, config: WorkerConfig, pool: Pool) -> Judges:
        """Judges for one run; `pool` judges on this machine what has to be judged here."""
        self._config = config
        self._pool = pool
        return Judges(self.results, self.probe)

    def choose_devices(self, names: Iterable[str]) -> dict[str, str]:
        """The devices of these names, or all that workers have. Raises UnknownName and BrokenEnvironment."""
        chosen = {name: self._devices.get(name) for name in (*names,) or self._devices}
        for device, description in chosen.items():
            if description is None:
                raise UnknownName(
                    f"device {device!r} is with no worker of {self.address}; they have {', '.join(self._devices)}"
                )
            if not self._places()[room_for(device)]:
                raise BrokenEnvironment(
                    f"no worker of {self.address} takes shards for {device}: start those that have it with "
                    f"`--resources {GPU}=1`, or leave it out with --device"
                )
        return {device: description or "" for device, description in chosen.items()}

    def results(self, shards: Iterable[Shard]) -> Iterator[ShardResult]:
        """The results of these shards, in the order in which they are done. Raises ClusterLost."""
        flight = _Flight(iter(shards))
        try:
            while flight.fill(self._places(), self._send):
                for shard, future in self._landed(flight):
                    yield self._result(shard, future)
        except KeyboardInterrupt:
            for shard, future in flight.done():
                yield self._result(shard, future)
            self._client.cancel(list(flight.sent), force=True)
            raise

    def _landed(self, flight: _Flight) -> list[tuple[Shard, Any]]:
        """What is done, at least one. Raises ClusterLost where nothing will be any more."""
        alone_since = time.monotonic()
        while not (landed := flight.done()):
            with contextlib.suppress(TimeoutError, distributed.TimeoutError):
                distributed.wait(list(flight.sent), timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
                continue
            if self._places()[""]:
                alone_since = time.monotonic()
            elif time.monotonic() - alone_since > ALONE_SECONDS:
                raise ClusterLost(f"no worker is left at {self.address}")
        return landed

    def probe(self, ask: Try, method: Method, *, is_trial: bool = False) -> Failure | None:
        """How the case shows the failure, whatever that does to the process that tries it."""
        if ask.group.device in self._here.environment.devices:
            return self._pool.probe(ask, method, is_trial=is_trial)
        reply = self._reply(self._submit(Question(ask=ask, is_trial=is_trial), ask.group.device, priority=1))
        return reply.failure if reply else None

    def _send(self, shard: Shard) -> Any:
        return self._submit(Question(ask=shard), shard.device)

    def _submit(self, question: Question, device: str, *, priority: int = 0) -> Any:
        room = room_for(device)
        return self._client.submit(
            node.answer,
            to_json(self._config),
            to_json(question),
            to_json(self._here),
            pure=False,
            resources={room: 1} if room else None,
            priority=priority,
        )

    def _result(self, shard: Shard, future: Any) -> ShardResult:
        reply = self._reply(future)
        if reply is not None and reply.result is not None:
            return reply.result
        if shard.device not in self._here.environment.devices:
            raise ClusterLost(f"no worker of {self.address} survives shard {shard.number}: {shard!r:.400}")
        (result,) = self._pool.results([shard])
        return result

    def _reply(self, future: Any) -> Reply | None:
        """The reply to a question, or None where no worker survives it. Raises ClusterLost and BrokenEnvironment."""
        error = future.exception() if future.status != "cancelled" else None
        if future.status == "cancelled" or isinstance(error, FutureCancelledError):
            raise ClusterLost(f"the scheduler at {self.address} is gone")
        match error:
            case None:
                return from_json(Reply, future.result(), where=f"a worker of {self.address}")
            case KilledWorker() | node.WorkerLost():
                return None
            case JaccheckError():
                raise BrokenEnvironment(f"a worker of {self.address} cannot judge: {error}") from None
            case _:
                raise BrokenEnvironment(f"a worker of {self.address} failed: {error!r:.400}") from None

    def _places(self) -> Counter[Room]:
        """How many shards can be judged at once, by what they need."""
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        except (OSError, TimeoutError) as error:
            raise ClusterLost(f"the scheduler at {self.address} is gone: {error}") from None
        return Counter(
            {
                "": sum(int(worker["nthreads"]) for worker in workers),
                GPU: sum(int(worker["resources"].get(GPU, 0)) for worker in workers),
            }
        )

    def _nodes(self) -> dict[str, Node]:
        """Every worker that is there, by its address. Raises BrokenEnvironment for one where jaccheck does not run."""
        # As tasks, and not by `Client.run`, which would keep a worker from all else until torch is imported.
        asked = {
            worker: self._client.submit(node.describe, pure=False, workers=[worker])
            for worker in self._client.nthreads()
        }
        found = {}
        for worker, future in asked.items():
            if error := future.exception():
                raise BrokenEnvironment(f"worker {worker} of {self.address} has no jaccheck that runs: {error!r:.400}")
            found[worker] = from_json(Node, future.result(), where=f"worker {worker}")
        return found


class _Flight:
    """Shards that are at the cluster, and some that wait for a kind of worker that has enough of them."""

    def __init__(self, shards: Iterator[Shard]) -> None:
        self.sent: dict[Any, Shard] = {}
        self._shards = shards
        self._waiting: deque[Shard] = deque()

    def fill(self, places: Counter[Room], send: Any) -> bool:
        """Sends as many as there is room for; whether anything is at the cluster then."""
        room = Counter({kind: AHEAD * max(count, 1) for kind, count in places.items()})
        room.subtract(room_for(shard.device) for shard in self.sent.values())
        waiting, self._waiting = self._waiting, deque()
        most_waiting = sum(places.values()) + AHEAD
        while any(free > 0 for free in room.values()) and len(self._waiting) <= most_waiting:
            shard = waiting.popleft() if waiting else next(self._shards, None)
            if shard is None:
                break
            if room[room_for(shard.device)] > 0:
                room[room_for(shard.device)] -= 1
                self.sent[send(shard)] = shard
            else:
                self._waiting.append(shard)
        self._waiting.extend(waiting)
        return bool(self.sent)

    def done(self) -> list[tuple[Shard, Any]]:
        """What has come back, or will not come back, and is not at the cluster any more."""
        over = [future for future in self.sent if future.done() or future.status == "cancelled"]
        return [(self.sent.pop(future), future) for future in over]


def _connected(address: str) -> Any:
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise BrokenEnvironment(f"no scheduler answers at {address!r}: {error!s:.200}") from None
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except (TimeoutError, distributed.TimeoutError):
        client.close(timeout=LOOK_SECONDS)
        raise BrokenEnvironment(f"the scheduler at {address} has no workers after {CONNECT_SECONDS} s") from None
    return client
