"""The law that comes first: a result of the right structure, without which no other law can be asked."""

from __future__ import annotations

from jaccheck.judging.comparison import structural_difference
from jaccheck.judging.laws.law import Law, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import result_ending
from jaccheck.reports import Outcome


def _structure(trial: Trial) -> None:
    reference = trial.reference
    if difference := structural_difference(reference.layout, reference.dtype, reference.device, trial.jacobians):
        raise STRUCTURE.broken(Outcome.DISAGREES, difference)


STRUCTURE = Law(
    name="structure",
    statement="a dict of one strided tensor `(N, C, *θ.shape)` for each trainable θ, in order, of its dtype and device",
    sees="names, order, dtype, a sparse result",
    when=When.FIRST,
    ask=_structure,
    ending=result_ending,
)
