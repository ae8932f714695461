"""`check`: what is right is called right, what is wrong wrong, and no more is claimed than is known."""

from __future__ import annotations

import copy
import ctypes
import gc
import platform
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import jaccheck
from jaccheck.bench import resident_bytes
from jaccheck.errors import NotCovered
from jaccheck.judging import observe
from jaccheck.judging.live.parts import BYTES_PER_ENTRY
from jaccheck.methods import Jacobians, Method, Problem, find_method
from jaccheck.reports import ModelReport, Outcome, load, save
from jaccheck.selftest import catalogue

QUICK = ("vmap_vjp", "batch_grad_repeated", "autograd_loop")
MIB = 2**20


def mlp(dtype: torch.dtype = torch.float32) -> tuple[nn.Module, Tensor]:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 5), nn.LeakyReLU(), nn.Linear(5, 3)).to(dtype)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    return model, torch.randn(7, 6, generator=generator).to(dtype)


def small_cnn() -> tuple[nn.Module, Tensor]:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.CELU(), nn.Flatten(), nn.Linear(8, 2))
    return model, torch.randn(3, 1, 4, 4)


def mutated(change: str | object, base: str = "func_jacrev") -> Method:
    """A right method with a mutant of the catalogue in it, or with a change of its result."""
    right = find_method(base)
    if isinstance(change, str):
        mutant = catalogue()[change]
        return replace(right, name=f"mutant:{change}", compute=mutant.spoil(right.compute))
    return replace(right, name="mutant", compute=lambda problem: change(problem, right.compute(problem)))  # type: ignore[operator]


def checked(model: nn.Module, X: Tensor, *methods: str | Method, **options: object) -> ModelReport:
    return jaccheck.check(model, X, methods=methods or QUICK, **{"seconds": 60.0, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_all_methods_agree_on_a_perceptron(dtype: torch.dtype) -> None:
    """By proven bounds, on every entry, with time and memory of each and the fastest of them recommended."""
    report = jaccheck.check(*mlp(dtype), seconds=60.0)
    assert report.reference == "closed form"
    assert not report.found_something
    assert {answer.outcome for answer in report.answers} <= {Outcome.AGREES, Outcome.UNSUPPORTED}
    agreeing = [answer for answer in report.answers if answer.outcome is Outcome.AGREES]
    assert len(agreeing) > 15
    for answer in agreeing:
        assert answer.comparison == "bound"
        assert answer.entries == 7 * 3 * report.parameters > answer.undecided
        assert 0 < answer.test_ratio <= 1
        assert answer.median_s
        assert answer.peak
    assert report.recommended == min(agreeing, key=lambda answer: answer.median_s or 0).method
    assert f"use {report.recommended}: " in report.advice


def test_equality_is_asked_for_where_a_certificate_holds() -> None:
    """Small integers and a ReLU: results are equal, in bfloat16 too."""
    model, X = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)).bfloat16(), torch.ones(2, 2).bfloat16()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.arange(p.numel()).reshape(p.shape) % 3 - 1)
    assert {answer.comparison for answer in checked(model, X).answers} == {"exact"}
    spoilt = mutated(lambda problem, J: {name: j * 1.01 for name, j in J.items()})
    assert checked(model, X, spoilt).answers[0].outcome is Outcome.DISAGREES


def test_model_and_input_are_left_alone() -> None:
    """Numbers, gradients, hooks, attributes, flags and torch's random state are as before."""
    model, X = mlp()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before = observe(Problem(model, X, 3))
    numbers = [tensor.detach().clone() for tensor in (*model.parameters(), X)]
    jaccheck.check(model, X, seconds=60.0)
    jaccheck.jacobians(model, X, method="batch_grad_loop")
    assert observe(Problem(model, X, 3)) == before
    assert all(torch.equal(a, b) for a, b in zip(numbers, (*model.parameters(), X), strict=True))
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))


def test_nothing_is_proven_without_bound_rules() -> None:
    """A CELU has no rule: methods are consistent, none agrees, and the answer says why."""
    report = checked(*small_cnn(), *QUICK, "central_differences")
    assert report.reference == "float64 autograd"
    assert "no bound is proven for 1 (CELU)" in report.judged_by
    assert "no proof" in report.judged_by
    outcomes = {answer.method: answer.outcome for answer in report.answers}
    assert outcomes.pop("central_differences") is Outcome.UNSUPPORTED
    assert set(outcomes.values()) == {Outcome.CONSISTENT}
    assert "consistent by estimate" in report.advice


