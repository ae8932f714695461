"""Whatever lies in a file, its reader ends in one clear line, or in a value that is the same when read again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from jaccheck_support.fuzzing import READERS, changed, check, seed_file

INPUTS = 120
"""For each reader; `benchmarks/fuzz_readers.py` tries a million."""


@pytest.mark.parametrize("name", READERS)
def test_a_valid_file_is_read(name: str, tmp_path: Path) -> None:
    """Else no change of one would tell anything."""
    for seed in range(8):
        assert check(name, seed_file(name, random.Random(seed)), tmp_path / "file")


@pytest.mark.parametrize("name", READERS)
def test_a_broken_file_is_refused_or_read_as_it_stands(name: str, tmp_path: Path) -> None:
    """Never a traceback, never a value that cannot be written and read again."""
    rng = random.Random(name)
    read = sum(check(name, changed(name, rng), tmp_path / "file") for _ in range(INPUTS))
    assert 0 < read < INPUTS
