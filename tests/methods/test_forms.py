"""Inputs and outputs of every form: the Jacobians are those of a loop in float64 over the user's own model."""

from __future__ import annotations

import re
from collections import OrderedDict, UserDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from jaccheck_support.truth import assert_close, doubled, loop
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.judging import in_float64
from jaccheck.methods import Choice, copy_of, problem_of

N = 5
METHODS = ("autograd_loop", "autograd_batched", "vmap_vjp", "vmap_jacfwd", "func_jacrev", "functional_jacobian")


def numbers(*shape: int) -> Tensor:
    """Drawn from a generator of their own."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


class Two(nn.Module):
    """Two inputs, one of which may be left out, a flag, and what it makes of them in a form of choice."""

    def __init__(self, form: Callable[[Tensor, Tensor], Any] = lambda head, hidden: head) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.head = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 2)
        self.form = form

    def forward(self, x: Tensor, t: Tensor | None = None, *, double: bool = False) -> Any:
        z = self.a(x) if t is None else self.a(x) + self.b(t)
        hidden = torch.tanh(2 * z if double else z)
        return self.form(self.head(hidden), hidden)


X, T = numbers(N, 3), numbers(N, 2)


def run_two(model: nn.Module, n: int) -> Any:
    return model(X[n : n + 1].double(), T[n : n + 1].double())


INPUTS: dict[str, tuple[Any, Callable[[nn.Module, int], Tensor]]] = {
    "a tuple": ((X, T), run_two),
    "a list": ([X, T], run_two),
    "a dict": ({"t": T, "x": X}, run_two),
    "a mapping, as a BatchEncoding": (UserDict({"x": X, "t": T}), run_two),
    "None": ((X, None), lambda model, n: model(X[n : n + 1].double())),
    "one in a tuple": ((X,), lambda model, n: model(X[n : n + 1].double())),
    "a flag": (
        {"x": X, "t": T, "double": True},
        lambda m, n: m(X[n : n + 1].double(), T[n : n + 1].double(), double=True),
    ),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", INPUTS)
def test_inputs_of_every_form(form: str, method: str) -> None:
    """By position, by keyword, with values that are no tensors."""
    inputs, run = INPUTS[form]
    model = Two()
    assert_close(jaccheck.jacobians(model, inputs, method=method), loop(model, N, run))


class Logits(OrderedDict):  # type: ignore[type-arg]
    """As transformers' ModelOutput: a dict whose keys are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass
class Answer:
    """An output object."""

    logits: Tensor
    hidden: Tensor
    loss: None = None


