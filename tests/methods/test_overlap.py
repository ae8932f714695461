"""Two tensors share memory exactly where an entry of one does with an entry of the other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from jaccheck.methods import overlap
from jaccheck.methods.overlap import first_overlap, overlaps_itself

BUFFER = torch.zeros(128, dtype=torch.float32)


@st.composite
def views(draw: st.DrawFn) -> Tensor:
    """A view of the buffer, of float32 or float16, with any strides that stay inside."""
    buffer = BUFFER.view(draw(st.sampled_from([torch.float32, torch.float16])))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    strides = [draw(st.integers(0, 9)) for _ in shape]
    return buffer.as_strided(shape, strides, draw(st.integers(0, 20)))


def bytes_of(tensor: Tensor) -> list[int]:
    """The address of every byte of every entry."""
    offsets = torch.arange(256).as_strided(tensor.shape, tensor.stride()).flatten().tolist()
    size = tensor.element_size()
    return [tensor.data_ptr() + offset * size + byte for offset in offsets for byte in range(size)]


@given(views(), views())
def test_two_views_share_what_their_bytes_share(one: Tensor, other: Tensor) -> None:
    """Whatever their strides are; columns of one matrix share nothing."""
    shared = not set(bytes_of(one)).isdisjoint(bytes_of(other))
    assert first_overlap([("one", one), ("other", other)], 1) == (("one", "other") if shared else None)


@given(views())
def test_a_view_overlaps_itself_where_a_byte_comes_twice(view: Tensor) -> None:
    """As after `expand`."""
    found = bytes_of(view)
    assert overlaps_itself(view) == (len(set(found)) < len(found))


@given(views(), views())
def test_without_addresses_the_same_is_found_by_writing(one: Tensor, other: Tensor) -> None:
    """As XLA's tensors are, which say nothing of where they lie. All numbers are as they were before."""
    assume(one.dtype == other.dtype and not overlaps_itself(one))
    before = BUFFER.clone()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "_address", lambda tensor: 0)
        found = first_overlap([("one", one), ("other", other)], 1)
    assert torch.equal(BUFFER, before)
    assert found == first_overlap([("one", one), ("other", other)], 1)


def test_an_expanded_result_is_written_once() -> None:
    """A Jacobian that is zero may be one number, seen many times."""
    zero, other = BUFFER[:1].expand(3, 4), BUFFER[1:5]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "_address", lambda tensor: 0)
        assert first_overlap([("zero", zero), ("other", other)], 1) is None
        assert first_overlap([("zero", zero), ("first", BUFFER[:2])], 1) == ("zero", "first")


def test_only_the_first_ones_are_looked_for() -> None:
    """What others share among themselves is not asked."""
    given, parameter, tied = BUFFER[:3], BUFFER[3:6], BUFFER[4:8]
    named = [("given", given), ("parameter", parameter), ("tied", tied)]
    assert first_overlap(named, 1) is None
    assert first_overlap(named, 2) == ("parameter", "tied")


class Hiding(Tensor):
    """Says strides as XLA does, as if each entry had a place in memory of its own."""

    def stride(self, *axis: int) -> Any:
        """Those of a contiguous tensor."""
        strides = [1]
        for size in reversed(self.shape[1:]):
            strides.insert(0, strides[0] * size)
        return strides[axis[0]] if axis else tuple(strides)


def test_what_is_expanded_unseen_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """XLA adds up what is written to all entries of such a tensor, so that it could not be put back."""
    monkeypatch.setattr(overlap, "_address", lambda tensor: 0)
    base = torch.ones(1, 2)
    seen = base.expand(3, 2).as_subclass(Hiding)
    assert first_overlap([("one", seen), ("other", torch.ones(2))], 1) is None
    assert first_overlap([("one", seen), ("other", base)], 1) == ("one", "other")
    assert base.tolist() == [[1, 1]]