@pytest.mark.parametrize("name", [name for name, mutant in catalogue().items() if mutant.kind == "values"])
@pytest.mark.parametrize("make", [mlp, pytest.param(small_cnn, marks=pytest.mark.full)])
def test_a_wrong_value_is_seen(make: object, name: str) -> None:
    """Every mutant of value, with and without bound rules."""
    report = checked(*make(), mutated(name))  # type: ignore[operator]
    (answer,) = report.answers
    assert answer.outcome is Outcome.DISAGREES, answer
    assert report.found_something
    assert report.recommended is None
    assert answer.worst is not None
    assert f"{answer.worst.parameter}{list(answer.worst.index)}" in answer.message


@pytest.mark.parametrize("make", [mlp, small_cnn])
def test_a_loss_of_precision_is_seen(make: object) -> None:
    """What went through bfloat16 is not what rounding in float32 explains."""
    spoilt = mutated(lambda problem, J: {name: j.bfloat16().to(j.dtype) for name, j in J.items()})
    assert checked(*make(), spoilt).answers[0].outcome is Outcome.DISAGREES  # type: ignore[operator]


def test_a_mutant_in_float32_alone_is_seen_without_bound_rules() -> None:
    """The comparison in float64 is not the only one."""

    def change(problem: Problem, J: Jacobians) -> Jacobians:
        factor = 1.01 if problem.dtype == "float32" else 1.0
        return {name: j * factor for name, j in J.items()}

    (answer,) = checked(*small_cnn(), mutated(change)).answers
    assert answer.outcome is Outcome.DISAGREES
    assert not answer.message.startswith("in float64")


def memory_for(entries: int) -> int:
    # What earlier tests have left would be given back at some time later, and more be free than was counted on.
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
    return resident_bytes() + BYTES_PER_ENTRY * entries + 64 * MIB


def wide() -> tuple[nn.Module, Tensor]:
    return nn.Sequential(nn.Linear(500, 200), nn.ReLU(), nn.Linear(200, 10)), torch.randn(12, 500)


def test_a_large_jacobian_is_compared_part_by_part() -> None:
    """All of it, and a mutant in the very last sample is found."""
    model, X = wide()
    memory = memory_for(3 * 10 * 102_210)
    report = checked(model, X, "vmap_vjp", memory=memory, seconds=60.0)
    assert report.chunks > 2
    assert (report.answers[0].chunks, report.answers[0].entries) == (report.chunks, 12 * 10 * report.parameters)

    def change(problem: Problem, J: Jacobians) -> Jacobians:
        if torch.equal(problem.X[-1], X[-1]):
            J["2.bias"][-1, -1, -1] += 1
        return J

    spoilt = checked(model, X, mutated(change), memory=memory_for(3 * 10 * 102_210), seconds=60.0)
    (answer,) = spoilt.answers
    assert answer.outcome is Outcome.DISAGREES
    assert answer.chunks == spoilt.chunks - 1


@pytest.mark.parametrize("layers", [(nn.ReLU(),), pytest.param((nn.CELU(),), marks=pytest.mark.full)])
def test_a_sample_with_too_many_outputs_is_compared_by_outputs(layers: tuple[nn.Module, ...]) -> None:
    """With the closed form and without; SqrtGGN, which has no rule for a part of the outputs, says so."""
    model, X = nn.Sequential(nn.Linear(40, 100), *layers, nn.Linear(100, 60)), torch.randn(2, 40)
    report = checked(model, X, "vmap_vjp", "batch_grad_loop", "sqrt_ggn_sum", memory=memory_for(10), seconds=60.0)
    assert report.chunks > 2
    outcomes = [answer.outcome for answer in report.answers]
    usable = Outcome.AGREES if isinstance(layers[0], nn.ReLU) else Outcome.CONSISTENT
    assert outcomes == [usable, usable, Outcome.UNSUPPORTED]
    assert report.answers[0].entries == 2 * 60 * report.parameters
    (answer,) = checked(model, X, mutated("one_wrong_entry"), memory=memory_for(10), seconds=60.0).answers
    assert answer.outcome is Outcome.DISAGREES


