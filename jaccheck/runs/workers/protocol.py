"""The messages between a run and its worker processes, in JSON."""

from __future__ import annotations

from jaccheck.case import Case
from jaccheck.core import Count, plain_data
from jaccheck.reports import Failure
from jaccheck.runs.plan import Shard
from jaccheck.runs.results import Sums, Try


@plain_data
class Assignment:
    """What a worker is started with."""

    methods: tuple[str, ...]
    """By the names that the user gave, so that a worker can import `package.module:function`; empty for all."""
    profile: str


@plain_data
class Start:
    """The first message to a worker: what it is for, and where its run is."""

    assignment: Assignment
    journal: str
    """The file in which it writes down what it begins."""
    path: tuple[str, ...]
    """Where modules are imported from."""
    folder: str
    """The working directory."""


@plain_data
class Judge:
    """Judge a shard, from the case of index `start` on."""

    shard: Shard
    start: Count = 0
    left_out: tuple[str, ...] = ()
    """Methods that do not run on the first of these cases: they ended a process on it, or were judged in another."""
    given_up: tuple[str, ...] = ()
    """Methods that do not run at all."""
    closely: bool = False
    """Whether what is global is looked at after each call."""


@plain_data
class Question:
    """One of the two."""

    ask: Judge | Try


@plain_data
class Answer:
    """What one case of a shard gave, or how the failure showed, if it did; `is_last` when nothing more follows."""

    pid: Count
    """The process that answers: a fork of it is asked nothing."""
    sums: Sums | None = None
    failure: Failure | None = None
    is_last: bool = False
    is_spoilt: bool = False
    """Whether something was left behind which cannot be put right, so that this process ends."""
    done: tuple[str, ...] = ()
    """The methods that were judged on the case before that, the one that left it last; `sums` are theirs alone. None
    where nobody knows whose doing it is, until the case is judged again with a closer look."""


@plain_data
class Begun:
    """What a worker runs next, written down before it runs; the method "" is the reference."""

    case: Case
    index: Count
    method: str
