"""Pictures hold what was computed: every number from the method itself, differences in units of the right bound."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from jaccheck_support.testing import tutorial
from torch import nn

from jaccheck.case import Case, Linear, Normal, Tanh, boundary_cases
from jaccheck.errors import InvalidRequest, UnknownName
from jaccheck.judging import CaseReference, autograd_by_sample
from jaccheck.methods import Choice, build, problem_of
from jaccheck.models import methods_of, picture_of_case, picture_of_finding, picture_of_model
from jaccheck.rendering import Size
from jaccheck.reports import Failure, Finding, Outcome, Told

SMOOTH = Case(
    layers=(Linear(out_features=4), Tanh(), Linear(out_features=2)),
    in_shape=(3,),
    batch_size=5,
    dtype="float32",
    recipe=Normal(),
)


def matrix(jacobians: dict[str, torch.Tensor]) -> np.ndarray:
    """As the tutorial makes it: flattened over outputs and over parameters, concatenated."""
    return torch.cat([J.flatten(0, 1).flatten(1) for J in jacobians.values()], dim=1).double().numpy()


def test_the_tutorials_picture() -> None:
    """Samples × outputs by all parameters, every number where the tutorial has it, names and borders in order."""
    problem = problem_of(*tutorial())
    picture = picture_of_model(problem, methods_of(["sqrt_ggn_sum", "autograd_loop"]))
    left, right, difference = picture.panels
    assert (left.title, right.title) == ("sqrt_ggn_sum", "autograd_loop")
    np.testing.assert_allclose(left.values, matrix(autograd_by_sample(problem)), atol=1e-6)
    assert left.values.shape == (75, 117)
    assert [(b.label, b.start) for b in picture.parameters] == [
        ("0.weight", 0),
        ("0.bias", 70),
        ("2.weight", 77),
        ("2.bias", 112),
    ]
    assert difference.kind == "bounds"
    assert 0 < np.max(np.abs(difference.values)) <= 1


def test_the_difference_is_in_units_of_both_bounds() -> None:
    """Of two methods, each of which may be off by its own; of one and the closed form, by the one."""
    reference = CaseReference(SMOOTH, "cpu")
    methods = methods_of(["vmap_jacfwd", "sqrt_ggn_sum"])
    bounds = [reference.expectation(method).bound for method in methods]
    flat = [
        np.concatenate([J.detach().double().numpy().ravel() for J in m.compute(build(SMOOTH)).values()])
        for m in methods
    ]
    largest = np.max(np.abs(flat[0] - flat[1]) / (bounds[0] + bounds[1]))
    picture = picture_of_case(SMOOTH, methods)
    assert picture.worst is not None
    assert abs(picture.worst.difference) == largest == np.max(np.abs(picture.panels[2].values))
    alone = picture_of_case(SMOOTH, methods[:1])
    assert alone.panels[1].title == "closed form"
    assert alone.worst is not None
    with np.errstate(invalid="ignore"):  # 0/0 where an entry is proven exact
        assert abs(alone.worst.difference) == np.nanmax(np.abs(flat[0] - reference.jacobian) / bounds[0])


def test_a_fault_is_beyond_the_bound_where_it_is() -> None:
    """The worst entry is the one that was made wrong, its cell is marked, and the others stay within."""
    picture = picture_of_case(SMOOTH, methods_of(["mutant:one_wrong_entry"]))
    assert picture.worst is not None
    assert abs(picture.panels[2].values[picture.worst.cell]) > 1
    assert np.count_nonzero(np.abs(picture.panels[2].values) > 1) == 1
    assert picture.panels[2].is_beyond
    assert "1 of 260 entries beyond" in picture.notes[0]


def test_where_nothing_rounds_both_must_be_equal(case: Case) -> None:
    """There is no bound to measure in: the difference is plain, and zero."""
    picture = picture_of_case(case, methods_of(["hooks"]))
    assert picture.panels[2].kind == "difference"
    assert not picture.panels[2].values.any()
    assert picture.worst is None
    assert picture.notes == ("no operation rounds here, so both must be equal: they are",)
    wrong = picture_of_case(case, methods_of(["mutant:sample_roll"]))
    assert "differ, most at" in wrong.notes[0]


def test_without_a_rule_it_says_so() -> None:
    """A layer that has no bound rule: autograd in float64 beside the method, and the plain difference."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.CELU(), nn.Linear(4, 2))
    picture = picture_of_model(problem_of(model, torch.rand(5, 3)), methods_of(["vmap_vjp"]))
    assert [panel.title for panel in picture.panels] == ["vmap_vjp", "autograd in float64", "difference"]
    assert picture.panels[2].kind == "difference"
    assert picture.notes[-1] == "no bound is proven for 1 (CELU): the plain difference"


