"""Known faults: data that can be relied on, strict both ways."""

from __future__ import annotations

import pytest
from jaccheck_support.fresh import Outcome, outcomes

from jaccheck.core import from_json, to_json
from jaccheck.judging import SEQUENCE_FAULTS, KnownFault
from jaccheck.judging.known.sequences import BY_ID


@pytest.fixture(scope="module")
def found() -> dict[str, Outcome]:
    """What came of each reproducer."""
    return dict(zip(BY_ID, outcomes(fault.reproducer for fault in SEQUENCE_FAULTS), strict=True))


@pytest.mark.parametrize("name", BY_ID)
def test_reproducer_shows_the_fault(found: dict[str, Outcome], name: str) -> None:
    """Each fault is there in the installed release; where it is not, it is mended and must go from the list."""
    assert found[name].said.splitlines()[-1].startswith("WRONG"), found[name]
    assert found[name].code == 1


def test_faults_are_plain_data_with_ids_of_their_own() -> None:
    """A fault survives JSON, and no two have one id."""
    assert len(BY_ID) == len(SEQUENCE_FAULTS)
    for fault in SEQUENCE_FAULTS:
        assert from_json(KnownFault, to_json(fault), where="here") == fault
        assert "jaccheck" not in fault.reproducer
