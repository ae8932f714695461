"""`Spread`: the one place where work goes to the workers of a cluster and comes back, whatever it is.

A piece of work is sent to all who may judge, so Dask gives it to the one that is free first, and to another where one
dies. Where it comes back without an answer it is sent again, elsewhere; after some times it is given up.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import distributed
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from jaccheck.errors import BrokenEnvironment, ClusterLost
from jaccheck.reports import ClusterUse
from jaccheck.runs.cluster import node
from jaccheck.runs.cluster.crew import FETCH_SECONDS, Crew, Room, forget

AHEAD = 2
"""Pieces at the cluster for each that can be judged at once: none waits for the next one to be sent."""

LEAST_AHEAD = 8
"""Pieces at the cluster however few workers there are: an adaptive cluster grows with the work that it can see."""

MOST_LOST = 3
"""How often a piece is lost before it is given up."""

ALONE_SECONDS = 120.0
"""How long a run waits while there is no worker that may judge: a batch system may be starting others."""

WAIT_SECONDS = 1.0

A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece(Generic[A]):
    """`ask` as a node is asked for it: a function in `node.py`, and the JSON that it is given."""

    ask: A
    function: Callable[..., str]
    arguments: tuple[Any, ...]
    room: Room = ""
    priority: int = 0


@dataclass(slots=True)
class _Sent(Generic[A]):
    """A piece, where it was sent, and what became of it before."""

    piece: Piece[A]
    to: frozenset[str] = frozenset()
    avoids: frozenset[str] = frozenset()
    lost: int = 0


@dataclass(slots=True)
class _Flight(Generic[A]):
    """The pieces that are at the cluster, by their futures, and those that wait here for a worker."""

    pieces: Iterator[Piece[A]]
    sent: dict[Any, _Sent[A]] = field(default_factory=dict)
    waiting: deque[_Sent[A]] = field(default_factory=deque)


class Spread:
    """Sends work to a crew, and counts what becomes of it."""

    def __init__(self, client: Any, crew: Crew) -> None:
        self._client, self._crew = client, crew
        self._judged: Counter[str] = Counter()
        self._lost = 0
        self.fell_back = 0
        """Pieces that were given up, and judged here."""

    @property
    def use(self) -> ClusterUse:
        """What became of the work so far."""
        return ClusterUse(
            judged=dict(self._judged), fell_back=self.fell_back, lost=self._lost, left_out=dict(self._crew.left_out)
        )

    def answers(self, pieces: Iterable[Piece[A]]) -> Iterator[tuple[A, str | None]]:
        """What each piece asked, and the answer, in the order in which they come; None where it is given up.

        Raises ClusterLost and BrokenEnvironment. Whoever presses Ctrl-C still gets what is there.
        """
        flight = _Flight(iter(pieces))
        alone_since = time.monotonic()
        try:
            while self._fill(flight):
                yield from self._landed(flight)
                if flight.sent:
                    self._wait(list(flight.sent))
                elif not flight.waiting:
                    continue
                else:
                    time.sleep(WAIT_SECONDS / 10)
                alone_since = self._checked(flight, alone_since)
        except KeyboardInterrupt:
            yield from self._landed(flight)
            raise
        finally:
            forget(self._client, list(flight.sent))

    def _fill(self, flight: _Flight[A]) -> bool:
        """Sends as many as there is room for; whether anything is left to be judged."""
        self._crew.look()
        self._call_back(flight)
        room = Counter({kind: max(AHEAD * n, LEAST_AHEAD) if n else 0 for kind, n in self._crew.places().items()})
        room.subtract(sent.piece.room for sent in flight.sent.values())
        waiting, flight.waiting = flight.waiting, deque()
        most_waiting = room.total() + LEAST_AHEAD
        while any(free > 0 for free in room.values()) and len(flight.waiting) <= most_waiting:
            piece = None if waiting else next(flight.pieces, None)
            if not waiting and piece is None:
                break
            each = waiting.popleft() if piece is None else _Sent(piece)
            if room[each.piece.room] > 0:
                room[each.piece.room] -= 1
                self._send(flight, each)
            else:
                flight.waiting.append(each)
        flight.waiting.extend(waiting)
        if not flight.sent and not flight.waiting and (piece := next(flight.pieces, None)):
            flight.waiting.append(_Sent(piece))
        return bool(flight.sent or flight.waiting)

    def _send(self, flight: _Flight[A], each: _Sent[A]) -> None:
        piece = each.piece
        fit = self._crew.fit(piece.room)
        each.to = fit - each.avoids or fit
        future = self._client.submit(
            node.attend,
            piece.function,
            *piece.arguments,
            pure=False,
            workers=sorted(each.to),
            resources={piece.room: 1} if piece.room else None,
            priority=piece.priority,
        )
        flight.sent[future] = each

    def _wait(self, futures: list[Any]) -> None:
        try:
            distributed.wait(futures, timeout=WAIT_SECONDS, return_when="FIRST_COMPLETED")
        except (TimeoutError, distributed.TimeoutError, CancelledError):
            return

    def _landed(self, flight: _Flight[A]) -> Iterator[tuple[A, str | None]]:
        """What has come back with an answer, or is given up; what was lost waits to be sent again."""
        for future in [each for each in flight.sent if each.done() or each.status == "cancelled"]:
            each = flight.sent.pop(future)
            try:
                where, text = future.result(timeout=FETCH_SECONDS)
            except (TimeoutError, distributed.TimeoutError):
                flight.sent[future] = each  # the worker has gone with its result: another judges it again
                continue
            except FutureCancelledError:
                raise ClusterLost(f"the scheduler at {self._crew.address} is gone") from None
            except KilledWorker:
                each.lost = MOST_LOST
                self._lost += 1
            except node.WorkerLost as lost:
                where, how = lost.args
                self._crew.has_ended(where, how, each.piece)
                self._lose(each, where)
            except node.CannotJudge as error:
                self._crew.leave_out(*error.args)
                if not self._crew.fit(each.piece.room) and not self._crew.may_come():
                    raise BrokenEnvironment(
                        f"a worker of {self._crew.address} cannot judge: {error.args[1]}{self._others()}"
                    ) from None
            except Exception as error:
                raise BrokenEnvironment(f"a worker of {self._crew.address} failed: {error!r:.400}") from None
            else:
                self._crew.has_judged(where)
                self._judged[self._crew.label(where)] += 1
                yield each.piece.ask, text
                continue
            if each.lost >= MOST_LOST:
                yield each.piece.ask, None
            else:
                flight.waiting.appendleft(each)

    def _lose(self, each: _Sent[A], *where: str) -> None:
        self._lost += 1
        each.lost += 1
        each.avoids |= {*where}

    def _call_back(self, flight: _Flight[A]) -> None:
        """What was sent only to workers that have gone, or to one that is left out by now, is sent again."""
        for future, each in list(flight.sent.items()):
            fit = self._crew.fit(each.piece.room)
            is_stranded = not each.to & fit
            if not future.done() and (is_stranded or any(map(self._crew.is_there, each.to - fit))):
                del flight.sent[future]
                forget(self._client, [future])
                if is_stranded:
                    self._lose(each)
                flight.waiting.appendleft(each)

    def _checked(self, flight: _Flight[A], alone_since: float) -> float:
        """Since when there is nobody for what is left. Raises ClusterLost where that is too long."""
        left = (*flight.sent.values(), *flight.waiting)
        if any(self._crew.fit(each.piece.room) for each in left):
            return time.monotonic()
        if left and time.monotonic() - alone_since > ALONE_SECONDS:
            raise ClusterLost(f"no worker is left at {self._crew.address}{self._crew.reasons}")
        return alone_since

    def _others(self) -> str:
        return f" (so do all {len(self._crew.left_out)})" if len(self._crew.left_out) > 1 else ""
