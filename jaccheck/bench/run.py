"""`bench`: every shape, dtype and device, examined and raced by two worker processes within a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Protocol

from jaccheck.bench.examination import representatives
from jaccheck.bench.growth import growth_of
from jaccheck.bench.jobs import Message, Task
from jaccheck.bench.process import Worker
from jaccheck.bench.shapes import SHAPES, Shape
from jaccheck.core import ChildEnded, plain_data
from jaccheck.errors import InvalidModel
from jaccheck.methods import describe_environment, describe_machine
from jaccheck.reports import REGIMES, BenchCell, BenchReport, Clock, MethodTiming, Outcome, Race, Spread

LARGE_BYTES = 2**30
"""Jacobians from here on are worth a process of their own, which gives the memory back when it ends."""

GRACE_S = 60.0
"""Beyond the time it was given, before a worker counts as hanging."""

START_S = 120.0
"""For a worker process to load torch and all that the methods load: some seconds, more on a busy machine."""


@plain_data
class Plan:
    """What is to be timed."""

    shapes: tuple[Shape, ...]
    dtypes: tuple[str, ...]
    devices: dict[str, str]
    methods: tuple[str, ...]
    seconds: float
    """For everything."""
    threads: int
    memory: int
    """Bytes that a call may take beyond what its process has."""
    clock: Clock = "wall"


class Listener(Protocol):
    """Who is told how a run goes."""

    def on_step(self, done: float, text: str) -> None:
        """So large a part of the time's plan is done, and this comes next."""

    def on_cell(self, cell: BenchCell) -> None:
        """One problem is done."""


@dataclass(slots=True)
class _Stage:
    """One problem to come; `weight` is its share of the time."""

    shape: Shape
    dtype: str
    device: str
    weight: float


def stages(plan: Plan) -> list[_Stage]:
    """All problems in order: by shape, then dtype and device; sweeps in the first dtype only."""
    found = []
    for shape in plan.shapes:
        dtypes = plan.dtypes[:1] if shape.axis or shape.model else plan.dtypes
        for dtype in dtypes:
            size = shape.entries * (8 if dtype == "float64" else 4)
            # Filling the memory counts above 128 MiB; the largest would take all the time if they got their due.
            weight = 0.6 if shape.axis else 1.0
            weight += min(size / 2**27, 11)
            found += [_Stage(shape, dtype, device, weight) for device in plan.devices]
    return found


def bench(plan: Plan, listener: Listener) -> BenchReport:
    """The report of a run; Ctrl-C ends it with what was measured. Raises InvalidModel for a bad model."""
    started = time.monotonic()
    deadline = started + plan.seconds
    todo = stages(plan)
    weights = sum(stage.weight for stage in todo)
    cells: list[BenchCell] = []
    pair = {"fresh": Worker(keeps_memory=False), "reused": Worker(keeps_memory=True)}
    quick_s: dict[str, float] = {}
    run: _CellRun | None = None
    interrupted = False
    try:
        while todo and time.monotonic() < deadline:
            left = sum(stage.weight for stage in todo)
            stage = todo[0]
            listener.on_step(1 - left / weights, "starting worker processes")
            quick_s |= start(pair["fresh"], plan, stage.device)
            seconds = (deadline - time.monotonic()) * stage.weight / left
            part = (1 - left / weights, stage.weight / weights)
            run = _CellRun(stage, plan, pair, listener, time.monotonic() + seconds, *part)
            run.measure(_order(plan.methods, cells, quick_s))
            cells.append(run.cell())
            run = None
            todo.pop(0)
            listener.on_cell(cells[-1])
            if cells[-1].jacobian_bytes >= LARGE_BYTES:
                for worker in pair.values():
                    worker.close()
    except KeyboardInterrupt:
        interrupted = True
        if run and run.races:
            cells.append(run.cell())
            todo.pop(0)
            listener.on_cell(cells[-1])
    finally:
        for worker in pair.values():
            worker.close()
    return BenchReport(
        environment=describe_environment(plan.devices),
        machine=describe_machine(),
        threads=plan.threads,
        clock=plan.clock,
        memory=plan.memory,
        cells=tuple(cells),
        growth=growth_of(cells),
        seconds=time.monotonic() - started,
        not_reached=tuple(f"{stage.shape.name}, {stage.dtype} on {stage.device}" for stage in todo),
        interrupted=interrupted,
    )


