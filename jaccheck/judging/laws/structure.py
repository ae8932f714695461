"""The law that comes first: a result of the right structure, without which no other law can be asked."""

from __future__ import annotations

from jaccheck.judging.comparison import structural_difference
from jaccheck.judging.laws.trial import LawBroken, Trial
from jaccheck.reports import Breach, Outcome


def structure(trial: Trial) -> None:
    """A dict of one strided tensor `(N, C, *θ.shape)` for each trainable θ, in order, of θ's dtype and device."""
    reference = trial.reference
    if difference := structural_difference(reference.layout, reference.dtype, reference.device, trial.jacobians):
        raise LawBroken(Breach(law="structure", outcome=Outcome.DISAGREES, message=difference))


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or its repr where it has none."""
    return (str(error).strip() or repr(error)).split("\n")[0][:300]
