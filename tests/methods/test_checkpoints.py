"""Which checkpoint of torch's runs what is running now, and whether gradients pass it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from jaccheck.methods.checkpoints import Checkpoint, checkpoint_around

PLAIN, OPEN, CUT = (
    Checkpoint(is_reentrant=False, cuts=False),
    Checkpoint(is_reentrant=True, cuts=False),
    Checkpoint(is_reentrant=True, cuts=True),
)


class Asking:
    """Layers that write down which checkpoint is around each of them."""

    def __init__(self) -> None:
        self.met: list[Checkpoint | None] = []

    def __call__(self, X: Tensor) -> Tensor:
        self.met.append(checkpoint_around())
        return 2 * X


@pytest.mark.parametrize(
    ("is_reentrant", "requires_grad", "expected"),
    [(False, False, PLAIN), (False, True, PLAIN), (True, True, OPEN), (True, False, CUT)],
)
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_a_checkpoint_is_seen(is_reentrant: bool, requires_grad: bool, expected: Checkpoint) -> None:
    """By what runs inside of it: of either kind, alone or in a sequence, whose last layers have none around them."""
    layer, X = Asking(), torch.ones(2, requires_grad=requires_grad)
    checkpoint(layer, X, use_reentrant=is_reentrant)
    checkpoint_sequential([layer, layer], 2, X, use_reentrant=is_reentrant)
    layer(X)
    assert layer.met == [expected, expected, None, None]
