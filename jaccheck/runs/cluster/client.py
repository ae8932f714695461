"""`Cluster`: the workers of a Dask cluster, as whoever has cases to be judged sees them.

Faults are shrunk here where the device is here: a case waits for nothing then.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from jaccheck.core import ChildEnded, from_json, to_json
from jaccheck.errors import BrokenEnvironment, ClusterLost, UnknownName
from jaccheck.methods import Method
from jaccheck.reports import ClusterUse, Failure
from jaccheck.runs.cluster import node
from jaccheck.runs.cluster.address import Tell, close, connected
from jaccheck.runs.cluster.crew import GPU, Crew, room_for
from jaccheck.runs.cluster.messages import Question, Reply, WorkerConfig
from jaccheck.runs.cluster.spread import Piece, Spread
from jaccheck.runs.cluster.worker import here
from jaccheck.runs.plan import Shard
from jaccheck.runs.results import ShardResult, Try
from jaccheck.runs.run import Judges
from jaccheck.runs.workers.isolated import Pool

WAIT_SECONDS = 120.0
"""For the first worker that may judge."""

R = TypeVar("R")


def _silent(line: str) -> None:
    """Tells nobody."""


class Cluster:
    """The workers of a scheduler, named as in `address.py`, of which one at least may judge after `wait` seconds.

    Raises BrokenEnvironment where none may, or no scheduler answers. `tell` gets a line about each worker left out.
    """

    def __init__(self, scheduler: str, *, wait: float = WAIT_SECONDS, tell: Tell = _silent) -> None:
        # It would tell of each lost connection with a traceback; what becomes of a run is told here.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        deadline = time.monotonic() + wait
        self._client, self.address = connected(scheduler, deadline, tell)
        try:
            self._here = here()
            self._crew = Crew(self._client, self.address, self._here, tell)
            self._crew.gather(deadline, wait)
            self._spread = Spread(self._client, self._crew)
        except BaseException:
            close(self._client)
            raise

    def __enter__(self) -> Cluster:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connection; the cluster stays as it was."""
        with contextlib.suppress(Exception):  # the scheduler may be gone
            close(self._client)

    @property
    def use(self) -> ClusterUse:
        """Who has judged so far, who was left out, and what was judged here."""
        return self._spread.use

    def judges(self, config: WorkerConfig, pool: Pool) -> Judges:
        """Judges for one run; `pool` judges on this machine what has to be judged here."""
        self._config = config
        self._pool = pool
        return Judges(self.results, self.probe)

    def choose_devices(self, names: Iterable[str]) -> dict[str, str]:
        """The devices of these names, or all that workers have. Raises UnknownName and BrokenEnvironment."""
        there = self._crew.devices
        chosen = {name: there.get(name) for name in (*names,) or there}
        for device, description in chosen.items():
            if description is None:
                raise UnknownName(
                    f"device {device!r} is with no worker of {self.address}; they have {', '.join(there)}"
                )
            if not self._crew.fit(room_for(device)):
                raise BrokenEnvironment(
                    f"no worker of {self.address} takes shards for {device}: start those that have it with "
                    f"`--resources {GPU}=1`, or leave it out with --device"
                )
        return {device: description or "" for device, description in chosen.items()}

    def results(self, shards: Iterable[Shard]) -> Iterator[ShardResult]:
        """The results of these shards, in the order in which they are done. Raises ClusterLost."""
        for shard, text in self._spread.answers(map(self._piece, shards)):
            reply = self._reply(text)
            yield reply.result if reply and reply.result else self._judged_here(shard)

    def probe(self, ask: Try, method: Method, *, is_trial: bool = False) -> Failure | None:
        """How the case shows the failure, whatever that does to the process that tries it."""
        if ask.group.device in self._here.environment.devices:
            return self._pool.probe(ask, method, is_trial=is_trial)
        question = Question(ask=ask, is_trial=is_trial)
        ((_, text),) = self._spread.answers([self._asking(ask, question, ask.group.device, priority=1)])
        reply = self._reply(text)
        return reply.failure if reply else None

    def parts(
        self,
        function: Callable[[str], str],
        requests: Iterable[R],
        device: str = "cpu",
        again: Callable[[str], str] | None = None,
    ) -> Iterator[tuple[R, str]]:
        """Each request with what the function answers to its JSON on some worker, in the order in which it comes.

        What no worker survives is asked here, of the function or of `again`. Raises ClusterLost.
        """
        mine = to_json(self._here)
        room = room_for(device)
        pieces = (
            Piece(ask=each, function=node.part, arguments=(function, to_json(each), mine), room=room)
            for each in requests
        )
        for request, text in self._spread.answers(pieces):
            yield request, self._asked_here(again or function, request) if text is None else text

    def _piece(self, shard: Shard) -> Piece[Shard]:
        return self._asking(shard, Question(ask=shard), shard.device)

    def _asking(self, ask: R, question: Question, device: str, *, priority: int = 0) -> Piece[R]:
        arguments = to_json(self._config), to_json(question), to_json(self._here)
        return Piece(ask=ask, function=node.answer, arguments=arguments, room=room_for(device), priority=priority)

    def _reply(self, text: str | None) -> Reply | None:
        return None if text is None else from_json(Reply, text, where=f"a worker of {self.address}")

    def _judged_here(self, shard: Shard) -> ShardResult:
        """The result of a shard that no worker survives."""
        if shard.device not in self._here.environment.devices:
            raise ClusterLost(f"no worker of {self.address} survives shard {shard.number}: {shard!r:.400}")
        self._spread.fell_back += 1
        (result,) = self._pool.results([shard])
        return result

    def _asked_here(self, function: Callable[[str], str], request: Any) -> str:
        self._spread.fell_back += 1
        try:
            return function(to_json(request))
        except ChildEnded as ended:
            raise ClusterLost(
                f"no worker of {self.address} survives a part, nor does this machine: {ended}; it is {request!r:.400}"
            ) from None