@pytest.mark.full
def test_what_needs_too_much_memory_is_stopped() -> None:
    """The machine and the other methods live on."""

    def change(problem: Problem, J: Jacobians) -> Jacobians:
        return {name: j + torch.zeros(2**30, dtype=torch.uint8).sum() for name, j in J.items()}

    report = checked(*mlp(), mutated(change), "vmap_vjp", memory=resident_bytes() + 512 * MIB)
    assert [answer.outcome for answer in report.answers] == [Outcome.TOO_LARGE, Outcome.AGREES]
    assert not report.found_something
    assert torch.zeros(2**28, dtype=torch.uint8).sum() == 0


def test_forward_mode_is_refused_where_its_tangents_alone_are_too_large() -> None:
    """A tangent for each number in the parameters; nothing is allocated, and the reason is their size."""
    model, X = nn.Sequential(nn.Linear(200, 100), nn.ReLU(), nn.Linear(100, 10)), torch.randn(2, 200)
    report = checked(model, X, "vmap_jacfwd", "vmap_jacfwd_chunked", "vmap_vjp")
    assert [a.outcome for a in report.answers] == [Outcome.UNSUPPORTED, Outcome.UNSUPPORTED, Outcome.AGREES]
    assert "21,110 tangents" in report.answers[0].message


@pytest.mark.full
def test_a_method_that_is_out_of_time_says_how_far_it_came() -> None:
    """What was not compared is not claimed."""

    def change(problem: Problem, J: Jacobians) -> Jacobians:
        time.sleep(2.0)
        return J

    report = checked(*wide(), mutated(change), memory=memory_for(1_100_000), seconds=5.0)
    (answer,) = report.answers
    assert 0 < answer.chunks < report.chunks
    assert f"{answer.chunks} of {report.chunks} parts compared, the others not" in answer.remarks


def test_where_no_time_is_left_nothing_is_claimed() -> None:
    """The method was not run, and the check says so; it found nothing, and is no success."""
    report = checked(*wide(), "vmap_vjp", seconds=1e-9)
    assert [(a.outcome, a.entries) for a in report.answers] == [(Outcome.NOT_RUN, 0)]
    assert "no time was left" in report.answers[0].message
    assert report.found_something


class Interrupting:
    def on_stage(self, stage: str) -> None: ...
    def on_start(self, parts: int, methods: int) -> None: ...
    def on_method(self, done: int, parts: int, method: str) -> None: ...
    def on_part(self, done: int, parts: int, entries: int) -> None:
        if done == 2:
            raise KeyboardInterrupt


def test_what_is_loaded_in_the_first_call_is_not_its_time() -> None:
    """Torch imports parts of itself when they are first used, which can take seconds."""
    waits = [2.2]

    def change(problem: Problem, J: Jacobians) -> Jacobians:
        time.sleep(waits.pop() if waits else 0)
        return J

    (answer,) = checked(*mlp(), mutated(change), seconds=60.0).answers
    assert answer.outcome is Outcome.AGREES
    assert answer.median_s is not None
    assert answer.median_s < 2.2


def test_an_interrupted_check_answers_for_what_was_done() -> None:
    """Two parts were done."""
    report = checked(*wide(), "vmap_vjp", memory=memory_for(1_100_000), seconds=60.0, listener=Interrupting())
    assert report.interrupted
    assert report.answers[0].chunks == 2
    assert not report.found_something


def test_a_crash_is_told_and_stops_nothing() -> None:
    """With the exception's first line, and the user's own."""

    def change(problem: Problem, J: Jacobians) -> Jacobians:
        raise KeyError("no such layer")

    report = checked(*mlp(), mutated(change), "vmap_vjp")
    assert [answer.outcome for answer in report.answers] == [Outcome.CRASHED, Outcome.AGREES]
    assert report.answers[0].message.startswith("KeyError: 'no such layer' (test_check.py, line ")
    assert not report.found_something
    assert checked(*mlp(), mutated(change)).found_something, "nothing was compared at all"


def test_what_turns_out_not_to_be_covered_is_a_refusal() -> None:
    """Some methods see it only while they run, and say so by NotCovered."""

    def change(problem: Problem, J: Jacobians) -> Jacobians:
        raise NotCovered("the weight is also used in a layer without a rule")

    (answer,) = checked(*mlp(), mutated(change)).answers
    assert (answer.outcome, answer.message) == (
        Outcome.UNSUPPORTED,
        "the weight is also used in a layer without a rule",
    )


