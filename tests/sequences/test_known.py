"""Known faults: data that can be relied on, strict both ways."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jaccheck.known.fault import KnownFault
from jaccheck.known.sequences import BY_ID, SEQUENCE_FAULTS
from jaccheck.plain import from_json, to_json


@pytest.mark.parametrize("fault", SEQUENCE_FAULTS, ids=lambda fault: fault.id)
def test_reproducer_shows_the_fault(fault: KnownFault) -> None:
    """Each fault is there in the installed release; where it is not, it is mended and must go from the list."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", fault.reproducer], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1].startswith("WRONG"), done
    assert done.returncode == 1


def test_faults_are_plain_data_with_ids_of_their_own() -> None:
    """A fault survives JSON, and no two have one id."""
    assert len(BY_ID) == len(SEQUENCE_FAULTS)
    for fault in SEQUENCE_FAULTS:
        assert from_json(KnownFault, to_json(fault), where="here") == fault
        assert "jaccheck" not in fault.reproducer
