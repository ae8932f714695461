"""Peak memory is what torch's allocator handed out at once."""

from __future__ import annotations

import torch

from jaccheck.bench import counts_memory, peak_bytes


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


def test_what_torch_does_not_count_is_not_said() -> None:
    """As on mps and XLA; `meta` is a device that is there everywhere and has no statistics either."""
    assert not counts_memory("meta")
    assert peak_bytes(lambda: torch.ones(3, device="meta"), "meta") is None
