"""`CaseTrial`: one case, with what all mutants and methods share and is computed once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import torch

from jaccheck.case import Case
from jaccheck.judging import CaseReference, Law, judge, observe_globals, restore_globals
from jaccheck.methods import Jacobians, Method, Problem
from jaccheck.reports import Judge, Verdict
from jaccheck.selftest.results import TOLERANCES, Result, copied

DEVICE = "cpu"


class Capture:
    """A method that calls another one and keeps a copy of the first result."""

    def __init__(self, method: Method) -> None:
        self.result: Result | None = None
        self._method = method

    def method(self) -> Method:
        """The method to be judged."""
        return replace(self._method, compute=self._compute)

    def _compute(self, problem: Problem, **given: Jacobians) -> Jacobians:
        try:
            jacobians = self._method.compute(problem, **given)
        except Exception as error:
            self.result = self.result or Result({}, error)
            raise
        self.result = self.result or Result(copied(jacobians))
        return jacobians


class CaseTrial:
    """One case, with what all mutants and methods share; it is computed once."""

    def __init__(self, reference: CaseReference, laws_of: Callable[[str], tuple[Law, ...]]) -> None:
        self.reference = reference
        self._laws_of = laws_of
        self._autograd: Jacobians | None = None
        self.template = reference.problem()
        """Read by the triggers of mutants, never changed."""
        self._right: dict[str, Result] = {}
        self._passes: dict[tuple[str, Judge, tuple[Law, ...]], bool] = {}

    @property
    def case(self) -> Case:
        """The case."""
        return self.reference.case

    @property
    def autograd(self) -> Jacobians:
        """Autograd's Jacobians in the dtype of the case."""
        if self._autograd is None:
            layout, dtype = self.reference.layout, getattr(torch, self.case.dtype)
            flat = torch.from_numpy(self.reference.autograd).to(dtype)
            self._autograd = {
                name: flat[part].reshape(layout.N, layout.C, *layout.shapes[name])
                for name, part in layout.offsets().items()
            }
        return self._autograd

    def judge(self, method: Method, laws: tuple[Law, ...] | None = None) -> tuple[Verdict, Result]:
        """jaccheck's verdict by the laws that are due, or by these, and the result that it judged."""
        capture = Capture(method)
        due = self._laws_of(method.name) if laws is None else laws
        verdict = judge(self.case, capture.method(), device=DEVICE, reference=self.reference, laws=due)
        return verdict, capture.result or Result({})

    def call(self, method: Method) -> Result:
        """The result alone."""
        capture, before = Capture(method), observe_globals(DEVICE)
        with suppress(Exception):  # the capture has kept it
            capture.method().compute(self.reference.problem())
        restore_globals(before, observe_globals(DEVICE))
        return capture.result or Result({})

    def right(self, base: Method) -> Result:
        """The result of a right method."""
        if base.name not in self._right:
            self._right[base.name] = self.call(base)
        return self._right[base.name]

    def passes(self, base: Method, name: Judge, mutated: Method) -> bool:
        """Whether a judge accepts a right method, by the laws that the mutated one is asked."""
        laws = self._laws_of(mutated.name) if name == "jaccheck" else ()
        key = (base.name, name, laws)
        if key not in self._passes:
            if name == "jaccheck":
                passed = not is_alarm(self.judge(base, laws)[0])
            else:
                passed = not TOLERANCES[name](self.right(base), self.autograd)
            self._passes[key] = passed
        return self._passes[key]


def is_alarm(verdict: Verdict) -> bool:
    """Whether a verdict says that something is wrong."""
    return verdict.outcome.is_wrong
