"""Networks read from live models: the same as those of the cases that the models were built from, and none too many."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import jaccheck
from jaccheck.case import FAMILIES, Case, Embedding, Layer, boundary_cases, cases
from jaccheck.judging import parts_of, read
from jaccheck.judging.live.network import network_of
from jaccheck.judging.live.reading import READ, USUAL
from jaccheck.methods import Problem, build, copy_of, problem_of, round_sample
from jaccheck.oracle import NoRule, arithmetic, backward, forward, network
from jaccheck.reports import Outcome

ARCHITECTURES = (
    *("convolution", "transposed_convolution", "pooling", "normalization"),
    *("embedding", "extra_axes", "activations"),
)


def is_live(case: Case) -> bool:
    """Whether its model is made of modules of torch alone, in Sequentials."""
    layers = [place.layer for place in case.places()]
    return all(layer.kind == "Sequential" if layer.runs else _is_of_torch(layer) for layer in layers)


def _is_of_torch(layer: Layer) -> bool:
    return not layer.has_rule or any(hasattr(nn, name) for name in layer.module_names())


def compare(case: Case) -> None:
    """Same closed form and same bounds, whether the network is made from the case or read from its model."""
    sample = round_sample(case)
    numbers = {name: value.double().numpy() for name, value in sample.numbers.items()}
    ar = arithmetic(case.dtype)
    try:
        expected = network(case, sample.X.double().numpy(), numbers)
    except NoRule:
        with pytest.raises(NoRule):
            network_of(build(case))
        return
    found = network_of(build(case))
    assert (found.trainable, found.C, found.N) == (expected.trainable, expected.C, expected.N)
    one, other = (backward(net, forward(net, ar), ar) for net in (found, expected))
    assert np.array_equal(one.jacobian, other.jacobian)
    assert np.array_equal(one.bound, other.bound)


@pytest.mark.parametrize("family", FAMILIES)
def test_boundary_cases_are_read_as_they_were_written(family: str) -> None:
    """Every layer with a rule, with its boundary options."""
    for case in boundary_cases(family, "float32"):
        if is_live(case) and case.batch_size and case.input_form == "contiguous":
            compare(case)


@settings(max_examples=150)
@given(st.sampled_from(ARCHITECTURES).flatmap(lambda family: cases(family, ("float32",))))
def test_random_cases_are_read_as_they_were_written(case: Case) -> None:
    """Every layer with a rule, with all its options."""
    if is_live(case) and case.batch_size:
        compare(case)


NO_MATTER = {
    *("max_value", "min_value"),  # older names of those of Hardtanh
    *("self", "args", "kwargs", "device", "dtype", "inplace", "momentum", "norm_type", "p", "_weight", "_freeze"),
    *("in_features", "in_channels", "num_features", "init", "track_running_stats", "bias"),
    "padding_mode",  # of a transposed convolution, which takes zeros only
}
"""Options of constructors that change nothing in evaluation mode, or that show in parameters, buffers and sizes."""


@pytest.mark.parametrize("module", READ, ids=lambda module: module.__name__)
def test_no_option_of_torch_goes_unread(module: type[nn.Module]) -> None:
    """Each is a field of the layer, has to be as usual, or is listed as one that does not matter."""
    known = {field.name for field in dataclasses.fields(READ[module])} | USUAL.keys() | NO_MATTER
    assert set(inspect.signature(module.__init__).parameters) - known == set()


def numbers_in(model: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) / max(1, p[0].numel()) ** 0.5)
    return model.eval()


def lenet() -> tuple[nn.Module, Tensor]:
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 5, padding=2), nn.GELU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.PReLU(6), nn.AdaptiveAvgPool2d((None, 2))),
        *(nn.Dropout2d(), nn.Flatten(), nn.Linear(60, 5), nn.Unflatten(1, (5, 1)), nn.Linear(1, 3), nn.Flatten()),
    )
    return numbers_in(model), torch.randn(6, 1, 14, 14, generator=torch.Generator().manual_seed(1))


def test_a_convolutional_network_is_checked_with_proof() -> None:
    """Every method that takes it AGREES within the proven bound; a change in the last bits of float32 does not."""
    model, X = lenet()
    report = jaccheck.check(model, X, methods=("func_jacrev", "autograd_loop", "hooks", "vmap_jacfwd"), seconds=20.0)
    assert report.reference == "closed form"
    assert {answer.outcome for answer in report.answers} == {Outcome.AGREES}, report.answers
    J = jaccheck.jacobians(model, X)
    jaccheck.assert_jacobians_right(J, model, X)
    place = tuple(int(i) for i in torch.nonzero(J["3.weight"].abs() == J["3.weight"].abs().max())[0])
    J["3.weight"][place] *= 1 + 1e-4
    with pytest.raises(AssertionError, match=r"3\.weight.* says the closed form"):
        jaccheck.assert_jacobians_right(J, model, X)


def test_an_entry_is_counted_from_the_first_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many parts are compared."""
    model, X = lenet()
    J = jaccheck.jacobians(model, X)
    J["9.bias"][4, 2, 1] += 1
    monkeypatch.setattr("jaccheck.judging.live.parts.MOST_ROWS", 20)
    with pytest.raises(AssertionError, match=r"9\.bias\[4, 2, 1\]"):
        jaccheck.assert_jacobians_right(J, model, X)


