"""Each remedy in the table works: a method that crashed on a model for that reason runs once it is applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from jaccheck_support.remedied.by_hand import (
    Cube,
    InTwo,
    OldCube,
    Placed,
    Slope,
    Slopes,
    Solving,
    Stepped,
    Turned,
    UnmappedCube,
    Untangent,
    Unwatched,
)
from jaccheck_support.remedied.lookups import POOLED, bag, embedded, looked_up, multiplied, one_hot, weighted
from jaccheck_support.remedied.recurrent import (
    attention,
    attention_by_math,
    encoder,
    packed,
    recurrent,
    steps,
    without_state,
)
from jaccheck_support.remedied.written import (
    X4,
    X343,
    Made,
    activated,
    added_in_place,
    by_boolean,
    by_dense_matrix,
    by_function,
    by_item,
    by_sparse_matrix,
    by_where,
    convolved,
    copied_into_buffer,
    counted,
    cut_by_numbers,
    cut_by_tensor,
    into_columns,
    into_own_columns,
    into_shared,
    into_zeros,
    into_zeros_like,
    on_tokens,
    sequential,
    slice_by_value,
    written,
)
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import jaccheck
from jaccheck.judging import LAYER_ISSUES, operations_of
from jaccheck.methods import Problem, calm_torch, copy_of, find_method
from jaccheck.models.remedies import remedy_of
from jaccheck.models.remedy_table import REMEDIES
from jaccheck.reports import Outcome, raised

CASES: list[tuple[str, Callable[[], Made], Callable[[], Made]]] = [
    ("batch_grad_loop", lambda: activated(inplace=True), lambda: activated(inplace=False)),
    ("batch_grad_repeated", lambda: written(added_in_place), lambda: written(lambda model, h: torch.tanh(h + 1))),
    ("sqrt_ggn_sum", on_tokens, lambda: on_tokens(nn.Flatten())),
    ("sqrt_ggn_cross_entropy", on_tokens, lambda: on_tokens(nn.Flatten())),
    ("sqrt_ggn_mean", lambda: convolved(nn.Conv2d(2, 2, 1)), lambda: convolved(nn.Conv2d(2, 2, 1), nn.Flatten())),
    ("vmap_jacfwd", lambda: written(attention), lambda: written(attention_by_math)),
    ("vmap_jacfwd", lambda: encoder(by_math=False), lambda: encoder(by_math=True)),
    ("expanded_weights", lambda: recurrent(by_onednn=True), lambda: recurrent(by_onednn=False)),
    ("vmap_vjp", lambda: written(by_item), lambda: written(by_where)),
    (
        "vmap_jacrev",
        lambda: written(lambda model, h: h + 0 * torch.randn_like(h)),
        lambda: written(lambda model, h: h + 0 * model.noise, noise=torch.randn(6)),
    ),
    (
        "vmap_vjp",
        lambda: written(lambda model, h: h[torch.nonzero(h[:, 0] > -1e9)[:, 0]]),
        lambda: written(lambda model, h: torch.where(h[:, :1] > -1e9, h, 0.0)),
    ),
    (
        "vmap_vjp",
        lambda: written(lambda model, h: torch.masked_select(h, h > -1e9).reshape(h.shape)),
        lambda: written(lambda model, h: h * (h > -1e9)),
    ),
    ("vmap_vjp", lambda: written(cut_by_tensor), lambda: written(cut_by_numbers)),
    (
        "vmap_vjp",
        lambda: sequential(nn.Linear(4, 2), nn.RReLU()),
        lambda: sequential(nn.Linear(4, 2), nn.LeakyReLU(11 / 48)),
    ),
    (
        "func_jacrev",
        lambda: written(lambda model, h: OldCube.apply(h)),
        lambda: written(lambda model, h: Cube.apply(h)),
    ),
    (
        "vmap_jacfwd",
        lambda: written(lambda model, h: OldCube.apply(h)),
        lambda: written(lambda model, h: Cube.apply(h)),
    ),
    (
        "vmap_vjp",
        lambda: written(lambda model, h: UnmappedCube.apply(h)),
        lambda: written(lambda model, h: Cube.apply(h)),
    ),
    (
        "func_jacrev",
        lambda: written(lambda model, h: checkpoint(torch.tanh, h, use_reentrant=False)),
        lambda: written(lambda model, h: torch.tanh(h)),
    ),
    (
        "vmap_jacrev",
        lambda: written(lambda model, h: h * torch.from_numpy(h.detach().numpy() > -1e9)),
        lambda: written(lambda model, h: h * (h.detach() > -1e9)),
    ),
    ("func_jacrev", lambda: embedded(sparse=True), lambda: embedded(sparse=False)),
    (
        "func_jacrev",
        lambda: written(counted, count=torch.zeros(())),
        lambda: (written(counted, count=torch.zeros(()))[0].eval(), X4),
    ),
    ("vmap_vjp", lambda: written(into_zeros), lambda: written(into_zeros_like)),
    *(
        ("vmap_jacfwd", lambda mode=mode: bag(mode, is_bag=True), lambda mode=mode: bag(mode, is_bag=False))
        for mode in POOLED
    ),
    ("func_jacrev", lambda: packed(is_packed=True), lambda: packed(is_packed=False)),
    *(
        (method, lambda how=how, kind=kind: steps(how, kind), lambda kind=kind: steps("cell", kind))
        for method in ("vmap_vjp", "vmap_jacrev", "vmap_jacfwd", "expanded_parameters")
        for how, kind in (("layer", "GRU"), ("packed", "GRU"), ("layer", "RNN"))
    ),
    ("vmap_vjp", lambda: steps("packed", "LSTM"), lambda: steps("cell", "LSTM")),
    *(("expanded_parameters", lambda how=how: steps(how, "LSTM"), lambda: steps("gates")) for how in ("layer", "cell")),
    ("vmap_jacfwd", lambda: weighted(is_bag=True), lambda: weighted(is_bag=False)),
    ("vmap_vjp", lambda: multiplied(is_sparse=True), lambda: multiplied(is_sparse=False)),
    ("vmap_vjp", lambda: without_state(is_given=False), lambda: without_state(is_given=True)),
    (
        "vmap_vjp",
        lambda: written(lambda m, h: m.cell(h, 2 * (m.b.bias[:1].expand(len(h), 6),))[0], cell=nn.LSTMCell(6, 6)),
        lambda: written(lambda m, h: m.cell(h, 2 * (m.b.bias[:1] + 0 * h,))[0], cell=nn.LSTMCell(6, 6)),
    ),
    (
        "expanded_parameters",
        lambda: written(into_shared, seen=torch.zeros(6)),
        lambda: written(lambda model, h: h.tanh(), seen=torch.zeros(6)),
    ),
    *(
        (method, lambda: one_hot(is_by_rows=False), lambda: one_hot(is_by_rows=True))
        for method in ("vmap_vjp", "vmap_jacfwd")
    ),
    *(
        (method, lambda: written(slice_by_value), lambda: written(lambda model, h: h * (torch.arange(6) < 6)))
        for method in ("vmap_vjp", "expanded_parameters")
    ),
    (
        "expanded_parameters",
        lambda: written(lambda model, h: h if h.abs().sum() > 1 else 2 * h),
        lambda: written(by_where),
    ),
    ("vmap_vjp", lambda: written(by_boolean), lambda: written(by_where)),
    ("vmap_vjp", lambda: written(into_columns), lambda: written(into_own_columns)),
    ("vmap_vjp", lambda: (Slopes(), X4), lambda: (Slope(), X4)),
    ("func_jacfwd", lambda: (Stepped(is_by_func=False), X4), lambda: (Stepped(is_by_func=True), X4)),
    ("vmap_vjp", lambda: (torch.jit.script(activated(inplace=False)[0]), X4), lambda: activated(inplace=False)),
    ("expanded_weights", lambda: looked_up(lambda m, i: m(i)), lambda: looked_up(lambda m, i: m(i[:, None])[:, 0])),
    ("vmap_vjp", lambda: (Solving(is_expanded=False), X343[..., 0]), lambda: (Solving(is_expanded=True), X343[..., 0])),
    ("func_jacrev", lambda: (Solving(is_expanded=False), X343[..., 0]), lambda: (Solving(is_expanded=True), X4)),
    *(
        (method, lambda: (Placed(is_for_each=False), X343), lambda: (Placed(is_for_each=True), X343))
        for method in ("batch_grad_loop", "batch_grad_repeated", "expanded_weights")
    ),
    (
        "expanded_weights",
        lambda: (InTwo(lambda layers, X: checkpoint(layers, X, use_reentrant=False)), X4),
        lambda: (InTwo(lambda layers, X: layers(X)), X4),
    ),
    *(
        (
            method,
            lambda: (InTwo(lambda layers, X: checkpoint(layers, X, use_reentrant=False)), X4),
            lambda: (InTwo(lambda layers, X: layers(X)), X4),
        )
        for method in ("expanded_parameters", "vmap_vjp")
    ),
    *(
        (
            method,
            lambda: (InTwo(lambda layers, X: checkpoint(layers[1], layers[0](X), use_reentrant=True)), X4),
            lambda: (InTwo(lambda layers, X: layers(X)), X4),
        )
        for method in ("expanded_parameters", "vmap_vjp", "func_jacfwd")
    ),
    ("func_jacfwd", lambda: written(lambda m, h: Untangent.apply(h)), lambda: written(lambda m, h: Cube.apply(h))),
    (
        "vmap_vjp",
        lambda: written(lambda m, h: torch.stack([z * len(z.tolist()) for z in h])),
        lambda: written(lambda m, h: torch.stack([z * len(z) for z in h])),
    ),
    (
        "expanded_weights",
        lambda: written(lambda m, h: h + by_function(m.each, h.new_ones(1, 6)), each=nn.Linear(6, 6)),
        lambda: written(lambda m, h: h + by_function(m.each, h.new_ones(len(h), 6)), each=nn.Linear(6, 6)),
    ),
    ("func_jacfwd", lambda: written(by_sparse_matrix), lambda: written(by_dense_matrix)),
    (
        "func_jacfwd",
        lambda: written(lambda model, h: h @ torch._weight_norm(model.a.weight, torch.ones(6, 1)), 4),
        lambda: written(lambda model, h: h @ (model.a.weight / model.a.weight.norm(dim=1, keepdim=True)), 4),
    ),
    *(
        (
            method,
            lambda: written(lambda model, h: torch.stack([model.each(z) for z in h]), each=nn.Linear(6, 6)),
            lambda: written(lambda model, h: model.each(h), each=nn.Linear(6, 6)),
        )
        for method in ("batch_grad_loop", "expanded_weights")
    ),
    (
        "expanded_parameters",
        lambda: written(copied_into_buffer, seen=torch.zeros(6)),
        lambda: written(lambda model, h: h.tanh(), seen=torch.zeros(6)),
    ),
]
"""A method, a model on which it crashes, and the same model with the remedy."""

KNOWN: list[tuple[str, Callable[[], Made], str]] = [
    ("vmap_jacfwd", lambda: recurrent(by_onednn=True), "torch-vmap-recurrent"),
    ("vmap_vjp", lambda: recurrent(by_onednn=False), "torch-vmap-recurrent"),
    ("expanded_weights", lambda: recurrent(by_onednn=True), "torch-expanded-weights-lstm"),
    ("vmap_jacfwd", lambda: encoder(by_math=False), "torch-forward-mode-attention"),
    (
        "batch_grad_loop",
        lambda: written(lambda model, h: model.twice(model.twice(h)), twice=nn.Linear(6, 6)),
        "module-used-twice",
    ),
    (
        "vmap_vjp",
        lambda: (nn.Sequential(nn.Linear(4, 5), nn.PReLU(), nn.LayerNorm(5), nn.Linear(5, 7)), torch.randn(3, 4)),
        "torch-vmap-prelu",
    ),
    (
        "vmap_vjp",
        lambda: written(lambda m, h: nn.functional.layer_norm(nn.functional.prelu(h, m.a.bias[:1]), (6,))),
        "torch-vmap-prelu",
    ),
    ("expanded_weights", lambda: (Turned(), X343), "torch-expanded-weights-conv-view"),
]
"""A method, a model on which it crashes, and the known issue that this is."""


@pytest.fixture(autouse=True)
def fast_path() -> Iterator[None]:
    """It is switched off for good by one of the remedies."""
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def problem_of(made: Made) -> Problem:
    model, X = made
    return Problem(model, X, model(X).detach()[0].numel())


def crash(method: str, made: Made) -> str:
    """How the method crashes on the model, in one line; empty where it does not."""
    problem = problem_of(made)
    try:
        with calm_torch():
            found = find_method(method).compute(copy_of(problem))
    except Exception as error:
        return str(raised(error))
    assert list(found) == list(problem.parameters)
    return ""


@pytest.mark.parametrize(("method", "broken", "mended"), CASES)
def test_a_remedy_works(method: str, broken: Callable[[], Made], mended: Callable[[], Made]) -> None:
    """The crash has one, and with it the method runs."""
    message = crash(method, broken())
    assert remedy_of(find_method(method), message, problem_of(broken())), message
    assert crash(method, mended()) == ""


@pytest.mark.parametrize("mode", POOLED)
def test_what_the_remedy_of_a_bag_says_is_the_same(mode: str) -> None:
    """The same outputs, for each of its modes."""
    (model, X), (other, _) = bag(mode, is_bag=True), bag(mode, is_bag=False)
    torch.testing.assert_close(model(X), other(X))
    (model, X), (other, _) = weighted(is_bag=True), weighted(is_bag=False)
    torch.testing.assert_close(model(X), other(X))


def test_who_wrote_no_function_but_has_a_checkpoint_is_told_of_that() -> None:
    """A reentrant checkpoint is a torch.autograd.Function, and none of the user's."""
    made = InTwo(lambda layers, X: checkpoint(layers[1], layers[0](X), use_reentrant=True)), X4
    told = remedy_of(find_method("vmap_vjp"), crash("vmap_vjp", made), problem_of(made))
    assert "torch.utils.checkpoint" in told
    assert "setup_context" not in told


