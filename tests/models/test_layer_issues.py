"""A wrong method on a user's model is told as the known issue that it has for a layer of the model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from jaccheck_support.remedied.several_outputs import last_state
from torch import Tensor, nn

import jaccheck
from jaccheck.judging import LAYER_ISSUES
from jaccheck.methods import find_method
from jaccheck.models.known_issues import CALLS, LAYERS, OPERATIONS, PASSES
from jaccheck.reports import Outcome, statements

Made = tuple[nn.Module, Tensor]


class Joined(nn.Module):
    """A forward of its own around a layer."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer, self.out = layer, nn.Linear(width, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.out(torch.tanh(self.layer(X)).flatten(1))


def padded() -> Made:
    return Joined(nn.Embedding(5, 3, padding_idx=0), 6), torch.tensor([[0, 1], [2, 0], [3, 4]])


def circular() -> Made:
    return Joined(nn.Conv1d(1, 2, 3, padding=1, padding_mode="circular"), 8), torch.randn(3, 1, 4)


def shuffled() -> Made:
    layers = nn.Conv2d(1, 4, 3, padding=1), nn.PReLU(4), nn.Conv2d(4, 4, 3, padding=1), nn.PixelShuffle(2)
    return nn.Sequential(*layers), torch.randn(2, 1, 3, 3)


class Functional(nn.Module):
    """A function of torch's in the place of a layer, and a convolution of what it gives."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], weight: Tensor) -> None:
        super().__init__()
        self.weight, self.function = nn.Parameter(weight), function
        self.out = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, X: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(self.out(self.function(X, self.weight)), 2)


def shuffled_by_function() -> Made:
    return Functional(nn.functional.prelu, torch.full((4,), 0.25)), torch.randn(2, 4, 3, 3)


class LookedUp(nn.Module):
    """An embedding by the function, whose row 0 is padding."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Parameter(torch.randn(5, 3)), nn.Linear(6, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.out(torch.tanh(nn.functional.embedding(X, self.table, padding_idx=0)).flatten(1))


def padded_by_function() -> Made:
    return LookedUp(), padded()[1]


class Placed(nn.Module):
    """Adds embeddings of six places, the same for all samples."""

    def __init__(self) -> None:
        super().__init__()
        self.places, self.out = nn.Embedding(6, 3), nn.Linear(3, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.out(torch.tanh(X + self.places(torch.arange(6)))).sum(1)


def placed() -> Made:
    return Placed(), torch.randn(3, 6, 3)


MODELS: list[tuple[str, str, Callable[[], Made]]] = [
    ("recurrent-second-output", "batch_grad_loop", lambda: last_state("both", "LSTM")),
    ("torch-vmap-prelu", "vmap_jacrev_chunked", shuffled_by_function),
    ("torch-vmap-embedding-padding", "expanded_parameters", padded_by_function),
    ("torch-embedding-padding-forward-mode", "func_jacfwd", padded_by_function),
    ("torch-vmap-embedding-padding", "expanded_parameters", padded),
    ("torch-expanded-weights-embedding-padding", "expanded_weights", padded),
    ("torch-embedding-padding-forward-mode", "func_jacfwd", padded),
    ("conv-padding-mode", "batch_grad_loop", circular),
    ("embedding-of-constants", "batch_grad_subsampled", placed),
    ("torch-vmap-prelu", "vmap_jacrev_chunked", shuffled),
]


@pytest.mark.parametrize(("name", "wrong", "make"), MODELS)
def test_a_wrong_method_is_told_as_the_issue_of_a_layer(name: str, wrong: str, make: Callable[[], Made]) -> None:
    """By the id that `jaccheck known` takes, beside the wrong number."""
    torch.manual_seed(0)
    model, X = make()
    (issue,) = (each for each in LAYER_ISSUES if each.id == name)
    if not issue.is_here:
        pytest.skip(f"the installed version is not among {issue.versions}")
    report = jaccheck.check(model, X, methods=[wrong, "autograd_loop"])
    first, right = report.answers
    assert Outcome.DISAGREES in (first.outcome, first.in_float64)
    assert right.is_usable
    assert right.remedy == ""
    (told,) = (each for each in statements(report) if each.tone == "bad")
    what = "calls an operation" if name in OPERATIONS else "has a layer"
    assert f"the model {what} that has the known issue {name}, see `jaccheck known {name}`" in told.more


def test_a_crash_is_told_as_the_issue_of_a_layer() -> None:
    """Where it raises what the issue says, and not where it raises anything else."""
    layers = nn.ConvTranspose1d(1, 2, 2, stride=2, output_padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(14, 2)
    model, X = nn.Sequential(*layers), torch.randn(3, 1, 3)

    def raises(problem: jaccheck.Problem) -> dict[str, Tensor]:
        raise RuntimeError("another reason")

    method = jaccheck.Method(name="raises", family="backpack", compute=raises, summary="raises")
    crashed, other = jaccheck.check(model, X, methods=["batch_grad_loop", method]).answers
    assert crashed.outcome is other.outcome is Outcome.CRASHED
    assert "`jaccheck known conv-transpose-output-padding`" in crashed.remedy
    assert other.remedy == ""


def test_another_fault_on_such_a_layer_is_no_known_issue() -> None:
    """A method that is not among those of the issue is wrong on its own account."""

    def twice(problem: jaccheck.Problem) -> dict[str, Tensor]:
        return {name: 2 * j for name, j in find_method("autograd_loop").compute(problem).items()}

    method = jaccheck.Method(name="twice", family="test", compute=twice, summary="wrong")
    (told,) = (each for each in statements(jaccheck.check(*padded(), methods=[method])) if each.tone == "bad")
    assert not told.more


def test_each_condition_is_that_of_an_issue_with_wrong_numbers() -> None:
    """So that a name that is changed is changed here, too."""
    wrong = {issue.id for issue in LAYER_ISSUES if Outcome.DISAGREES in issue.outcomes}
    assert {*OPERATIONS, *LAYERS, *CALLS, *PASSES} <= wrong
