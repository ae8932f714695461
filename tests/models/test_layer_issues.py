"""A wrong method on a user's model is told as the known issue that it has for a layer of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from jaccheck_support.remedied.several_outputs import last_state
from torch import Tensor, nn

import jaccheck
from jaccheck.judging import LAYER_ISSUES, SEQUENCE_ISSUES
from jaccheck.judging.known.issue import Severity
from jaccheck.methods import find_method
from jaccheck.models.known_issues import CALLS, LAYERS, OPERATIONS, USES
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


class Used(nn.Module):
    """Two layers, and a third use of the first, or of its weight."""

    def __init__(self, forward: Callable[[Used, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.out, self.how = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2), forward

    def forward(self, X: Tensor) -> Tensor:
        return self.out(self.how(self, torch.tanh(self.first(X))))


def used(forward: Callable[[Used, Tensor], Tensor]) -> Made:
    return Used(forward), torch.randn(3, 4)


def tied() -> Made:
    model, X = used(lambda model, h: torch.tanh(model.second(h)))
    assert isinstance(model, Used)
    model.second.weight = model.first.weight
    return model, X


def doubled_by_a_hook() -> Made:
    model, X = used(lambda model, h: model.second(h))
    assert isinstance(model, Used)
    model.first.register_forward_hook(lambda module, given, output: 2 * output)
    return model, X


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
    ("parameter-of-two-modules", "batch_grad_loop", tied),
    ("hook-changes-output", "batch_grad_layers", doubled_by_a_hook),
    (
        "weight-used-outside-its-layer",
        "batch_grad_repeated",
        lambda: used(lambda model, h: model.second(h) + nn.functional.linear(h, model.first.weight)),
    ),
    ("torch-vmap-embedding-padding", "expanded_parameters", padded_by_function),
    ("torch-embedding-padding-forward-mode", "func_jacfwd", padded_by_function),
    ("torch-vmap-embedding-padding", "expanded_parameters", padded),
    ("torch-expanded-weights-embedding-padding", "expanded_weights", padded),
    ("torch-embedding-padding-forward-mode", "func_jacfwd", padded),
    ("conv-padding-mode", "batch_grad_loop", circular),
    ("embedding-of-constants", "batch_grad_subsampled", placed),
    ("torch-vmap-prelu", "vmap_jacrev_chunked", shuffled),
]


SAID = {
    **dict.fromkeys(OPERATIONS, "the model calls an operation that has the known issue"),
    **dict.fromkeys((*LAYERS, *CALLS), "the model has a layer that has the known issue"),
    **dict.fromkeys(USES, "the model does what shows the known issue"),
}


@pytest.mark.parametrize(("name", "wrong", "make"), MODELS)
def test_a_wrong_method_is_told_as_the_issue_of_a_layer(name: str, wrong: str, make: Callable[[], Made]) -> None:
    """By the id that `jaccheck known` takes, beside the wrong number."""
    torch.manual_seed(0)
    model, X = make()
    (issue,) = (each for each in (*LAYER_ISSUES, *SEQUENCE_ISSUES) if each.id == name)
    if not issue.is_in_installed:
        pytest.skip(f"the installed version is not among {issue.versions}")
    report = jaccheck.check(model, X, methods=[wrong, "autograd_loop"])
    first, right = report.answers
    assert Outcome.DISAGREES in (first.outcome, first.in_float64)
    assert right.is_usable
    assert right.remedy == ""
    (told,) = (each for each in statements(report) if each.tone == "bad")
    assert f"{SAID[name]} {name}, see `jaccheck known {name}`" in told.more


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


def test_what_the_model_does_not_do_is_no_known_issue() -> None:
    """A wrong method of BackPACK's family, on a model that uses its layers as BackPACK expects."""
    model, X = used(lambda model, h: model.second(h))

    def twice(problem: jaccheck.Problem) -> dict[str, Tensor]:
        return {name: 2 * j for name, j in find_method("autograd_loop").compute(problem).items()}

    method = replace(find_method("batch_grad_loop"), compute=twice)
    (told,) = (each for each in statements(jaccheck.check(model, X, methods=[method])) if each.tone == "bad")
    assert not told.more


def test_each_condition_is_that_of_an_issue_with_wrong_numbers() -> None:
    """So that a name that is changed is changed here, too."""
    wrong = {issue.id for issue in LAYER_ISSUES if Outcome.DISAGREES in issue.outcomes}
    assert {*OPERATIONS, *LAYERS, *CALLS} <= wrong
    assert {*USES} <= wrong | {issue.id for issue in SEQUENCE_ISSUES if issue.severity is Severity.SILENT}
