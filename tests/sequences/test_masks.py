"""Dropout draws its mask in the order in which its input lies in memory: the twin's input lies as the live one's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from torch import nn

from jaccheck.sequences.session import Session
from jaccheck.sequences.uses.plain import NAMES
from jaccheck.sequences.uses.rich import Rich, riches

PARALLEL = Rich(
    kind="series",
    layers=(
        "nn.RNN(2, 2, batch_first=True)",
        "ReduceTuple(0)",
        "nn.ReLU()",
        "Parallel(Permute(0, 2, 1), nn.Identity())",
        "nn.Dropout(0.5)",
        "nn.Flatten()",
        "nn.Linear(4, 2)",
    ),
)
"""Seen after 34 minutes of drawn sequences: another mask was expected, and a right gradient was called wrong."""


def layouts(rich: Rich, names: dict[str, Any], dtype: torch.dtype) -> list[tuple[int, ...]]:
    """The strides of what each Dropout is given."""
    model = eval(f"nn.Sequential({', '.join(rich.layers)})", dict(names)).to(dtype)
    found: list[tuple[int, ...]] = []
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_pre_hook(lambda _, given: found.append(given[0].stride()))
    X = torch.tensor(rich.batch(3, 1))
    model(X.long() if rich.kind == "tokens" else X.to(dtype))
    return found


@example(rich=PARALLEL)
@given(rich=riches().filter(lambda rich: rich.has("Dropout")))
@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
def test_the_twin_lies_in_memory_as_the_live_network(rich: Rich) -> None:
    assert layouts(rich, NAMES, torch.float64) == layouts(rich, Session(()).names, torch.float32)


def test_a_mask_that_lies_otherwise_would_be_another() -> None:
    """Else the layouts would not matter."""
    masks = []
    for ones in (torch.ones(3, 2, 4), torch.ones(4, 2, 3).permute(2, 1, 0)):
        torch.manual_seed(0)
        masks.append(nn.functional.dropout(ones))
    with pytest.raises(AssertionError):
        torch.testing.assert_close(*masks)