def dtype_of_model(shape: Shape, memory: int, threads: int) -> str:
    """The dtype of a user's model, made in a worker process, which it may end. Raises InvalidModel."""
    worker = Worker(keeps_memory=False)
    task = Task(
        kind="examine",
        shape=shape,
        dtype="float32",
        device="cpu",
        methods=(),
        seconds=START_S,
        memory=memory,
        threads=threads,
    )
    try:
        for message in worker.ask(task, START_S):
            if message.complaint:
                raise InvalidModel(message.complaint)
            if message.problem:
                return message.problem.dtype
    except ChildEnded as ended:
        raise InvalidModel(f"{shape.model}: the model cannot be made: {ended}") from None
    finally:
        worker.close()
    raise InvalidModel(f"{shape.model}: no worker has made the model")


def start(worker: Worker, plan: Plan, device: str) -> dict[str, float]:
    """Lets a new process load all that it needs, which takes seconds that no problem should pay for.

    Returns what a call of each method takes on the smallest shape, where it was started.
    """
    if worker.is_running:
        return {}
    try:
        task = Task(
            kind="start",
            shape=SHAPES[0],
            dtype="float32",
            device=device,
            methods=plan.methods,
            seconds=START_S,
            memory=plan.memory,
            threads=plan.threads,
        )
        return {m.starts: m.quick_s for m in worker.ask(task, START_S) if m.starts and m.quick_s is not None}
    except ChildEnded:
        # Whatever took the process with it will do so again, and be told, when it is examined.
        return {}


def _order(methods: tuple[str, ...], cells: list[BenchCell], quick_s: Mapping[str, float]) -> tuple[str, ...]:
    """The methods, those first that were fastest when last timed: when time runs out, the best have had their turn."""
    place: dict[str, int] = {}
    for cell in reversed(cells):
        for i, m in enumerate(cell.ranked("reused")):
            place.setdefault(m.method, i)
    return tuple(sorted(methods, key=lambda name: (place.get(name, len(methods)), quick_s.get(name, inf))))


