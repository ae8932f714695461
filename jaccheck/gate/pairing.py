"""`Pairing`: both sides, asked the same at the same time."""

from __future__ import annotations

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

    def compare(self, case: Case, methods: tuple[str, ...], device: str) -> tuple[Pair, ...]:
        """What each method did on a case on both sides: called, and judged only where that is not the same."""
        ask = Ask(case=case, methods=methods, device=device)
        base, candidate = self._both(ask)
        calls = {call.method: call for call in base.calls if call in candidate.calls}
        judged = tuple(name for name in methods if name not in calls)
        pairs = {name: unchanged(call) for name, call in calls.items()}
        if judged:
            base, candidate = self._both(replace(ask, methods=judged, task="judge"))
            others = {observation.method: observation for observation in candidate.observations}
            for one in base.observations:
                # A side says nothing on a case whose numbers overflow its dtype.
                if one.method in others:
                    pairs[one.method] = pair_up(one, others[one.method], self.base.bits, self.candidate.bits)
        return tuple(pairs[name] for name in methods if name in pairs)

    def _both(self, ask: Ask) -> tuple[Answer, Answer]:
        """The answers of both sides, which work at the same time."""
        self.base.send(ask)
        self.candidate.send(ask)
        return complete(self.base, ask), complete(self.candidate, ask)


def complete(side: SideProcess, ask: Ask) -> Answer:
    """The answer to what was asked last; a method that ends the process is recorded so, and asked no more."""
    fallen: list[Crash] = []
    while True:
        answer = side.receive()
        if not isinstance(answer, Crash):
            break
        if not answer.method or answer in fallen:
            raise BrokenEnvironment(f"{side.prepared.side}: {answer.reason}")
        fallen.append(answer)
        names = [crash.method for crash in fallen]
        side.send(replace(ask, methods=tuple(name for name in ask.methods if name not in names)))
    if ask.task == "judge":
        return replace(answer, observations=(*answer.observations, *map(_fallen, fallen)))
    return replace(answer, calls=(*answer.calls, *(Call(method=c.method, error=c.reason) for c in fallen)))


def _fallen(crash: Crash) -> Observation:
    outcome = Outcome.HUNG if crash.is_timeout else Outcome.CRASHED
    return Observation(method=crash.method, outcome=outcome, message=crash.reason, laws=("no exception",))
