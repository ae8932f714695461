"""`Pool`: a scheduler that judges in worker processes, so that no method can end the run.

A method that ends its process, or takes more time, memory or output than it may, has broken the law of survival on the
case that it was at. Its worker is replaced, and goes on with the rest of that case and shard. So is one in which a
method has left behind what cannot be put right. No method is blamed before it has failed in a process of its own.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from jaccheck.case import Case
from jaccheck.core import MUTANT
from jaccheck.errors import BrokenEnvironment
from jaccheck.judging import explained
from jaccheck.methods import Method
from jaccheck.reports import Failure, Outcome, Verdict
from jaccheck.runs.plan import Shard
from jaccheck.runs.reference import REFERENCE
from jaccheck.runs.results import Earlier, ShardResult, Sums, Try
from jaccheck.runs.tally import Tally
from jaccheck.runs.workers.fork_server import start_fork_server
from jaccheck.runs.workers.process import Death, WorkerProcess
from jaccheck.runs.workers.protocol import Assignment, Judge
from jaccheck.runs.workers.watch import Limits

GIVEN_UP_AFTER = 8
"""How many workers one method may end or spoil on one device; each costs a new one, and a hang costs a minute."""

ANY_METHOD = ("outer_products",)
"""For a process in which only the reference runs."""

MOST_DOUBTS = 2
"""How often a method is tried again on a case whose worker somebody else may have ended."""

MOST_LOST = 5
"""How many workers in a row may end on one shard before they have begun anything."""

PAUSE_SECONDS = 0.5
"""Times the number of those lost, before the next one: what they are forked from may have to be started again."""

HASTE = 10
"""To try whether a smaller case hangs too takes a tenth of the time; the smallest case then gets all of it."""

LEAST_SECONDS = 2.0
"""The least for such a try, on a busy machine."""


class Pool:
    """Worker processes, and one more in which failing cases are shrunk; all end with the context."""

    def __init__(self, count: int, assignment: Assignment, limits: Limits, directory: Path) -> None:
        start_fork_server()
        self._limits = limits
        self._assignment, self._directory = assignment, directory
        self._workers = [WorkerProcess(assignment, limits, directory / f"worker-{i}.json") for i in range(count)]
        self._prober, self._probed = self._prober_of(()), ""
        self._deaths: Counter[tuple[str, str]] = Counter()
        self._is_stopping = threading.Event()

    def __enter__(self) -> Pool:
        """Itself. Workers are started when they are first needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends all processes."""
        self._is_stopping.set()
        for worker in (*self._workers, self._prober):
            worker.end()
        self._prober.close()

    def results(self, shards: Iterable[Shard]) -> Iterator[ShardResult]:
        """The results of these shards, in the order in which they are done: the scheduler."""
        source = _Shared(iter(shards))
        results: queue.Queue[ShardResult | BaseException | None] = queue.Queue(maxsize=2 * len(self._workers))
        for worker in self._workers:
            threading.Thread(target=self._work, args=(worker, source, results), daemon=True).start()
        at_work = len(self._workers)
        while at_work:
            try:
                match results.get():
                    case None:
                        at_work -= 1
                    case BaseException() as error:
                        raise error
                    case ShardResult() as result:
                        yield result
            except KeyboardInterrupt:
                # Finished results still come; a second Ctrl-C ends everything.
                if self._is_stopping.is_set():
                    raise
                self._stop()

    def probe(self, ask: Try, method: Method, *, is_trial: bool = False) -> Failure | None:
        """How the case shows the failure, in a process that runs this method alone, whatever that does to it.

        A fresh one, but for the trials of shrinking; with the methods that ran earlier, where they are named.
        """
        if ask.earlier or not is_trial or self._probed != method.name:
            self._prober.close()
            earlier = ask.earlier.methods if ask.earlier else ()
            self._prober = self._prober_of(dict.fromkeys((*earlier, method.name)))
            self._probed = "" if ask.earlier else method.name
        seconds = self._limits.seconds
        if is_trial and ask.group.outcome is Outcome.HUNG:
            seconds = min(seconds, max(LEAST_SECONDS, seconds / HASTE))
        try:
            return self._prober.failure(ask, seconds=seconds)
        except Death as death:
            begun = death.begun.method or REFERENCE.name if death.begun else ""
            is_same = (death.failure.law, death.failure.outcome) == (ask.group.law, ask.group.outcome)
            is_same &= begun == ask.group.method or (ask.earlier is not None and _may_be_hit(begun, ask.earlier))
            return death.failure if is_same and ask.key in (None, death.failure.key) else None

    def _prober_of(self, methods: Iterable[str]) -> WorkerProcess:
        """A worker, not started yet, that knows these methods and no others."""
        asked = {each: each for each in self._assignment.methods}
        asked |= {each.rpartition(":")[2]: each for each in asked if not each.startswith(MUTANT)}
        names = tuple(asked.get(each, each) for each in methods if each != REFERENCE.name)
        alone = replace(self._assignment, methods=names or ANY_METHOD)
        return WorkerProcess(alone, self._limits, self._directory / "shrinking.json")

    def _stop(self) -> None:
        self._is_stopping.set()
        for worker in self._workers:
            worker.end()

    def _work(
        self,
        worker: WorkerProcess,
        shards: Iterator[Shard],
        results: queue.Queue[ShardResult | BaseException | None],
    ) -> None:
        """The work of one thread: it gives shards to one worker until there are no more."""
        try:
            for shard in shards:
                if self._is_stopping.is_set():
                    results.put(ShardResult(shard=shard, done=0, sums=Tally().sums()))
                    break
                result = self._judged(worker, shard)
                results.put(result)
                if not result.is_whole:
                    break
        except BaseException as error:  # raised in the thread that waits for results
            results.put(error)
        finally:
            worker.close()
            results.put(None)

    def _judged(self, worker: WorkerProcess, shard: Shard) -> ShardResult:
        """The result of a shard, however many workers end; of a part of it if the run is stopped."""
        tally, at, lost = Tally(), 0, 0
        left_out: tuple[str, ...] = ()
        doubts: Counter[tuple[int, str]] = Counter()
        given_up, closely = self._given_up(shard.device), False
        while at < shard.count:
            ask = Judge(shard=shard, start=at, left_out=left_out, given_up=given_up, closely=closely)
            try:
                for answer in worker.judge(ask):
                    lost = 0
                    if answer.sums:
                        tally.merge(answer.sums)
                    if answer.is_spoilt:
                        left_out, closely = (*left_out, *answer.done), True
                        self._deaths.update((name, shard.device) for name in answer.done[-1:])
                        given_up = self._given_up(shard.device)
                        break
                    at, left_out = at + 1, ()
                else:
                    break
            except Death as death:
                if self._is_stopping.is_set():
                    break
                begun = death.begun
                if begun is None:
                    lost += 1
                    if lost == MOST_LOST:
                        raise BrokenEnvironment(f"worker processes end before they judge anything: {death}") from None
                    time.sleep(lost * PAUSE_SECONDS)
                elif death.is_from_outside and doubts[at, begun.method] < MOST_DOUBTS:
                    doubts[at, begun.method] += 1
                elif not begun.method:
                    # torch itself ends the process on this case: there is no reference to compare with.
                    tally.merge(_of_reference(begun.case, shard, at, death.failure))
                    at, left_out = at + 1, ()
                else:
                    verdict = _verdict(begun.case, begun.method, shard, death.failure)
                    tally.add(begun.case, verdict, shard=shard, index=at)
                    left_out = (*left_out, begun.method)
                    self._deaths[begun.method, shard.device] += 1
                    given_up = self._given_up(shard.device)
        return ShardResult(shard=shard, done=at, sums=tally.sums(), given_up=given_up)

    def _given_up(self, device: str) -> tuple[str, ...]:
        return tuple(name for (name, on), deaths in self._deaths.items() if on == device and deaths >= GIVEN_UP_AFTER)


class _Shared(Iterator[Shard]):
    """An iterator that several threads take from."""

    def __init__(self, shards: Iterator[Shard]) -> None:
        self._shards = shards
        self._lock = threading.Lock()

    def __next__(self) -> Shard:
        with self._lock:
            return next(self._shards)


def _verdict(case: Case, method: str, shard: Shard, failure: Failure) -> Verdict:
    found = Verdict(
        method=method, device=shard.device, outcome=failure.outcome, message=failure.message, failures=(failure,)
    )
    return explained(case, found)


def _may_be_hit(method: str, earlier: Earlier) -> bool:
    """Whether the end of a process under this method may be another one's doing: what comes late hits whoever runs.

    Of two methods, one of which is suspected, it is the other one or the reference.
    """
    return method == REFERENCE.name or len(earlier.methods) > PAIR


PAIR = 2
"""Methods: the one that failed, and the only one that is suspected still."""


def _of_reference(case: Case, shard: Shard, index: int, failure: Failure) -> Sums:
    """The case counts as not computed; the failure of the reference is kept as any other, but it is no method."""
    tally = Tally()
    tally.add(case, _verdict(case, REFERENCE.name, shard, failure), shard=shard, index=index)
    tally.count(cases=int(shard.is_counted), not_computed=1)
    return replace(tally.sums(), coverage=())