def test_a_layer_that_gets_other_rows_is_not_told_to_have_more_axes() -> None:
    """BackPACK compares shapes there, too."""
    made = written(lambda m, h: m.each(h[:2]).sum(0).expand(len(h), 6), each=nn.Linear(6, 6))
    message = "AssertionError: ('Compared shapes [1, 2] and [2, 2] do not match. ', 'Got [1, 1, 2] and [2, 2]')"
    assert "another number of rows" in remedy_of(find_method("batch_grad_loop"), message, problem_of(made))


def test_who_writes_into_a_buffer_is_told_of_that() -> None:
    """Not to make another tensor than the buffer."""
    made = written(copied_into_buffer, seen=torch.zeros(6))
    assert "buffers" in remedy_of(
        find_method("expanded_parameters"), crash("expanded_parameters", made), problem_of(made)
    )


def test_who_has_no_embedding_is_not_told_to_make_it_dense() -> None:
    """A sparse matrix on the way is another reason."""
    made = multiplied(is_sparse=True)
    told = remedy_of(find_method("vmap_vjp"), crash("vmap_vjp", made), problem_of(made))
    assert told.startswith("make dense matrices in forward")


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (lambda: one_hot(is_by_rows=False), "one_hot"),
        (lambda: steps("packed"), "GRUCell"),
        (lambda: written(by_item), "where"),
    ],
)
def test_what_looks_at_a_value_is_told_apart(made: Callable[[], Made], word: str) -> None:
    """Nobody who calls one_hot or packs sequences has written .item()."""
    told = [remedy_of(find_method("vmap_vjp"), crash("vmap_vjp", made()), problem_of(made()))]
    assert word in told[0]
    assert (".item()" in told[0]) == (word == "where")