def changed(module: nn.Module, **attributes: object) -> nn.Module:
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


CIRCULAR = nn.Conv1d(1, 1, 2, padding=1, padding_mode="circular")
REFUSED = {
    "another kernel": (
        nn.Sequential(changed(nn.Conv1d(1, 1, 2), weight=nn.Parameter(torch.ones(1, 1, 3)))),
        "expected",
    ),
    "other margins": (nn.Sequential(changed(CIRCULAR, padding=(0,))), "other margins"),
    "padded with ones": (nn.Sequential(nn.Conv2d(1, 1, 1), changed(nn.ZeroPad2d(1), value=1.0)), "value=1.0"),
    "norm without weight": (nn.Sequential(changed(nn.BatchNorm1d(2), weight=None).eval()), "with parameters"),
    "tiny eps": (nn.Sequential(nn.BatchNorm1d(2, eps=1e-42).eval()), "eps=1e-42"),
    "two dtypes": (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).bfloat16()), "1.weight, which is of torch.bfloat16"),
    "unbatched pooling": (nn.Sequential(nn.Linear(2, 2), nn.AdaptiveAvgPool2d((2, 2))), "1 (AdaptiveAvgPool2d)"),
    "indices returned": (nn.Sequential(nn.Conv1d(1, 1, 1), nn.MaxPool1d(2, return_indices=True)), "return_indices"),
    "max_norm": (nn.Sequential(nn.Embedding(4, 2, max_norm=1.0), nn.Flatten()), "max_norm=1.0"),
    "training": (nn.Sequential(nn.Conv1d(1, 2, 1), nn.BatchNorm1d(2)).train(), "statistics from the batch"),
    "no statistics": (
        nn.Sequential(nn.Conv1d(1, 2, 1), nn.BatchNorm1d(2, track_running_stats=False)),
        "from the batch",
    ),
    "all padding": (nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2, padding=1, dilation=4)), "nothing but padding"),
    "too large": (nn.Sequential(nn.Conv2d(1, 64, 3), nn.Conv2d(64, 64, 3), nn.Flatten()), "too large a map"),
    "float indices": (nn.Sequential(nn.Linear(2, 2), nn.Embedding(4, 2)), "Embedding"),
    "extra parameter": (nn.Sequential(nn.Linear(2, 2)), "with a parameter extra"),
    "LayerNorm": (nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), "1 (LayerNorm)"),
}
INPUTS = {
    **dict.fromkeys(("another kernel", "other margins"), (1, 4)),
    "padded with ones": (1, 3, 3),
    "unbatched pooling": (3, 2),
    "indices returned": (1, 4),
    "training": (1, 3),
    "no statistics": (1, 3),
    "all padding": (1, 3, 3),
    "too large": (1, 28, 28),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_rule_is_named(kind: str) -> None:
    """And why."""
    model, message = REFUSED[kind]
    if kind == "extra parameter":
        model[0].register_parameter("extra", nn.Parameter(torch.ones(1)))
    is_indices = isinstance(model[0], nn.Embedding)
    X = torch.ones(2, *INPUTS.get(kind, (2,)))
    with pytest.raises(NoRule) as raised:
        network_of(Problem(model, X.long() if is_indices else X, 2))
    assert message in str(raised.value)


def test_an_embedding_takes_indices() -> None:
    """One-hot rows stand for them."""
    model = numbers_in(nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2)))
    problem = Problem(model, torch.tensor([[0, 4], [1, 1]]), 2)
    found = network_of(problem)
    assert found.X.shape == (2, 10)
    assert not any(isinstance(layer, Embedding) for layer in found.steps)
    report = jaccheck.check(copy_of(problem).model, problem.X, methods=("vmap_vjp",), seconds=5.0)
    assert report.answers[0].outcome is Outcome.AGREES


