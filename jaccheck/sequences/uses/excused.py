"""What a use may do wrong without a finding: the known issues whose conditions it meets, and those that were seen."""

from __future__ import annotations

import re

from jaccheck.judging import SEQUENCE_ISSUES
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.uses.twin import Twin
from jaccheck.sequences.uses.use import Asked, Use

RESHAPING = ("nn.Flatten", "nn.Conv", "Pool")
"""Layers through which BackPACK takes back what it propagates by a reshape with -1."""

VIEW = re.compile(r"Permute|Slicing|Identity")
"""A module whose output is a view of its input, or the input itself."""

OF_LOSS = {
    "ignored target": "ignored-targets-in-second-order",
    "weights of samples": "targets-that-do-not-add-up",
    "two targets of each output": "broadcast-output",
}
"""By loss, the issue of its second-order extensions."""


EXCEPTIONS = {issue.id for issue in SEQUENCE_ISSUES if issue.severity.value == "exception"}
"""What is known to raise, and so excuses no wrong number."""

CURVED = ("nn.Tanh", "nn.Sigmoid", "nn.LogSigmoid", "nn.ELU", "nn.SELU")
"""Activations with a second derivative."""


class Known:
    """The known issues whose conditions a use meets, by extension, and which were seen."""

    def __init__(self, use: Use, twin: Twin) -> None:
        self.by_asked = {asked: issues_of(use, twin, asked) for asked in use.asked}
        self.seen: set[str] = set()

    def see(self, asked: Asked) -> bool:
        """Whether a wrong number of this extension is known; it is then entered."""
        known = self.by_asked[asked] - EXCEPTIONS
        self.seen |= known
        return bool(known)

    def see_one(self, issue: str) -> bool:
        """Whether this issue's condition is met; it is then entered."""
        is_met = any(issue in issues for issues in self.by_asked.values())
        self.seen |= {issue} if is_met else set()
        return is_met

    def see_all(self) -> bool:
        """Whether an exception is known, of whichever extension; all that is known is entered then."""
        self.seen = set().union(*self.by_asked.values())
        return bool(self.seen)

    def tell(self, sequence: Sequence) -> None:
        """Enters what was met and what was seen."""
        for issue in sorted(set().union(*self.by_asked.values())):
            sequence.tally.meet(issue, is_wrong=issue in self.seen)


def issues_of(use: Use, twin: Twin, asked: Asked) -> set[str]:
    """The issues whose conditions this extension meets in this use."""
    way, is_second, found = use.way, asked.quantity.is_second_order, set()
    # The mode of a BatchNorm counts in first order as well, that of Dropout in second order only.
    is_of_all = way.orders == "all" or (way.issue == "mode-changed-before-backward" and use.rich.has("BatchNorm"))
    if way.issue and (is_second or is_of_all) and (way.context != "nested" or asked in use.outer):
        found.add(way.issue)
    if way.context == "hook that writes" and asked.quantity.savefield != "grad_batch":
        # What is written reaches other results of first order only where branches are given one gradient.
        found = found if use.rich.has("Parallel(") and not is_second else set()
    if is_second:
        found |= _of_second_order(use, twin)
    if asked.quantity.extension.endswith("DiagHessian") and any(map(use.rich.has, CURVED)) and _is_strided(use):
        found.add("diag-hessian-strides")
    if asked.quantity.savefield == "batch_l2" and re.search(r"groups=[2-9]", " ".join(use.rich.layers)):
        found.add("batch-l2-groups")
    if asked.rows == () and use.rich.has("nn.Conv"):
        found.add("subsampling-none-of-convolution")
    if asked.rows == () and is_second and any(map(use.rich.has, RESHAPING)):
        found.add("subsampling-none-in-second-order")
    return found


def _is_strided(use: Use) -> bool:
    return use.way.is_strided or any(map(use.rich.has, ("Permute", "Slicing")))


def _of_second_order(use: Use, twin: Twin) -> set[str]:
    found = {OF_LOSS[use.loss]} if use.loss in OF_LOSS else set()
    if use.rich.has("[0, 0, "):
        found.add("slicing-repeated-indices")
    if any("Parallel(" in layer and VIEW.search(layer) for layer in use.rich.layers):
        found.add("views-share-an-address")
    if any(re.match(r"Permute\((0, )?-", layer) for layer in use.rich.layers):
        found.add("permute-negative-axes")
    if twin.meets_zero:
        found.add("dropout-zero-before-it")
    return found
