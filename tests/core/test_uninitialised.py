"""Uninitialised memory is filled with a pattern while methods run, and messages say when it was read."""

from __future__ import annotations

import platform
from dataclasses import replace

import pytest
import torch

from jaccheck.case import Case
from jaccheck.core import PATTERNS, filled
from jaccheck.judging import judge
from jaccheck.methods import calm_torch
from jaccheck.reports import Outcome
from jaccheck.selftest import choose_with_mutants

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc fills memory")


def read(dtype: torch.dtype) -> set[float]:
    """What fresh memory holds that was freed with ones in it."""
    kept = [torch.ones(5000, dtype=dtype) for _ in range(20)]
    del kept
    return set(torch.empty(5000, dtype=dtype).double().tolist())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_fresh_memory_holds_the_pattern(dtype: torch.dtype) -> None:
    """Also within another such context, and no longer after the outer one."""
    with filled():
        with calm_torch():
            assert read(dtype) <= PATTERNS
        assert read(dtype) <= PATTERNS
    assert not read(dtype) & PATTERNS


def test_in_float16_it_is_nan() -> None:
    """Which is no value to compare with, and never right."""
    with filled():
        assert torch.empty(5000, dtype=torch.float16).isnan().all()


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_who_reads_it_is_told_so(case: Case, dtype: str) -> None:
    """A method that leaves zeros unwritten is seen at once, whatever was in memory."""
    (method,) = choose_with_mutants(["mutant:zeros_never_written"])
    with calm_torch():
        verdict = judge(replace(case, dtype=dtype), method)  # type: ignore[arg-type]
    assert verdict.outcome is Outcome.DISAGREES
    assert ("read from uninitialised memory" in verdict.message) is (dtype != "float16")
