"""`Pairing`: both sides, asked the same at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from jaccheck.case import Case
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.comparison import Pair, pair_up, unchanged
from jaccheck.gate.process import SideProcess
from jaccheck.gate.protocol import Answer, Ask, Call, Crash, Observation
from jaccheck.reports import survival_of

LOOK_AHEAD = 8
"""How many cases a side may be ahead of the other: what takes long on one need not be what takes long on the other."""

Answers = tuple[Future[Answer], Future[Answer]]


def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1)


@dataclass(slots=True)
class Pairing:
    """Both sides, running; each has a thread that asks it one thing after the other."""

    base: SideProcess
    candidate: SideProcess
    _threads: tuple[ThreadPoolExecutor, ThreadPoolExecutor] = field(default_factory=lambda: (_thread(), _thread()))

    def __iter__(self) -> Iterator[SideProcess]:
        """The base, then the candidate."""
        return iter((self.base, self.candidate))

    def compare(self, case: Case, methods: tuple[str, ...], device: str) -> tuple[Pair, ...]:
        """What each method did on a case on both sides."""
        return next(self.stream([Ask(case=case, methods=methods, device=device)]))

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[Pair, ...]]:
        """What each method did, ask by ask: called, and judged only where that is not the same on both sides."""
        ahead: deque[tuple[Ask, Answers]] = deque()
        for ask in asks:
            ahead.append((ask, self._both(ask, ([], []))))
            if len(ahead) > LOOK_AHEAD:
                yield self._compared(*ahead.popleft())
        while ahead:
            yield self._compared(*ahead.popleft())

    def stop(self) -> None:
        """Ends both sides, whatever they are doing."""
        for thread, side in zip(self._threads, self, strict=True):
            thread.shutdown(wait=False, cancel_futures=True)
            side.close()

    def _compared(self, ask: Ask, answers: Answers) -> tuple[Pair, ...]:
        base, candidate = (answer.result() for answer in answers)
        calls = {call.method: call for call in base.calls if call in candidate.calls}
        judged = tuple(name for name in ask.methods if name not in calls)
        pairs = {name: unchanged(call) for name, call in calls.items()}
        if judged:
            fallen = _fallen_in(base, judged), _fallen_in(candidate, judged)
            again = self._both(replace(ask, methods=judged, task="judge"), fallen)
            base, candidate = (answer.result() for answer in again)
            others = {observation.method: observation for observation in candidate.observations}
            for one in base.observations:
                # A side says nothing on a case whose numbers overflow its dtype.
                if one.method in others:
                    pairs[one.method] = pair_up(one, others[one.method], self.base.bits, self.candidate.bits)
        return tuple(pairs[name] for name in ask.methods if name in pairs)

    def _both(self, ask: Ask, fallen: tuple[list[Crash], list[Crash]]) -> Answers:
        """What both sides will answer, which work at the same time; methods that have `fallen` there are not asked."""
        base, candidate = self._threads
        return (
            base.submit(complete, self.base, ask, fallen[0]),
            candidate.submit(complete, self.candidate, ask, fallen[1]),
        )


def complete(side: SideProcess, ask: Ask, fallen: list[Crash]) -> Answer:
    """The answer of a side; a method that ends the process is recorded so, and asked no more."""
    fallen = list(fallen)
    while isinstance(answer := side.ask(_without(ask, fallen)), Crash):
        if not answer.method or answer in fallen:
            raise BrokenEnvironment(f"{side.prepared.side}: {answer.end}")
        fallen.append(answer)
    if ask.task == "judge":
        return replace(answer, observations=(*answer.observations, *map(_observed, fallen)))
    calls = (Call(method=crash.method, error=str(crash.end), end=crash.end) for crash in fallen)
    return replace(answer, calls=(*answer.calls, *calls))


def _without(ask: Ask, fallen: list[Crash]) -> Ask:
    names = [crash.method for crash in fallen]
    return replace(ask, methods=tuple(name for name in ask.methods if name not in names))


def _fallen_in(answer: Answer, methods: tuple[str, ...]) -> list[Crash]:
    """The methods whose calls ended the process: no need to see that twice."""
    return [Crash(method=call.method, end=call.end) for call in answer.calls if call.end and call.method in methods]


def _observed(crash: Crash) -> Observation:
    failure = survival_of(crash.end)
    return Observation(
        method=crash.method,
        outcome=failure.outcome,
        message=str(crash.end),
        failure=failure,
        gravest=failure.outcome,
        laws=(failure.law,),
    )
