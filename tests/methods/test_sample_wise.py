"""What cannot be judged sample by sample is refused in true words, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from jaccheck_support.people_models import (
    Lambda,
    batch,
    embedding_with_max_norm,
    forces,
    reentrant_checkpoint,
    sparse_embedding,
    squeezed,
)
from torch import Tensor, nn

from jaccheck.errors import InvalidModel
from jaccheck.judging import autograd_by_sample
from jaccheck.methods import problem_of
from jaccheck.methods.chains import chain_of

Made = tuple[nn.Module, Tensor]


def spectral(training: bool) -> Made:
    """Power iterations change two buffers in each forward pass while it trains."""
    torch.manual_seed(0)
    model = nn.Sequential(torch.nn.utils.parametrizations.spectral_norm(nn.Linear(30, 40)), nn.Tanh())
    return model.train(training), batch(5, 30)


class Counting(nn.Linear):
    """Counts its calls, in a buffer and in an attribute."""

    def __init__(self) -> None:
        super().__init__(3, 2)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.seen = 0

    def forward(self, input: Tensor) -> Tensor:
        self.calls += 1
        self.seen += len(input)
        return super().forward(input)


class Decaying(Counting):
    """Scales its output by the number of its calls."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) / self.calls


class Rotary(nn.Module):
    """A table of angles that the first forward pass makes and keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.out, self.table = nn.Linear(3, 2), None

    def forward(self, x: Tensor) -> Tensor:
        if self.table is None:
            self.table = torch.arange(3, dtype=x.dtype).cos()
        return self.out(x * self.table)


def noisy() -> Made:
    return Lambda(lambda m, x: m.out(x) + torch.rand(1), out=nn.Linear(3, 2)), batch(5, 3)


REFUSED: dict[str, tuple[Callable[[], Made], str]] = {
    "spectral_norm in training": (lambda: spectral(True), r"forward pass changes 0\.parametrizations\.weight\.0\._u"),
    "a state in the output": (lambda: (Decaying(), batch(5, 3)), r"another output .* forward pass changes calls"),
    "random": (noisy, "another output .* draws random numbers"),
    "squeezed": (squeezed, r"one sample alone gives shape \(2,\), expected \(1, 2\)"),
    "reentrant checkpoint": (reentrant_checkpoint, r"use_reentrant=True.*incompatible with \.grad\(\)"),
}

TAKEN: dict[str, Callable[[], Made]] = {
    "spectral_norm in evaluation": lambda: spectral(False),
    "a counter": lambda: (Counting(), batch(5, 3)),
    "a table kept from the first pass": lambda: (Rotary(), batch(5, 3)),
    "max_norm": embedding_with_max_norm,
    "forces": forces,
    "sparse gradients": sparse_embedding,
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what: str) -> None:
    """In one line with the reason, and by name where there is one."""
    make, reason = REFUSED[what]
    with pytest.raises(InvalidModel, match=reason) as error:
        problem_of(*make())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("what", TAKEN)
def test_what_is_taken(what: str, enabled: bool) -> None:
    """Whatever the user's file did to gradients; and the model's tensors are left as they were."""
    model, X = TAKEN[what]()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.set_grad_enabled(enabled):
        problem = problem_of(model, X)
    assert len(X) == problem.N
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_sparse_gradients_are_those_of_the_same_model_without() -> None:
    """And the reference has them with gradients disabled too."""
    model, X = sparse_embedding()
    dense, _ = sparse_embedding(sparse=False)
    expected = []
    for n in range(len(X)):
        f = dense(X[n : n + 1]).flatten()
        expected.append([torch.autograd.grad(f[c], [*dense.parameters()], retain_graph=True) for c in range(len(f))])
    with torch.no_grad():
        found = autograd_by_sample(problem_of(model, X))
    for place, jacobian in enumerate(found.values()):
        assert torch.equal(jacobian, torch.stack([torch.stack([g[place] for g in rows]) for rows in expected]))


class Growing(nn.Module):
    """Makes its second layer when it first sees how wide the first one is."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 4)

    def forward(self, X: Tensor) -> Tensor:
        h = torch.tanh(self.a(X))
        if not hasattr(self, "b"):
            self.b = nn.Linear(h.shape[1], 2)
        return self.b(h)


def test_what_makes_its_parameters_in_forward_is_refused_until_it_has_run() -> None:
    """The user's own model has no such parameters yet; once it has run, it is taken."""
    model, X = Growing(), torch.randn(5, 3)
    with pytest.raises(
        InvalidModel, match=r"makes parameters \(b\.weight, b\.bias\) that the model does not have before"
    ):
        problem_of(model, X)
    model(X)
    assert list(problem_of(model, X).parameters) == ["a.weight", "a.bias", "b.weight", "b.bias"]


def test_a_batch_norm_in_evaluation_mode_is_not_told_to_go_there() -> None:
    """Without running statistics it takes those of the batch in every mode."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False)).eval()
    with pytest.raises(InvalidModel, match=r"samples of a batch; make it with track_running_stats=True$"):
        problem_of(model, torch.randn(5, 3))
    with pytest.raises(InvalidModel, match=r"samples of a batch; call model\.eval\(\)$"):
        problem_of(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), torch.randn(5, 3))


DEPENDING: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "other samples": lambda h, x: h / h.abs().max(),
    "the place of a sample in the batch": lambda h, x: h + torch.arange(len(h))[:, None],
    "how many samples are in the batch": lambda h, x: h / len(h),
}


@pytest.mark.parametrize("what", DEPENDING)
def test_what_an_output_depends_on_is_told_apart(what: str) -> None:
    """A mean over the batch's size, or a number for each place, is no other sample."""
    torch.manual_seed(0)
    model = Lambda(lambda m, x: DEPENDING[what](m.a(x), x), a=nn.Linear(3, 2))
    with pytest.raises(InvalidModel, match=f"run alone: outputs depend on {what}, so per-sample methods"):
        problem_of(model, batch(5, 3))


class Caching(nn.Module):
    """Computes twice its weight in the first pass, and keeps it with its graph."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 2)
        self.twice: Tensor | None = None

    def forward(self, X: Tensor) -> Tensor:
        if self.twice is None:
            self.twice = self.a.weight.sin()
        return X @ self.twice.T


def test_a_graph_that_is_kept_from_the_first_pass_is_named() -> None:
    """Autograd frees it in the first backward pass: no second sample can be differentiated."""
    with pytest.raises(InvalidModel, match=r"a second pass of the model: .*; twice is kept from an earlier"):
        problem_of(Caching(), batch(5, 3))


class Keeping(nn.Module):
    """Keeps its last output; the next one does not depend on it, but is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 2)
        self.last: Tensor | None = None

    def forward(self, X: Tensor) -> Tensor:
        f = self.a(X)
        if self.last is not None and not self.last.isfinite().all():
            raise ValueError("the last output was not finite")
        self.last = f.detach()
        return f


def test_tracing_leaves_no_placeholder_in_a_model() -> None:
    """What asks whether layers are called one after the other traces a copy."""
    model = Keeping()
    chain_of(model)
    assert model.last is None
    model(batch(5, 3))
