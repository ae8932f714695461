"""Uses that stand alone: what is known shows, a clear answer is none, and anything else is a finding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jaccheck.judging import SEQUENCE_ISSUES
from jaccheck.methods import calm_torch
from jaccheck.sequences import Tally
from jaccheck.sequences.alone import ALONE, Alone, use_alone
from jaccheck.sequences.broken import Refused
from jaccheck.sequences.checks import check_globals
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.session import available_extensions

ROOT = Path(__file__).parents[2]


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


def test_no_listed_issue_is_met_by_no_run() -> None:
    """Each is named by a rule, a way of use or a use that stands alone; whether it shows, the slow tests ask."""
    source = "\n".join(path.read_text() for path in (ROOT / "jaccheck" / "sequences").rglob("*.py"))
    assert not [issue.id for issue in SEQUENCE_ISSUES if f'"{issue.id}"' not in source]
