"""`ModelCheck`: every method on one problem, part by part, within memory and time."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import partial

from jaccheck.bench import warm_up
from jaccheck.judging import (
    Examination,
    LeftBehind,
    Part,
    autograd_by_sample,
    own_changes,
    parts_of,
    read,
    reference_of,
)
from jaccheck.methods import MOST_PASSES, Method, Steadiness, describe_environment, loss_of, recompiling
from jaccheck.models.advice import advice, judged_by
from jaccheck.models.allowance import OF_DRAWS, OF_TIMING, Allowance
from jaccheck.models.doubt import doubted
from jaccheck.models.known_issues import with_issues
from jaccheck.models.messages import TIMING, EndedMethod
from jaccheck.models.method_check import MethodCheck
from jaccheck.models.patience import TooSlow
from jaccheck.models.remedies import with_remedy
from jaccheck.models.supervised import Listener
from jaccheck.models.timed import measure
from jaccheck.models.unanimity import takes_back
from jaccheck.reports import ModelReport, Outcome, Source, size_of_part


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """What models print and warn of is dropped, since they are run some thousand times.

    What is warned of while a method is called is kept all the same, see `MethodCheck`.
    """
    nowhere = open(os.devnull, "w")  # noqa: SIM115  (a method that closes file 1 again may have closed this one)
    with contextlib.redirect_stdout(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                nowhere.close()


class ModelCheck:
    """One check from the first part to the report."""

    def __init__(
        self,
        found: Examination,
        methods: tuple[Method, ...],
        allowance: Allowance,
        listener: Listener,
        ended: Sequence[EndedMethod],
        *,
        is_timed: bool,
    ) -> None:
        warm_up()
        self._began = time.perf_counter()
        self.found, self.problem = found, found.problem
        self.allowance, self.listener, self.is_timed = allowance, listener, is_timed
        problem = self.problem
        allowance.check_memory()
        self.network, self.reason = read(problem, allowance.left_bytes())
        self.parts = parts_of(problem, allowance.left_bytes(), self.network, most_rows=self._most_rows())
        with silence(), allowance.limited(allowance.left_s()):
            own = own_changes(Part(range(1), range(problem.C)).of(problem))
            self._steadiness, self._wrong = Steadiness(problem), 0
        self.runs = [MethodCheck(method, left=LeftBehind(own)) for method in methods]
        self.source: Source = "closed form" if self.network else "float64 autograd"
        self.proven: tuple[str, ...] = ()
        self.unproven = ""
        over = {each.method: each for each in ended}
        with silence():
            for run in self.runs:
                if each := over.get(run.method.name):
                    run.ends(each.outcome, each.message)
                elif refusal := run.method.refuses(problem):
                    run.ends(Outcome.UNSUPPORTED, refusal)

    def _most_rows(self) -> int | None:
        """How many rows a part may have where there is no closed form, whose time hardly depends on their number."""
        if self.network is not None:
            return None
        one = Part(range(1), range(1)).of(self.problem)
        with silence():
            rows = self.allowance.rows_of_a_part(lambda: autograd_by_sample(one))
        return None if rows >= self.problem.N * self.problem.C else rows

    def run(self) -> ModelReport:
        """The report."""
        with recompiling():
            interrupted = self._is_interrupted()
        if not interrupted:
            for each in self.runs:
                if each.outcome is Outcome.NOT_RUN and not each.message:
                    each.ends(Outcome.NOT_RUN, f"no time was left of {self.allowance.seconds:g} s")
        return self._report(interrupted)

    def _is_interrupted(self) -> bool:
        """Compares and times, part by part; whether Ctrl-C ended it."""
        try:
            self.listener.on_start(len(self.parts), sum(run.is_open for run in self.runs))
            for done, part in enumerate(self.parts):
                if not self.allowance.left_s() or not self._is_going(done):
                    break
                self._compare(done, part)
                self._check_steadiness(done)
                if not done and self.is_timed:
                    self.listener.on_stage(TIMING)
                    with silence():
                        self._measure(part)
                self.listener.on_part(done + 1, len(self.parts), sum(run.entries for run in self.runs))
        except TooSlow:
            pass  # a reference took all the time that was left
        except KeyboardInterrupt:
            return True
        return False

    def _is_going(self, done: int) -> bool:
        return any(run.is_open and run.parts == done for run in self.runs)

    def _compare(self, done: int, part: Part) -> None:
        place = f" of part {done + 1:,} of {len(self.parts):,}" if len(self.parts) > 1 else ""
        self.listener.on_stage(f"computing the reference{place}")
        with silence(), self.allowance.limited(self.allowance.left_s()):
            seconds = self.allowance.left_s() / OF_DRAWS
            reference = reference_of(
                self.problem, part, self.network, seconds=seconds, is_contradicted=bool(self.found.contradiction)
            )
        self.source, self.proven, self.unproven = reference.source, reference.proven, reference.unproven
        for run in self.runs:
            if not run.is_open or run.parts < done:
                continue
            if not self.allowance.left_s():
                return
            self.listener.on_method(done, len(self.parts), run.method.name)
            seconds = self.allowance.call_s()
            try:
                with silence(), self.allowance.limited(seconds):
                    run.compare(self.problem, part, reference, self.allowance.memory)
            except TooSlow:
                if not run.parts:
                    run.ends(Outcome.NOT_RUN, f"not done after {seconds:.3g} s")

    def _check_steadiness(self, done: int) -> None:
        """Raises InvalidModel where the model gives another output than before: a long look once methods are wrong."""
        wrong = sum(run.is_wrong for run in self.runs)
        passes = MOST_PASSES if wrong > self._wrong else 1 if not done else 0
        self._wrong = wrong
        with silence(), self.allowance.limited(self.allowance.left_s()):
            self._steadiness.check(passes)

    def _why(self) -> str:
        """What no bound is proven for, by its layers or by its operations."""
        return f"{self.reason}, nor for {self.unproven}" if self.unproven else self.reason

    def _measure(self, part: Part) -> None:
        """Time and memory of every usable method on the first part, in turns."""
        usable = [run for run in self.runs if run.calls_s and run.is_worth_timing]
        first = {run.method.name: run.calls_s[0] for run in usable}
        again = frozenset(run.method.name for run in usable if run.loads)
        make, left = partial(part.of, self.problem), self.allowance.left_s()
        try:
            with self.allowance.limited(left / 2):
                methods = [run.method for run in usable]
                measured = measure(methods, first, again, make, self.allowance.left_bytes(), left / OF_TIMING)
        except TooSlow:
            return
        for run in usable:
            run.warm, run.peak = measured.get(run.method.name, (None, None))

    def _report(self, interrupted: bool) -> ModelReport:
        numbers = sum(p.numel() for p in self.problem.parameters.values())
        row_bytes = sum(p.nbytes for p in self.problem.parameters.values())
        failed = takes_back(self.runs)
        with silence():
            answers = tuple(with_remedy(run.method, run.answer(len(self.parts)), self.problem) for run in self.runs)
            answers = tuple(with_issues(answers, self.problem))
        if self.found.contradiction:
            answers = tuple(doubted(answer) for answer in answers)
        first = self.parts[0]
        outputs = None if len(first.outputs) == self.problem.C else len(first.outputs)
        size = size_of_part(len(first.samples), outputs)
        is_contradicted = bool(self.found.contradiction)
        recommended, sentence = advice(
            answers, self.problem.dtype, size, len(self.parts), is_contradicted=is_contradicted
        )
        return ModelReport(
            model=type(self.problem.own).__name__,
            loss=loss_of(self.problem),
            N=self.problem.N,
            C=self.problem.C,
            dtype=self.problem.dtype,
            device=self.problem.device,
            parameters=numbers,
            jacobian_bytes=self.problem.N * self.problem.C * row_bytes,
            memory=self.allowance.memory,
            chunks=len(self.parts),
            chunk_bytes=max(len(part.samples) * len(part.outputs) for part in self.parts) * row_bytes,
            chunk_samples=len(first.samples),
            chunk_outputs=outputs,
            reference=self.source,
            judged_by=judged_by(self.source, self._why(), self.problem.dtype, self.proven),
            environment=describe_environment({self.problem.device: ""}),
            seconds=time.perf_counter() - self._began,
            answers=answers,
            recommended=recommended,
            advice=sentence,
            interrupted=interrupted,
            notes=(*self.problem.notes, *self.found.notes, *failed),
            contradiction=self.found.contradiction,
        )
