"""Uses that stand alone: what is known shows, a clear answer is none, and anything else is a finding."""

from __future__ import annotations

import pytest
import torch

from jaccheck.judging.known.alone import ALONE_ISSUES
from jaccheck.methods import calm_torch
from jaccheck.sequences import Tally
from jaccheck.sequences.alone import ALONE, Alone, use_alone
from jaccheck.sequences.broken import Refused
from jaccheck.sequences.checks import check_globals
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.session import available_extensions


def used(alone: Alone) -> Sequence:
    """A sequence in which it was run."""
    sequence = Sequence(available_extensions(), Tally())
    with calm_torch():
        use_alone(sequence, alone)
    return sequence


@pytest.mark.parametrize("alone", ALONE, ids=lambda alone: alone.issue)
def test_each_shows_its_issue_and_leaves_nothing(alone: Alone) -> None:
    """In the installed release; variables, random numbers and BackPACK's state are as before."""
    state = torch.get_rng_state()
    sequence = used(alone)
    assert sequence.tally.met == sequence.tally.wrong == {alone.issue: 1}
    assert torch.equal(state, torch.get_rng_state())
    check_globals(sequence)
    assert not {"layer", "model", "X", "loss"} & set(sequence.session.names)


def test_what_holds_and_what_is_refused_is_not_wrong() -> None:
    """A release that mends an issue, or says that it does not support it, is seen to."""
    for lines in ("n = 1", "n = 1\nraise ValueError('twice')", "n = 1\nraise NotImplementedError"):
        sequence = used(Alone("complex-parameters", (lines,), "n == 1"))
        assert sequence.tally.met["complex-parameters"] == 1
        assert not sequence.tally.wrong.total()


def test_an_exception_that_is_not_known_is_a_finding() -> None:
    """Whatever the issue says of numbers; one that the issue is itself is known."""
    with pytest.raises(Refused, match="AttributeError"):
        used(Alone("complex-parameters", ("n = 1", "n.grad_batch"), "n == 1"))
    assert used(Alone("kfra-dtype", ("n = 1", "raise RuntimeError"), raises="RuntimeError")).tally.wrong["kfra-dtype"]


def test_each_listed_issue_of_uses_that_stand_alone_is_met() -> None:
    """No rule draws them: one that is listed without a use would be met by no run."""
    assert {issue.id for issue in ALONE_ISSUES} <= {each.issue for each in ALONE}