@dataclass(slots=True)
class _CellRun:
    """The methods of one problem on their way through the two workers; what is known so far can be told at any time."""

    stage: _Stage
    plan: Plan
    pair: Mapping[str, Worker]
    listener: Listener
    deadline: float
    before: float
    """Which part of the plan was done when it began, and which part it is."""
    part: float
    started: float = field(default_factory=time.monotonic)
    methods: dict[str, MethodTiming] = field(default_factory=dict)
    first_s: dict[str, float] = field(default_factory=dict)
    floors: dict[str, Spread] = field(default_factory=dict)
    races: dict[str, Race] = field(default_factory=dict)
    problem: BenchCell | None = None

    def measure(self, names: tuple[str, ...]) -> None:
        """Examines the methods, and lets those that can be the fastest race in each kind of memory."""
        self._examine(list(names), (self.deadline - time.monotonic()) / 2)
        if self.problem is None:
            why = next((m.message for m in self.methods.values()), "there are no methods")
            raise InvalidModel(f"{self.stage.shape.network} on {self.stage.device}: no worker could make it: {why}")
        right = [m for m in self.methods.values() if m.outcome.is_usable]
        contenders = sorted((m for m in right if m.times_slower is None), key=lambda m: self.first_s[m.method])
        dropped = {m.method: self.first_s[m.method] for m in right if m.times_slower is not None}
        kinds = {m.method: m.kind for m in right}
        beside = representatives(dropped, kinds, {m.kind for m in contenders})
        for i, regime in enumerate(REGIMES if right else ()):
            share = (self.deadline - time.monotonic()) / (len(REGIMES) - i)
            racing = tuple(m.method for m in contenders)
            for message in self._ask(replace(self._task(regime, racing, share), representatives=beside), share):
                self._note(message, regime)

    def cell(self) -> BenchCell:
        """What is known, with the methods in the order of the plan."""
        assert self.problem is not None
        untimed = tuple(m.method for m in self.methods.values() if m.outcome is Outcome.NOT_RUN and not m.first_calls)
        return replace(
            self.problem,
            methods=tuple(self.methods[name] for name in self.plan.methods if name in self.methods),
            races=tuple(
                replace(race, untimed=race.untimed + untimed)
                for r in REGIMES
                if (race := self.races.get(r)) is not None
            ),
            fresh_floor=self.floors.get("fresh"),
            reused_floor=self.floors.get("reused"),
            seconds=time.monotonic() - self.started,
        )

    def _task(self, kind: str, methods: tuple[str, ...], seconds: float) -> Task:
        stage, plan = self.stage, self.plan
        return Task(
            kind=kind,  # type: ignore[arg-type]
            shape=stage.shape,
            dtype=stage.dtype,
            device=stage.device,
            methods=methods,
            seconds=max(seconds, 1.0),
            memory=plan.memory,
            threads=plan.threads,
            clock=plan.clock,
        )

    def _examine(self, names: list[str], seconds: float) -> None:
        """Each method; one that takes its process with it is left out, and the rest go on in a new one."""
        while names:
            for message in self._ask(self._task("examine", tuple(names), seconds), seconds):
                self._note(message, "examine")
            names = [name for name in names if name not in self.methods]

    def _ask(self, task: Task, seconds: float) -> Iterator[Message]:
        """The messages of the worker for this kind of task; a lost worker costs the method that it was at."""
        # Methods are examined where glibc's memory is as it comes: once an allocation has been refused, glibc no longer
        # keeps what is freed, and every later call in that process would pay for fresh pages.
        worker = self.pair["reused" if task.kind == "reused" else "fresh"]
        current = ""
        try:
            if task.kind != "reused":  # the call before a race loads what that one needs
                start(worker, self.plan, task.device)
            for message in worker.ask(task, max(seconds, 1.0) + GRACE_S):
                if message.complaint:
                    raise InvalidModel(message.complaint)
                current = message.starts or current
                if message.starts:
                    self.listener.on_step(
                        self._done(), f"{task.shape.name}, {task.dtype} on {task.device}: {task.kind}, {message.starts}"
                    )
                yield message
        except ChildEnded as ended:
            # Where it was at no method, none of them can be done.
            for name in [current] if current in task.methods else task.methods:
                self._leave_out(name, f"{task.kind}: {ended}")

    def _done(self) -> float:
        """Which part of the plan is done: the time of this problem counts as it passes."""
        passed = (time.monotonic() - self.started) / max(self.deadline - self.started, 1e-9)
        return self.before + self.part * min(passed, 1.0)

    def _leave_out(self, name: str, why: str) -> None:
        known = self.methods.get(name, MethodTiming(method=name, outcome=Outcome.NOT_RUN))
        self.methods[name] = replace(known, outcome=Outcome.NOT_RUN, message=why, first_calls=1)

    def _note(self, message: Message, kind: str) -> None:
        """What a message says goes where it belongs."""
        if message.problem:
            self.problem = message.problem
        if message.floor:
            self.floors[kind] = message.floor
        if message.race:
            self.races[kind] = message.race
        if message.method and kind == "examine":
            self.methods[message.method.method] = message.method
            self.first_s[message.method.method] = inf if message.first_s is None else message.first_s
        elif message.method:
            # It is right, and stays so: it was only not timed here.
            known = self.methods[message.method.method]
            self.methods[known.method] = replace(known, message=message.method.message)
        for name, times in (message.times or {}).items():
            known = self.methods[name]
            self.methods[name] = replace(known, fresh=times) if kind == "fresh" else replace(known, reused=times)
