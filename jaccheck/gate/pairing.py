"""`Pairing`: both sides, asked the same at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from jaccheck.case import Case
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.ledger import Pair, pair_up, unchanged
from jaccheck.gate.process import SideProcess
from jaccheck.gate.protocol import Answer, Ask, Call, Crash, Observation
from jaccheck.verdict import Outcome


@dataclass(slots=True)
class Pairing:
    """Both sides, running."""

    base: SideProcess
    candidate: SideProcess

    def __iter__(self) -> Iterator[SideProcess]:
        """The base, then the candidate."""
        return iter((self.base, self.candidate))

    def compare(
        self, case: Case, methods: tuple[str, ...], device: str, *, is_called_again: bool = True
    ) -> tuple[Pair, ...]:
        """What each method did on a case on both sides: called, and judged only where that is not the same."""
        ask = Ask(case=case, methods=methods, device=device, is_called_again=is_called_again)
        base, candidate = self._both(ask, ([], []))
        calls = {call.method: call for call in base.calls if call in candidate.calls}
        judged = tuple(name for name in methods if name not in calls)
        pairs = {name: unchanged(call) for name, call in calls.items()}
        if judged:
            fallen = _fallen_in(base, judged), _fallen_in(candidate, judged)
            base, candidate = self._both(replace(ask, methods=judged, task="judge"), fallen)
            others = {observation.method: observation for observation in candidate.observations}
            for one in base.observations:
                # A side says nothing on a case whose numbers overflow its dtype.
                if one.method in others:
                    pairs[one.method] = pair_up(one, others[one.method], self.base.bits, self.candidate.bits)
        return tuple(pairs[name] for name in methods if name in pairs)

    def _both(self, ask: Ask, fallen: tuple[list[Crash], list[Crash]]) -> tuple[Answer, Answer]:
        """The answers of both sides, which work at the same time; methods that have `fallen` there are not asked."""
        for side, crashes in zip(self, fallen, strict=True):
            side.send(_without(ask, crashes))
        return complete(self.base, ask, fallen[0]), complete(self.candidate, ask, fallen[1])


def complete(side: SideProcess, ask: Ask, fallen: list[Crash]) -> Answer:
    """The answer to what was asked last; a method that ends the process is recorded so, and asked no more."""
    fallen = list(fallen)
    while True:
        answer = side.receive()
        if not isinstance(answer, Crash):
            break
        if not answer.method or answer in fallen:
            raise BrokenEnvironment(f"{side.prepared.side}: {answer.reason}")
        fallen.append(answer)
        side.send(_without(ask, fallen))
    if ask.task == "judge":
        return replace(answer, observations=(*answer.observations, *map(_observed, fallen)))
    calls = (Call(method=crash.method, error=crash.reason, is_fatal=True) for crash in fallen)
    return replace(answer, calls=(*answer.calls, *calls))


def _without(ask: Ask, fallen: list[Crash]) -> Ask:
    names = [crash.method for crash in fallen]
    return replace(ask, methods=tuple(name for name in ask.methods if name not in names))


def _fallen_in(answer: Answer, methods: tuple[str, ...]) -> list[Crash]:
    """The methods whose calls ended the process: no need to see that twice."""
    fatal = (call for call in answer.calls if call.is_fatal and call.method in methods)
    return [Crash(method=call.method, reason=call.error) for call in fatal]


def _observed(crash: Crash) -> Observation:
    outcome = Outcome.HUNG if crash.is_timeout else Outcome.CRASHED
    return Observation(method=crash.method, outcome=outcome, message=crash.reason, laws=("no exception",))
