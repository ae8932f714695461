"""What the command `check` asks of its worker process, and what that says as it goes on; plain data."""

from __future__ import annotations

from jaccheck.core import Count, plain_data
from jaccheck.reports import Outcome

LOOKING = "looking at the model"

TIMING = "timing the methods that are right"
"""The stage in which methods take turns, so that nobody knows which of them ends the process."""


@plain_data
class CheckRequest:
    """A model by its place, and what is to be done with it."""

    place: str
    arguments: tuple[str, ...] = ()
    """Of the function there, as typed."""
    output: str | None = None
    parameters: tuple[str, ...] = ()
    batch_axis: tuple[str, ...] = ()
    """As typed: `1`, `h=1`."""
    methods: tuple[str, ...] = ()
    memory: Count | None = None
    seconds: float
    """For everything: reference, methods, times."""
    loss: str = ""
    """By the name that the command takes; empty where Jacobians are asked for, or the place returns a loss."""
    reduction: str = "mean"
    ended: tuple[EndedMethod, ...] = ()
    """Methods that ended a worker process before; they are not run again."""
    is_timed: bool = True
    """Whether methods are timed; not where one has ended a worker process while they were."""

    @property
    def is_first(self) -> bool:
        """Whether no worker process has looked at the model before."""
        return self.is_timed and not self.ended


@plain_data
class EndedMethod:
    """A method that did not come back."""

    method: str
    outcome: Outcome
    message: str


@plain_data
class CheckMessage:
    """One thing that became known; what is not said is empty."""

    stage: str = ""
    """What is being done now, where it is no call of a method."""
    is_loading: bool = False
    """Whether that is the user's own module, for which there is more time."""
    parts: Count = 0
    methods: Count = 0
    """With `parts`: so many parts will be compared with so many methods."""
    method: str = ""
    """A method is called now, on the part after `done`."""
    done: Count = 0
    entries: Count = 0
    """With `done` and without a method: so many parts are done, and so many entries compared."""
