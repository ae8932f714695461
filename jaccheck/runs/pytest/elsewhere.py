"""Judging in a fork of the test process: a method that ends it or hangs breaks the law of survival, nothing else."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import replace

from jaccheck.case import Case
from jaccheck.core import CAN_FORK, Allowed, ChildEnded, Count, Fork, from_json, plain_data, to_json
from jaccheck.judging import LAW_OF, explained
from jaccheck.methods import Method
from jaccheck.reports import Failure, Outcome, Verdict, survival_of
from jaccheck.runs.findings import failure_of
from jaccheck.runs.pytest.here import claimed_here, judged_here
from jaccheck.runs.results import Try

ALLOWED = Allowed()
"""For one case, as in a run of `jaccheck verify`."""

TRIAL = Allowed(seconds=6.0)
"""To try whether a smaller case ends or blocks the process, too."""

GIVEN_UP_AFTER = 3
"""How many forks one method may end or block while it is judged; a hang costs a minute."""


@plain_data
class Question:
    """What becomes of a method, by its number, on a case: by these laws, of a refusal, or as this failure."""

    method: Count
    device: str
    case: Case
    laws: tuple[str, ...] = ()
    refusal: Verdict | None = None
    ask: Try | None = None


@plain_data
class Answer:
    """One of the three; nothing where there is nothing to compare with, or the failure does not show."""

    verdict: Verdict | None = None
    failure: Failure | None = None
    fault: str = ""


class Elsewhere:
    """The fork, made when it is first needed, and again after each end."""

    def __init__(self) -> None:
        self.is_wanted = True
        self._methods: list[Method] = []
        self._known = 0
        self._fork: Fork | None = None
        self._ended: Counter[tuple[str, str]] = Counter()

    def has(self, device: str) -> bool:
        """Whether methods are judged in a fork on this device: an accelerator works in no fork."""
        return self.is_wanted and CAN_FORK and device == "cpu"

    def verdict(self, case: Case, method: Method, device: str, laws: tuple[str, ...]) -> Verdict | None:
        """The verdict by these laws; None where there is nothing to compare with."""
        return self._verdict(Question(method=self._number(method), device=device, case=case, laws=laws), method)

    def claim(self, case: Case, method: Method, refusal: Verdict) -> Verdict | None:
        """The verdict on a refusal, which is tried."""
        number = self._number(method)
        return self._verdict(Question(method=number, device=refusal.device, case=case, refusal=refusal), method)

    def probe(self, ask: Try, method: Method, *, is_trial: bool = False) -> Failure | None:
        """How a case shows a failure, if it does."""
        question = Question(method=self._number(method), device=ask.group.device, case=ask.case, ask=ask)
        try:
            return self._answer(question, TRIAL if is_trial else ALLOWED).failure
        except ChildEnded as error:
            failure = survival_of(error.end)
            is_same = (ask.group.law, ask.group.outcome) == (failure.law, failure.outcome)
            return failure if is_same and ask.key in (None, failure.key) else None

    def _verdict(self, question: Question, method: Method) -> Verdict | None:
        place = (method.name, question.device)
        verdict = Verdict(method=method.name, device=question.device, outcome=Outcome.NOT_RUN)
        if self._ended[place] >= GIVEN_UP_AFTER:
            return replace(verdict, message=f"not run: it has ended {GIVEN_UP_AFTER} processes before")
        try:
            return self._answer(question, ALLOWED).verdict
        except ChildEnded as error:
            self._ended[place] += 1
            failure = survival_of(error.end)
            found = replace(verdict, outcome=failure.outcome, message=failure.message, failures=(failure,))
            return explained(question.case, found)

    def _number(self, method: Method) -> int:
        if method not in self._methods:
            self._methods.append(method)
        return self._methods.index(method)

    def _answer(self, question: Question, allowed: Allowed) -> Answer:
        if self._fork is not None and question.method >= self._known:
            self._fork.close()  # it was made before the method was known
            self._fork = None
        if self._fork is None:
            self._known = len(self._methods)
            self._fork = Fork(self._answered)
        try:
            answer = from_json(Answer, self._fork.ask(to_json(question).encode(), allowed), where="answer of a fork")
        except BaseException:
            self._fork.close()
            self._fork = None
            raise
        if answer.fault:
            raise RuntimeError(f"an error of jaccheck in the process that judges:\n{answer.fault}")
        return answer

    def _answered(self, line: bytes) -> bytes:
        """In the fork."""
        question = from_json(Question, line, where="question")
        method, case, device = self._methods[question.method], question.case, question.device
        try:
            if question.ask is not None:
                answer = Answer(failure=failure_of(question.ask, method))
            elif question.refusal is not None:
                answer = Answer(verdict=claimed_here(case, method, question.refusal))
            else:
                laws = tuple(LAW_OF[name] for name in question.laws)
                answer = Answer(verdict=judged_here(case, method, device, laws))
        except Exception:
            answer = Answer(fault=traceback.format_exc())
        return to_json(answer).encode()


ELSEWHERE = Elsewhere()
"""The one of this process, which all tests share."""