def test_part_by_part_is_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little memory makes parts of a few samples, or of a few outputs of one sample; the picture does not show it."""
    model, X = tutorial()
    problem = problem_of(model, X)
    methods = methods_of(["vmap_vjp", "autograd_loop"])
    whole = picture_of_model(problem, methods, size=Size(rows=20, columns=60))
    monkeypatch.setattr("jaccheck.models.sources.resident_bytes", lambda: 0)
    for rows in (12, 3):
        parts = picture_of_model(problem, methods, size=Size(rows=20, columns=60), memory=128 * 117 * rows)
        for a, b in zip(whole.panels[:2], parts.panels[:2], strict=True):
            np.testing.assert_allclose(a.values, b.values, rtol=1e-5, atol=1e-7)
        assert parts.grid.samples() == whole.grid.samples()


def finding(method: str, case: Case, law: str = "agreement") -> Finding:
    """A stored finding of a method."""
    return Finding(
        id="abc",
        method=method,
        device="cpu",
        failure=Failure(law=law, outcome=Outcome.DISAGREES, detail=Told(text="")),
        seen=1,
        case=case,
        script="",
    )


def test_a_finding_is_drawn_beside_what_it_should_be() -> None:
    """Its method, the closed form, the difference; and it says when the law asks for more than one call."""
    picture = picture_of_finding(finding("hooks", SMOOTH, "repeatability"))
    assert [panel.title for panel in picture.panels] == ["hooks", "closed form", "difference ÷ bound"]
    assert picture.notes[0] == "finding abc: DISAGREES, repeatability"
    assert "asks for more" in picture.notes[-1]


@pytest.mark.parametrize(
    ("names", "case", "complaint"),
    [
        (["hooks", "vmap_vjp", "outer_products"], SMOOTH, "a picture has one, or two"),
        (["mutant:extra_parameter"], SMOOTH, "returned Jacobians of"),
        (["hooks"], Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=0), "nothing to draw"),
        (
            ["mutant:crash_at_a_rare_width"],
            Case(layers=(Linear(out_features=9),), in_shape=(3,), batch_size=2),
            "raised",
        ),
        (["outer_products"], Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=0), "nothing to draw"),
        (["outer_products"], boundary_cases("pooling", "float64")[0], "does not cover"),
    ],
)
def test_what_cannot_be_drawn(names: list[str], case: Case, complaint: str) -> None:
    """Is refused with the reason."""
    with pytest.raises(InvalidRequest, match=complaint):
        picture_of_case(case, methods_of(names))


def test_an_unknown_mutant() -> None:
    """Has a neighbour."""
    with pytest.raises(UnknownName, match="did you mean sample_roll"):
        methods_of(["mutant:sample_rol"])


def test_a_model_with_several_inputs_is_drawn_with_its_own_names() -> None:
    """Its title, its parameters, and what was joined."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 2), nn.Linear(2, 2)

        def forward(self, x: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.tanh(self.a(x)), self.b(t)

    problem = problem_of(Two(), (torch.rand(4, 3), torch.rand(4, 2)), Choice(parameters=("a.*", "b.bias")))
    picture = picture_of_model(problem, methods_of(["vmap_vjp"]))
    assert picture.title.startswith("Two: N = 4, C = 4, float32 on cpu")
    assert [each.label for each in picture.parameters] == ["a.weight", "a.bias", "b.bias"]
    assert "outputs joined, in this order: 0 (2), 1 (2)" in picture.notes
    np.testing.assert_allclose(picture.panels[0].values, matrix(autograd_by_sample(problem)), atol=1e-6)