def test_coarser_arithmetic_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Autocast, matrix products in other formats, hooks on all modules."""
    problem = Problem(numbers_in(nn.Sequential(nn.Linear(2, 2))), torch.ones(3, 2), 2)
    assert network_of(problem)
    with torch.autocast("cpu", dtype=torch.bfloat16), pytest.raises(NoRule, match="autocast"):
        network_of(problem)
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *_: None)
    with pytest.raises(NoRule, match="hooks on all modules"):
        network_of(problem)
    handle.remove()
    torch.set_float32_matmul_precision("high")
    with pytest.raises(NoRule, match="float32 of high precision"):
        network_of(problem)
    torch.set_float32_matmul_precision("highest")
    assert network_of(problem)


def test_lists_do_for_tuples() -> None:
    """As torch takes them."""
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.MaxPool2d([2, 2]), nn.AdaptiveAvgPool2d([1, 1]), nn.Flatten())
    assert network_of(Problem(numbers_in(model), torch.ones(2, 1, 4, 4), 2))


def test_what_the_closed_form_takes_decides_whether_it_is_made() -> None:
    """Where a sample of it does not fit, the estimate is made, which takes less."""
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 2))
    problem = Problem(numbers_in(model), torch.ones(4, 1, 64, 64), 2)
    assert read(problem, 2**27)[0] is not None
    network, reason = read(problem, 2**26)
    assert network is None
    assert "a single sample, which takes 0.1 GiB" in reason
    # Pooling is made anew for each sample: two outputs of one take hardly more than one.
    parts = parts_of(problem, 2**28, read(problem, 2**28)[0])
    assert [(len(part.samples), len(part.outputs)) for part in parts] == [(2, 2), (2, 2)]


def test_a_part_has_two_samples_where_time_is_short() -> None:
    """One alone does not show what a method mixes up; only memory, or more outputs than there is time for, takes it."""
    problem = problem_of(nn.Linear(3, 4), torch.randn(5, 3))
    for most in (2, 4, 8):
        assert max(len(part.samples) for part in parts_of(problem, 2**28, most_rows=most)) == 2
    assert {len(part.samples) for part in parts_of(problem, 2**28, most_rows=1)} == {1}


def test_a_part_has_two_samples_where_not_all_outputs_fit() -> None:
    """By time or by memory: half as many outputs of twice as many samples."""
    problem = problem_of(nn.Linear(3, 400), torch.randn(5, 3))
    for parts in (parts_of(problem, 2**28, most_rows=50), parts_of(problem, 50 * 128 * 1600)):
        assert [len(part.samples) for part in parts if part.outputs.start == 0] == [2, 2, 1]
        assert max(len(part.samples) * len(part.outputs) for part in parts) <= 50
        assert sum(len(part.samples) * len(part.outputs) for part in parts) == 5 * 400