def test_layers_that_are_called_once_are_not_called_used_twice() -> None:
    """BackPACK's hooks run in the backward pass that such a forward makes, and forget the outputs."""
    torch.manual_seed(0)
    message = crash("batch_grad_loop", (Slopes(), X4))
    assert "has no attribute 'output'" in message
    assert remedy_of(find_method("batch_grad_loop"), message, problem_of((Slopes(), X4))) == ""


def test_a_model_that_does_not_run_while_it_is_watched_is_none_of_a_remedy() -> None:
    """What is looked for is not found then, and the answer of the method stands as it is."""
    problem = problem_of((Unwatched(), X4))
    assert remedy_of(find_method("batch_grad_loop"), "'Linear' object has no attribute 'output'", problem) == ""
    assert not operations_of(problem) & {"addmm", "t"}


def test_what_is_no_recurrent_layer_is_not_called_one() -> None:
    """The same words come of a buffer that is written into."""
    made = written(into_shared, seen=torch.zeros(6))
    told = remedy_of(find_method("expanded_parameters"), crash("expanded_parameters", made), problem_of(made))
    assert told.startswith("do not write into buffers")
    assert "known" not in told


@pytest.mark.parametrize("method", ["expanded_weights", "batch_grad_loop"])
def test_who_wrote_no_function_is_not_told_to_change_it(method: str) -> None:
    """It is the method's own torch.autograd.Function that does not run inside of the model's torch.func."""
    message = crash(method, (Slope(), X4))
    assert "setup_context" in message
    assert remedy_of(find_method(method), message, problem_of((Slope(), X4))) == ""


