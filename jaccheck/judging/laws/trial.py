"""`Trial`: one call of one method on one case, with all that the laws look at."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from jaccheck.case import Case
from jaccheck.judging.autograd import flattened
from jaccheck.judging.case_reference import CaseReference
from jaccheck.judging.comparison import outside
from jaccheck.judging.laws.state import State
from jaccheck.judging.laws.surroundings import Surroundings
from jaccheck.methods import Jacobians, Method, Problem
from jaccheck.oracle import Array
from jaccheck.reports import Comparison


@dataclass(slots=True)
class Trial:
    """What went into a call and what came out."""

    case: Case
    method: Method
    reference: CaseReference
    problem: Problem
    jacobians: Jacobians
    before: State
    after: State
    around: Surroundings
    comparisons: list[Comparison] = field(default_factory=list)
    is_contradicted: bool = False
    """Whether the law of agreement has said that it is wrong."""
    again_seconds: float = 0.0
    """Time inside the method when a law called it once more."""
    _flat: Array | None = None

    @property
    def flat(self) -> Array:
        """The Jacobians as they were when first looked at, copied into one vector."""
        if self._flat is None:
            self._flat = flattened(self.jacobians)
        return self._flat

    @property
    def is_within(self) -> bool:
        """Whether its values are within the bounds of the reference."""
        expectation = self.reference.expectation(self.method)
        return not outside(self.flat, expectation.expected, expectation.bound)

    @property
    def is_limited(self) -> bool:
        """Whether the reference limits any entry: an infinite bound, which nothing can break, says nothing."""
        return bool(np.isfinite(self.reference.expectation(self.method).bound).any())