def test_another_structure_is_seen() -> None:
    """As the law of structure has it."""
    spoilt = mutated(lambda problem, J: {name: j.transpose(0, 1) for name, j in J.items()})
    (answer,) = checked(*mlp(), spoilt).answers
    assert (answer.outcome, "expected (N, C, *θ.shape)" in answer.message) == (Outcome.DISAGREES, True)


def test_a_report_survives_json(tmp_path: Path) -> None:
    """Also one with a worst entry."""
    report = checked(*mlp(), mutated("infinity_in_first_parameter"), "vmap_vjp")
    save(report, tmp_path / "report.json")
    assert load(ModelReport, tmp_path / "report.json") == report


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, X: Tensor) -> Tensor:
        return self.second(self.first(X).tanh())


def frozen() -> nn.Module:
    model = mlp()[0]
    model[0].weight.requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("model", "X"),
    [
        (nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Unflatten(1, (2, 3))), torch.randn(4, 6)),
        (nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(6, 2)), torch.randint(0, 9, (4, 2))),
        (frozen(), torch.randn(4, 6)),
        (nn.Linear(3, 3), torch.randn(1, 3)),
        (nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)), torch.randn(4, 3)),
        (nn.Linear(3, 2), torch.randn(4, 3, requires_grad=True)),
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).eval(), torch.randn(4, 3)),
    ],
    ids=["N×A×D", "embedding", "frozen", "one_sample", "scalar", "requires_grad", "batch_norm"],
)
def test_models_of_many_kinds(model: nn.Module, X: Tensor) -> None:
    """No false alarm, and something is compared."""
    report = jaccheck.check(model, X, seconds=60.0)
    assert not report.found_something, [a for a in report.answers if a.outcome.is_wrong]
    assert report.recommended


def test_what_backpack_makes_of_tied_weights_is_told() -> None:
    """A parameter of two modules has the derivative of one use, without a word; everybody else adds them up."""
    report = jaccheck.check(Tied(), torch.randn(3, 4), seconds=60.0)
    wrong = [answer.method for answer in report.answers if answer.outcome.is_wrong]
    assert wrong == ["batch_grad_loop", "batch_grad_layers", "batch_grad_repeated", "batch_grad_subsampled"]
    assert all("first.weight[" in answer.message for answer in report.answers if answer.outcome.is_wrong)
    assert report.recommended


def test_what_a_model_prints_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """It would be printed some thousand times."""

    class Talking(nn.Linear):
        def forward(self, X: Tensor) -> Tensor:
            print("here I am")
            return super().forward(X)

    assert checked(Talking(3, 2), torch.ones(4, 3)).recommended
    assert capsys.readouterr().out == ""


def test_a_hook_takes_part() -> None:
    """A model with a hook that changes its output is compared as it is, by what a forward pass computes."""
    model, X = mlp()
    model[1].register_forward_hook(lambda module, inputs, output: 2 * output)
    report = checked(model, X, "vmap_vjp", "autograd_loop")
    assert "what a forward pass computes, within a proven bound" in report.judged_by
    assert {answer.outcome for answer in report.answers} == {Outcome.AGREES}
    plain = copy.deepcopy(model)
    plain[1]._forward_hooks.clear()
    with pytest.raises(AssertionError):
        jaccheck.assert_jacobians_right(jaccheck.jacobians(plain, X), model, X)


class Warns(nn.Module):
    """Warns in every pass, in words of its own each time."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
        self.layers[1].register_full_backward_hook(lambda *_: self._warn("backward"))

    def _warn(self, where: str) -> None:
        warnings.warn(f"{where} at {time.perf_counter_ns()}", stacklevel=1)

    def forward(self, X: Tensor) -> Tensor:
        self._warn("forward")
        return self.layers(X).exp()


def test_what_a_model_warns_of_is_kept_from_the_user() -> None:
    """It is run some thousand times; what is warned of while a method is called stands in the report."""
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        report = jaccheck.check(Warns(), torch.randn(4, 3), methods=["autograd_loop", "hooks", "batch_grad_loop"])
    assert [str(each.message) for each in heard] == []
    assert any(text.startswith("forward at ") for text in report.answers[0].warnings)
