"""A `Case` is plain data: it survives JSON, its repr can be pasted, and nothing impossible can be one."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
from hypothesis import given, settings
from jaccheck_support.testing import pasted

from jaccheck.case import Case, Flatten, Linear, Recurrent, ReLU, Sequential, cases
from jaccheck.core import from_json, to_json
from jaccheck.errors import InvalidCase, UnreadableFile
from jaccheck.judging import judge
from jaccheck.judging.live.parts import in_float64
from jaccheck.methods import build, find_method


@given(cases())
@settings(max_examples=200)
def test_json_both_ways(case: Case) -> None:
    """What is written is what is read."""
    assert from_json(Case, to_json(case), where="here") == case


@given(cases())
@settings(max_examples=200)
def test_repr_can_be_pasted(case: Case) -> None:
    """The repr, evaluated with the names of `jaccheck.case`, is the case."""
    assert pasted(repr(case)) == case


@given(cases())
@settings(max_examples=50)
def test_a_copy_works_its_shapes_out_again(case: Case) -> None:
    """What a case has worked out of itself is no part of it, and a copy has the same."""
    shapes = case.places()
    for same in (copy.copy(case), copy.deepcopy(case), pickle.loads(pickle.dumps(case))):
        assert same == case
        assert same.places() == shapes


def test_shapes_are_not_those_of_the_case_copied_from() -> None:
    """What a case has worked out of itself does not go into one with other layers."""
    case = Case(layers=(Linear(out_features=4), ReLU(), Linear(out_features=2)), in_shape=(3,), batch_size=2)
    assert [place.path for place in case.places()] == ["0", "1", "2"]
    deeper = replace(case, layers=(Sequential(layers=case.layers), Linear(out_features=5)))
    assert [place.path for place in deeper.places()] == ["0", "0.0", "0.1", "0.2", "1"]
    assert (case.outputs, deeper.outputs) == (2, 5)


@given(cases())
@settings(max_examples=50)
def test_names_and_shapes_are_those_of_the_module(case: Case) -> None:
    """What a case says of its parameters is what torch says of the module built from it."""
    problem = build(case)
    shapes = {name: tuple(p.shape) for name, p in problem.model.named_parameters()}
    assert shapes == case.parameter_shapes()
    assert {name: tuple(p.shape) for name, p in problem.parameters.items()} == case.trainable()
    double = in_float64(problem)  # torch has not every kernel in bfloat16
    f = double.model(double.X)
    assert f.numel() == case.batch_size * case.outputs
    assert f.shape[: f.dim() - 1] == ((case.batch_size,) if f.dim() == 2 else ())


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"layers": (ReLU(),)}, "at least one parameter"),
        ({"layers": (Linear(out_features=10**9),)}, "must be 1 to"),
        ({"layers": (Linear(out_features=2),), "in_shape": (2, 3)}, "flat output"),
        ({"layers": (Linear(out_features=2), Flatten(start_dim=0))}, "only after one output, as the last layer"),
        ({"layers": (Linear(out_features=2),), "frozen": (0, 1)}, "at least one parameter must stay trainable"),
        ({"layers": (Linear(out_features=4096),) * 3, "batch_size": 60000}, "at most"),
        ({"layers": (Sequential(layers=(ReLU(),) * 300), Linear(out_features=2))}, "302 are run"),
    ],
)
def test_the_impossible_is_refused(changes: dict[str, object], complaint: str) -> None:
    """A case that describes no network, or one too large, says which part is wrong."""
    with pytest.raises(InvalidCase, match=complaint):
        Case(**{"in_shape": (3,), "batch_size": 2, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"out_features":4', '"out_features":1000000000', "layers.0.Linear.out_features"),
        ('"out_features":4', '"out_features":"4"', "layers.0.Linear.out_features"),
        ('"batch_size":5', '"batch_size":5.5', "batch_size"),
        ('"kind":"ReLU"', '"kind":"Evil"', "layers.1"),
        ('"seed":0', '"seed":-1', "seed"),
        ('"seed":0', '"seed":0,"surprise":1', "surprise"),
        ('"float64"', '"float128"', "dtype"),
    ],
)
def test_a_wrong_file_names_the_place(case: Case, old: str, new: str, complaint: str) -> None:
    """One clear line says where in the JSON something is wrong."""
    text = to_json(case)
    assert old in text
    with pytest.raises(UnreadableFile, match=complaint) as caught:
        from_json(Case, text.replace(old, new), where="cases.json")
    assert str(caught.value).startswith("cases.json: ")
    assert "\n" not in str(caught.value)


def test_every_network_with_weights_has_a_last_one() -> None:
    """Also one of recurrent layers alone, whose weights have longer names."""
    layers = (Recurrent(cell="LSTM", hidden_size=2), Flatten())
    case = Case(layers=layers, in_shape=(1, 1), batch_size=1, family="recurrent")
    assert case.last_weight == "0.cell.weight_hh_l0"
    assert judge(case, find_method("autograd_loop")).failures == ()
