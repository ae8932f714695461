"""A user's own model becomes a problem, or one clear line says why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.methods import Choice, copy_of, problem_of


def test_outputs_are_counted_flattened() -> None:
    """An output [N, A, D] counts as C = A·D."""
    problem = problem_of(nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (2, 2))), torch.ones(5, 3))
    assert (problem.N, problem.C, problem.dtype, problem.device) == (5, 4, "float32", "cpu")


def test_a_copy_shares_nothing() -> None:
    """What a method does to a copy is not seen by the user."""
    problem = problem_of(nn.Linear(3, 4), torch.ones(5, 3, requires_grad=True))
    copied = copy_of(problem)
    with torch.no_grad():
        copied.X.zero_()
        copied.model.weight.zero_()
    assert problem.X.all()
    assert problem.model.weight.any()
    assert copied.X.requires_grad


@pytest.mark.parametrize(
    ("model", "X", "message"),
    [
        (3, torch.ones(5, 3), "model is int"),
        (nn.Linear(3, 4), [1.0], "X holds no tensor, expected a tensor"),
        (nn.Linear(3, 4), torch.tensor(1.0), r"X is a tensor of shape \(\)"),
        (nn.Linear(3, 4), torch.ones(5, 2), r"does not run on X of shape \(5, 2\)"),
        (nn.ReLU(), torch.ones(5, 2), "no trainable parameter"),
        (
            nn.Sequential(nn.Linear(3, 4), nn.Flatten(0)),
            torch.ones(5, 3),
            r"has shape \(20,\) for 5 samples and \(4,\)",
        ),
    ],
)
def test_what_has_no_jacobian_is_refused(model: nn.Module, X: Tensor, message: str) -> None:
    """The message names what was found and what was expected."""
    with pytest.raises(InvalidModel, match=message):
        problem_of(model, X)


class Doing(nn.Module):
    """A Linear, and something that is done to what it returns."""

    def __init__(self, do: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.a, self.do = nn.Linear(3, 2), do

    def forward(self, x: Tensor) -> Any:
        return self.do(self.a(x))


class Detached(Doing):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Any:
        return self.a(x)


OUTPUTS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "a lost axis": (lambda f: f.squeeze(), r"one sample alone gives shape \(2,\), expected \(1, 2\).*name the axis"),
    "joined axes": (
        lambda f: f.view(-1),
        r"has shape \(10,\) for 5 samples and \(2,\) for one, expected a row",
    ),
    "a number for all": (lambda f: f.sum(), r"has shape \(\) whatever the number of samples, expected a row for each"),
    "pairs of samples": (
        lambda f: f @ f.T,
        r"has shape \(5, 5\) for 5 samples and \(1, 1\) for one, expected",
    ),
    "complex": (
        lambda f: torch.complex(f, f),
        r"is complex64: Jacobians of complex .*torch\.view_as_real\(f\)",
    ),
    "whole numbers": (lambda f: f.argmax(1), "is int64, which has no derivative"),
    "a sparse one": (
        lambda f: f.to_sparse(),
        r"is sparse \(sparse_coo\), expected a dense one: return it with",
    ),
    "None": (lambda f: None, r"the model returns None, expected a tensor \[N, \.\.\.\], or a tuple, dict or dataclass"),
    "a string": (lambda f: "yes", r"the model returns str, expected a tensor"),
    "an empty tuple": (lambda f: (), r"the model returns an empty tuple, expected a tensor"),
    "nothing in a dict": (
        lambda f: {"ids": f.argmax(1), "cache": None, "x": torch.ones(len(f))},
        "nothing to differentiate: ids is int64, which has no derivative; cache is None; x does not depend on a",
    ),
    "detached": (lambda f: f.detach(), r"does not depend on a trainable parameter, or is detached .* torch\.no_grad"),
}


@pytest.mark.parametrize("what", OUTPUTS)
def test_outputs_that_are_none(what: str) -> None:
    """Each with its own reason; one sample alone has none either."""
    do, reason = OUTPUTS[what]
    with pytest.raises(InvalidModel, match=reason):
        problem_of(Doing(do), torch.ones(5, 3))
    with pytest.raises(InvalidModel, match="the model"):
        problem_of(Doing(do), torch.ones(1, 3))


def test_a_lost_axis_of_one_sample_is_no_axis_of_samples() -> None:
    """Two numbers of one sample are not taken for two samples, nor for one number each."""
    with pytest.raises(InvalidModel, match=r"one sample alone gives shape \(2,\), expected \(1, 2\)"):
        problem_of(Doing(lambda f: f.squeeze()), torch.ones(1, 3))


def test_a_forward_without_gradients() -> None:
    """Whoever decorates it is told."""
    with pytest.raises(InvalidModel, match=r"computed under torch\.no_grad\(\)"):
        problem_of(Detached(lambda f: f), torch.ones(5, 3))


@pytest.mark.parametrize("wanted", ["logit", 2, -3, "hidden.0"])
def test_an_output_that_is_not_there(wanted: str | int) -> None:
    """What there is, and the nearest."""
    model = Doing(lambda f: {"logits": f, "hidden": 2 * f})
    with pytest.raises(InvalidModel, match=r"is none of the model's.* It returns logits \(5, 2\), hidden") as error:
        problem_of(model, torch.ones(5, 3), Choice(output=wanted))
    assert ("did you mean logits?" in str(error.value)) == (wanted == "logit")
    with pytest.raises(InvalidModel, match=r"the model returns one tensor, of shape \(5, 2\), and nothing to choose"):
        problem_of(nn.Linear(3, 2), torch.ones(5, 3), Choice(output=wanted))


def sparse_parameter() -> nn.Module:
    model = nn.Linear(3, 2)
    model.extra = nn.Parameter(torch.ones(2, 2).to_sparse())
    return model


def with_parameter(value: Tensor) -> nn.Module:
    model = nn.Linear(3, 2)
    model.extra = nn.Parameter(value)
    return model


ROWS = torch.ones(5, 3)
MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "a class": (lambda: nn.Linear, r"model is the class Linear, expected an object: Linear\(\.\.\.\)"),
    "a function": (lambda: torch.tanh, r"model is builtin_function_or_method, expected a torch\.nn\.Module; wrap"),
    "a lazy module": (
        lambda: nn.Sequential(nn.LazyLinear(2)),
        r"weight of 0 \(LazyLinear\) has no shape yet; run the lazy model once, model\(X\), beforehand",
    ),
    "all frozen": (lambda: nn.Linear(3, 2).requires_grad_(False), "all 2 are frozen"),
    "a complex parameter": (
        lambda: with_parameter(torch.ones(2, dtype=torch.complex64)),
        "extra is complex64: derivatives by complex parameters are not covered; hold its real and imaginary parts",
    ),
    "a parameter of eight bits": (
        lambda: with_parameter(torch.ones(2).to(torch.float8_e4m3fn)),
        "extra is float8_e4m3fn, expected one of float64",
    ),
    "a sparse parameter": (sparse_parameter, r"extra is sparse \(sparse_coo\), expected a dense parameter"),
    "NaN": (lambda: with_parameter(torch.tensor([1.0, torch.nan])), "extra holds NaN or infinite numbers"),
    "no numbers": (lambda: nn.Linear(3, 2, device="meta"), "on cpu and meta, expected one device that computes"),
}


@pytest.mark.parametrize("what", MODELS)
def test_models_that_have_no_jacobian(what: str) -> None:
    """What it is, and what to do."""
    make, reason = MODELS[what]
    with pytest.raises(InvalidModel, match=reason):
        problem_of(make(), ROWS)


INPUTS: dict[str, tuple[Any, str]] = {
    "numpy": (np.ones((5, 3)), r"X is ndarray, expected a tensor .*: give torch\.from_numpy\(X\)"),
    "numpy in a dict": ({"input": np.ones((5, 3))}, r"X\['input'\] is a numpy array, expected a tensor"),
    "an object": (
        object(),
        r"X is object, expected a tensor \[N, \.\.\.\], a tuple or list of inputs, or",
    ),
    "no tensor": ((3, None, 4), "X holds no tensor"),
    "an empty tuple": ((), "X holds no tensor"),
    "sparse": (ROWS.to_sparse(), r"X is sparse \(sparse_coo\), which has no rows to take; give X\.to_dense\(\)"),
    "packed": (
        nn.utils.rnn.pack_sequence([torch.ones(3, 3), torch.ones(2, 3)]),
        "X is a PackedSequence, which has no row for each sample; pad it",
    ),
    "other numbers of samples": (
        {"a": ROWS, "b": torch.ones(4, 3)},
        r"X\['a'\] has 5 samples, and X\['b'\] has 4 along axis 0; expected one row for each sample in each",
    ),
    "NaN": (ROWS * torch.nan, "X holds NaN or infinite numbers"),
    "NaN in one of two": ({"a": ROWS, "b": ROWS * torch.nan}, r"X\['b'\] holds NaN"),
    "too few features": (torch.ones(5, 2), r"does not run on X of shape \(5, 2\): RuntimeError"),
    "too many inputs": (
        (ROWS, ROWS, ROWS),
        r"does not run on X\[0\] \(5, 3\), X\[1\] .*: TypeError: .* takes 2",
    ),
    "another keyword": ({"inputs": ROWS}, "unexpected keyword argument 'inputs'"),
    "no samples": ({"input": ROWS[:0]}, "X holds no sample: nothing to differentiate"),
}


@pytest.mark.parametrize("what", INPUTS)
def test_inputs_that_are_none(what: str) -> None:
    """What it is, and what to do."""
    X, reason = INPUTS[what]
    with pytest.raises(InvalidModel, match=reason):
        problem_of(nn.Linear(3, 2), X)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: ROWS.to_sparse_csr(), r"X is sparse \(sparse_csr\)"),
        (lambda: torch.quantize_per_tensor(ROWS, 0.1, 0, torch.quint8), r"X is quantized, .*X\.dequantize\(\)"),
        (
            lambda: torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)]),
            r"X is a nested tensor, whose samples differ in size; pad it \(torch\.nested\.to_padded_tensor\)",
        ),
    ],
)
def test_inputs_of_unusual_layout(make: Callable[[], Tensor], reason: str) -> None:
    """Torch warns when they are made."""
    with pytest.raises(InvalidModel, match=reason):
        problem_of(nn.Linear(3, 2), make())


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        (Choice(batch_axis=2), r"X has shape \(5, 3\): there is no axis 2 of samples"),
        (Choice(batch_axis={"h": 1}), "batch_axis names the input 'h'; there are 0"),
        (
            Choice(parameters="head.*"),
            r"parameters 'head\.\*' matches none of the model's; there are 0\.weight",
        ),
        (Choice(parameters=("0.wight",)), r"matches none of the model's; did you mean 0\.weight\? there are"),
        (Choice(parameters="1.*"), r"matches 1\.weight, which is frozen \(requires_grad=False\), and no trainable one"),
    ],
)
def test_choices_of_what_is_not_there(choice: Choice, reason: str) -> None:
    """What there is."""
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2).requires_grad_(False))
    with pytest.raises(InvalidModel, match=reason):
        problem_of(model, torch.ones(5, 3), choice)


def test_an_error_of_the_model_has_the_users_own_line() -> None:
    """Not one of torch's."""

    def failing(f: Tensor) -> Tensor:
        return f.reshape(7, 7)

    with pytest.raises(InvalidModel, match=r"RuntimeError: .* \(test_user_model\.py, line \d+: return f\.resh"):
        problem_of(Doing(failing), ROWS)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_gradients_are_on_while_a_model_is_judged(off: Callable[[], Any]) -> None:
    """Also where the caller has them off, and for tensors made so."""
    with off():
        model, X = nn.Sequential(nn.Linear(3, 2), nn.Tanh()), torch.ones(5, 3)
        found = jaccheck.jacobians(model, X)
        jaccheck.assert_jacobians_right(found, model, X)
        assert jaccheck.check(model, X, methods=("vmap_vjp",), seconds=5).answers[0].outcome is jaccheck.Outcome.AGREES


def test_random_numbers_of_the_user_are_not_drawn() -> None:
    """Neither by looking at the model nor at its batch."""
    model = nn.Linear(3, 2)
    known = torch.get_rng_state()
    problem_of(model, ROWS)
    assert torch.equal(known, torch.get_rng_state())
