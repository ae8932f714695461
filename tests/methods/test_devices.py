"""Which devices are there is asked in a way that every supported torch can answer."""

from __future__ import annotations

import pytest
import torch

from jaccheck.methods import available_devices


def test_a_backend_that_cannot_say_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.mps has no `is_available` in old versions (2.2); torch.backends.mps has, and is asked then."""
    monkeypatch.delattr(torch.mps, "is_available", raising=False)
    monkeypatch.delattr(torch.mps, "device_count", raising=False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert list(available_devices())[-1] == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert "mps" not in available_devices()
