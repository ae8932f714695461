"""Whatever a method does to global state is seen, and is as before for the next one."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch

from jaccheck.case import boundary_cases
from jaccheck.judging import judge, observe_globals, restore_globals
from jaccheck.methods import find_method
from jaccheck.reports import Outcome
from jaccheck.selftest import catalogue

CHANGES: dict[str, Callable[[], object]] = {
    "torch's generator": lambda: torch.rand(1),
    "numpy's generator": np.random.rand,
    "Python's generator": random.random,
    "grad mode": lambda: torch.set_grad_enabled(False),
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "deterministic algorithms": lambda: torch.use_deterministic_algorithms(True),
    "matmul precision": lambda: torch.set_float32_matmul_precision("high"),
    "anomaly mode": lambda: torch.autograd.set_detect_anomaly(True),
    "threads": lambda: torch.set_num_threads(2),
    "global hook": lambda: torch.nn.modules.module.register_module_forward_hook(print),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_and_put_back(name: str) -> None:
    """The numbers drawn next are those that would have come without it."""
    before = observe_globals("cpu")
    CHANGES[name]()
    changed = observe_globals("cpu")
    restore_globals(before, changed)
    assert changed != before
    assert observe_globals("cpu") == before


@pytest.mark.parametrize("name", [name for name, fault in catalogue().items() if fault.kind == "state"])
def test_a_side_effect_does_not_spread(name: str) -> None:
    """The verdict on the next method is the same as without the one before."""
    (case, *_) = boundary_cases("generic", "float32")
    before = observe_globals("cpu")
    judge(case, catalogue()[name].method())
    assert observe_globals("cpu") == before
    assert judge(case, find_method("autograd_batched")).outcome is Outcome.AGREES
