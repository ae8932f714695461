"""Peak memory is what torch's allocator handed out at once."""

from __future__ import annotations

import torch

from jaccheck.bench import peak_bytes


def test_what_is_held_at_once_counts() -> None:
    """Two tensors of 4 MB at the same time are 8 MB; one after the other, 4 MB."""
    assert peak_bytes(lambda: torch.ones(1_000_000).exp()) == 8_000_000

    def one_after_the_other() -> None:
        torch.ones(1_000_000)
        torch.ones(1_000_000)

    assert peak_bytes(one_after_the_other) == 4_000_000


def test_what_was_there_before_does_not_count() -> None:
    """A tensor made outside the call is not the call's."""
    x = torch.ones(1_000_000)
    assert peak_bytes(lambda: x.exp_()) == 0