@pytest.mark.parametrize(("method", "broken", "issue"), KNOWN)
def test_a_known_issue_is_named(method: str, broken: Callable[[], Made], issue: str) -> None:
    """By the id that `jaccheck known` takes."""
    assert f"`jaccheck known {issue}`" in remedy_of(find_method(method), crash(method, broken()), problem_of(broken()))
    assert issue in {each.id for each in LAYER_ISSUES}


def test_every_line_of_the_table_is_tested() -> None:
    """Its pattern is that of one of the crashes above, but for what shows on other devices and sizes only."""
    met = [crash(method, broken()) for method, broken, _ in (*CASES, *KNOWN)]
    elsewhere = ["torch-expanded-weights-conv3d-dilation"]
    unmet = [each for each in REMEDIES if not any(re.search(each.pattern, message) for message in met)]
    assert [each.issue or each.advice for each in unmet] == elsewhere


def test_a_remedy_is_in_the_answer_of_a_check() -> None:
    """And none where a method runs, or crashes for another reason."""
    right = find_method("vmap_vjp")

    def other(problem: Problem) -> dict[str, Tensor]:
        raise KeyError("no such layer")

    report = jaccheck.check(
        *written(by_item),
        methods=["vmap_vjp", "autograd_loop", replace(right, name="own", compute=other)],
        seconds=20.0,
    )
    outcomes = [answer.outcome for answer in report.answers]
    assert outcomes == [Outcome.CRASHED, Outcome.CONSISTENT, Outcome.CRASHED]
    assert "torch.where" in report.answers[0].remedy
    assert [answer.remedy for answer in report.answers[1:]] == ["", ""]
