"""Which devices are there is asked in a way that every supported torch can answer."""

from __future__ import annotations

import pytest
import torch

from jaccheck.methods import arrived, available_devices


def test_a_backend_that_cannot_say_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.mps has no `is_available` in old versions (2.2); torch.backends.mps has, and is asked then."""
    monkeypatch.delattr(torch.mps, "is_available", raising=False)
    monkeypatch.delattr(torch.mps, "device_count", raising=False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert list(available_devices())[-1] == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert "mps" not in available_devices()


def test_what_a_device_raises_only_when_a_result_is_read_is_raised_with_the_call() -> None:
    """Nothing can be read from torch's meta device; XLA compiles when it is read, and may fail then."""
    kept = torch.empty(2, device="meta")
    with pytest.raises(NotImplementedError):
        arrived({"0.weight": kept}, "meta")
    arrived({"0.weight": torch.ones(2)}, "cpu")
    arrived(None, "xla")  # what is no result is said by the law of structure