class Opaque:
    """An object that is no container."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


Pair = namedtuple("Pair", "logits hidden")
OUTPUTS: dict[str, tuple[Callable[[Tensor, Tensor], Any], str | int | None, str]] = {
    "a tuple": (lambda f, h: (f, h), None, "both"),
    "the second of a tuple": (lambda f, h: (f, h), 1, "hidden"),
    "the last of a list": (lambda f, h: [f, h], -1, "hidden"),
    "a dict": (lambda f, h: {"logits": f, "hidden": h}, None, "both"),
    "of a dict": (lambda f, h: {"logits": f, "hidden": h}, "hidden", "hidden"),
    "an output object": (lambda f, h: Logits(logits=f, hidden=h), None, "both"),
    "of an output object": (lambda f, h: Logits(logits=f, hidden=h), 0, "logits"),
    "a dataclass": (lambda f, h: Answer(f, h), None, "both"),
    "of a dataclass": (lambda f, h: Answer(f, h), "logits", "logits"),
    "a named tuple": (Pair, "hidden", "hidden"),
    "nested": (lambda f, h: {"logits": f, "states": (h, h)}, "states.1", "hidden"),
    "several under one name": (lambda f, h: {"states": (f, h), "rest": h}, "states", "both"),
    "an attribute": (lambda f, h: Opaque(f), "logits", "logits"),
    "more axes": (lambda f, h: h.reshape(-1, 2, 2), None, "hidden"),
    "whole numbers beside it": (lambda f, h: (h, h.argmax(1), None), None, "hidden"),
    "samples along another axis": (lambda f, h: (h, f.T), None, "hidden"),
    "samples along another axis, chosen": (lambda f, h: (h, f.T), 1, "logits"),
    "a number for the whole batch": (lambda f, h: (h, f.mean()), None, "hidden"),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", OUTPUTS)
def test_outputs_of_every_form(form: str, method: str) -> None:
    """All joined, or the one of a name or number."""
    make, wanted, what = OUTPUTS[form]
    truth = Two(lambda f, h: torch.cat([f, h], 1) if what == "both" else f if what == "logits" else h)
    found = jaccheck.jacobians(Two(make), (X, T), output=wanted, method=method)
    assert_close(found, loop(truth, N, run_two))


def test_what_is_joined_and_what_is_left_out_is_said() -> None:
    """With the number of each for a sample, in order, and the reason."""
    form = lambda f, h: {"f": f, "h": h, "i": h.argmax(1), "none": None, "along": f.T, "sum": f.sum()}  # noqa: E731
    assert problem_of(Two(form), (X, T)).notes == (
        "outputs joined, in this order: f (2), h (4)",
        "output i is left out: it is int64, which has no derivative",
        "output none is left out: it is None",
        "output along is left out: it has its samples along axis 1; choose it by its name to have it",
        "output sum is left out: it has shape () whatever the number of samples, expected a row for each; a loss is to "
        'be that of each sample, as with reduction="none"',
    )


class Recurrent(nn.Module):
    """An LSTM with samples along the second axis, as torch has it unless told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.lstm, self.out = nn.LSTM(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        f: Tensor = self.out(self.lstm(x)[0])
        return f


@pytest.mark.parametrize("steps", [3, N])
def test_samples_along_another_axis(steps: int) -> None:
    """Also where both axes have the same length; outputs are numbered as one sample alone has them."""
    model, x = Recurrent(), numbers(steps, N, 3)
    found = jaccheck.jacobians(model, x, batch_axis=1)
    assert_close(found, loop(model, N, lambda m, n: m(x[:, n : n + 1].double())))


def test_an_axis_for_each_input() -> None:
    """A state of an LSTM has its samples along the second axis also where the sequence has them first."""

    class WithState(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(3, 4, batch_first=True)

        def forward(self, x: Tensor, h: Tensor) -> Tensor:
            f: Tensor = self.gru(x, h)[0]
            return f

    model, x, h = WithState(), numbers(N, 3, 3), numbers(1, N, 4)
    found = jaccheck.jacobians(model, {"x": x, "h": h}, batch_axis={"h": 1})
    assert_close(found, loop(model, N, lambda m, n: m(x[n : n + 1].double(), h[:, n : n + 1].double())))


def test_whole_numbers_with_a_mask() -> None:
    """Ids are no floating numbers, and an infinite mask is no fault."""

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.query = nn.Embedding(7, 4), nn.Linear(4, 1)

        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            z = self.embedding(ids)
            weights = torch.softmax(self.query(z).squeeze(-1) + mask, dim=1)
            return (weights.unsqueeze(-1) * z).sum(1)

    ids = torch.arange(N * 3).reshape(N, 3) % 7
    mask = torch.zeros(N, 3).masked_fill(torch.arange(3) > 1, float("-inf"))
    model = Reader()
    found = jaccheck.jacobians(model, {"ids": ids, "mask": mask})
    assert_close(found, loop(model, N, lambda m, n: m(ids[n : n + 1], doubled(mask[n : n + 1]))))


@pytest.mark.parametrize("count", [1, 2])
def test_few_samples(count: int) -> None:
    """The axis of samples is found where there is one sample alone, too."""
    model = Two(lambda f, h: (f, h.T))
    found = jaccheck.jacobians(model, (X[:count], T[:count]))
    assert_close(found, loop(Two(), count, run_two))


def test_some_of_the_parameters() -> None:
    """The others are held fixed; the user's model is not touched."""
    model = Two()
    expected = {name: J for name, J in loop(model, N, run_two).items() if name.startswith("head.") or name == "b.bias"}
    expected = {name: expected[name] for name in ("b.bias", "head.weight", "head.bias")}
    found = jaccheck.jacobians(model, (X, T), parameters=("head.*", "b.bias"))
    assert_close(found, expected)
    assert all(p.requires_grad for p in model.parameters())
    jaccheck.assert_jacobians_right(found, model, (X, T), parameters=("head.*", "b.bias"))
    found["b.bias"][2, 1, 0] += 0.01
    with pytest.raises(AssertionError, match=r"b\.bias\[2, 1, 0\]"):
        jaccheck.assert_jacobians_right(found, model, (X, T), parameters=("head.*", "b.bias"))


def test_parameters_of_several_dtypes() -> None:
    """Each Jacobian has its parameter's dtype; a wrong one is found, and so is a wrong dtype."""

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2).double()

        def forward(self, x: Tensor) -> Tensor:
            f: Tensor = self.b(torch.tanh(self.a(x)).to(self.b.weight.dtype))
            return f

    model = Mixed()
    found = jaccheck.jacobians(model, X)
    assert {name: J.dtype for name, J in found.items()} == {name: p.dtype for name, p in model.named_parameters()}
    assert_close(found, loop(model, N, lambda m, n: m(X[n : n + 1].double())))
    jaccheck.assert_jacobians_right(found, model, X)
    with pytest.raises(AssertionError, match=r"dtype torch\.float32, expected torch\.float64"):
        jaccheck.assert_jacobians_right({name: J.float() for name, J in found.items()}, model, X)
    found["b.weight"][1, 0, 0, 2] *= 1.1
    with pytest.raises(AssertionError, match=r"b\.weight\[1, 0, 0, 2\]"):
        jaccheck.assert_jacobians_right(found, model, X)


def test_out_has_the_names_of_the_users_model() -> None:
    """Also where methods see another one."""
    model = Two()
    out = {name: torch.empty(N, 2, *p.shape) for name, p in model.named_parameters()}
    found = jaccheck.jacobians(model, (X, T), method="hooks", out=out)
    assert found is out
    assert_close(out, loop(model, N, run_two))


class Inner(nn.Module):
    """A model whose own parameters begin with the name that adapters use."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Two()

    def forward(self, *inputs: Tensor) -> tuple[Tensor]:
        return (self.model(*inputs),)


def test_names_are_those_of_the_model() -> None:
    """Nothing is taken off a name that begins with `model.`."""
    found = jaccheck.jacobians(Inner(), (X, T))
    assert_close(found, loop(Inner(), N, lambda m, n: run_two(m, n)[0]))


@pytest.mark.parametrize("form", ["pair", "loader"])
def test_a_batch_of_a_loader(form: str) -> None:
    """Where the model takes one input, the second is taken for the targets, and that is said."""
    model, y = nn.Linear(3, 2), torch.arange(N) % 2
    given = [X, y] if form == "pair" else DataLoader(TensorDataset(X, y), batch_size=N)
    problem = problem_of(model, given)
    assert "X[1] is taken for the targets; they are not used" in problem.notes[0]
    assert torch.equal(problem.X, X)


def test_a_check_says_what_it_took_and_names_the_users_class() -> None:
    """In its notes and refusals; methods agree with the loop, and one that is wrong is found."""
    model = Two(lambda f, h: {"logits": f, "hidden": h})
    wrong = jaccheck.Method(
        name="rows_swapped", family="own", summary="", compute=lambda p: {n: J.flip(0) for n, J in _right(p).items()}
    )
    report = jaccheck.check(model, (X, T), output="logits", methods=("vmap_vjp", "outer_products", wrong), seconds=5)
    assert (report.model, report.N, report.C) == ("Two", N, 2)
    assert report.answer("vmap_vjp").outcome.is_usable
    assert report.answer("rows_swapped").outcome is jaccheck.Outcome.DISAGREES
    assert re.search(r"(?<!model\.)\b[ab]\.(weight|bias)\[", report.answer("rows_swapped").message)
    assert report.answer("outer_products").message.startswith("the model is Two;")


def _right(problem: jaccheck.Problem) -> dict[str, Tensor]:
    return jaccheck.methods.find_method("autograd_loop").compute(problem)


def test_a_method_that_covers_the_model_alone_says_so() -> None:
    """A Sequential that is called by keyword is no Sequential to a method that reads it."""
    with pytest.raises(InvalidModel, match=r"it covers Sequential, but not with inputs input"):
        jaccheck.jacobians(nn.Sequential(nn.Linear(3, 2)), {"input": X}, method="outer_products")


def test_modes_of_modules_stay_as_they_are() -> None:
    """A user may have some modules in training mode and others not, also around the model."""
    model = Two(lambda f, h: (f, h)).eval()
    model.a.train()
    problem = copy_of(problem_of(model, (X, T)))
    assert [module.training for module in problem.own.modules()] == [module.training for module in model.modules()]
    assert model.a.training
    assert not model.training


def test_complex_buffers_keep_their_imaginary_parts_in_float64() -> None:
    """A rotation by complex numbers, as position embeddings have it, is not another one in the reference."""

    class Rotated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.a = nn.Linear(3, 4)
            self.register_buffer("turns", torch.polar(torch.ones(2), torch.tensor([0.3, 1.2])))

        def forward(self, x: Tensor) -> Tensor:
            z = torch.view_as_complex(self.a(x).reshape(-1, 2, 2).contiguous()) * self.turns
            return torch.view_as_real(z).flatten(1)

    model = Rotated()
    double = in_float64(problem_of(model, X))
    found = jaccheck.jacobians(double.model, double.X, method="autograd_loop")
    for number, turn in enumerate(model.turns.to(torch.complex128)):
        rotation = torch.tensor([[turn.real, -turn.imag], [turn.imag, turn.real]])
        block = slice(2 * number, 2 * number + 2)
        assert_close({"": found["a.bias"][:, block, block]}, {"": rotation.expand(N, 2, 2)}, roundings=2.0**-45)


def test_a_choice_of_a_plain_model_needs_no_adapter() -> None:
    """So closed forms are read of it."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    problem = problem_of(model, X, Choice(parameters="2.*"))
    assert type(problem.model) is nn.Sequential
    report = jaccheck.check(model, X, parameters="2.*", methods=("vmap_vjp",), seconds=5)
    assert (report.reference, report.parameters) == ("closed form", 10)


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_inputs_without_a_number_and_outputs_that_hold_themselves() -> None:
    """Odd, and no reason for a traceback: only the bias is left, and what has no end is looked into so far."""
    report = jaccheck.check(nn.Linear(0, 2), torch.ones(N, 0), methods=("autograd_loop",), seconds=5)
    assert report.answers[0].outcome.is_usable

    def endless(f: Tensor, h: Tensor) -> list[Any]:
        found: list[Any] = [f]
        found.append(found)
        return found

    found = jaccheck.jacobians(Two(endless), (X, T), output="0")
    assert_close(found, loop(Two(), N, run_two))
