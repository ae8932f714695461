"""The law of growth holds of BackPACK, and sees what grows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jaccheck.methods import calm_torch
from jaccheck.sequences.broken import Growth
from jaccheck.sequences.growth import USE, check_growth
from jaccheck.sequences.session import available_extensions


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    """Without torch's warnings."""
    with calm_torch():
        yield


@pytest.mark.full
def test_a_thousand_passes_leave_nothing() -> None:
    """BackPACK keeps neither tensors nor objects nor handles from pass to pass."""
    check_growth(available_extensions())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("    kept.append(loss.detach().clone())", "bytes"),
        pytest.param("    kept.append([])", "objects", marks=pytest.mark.full),
        pytest.param("    extend(nn.Identity())", "handles", marks=pytest.mark.full),
    ],
)
def test_what_each_pass_leaves_is_seen(line: str, says: str) -> None:
    """A tensor, an object or a handle for each pass is a finding, with a script that shows it."""
    with pytest.raises(Growth, match=says) as caught:
        check_growth(available_extensions(), use=("kept = []", *USE, line), calls=400)
    assert line.strip() in caught.value.script
    with pytest.raises(AssertionError):
        exec(caught.value.script, {})
