"""What `check` refuses: in one line that names the module, the tensor or the argument, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel, JaccheckError


class Mixing(nn.Linear):
    def forward(self, X: Tensor) -> Tensor:
        z = super().forward(X)
        return z - z.mean(0)


class Summed(nn.Linear):
    def forward(self, X: Tensor) -> Tensor:
        return super().forward(X).square().mean()


class Random(nn.Linear):
    def forward(self, X: Tensor) -> Tensor:
        return nn.functional.dropout(super().forward(X))


def with_nan() -> nn.Module:
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight[0, 0] = torch.nan
    return model


def extended() -> nn.Module:
    backpack = pytest.importorskip("backpack")
    return backpack.extend(nn.Linear(3, 2))


X3 = torch.ones(4, 3)


@pytest.mark.parametrize(
    ("model", "X", "message"),
    [
        (nn.Sequential(nn.Linear(3, 2), nn.Dropout()), X3, r"1 \(Dropout\) is in training mode and random"),
        (nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), X3, r"1 \(BatchNorm1d\) mixes the samples"),
        (Mixing(3, 2), torch.randn(4, 3), "outputs depend on other samples"),
        (Random(3, 2), X3, "gives another output when it is run again"),
        (with_nan(), X3, "weight holds NaN"),
        (nn.Linear(3, 2), X3 * torch.inf, "X holds NaN or infinite numbers"),
        (nn.Linear(3, 2), torch.ones(0, 3), "X holds no sample"),
        (
            Summed(3, 2),
            X3,
            r'shape \(\) whatever .*; a loss is to be that of each sample, as with reduction="none"',
        ),
        (nn.Linear(3, 2, dtype=torch.complex64), X3, "weight is complex64"),
        (nn.Linear(3, 2, device="meta"), X3, "are on cpu and meta"),
        (extended(), X3, "has been extended by BackPACK"),
        (nn.ReLU(), X3, "no trainable parameter"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_one_line(model: nn.Module, X: Tensor, message: str) -> None:
    """The line names the module or the tensor, and what is wrong with it."""
    with pytest.raises(InvalidModel, match=message) as raised:
        jaccheck.check(model, X)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"methods": 3}, "methods=3: expected names of methods or Methods"),
        ({"methods": [3]}, r"methods=\[3\]: expected names"),
        ({"methods": "vmap_vjb"}, "did you mean vmap_vjp"),
        ({"seconds": "10"}, "seconds='10': expected a number above 0"),
        ({"seconds": -1}, "seconds=-1: expected a number above 0"),
        ({"memory": "2GiB"}, "memory='2GiB': expected a number above 0"),
        ({"parameters": 3}, "parameters holds 3, expected patterns of names"),
        ({"batch_axis": True}, "there is no axis True of samples"),
    ],
)
def test_values_of_the_wrong_type_are_told(options: dict[str, Any], complaint: str) -> None:
    """In one line; a single name is one method."""
    with pytest.raises(JaccheckError, match=complaint):
        jaccheck.check(nn.Linear(3, 2), torch.ones(4, 3), **options)
