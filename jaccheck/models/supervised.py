"""`check_place`: a check in a process of its own, which a method or a model may end or block without harm."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol, runtime_checkable

from jaccheck.core import LOADING_SECONDS, Allowed, ChildEnded, How, Worker, free_memory
from jaccheck.errors import InvalidModel
from jaccheck.models.messages import TIMING, CheckMessage, CheckRequest, EndedMethod
from jaccheck.reports import ModelReport, Outcome

SHARE_OF_SILENCE = 3
"""One call may take a quarter of the time. A third of it without a word, and the process is ended."""

OF_A_RESTART = 4
"""A process that is started again gets this part of the time at least."""

GRACE_SECONDS = 5.0
"""For what a method imports, and for what is not stopped in the middle."""


@runtime_checkable
class Listener(Protocol):
    """Who is told how a check goes."""

    def on_stage(self, stage: str) -> None:
        """Something that is no call of a method begins."""

    def on_start(self, parts: int, methods: int) -> None:
        """So many parts will be compared with so many methods that do not refuse."""

    def on_method(self, done: int, parts: int, method: str) -> None:
        """A method starts on the part after `done`."""

    def on_part(self, done: int, parts: int, entries: int) -> None:
        """So many parts are done, and so many entries compared in all."""


def check_place(request: CheckRequest, listener: Listener) -> ModelReport:
    """The report on the model of a place, from a process of its own.

    A method that ends that process has CRASHED, one that blocks it is HUNG; the others are then checked in a new one.
    Where that happens while methods are timed, they are checked again and not timed.
    Raises InvalidModel like `check`, also where the user's own file ends or blocks it.
    """
    spent = 0.0
    while True:
        left = max(request.seconds - spent, request.seconds / OF_A_RESTART)
        watch = _Watch(replace(request, seconds=left), listener)
        report = watch.run()
        if report is not None:
            return report
        spent += watch.spent_s()
        if watch.ended is None:
            request = replace(request, is_timed=False)
        else:
            request = replace(request, ended=(*request.ended, watch.ended))


class _Watch:
    """One worker process, from its start to its report or its end."""

    def __init__(self, request: CheckRequest, listener: Listener) -> None:
        self.request = request
        self.listener = listener
        self.ended: EndedMethod | None = None
        self._stage, self._method = f"loading {request.place}", ""
        self._began: float | None = None
        seconds = request.seconds / SHARE_OF_SILENCE + GRACE_SECONDS
        self._allowed = Allowed(seconds=seconds, memory=free_memory())

    def spent_s(self) -> float:
        """Seconds since the model was loaded."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def run(self) -> ModelReport | None:
        """The report, or None where a method has ended the process: `ended`, or one of those that were timed."""
        self.listener.on_stage("loading torch")
        with Worker("jaccheck.models.worker:answer", passes_on=True) as worker:
            try:
                return worker.ask(
                    self.request, ModelReport, self._allowed, note=CheckMessage, hear=self._hear, finishes=True
                )
            except ChildEnded as error:
                self.ended = self._blamed(error)
                return None

    def _hear(self, message: CheckMessage) -> Allowed:
        self._tell(message)
        if message.is_loading:
            return replace(self._allowed, seconds=LOADING_SECONDS + self._allowed.seconds)
        self._began = self._began or time.monotonic()
        return self._allowed

    def _tell(self, message: CheckMessage) -> None:
        self._method = message.method
        if message.stage:
            self._stage = message.stage
            self.listener.on_stage(message.stage)
        elif message.method:
            self.listener.on_method(message.done, message.parts, message.method)
        elif message.methods:
            self.listener.on_start(message.parts, message.methods)
        else:
            self.listener.on_part(message.done, message.parts, message.entries)

    def _blamed(self, error: ChildEnded) -> EndedMethod | None:
        """The method that was running, None where several took turns. Raises InvalidModel where none was running."""
        end = error.end
        if not self._method and self._stage == TIMING:
            return None
        if not self._method:
            raise InvalidModel(f"{self.request.place}: {end}, while {self._stage}; there is nothing to report")
        if end.how is How.TIME:
            message = f"did not come back within {end.seconds:.3g} s"
            return EndedMethod(method=self._method, outcome=Outcome.HUNG, message=message)
        return EndedMethod(method=self._method, outcome=Outcome.CRASHED, message=str(end))
