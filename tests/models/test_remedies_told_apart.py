"""What is said to help is what helps there: the same exception means one thing on one model, another on another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from jaccheck_support.remedied.by_hand import InTwo, Placed, Slope, Slopes, Unwatched
from jaccheck_support.remedied.cases_by_layers import NOTHING
from jaccheck_support.remedied.lookups import multiplied, one_hot
from jaccheck_support.remedied.recurrent import steps
from jaccheck_support.remedied.running import crash, problem_of, told
from jaccheck_support.remedied.several_outputs import OneByOne, heads, last_state, turned
from jaccheck_support.remedied.written import X4, X343, Made, by_item, copied_into_buffer, into_shared, written
from torch import nn
from torch.utils.checkpoint import checkpoint

import jaccheck
from jaccheck.judging import operations_of
from jaccheck.methods import find_method
from jaccheck.models.remedies import with_remedy
from jaccheck.reports import MethodAnswer, Outcome


def test_who_wrote_no_function_but_has_a_checkpoint_is_told_of_that() -> None:
    """A reentrant checkpoint is a torch.autograd.Function, and none of the user's."""
    made = InTwo(lambda layers, X: checkpoint(layers[1], layers[0](X), use_reentrant=True)), X4
    advice = told("vmap_vjp", made)
    assert "torch.utils.checkpoint" in advice
    assert "setup_context" not in advice


def test_a_layer_that_gets_other_rows_is_not_told_to_have_more_axes() -> None:
    """BackPACK compares shapes there, too."""
    made = written(lambda m, h: m.each(h[:2]).sum(0).expand(len(h), 6), each=nn.Linear(6, 6))
    message = "AssertionError: ('Compared shapes [1, 2] and [2, 2] do not match. ', 'Got [1, 1, 2] and [2, 2]')"
    assert "another number of rows" in told("batch_grad_loop", made, message)


def test_who_has_steps_first_is_told_to_turn_them() -> None:
    """Not to give one row for each sample of what all share; and who shares rows is not told to turn them."""
    first = "a layer gets the samples along another axis"
    assert told("batch_grad_loop", turned(is_first=False)).startswith(first)
    assert told("batch_grad_loop", (Placed(is_for_each=False), X343)).startswith("a layer gets another number of rows")


def test_the_remedy_is_that_of_the_exception_that_is_shown() -> None:
    """Where the model's own dtype and float64 crash for two reasons, as with oneDNN's LSTM."""
    shown, other = "Expanded Weights encountered but cannot handle function mkldnn_rnn_layer", "support dynamic shape"
    made = turned(is_first=False, kind="LSTM")
    answer = MethodAnswer(
        method="expanded_weights",
        outcome=Outcome.CRASHED,
        message=shown,
        in_float64=Outcome.CRASHED,
        message_in_float64=other,
    )
    given = with_remedy(find_method("expanded_weights"), answer, problem_of(made))
    assert given.remedy == told("expanded_weights", made, shown)
    assert "mkldnn" in given.remedy


def test_who_writes_into_a_buffer_is_told_of_that() -> None:
    """Not to make another tensor than the buffer."""
    assert "buffers" in told("expanded_parameters", written(copied_into_buffer, seen=torch.zeros(6)))


def test_who_has_no_embedding_is_not_told_to_make_it_dense() -> None:
    """A sparse matrix on the way is another reason."""
    assert told("vmap_vjp", multiplied(is_sparse=True)).startswith("make dense matrices in forward")


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
    advice = told("vmap_vjp", made())
    assert word in advice
    assert (".item()" in advice) == (word == "where")


def test_layers_that_are_called_once_are_not_called_used_twice() -> None:
    """BackPACK's hooks run in the backward pass that such a forward makes, and forget the outputs."""
    advice = told("batch_grad_loop", (Slopes(), X4))
    assert "twice" not in advice
    assert advice.startswith("nothing in the model: BackPACK does not differentiate a gradient")


@pytest.mark.parametrize(("method", "make", "others"), NOTHING)
def test_where_nothing_helps_the_methods_that_are_named_are_right(
    method: str, make: Callable[[], Made], others: list[str]
) -> None:
    """On the model as it is."""
    torch.manual_seed(0)
    advice = told(method, make())
    assert advice.startswith("nothing in the model")
    for other in others:
        assert other in advice
    assert all(answer.is_usable for answer in jaccheck.check(*make(), methods=others).answers)


def test_layers_that_are_extended_alone_are_right_where_an_output_is_not_used() -> None:
    """As the remedy says."""
    assert "batch_grad_layers" in told("batch_grad_loop", heads())
    model, X = heads()
    (answer,) = jaccheck.check(model, X, methods=["batch_grad_layers"]).answers
    assert answer.is_usable


def test_the_last_step_of_the_outputs_is_the_last_state() -> None:
    """So that who takes it has the same model."""
    (model, X), (other, _) = last_state("state"), last_state("outputs")
    torch.testing.assert_close(model(X), other(X))


def test_who_calls_layers_on_one_sample_is_told_to_call_them_on_all() -> None:
    """And not that nothing helps, as where forward takes a derivative by torch.func."""
    assert told("expanded_weights", (OneByOne(by_vmap=True), X4)).startswith("call the layers on all samples at once")


def test_none_on_a_model_whose_outputs_are_all_used_has_another_reason() -> None:
    """The same exception, and nothing that this model could change."""
    message = "AttributeError: 'NoneType' object has no attribute 'shape'"
    assert told("batch_grad_loop", written(by_item), message) == ""
    assert told("batch_grad_loop", heads(), message)


def test_a_model_that_does_not_run_while_it_is_watched_is_none_of_a_remedy() -> None:
    """What is looked for is not found then, and the answer of the method stands as it is."""
    made = Unwatched(), X4
    assert told("batch_grad_loop", made, "'Linear' object has no attribute 'output'") == ""
    assert not operations_of(problem_of(made)) & {"addmm", "t"}


def test_what_is_no_recurrent_layer_is_not_called_one() -> None:
    """The same words come of a buffer that is written into."""
    advice = told("expanded_parameters", written(into_shared, seen=torch.zeros(6)))
    assert advice.startswith("do not write into buffers")
    assert "known" not in advice


@pytest.mark.parametrize("method", ["expanded_weights", "batch_grad_loop"])
def test_who_wrote_no_function_is_not_told_to_change_it(method: str) -> None:
    """It is the method's own torch.autograd.Function that does not run inside of the model's torch.func."""
    message = crash(method, (Slope(), X4))
    assert "setup_context" in message
    assert "setup_context" not in told(method, (Slope(), X4), message)
