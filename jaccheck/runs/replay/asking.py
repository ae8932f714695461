"""`Replayer`: stored findings, each asked again in a worker process, whose end is an answer, too."""

from __future__ import annotations

from collections.abc import Sequence

from jaccheck.case import Case
from jaccheck.core import Allowed, ChildEnded, Count, Worker, plain_data, plural
from jaccheck.errors import InvalidRequest
from jaccheck.reports import CaseFile, Finding, Outcome, survival_of


@plain_data
class ReplayRequest:
    """A finding, its cases, and the methods of the user's own that may be imported."""

    finding: Finding
    cases: tuple[Case, ...]
    own: tuple[str, ...] = ()


@plain_data
class ReplayNote:
    """The method is called now on the case of this number."""

    case: Count


@plain_data
class Replayed:
    """What became of a finding: `outcome` is None where it is fixed, else what is wrong now."""

    outcome: Outcome | None
    message: str
    is_same: bool = False
    """Whether it is still what the finding says."""


class Replayer:
    """Asks findings again, one after the other; to be used in a context, which ends its process."""

    def __init__(self, own: Sequence[str]) -> None:
        self._own = tuple(own)
        self._worker = Worker("jaccheck.runs.replay.answering:answer")

    def __enter__(self) -> Replayer:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends the process."""
        self._worker.__exit__()

    def replay(self, stored: CaseFile) -> Replayed:
        """What became of the finding of a file. Raises a JaccheckError where it cannot be asked."""
        finding = stored.finding
        if finding is None:
            raise InvalidRequest("holds cases but no finding; run them with `jaccheck verify --cases`")
        if finding.case not in stored.cases:
            held = f"{plural(len(stored.cases), 'case')}, none of which is the finding's" if stored.cases else "no case"
            raise InvalidRequest(f"holds a finding and {held}: it cannot be asked again")
        request, at = ReplayRequest(finding=finding, cases=stored.cases, own=self._own), None

        def hear(note: ReplayNote) -> None:
            nonlocal at
            at = note.case

        try:
            return self._worker.ask(request, Replayed, Allowed(), note=ReplayNote, hear=hear)
        except ChildEnded as error:
            if at is None:
                raise InvalidRequest(f"cannot be tried: {error}, before {finding.method} was called") from None
            return _ended(finding, error)


def _ended(finding: Finding, error: ChildEnded) -> Replayed:
    """The verdict on a method that ended the process, or had to be stopped."""
    failure = survival_of(error.end)
    is_same = (finding.law, finding.outcome) == (failure.law, failure.outcome)
    return Replayed(
        outcome=failure.outcome, message=f"{finding.method}, {failure.law}: {failure.message}", is_same=is_same
    )
