"""What was found of one method on one case: `Verdict`, made of `Comparison`s and `Failure`s."""

from __future__ import annotations

from typing import Literal

from jaccheck.core import Seconds, html_table, plain_data
from jaccheck.reports.entries import Number
from jaccheck.reports.failure import Failure, Source
from jaccheck.reports.outcome import GRAVEST_FIRST, Outcome

TEST_RATIO_LIMITS = (0.0, *(2.0**exponent for exponent in range(-10, 1)))
"""Where each bin of a histogram of `Comparison.test_ratio` ends; one more bin holds what lies outside its bound."""

Mode = Literal["exact", "bound", "estimate"]


@plain_data
class Comparison:
    """One comparison of all Jacobians of a case with a reference."""

    reference: Source
    mode: Mode
    entries: int
    nonzero: int
    undecided: int
    test_ratio: Number = 0.0
    """The largest difference as a multiple of its bound, 1 being the limit; 0 where equality decides."""


@plain_data
class Verdict:
    """The judgement on one method, one case, one device; `failures` is empty unless something was found."""

    method: str
    device: str
    outcome: Outcome
    message: str = ""
    comparisons: tuple[Comparison, ...] = ()
    failures: tuple[Failure, ...] = ()
    known: tuple[str, ...] = ()
    """The known issues, by id, that explain failures which are therefore left out."""
    seconds: Seconds = 0.0
    """Time inside the method."""

    @property
    def gravest(self) -> Outcome:
        """The worst outcome among the failures, or the verdict's own where there are none."""
        found = {failure.outcome for failure in self.failures}
        return next((outcome for outcome in GRAVEST_FIRST if outcome in found), self.outcome)

    @property
    def is_telling(self) -> bool:
        """Whether it says more than that bounds are too wide: by estimate it also says so of structure, at least."""
        return self.outcome is not Outcome.UNDECIDED or any(each.mode == "estimate" for each in self.comparisons)

    def _repr_html_(self) -> str:
        rows = [(failure.law, str(failure.outcome), failure.message) for failure in self.failures]
        rows += [("", "listed", f"jaccheck known {known}") for known in self.known]
        compared = [
            f"{c.entries:,} entries compared with {c.reference}: "
            f"{'must be equal' if c.mode == 'exact' else 'by bound'}, {c.undecided:,} undecided"
            for c in self.comparisons
        ]
        headline = f"{self.method} on {self.device}: {self.outcome}"
        reason = [self.message] if self.message and not self.failures else []
        return html_table(
            headline, ("law", "outcome", "what was seen"), rows, self.outcome.sentence, *reason, *compared
        )
