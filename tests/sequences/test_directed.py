"""Directed sequences, with which every run begins: they meet every known issue, and a fault is told by few steps."""

from __future__ import annotations

import pytest

from jaccheck.judging import SEQUENCE_ISSUES
from jaccheck.methods import calm_torch
from jaccheck.sequences import Player, Tally
from jaccheck.sequences.directed.every import every_directed
from jaccheck.sequences.directed.issues import backward, change, forward, sequences_of_linears, start
from jaccheck.sequences.directed.layers import CLASSES, layers
from jaccheck.sequences.directed.step import Directed, Step, play_directed
from jaccheck.sequences.run import machine_of, run_directed
from jaccheck.sequences.uses.rich import FIRST, INPUTS, fitting_after
from jaccheck.sequences.uses.ways import WAYS


def test_each_has_a_name_of_its_own_and_steps_that_are_rules() -> None:
    """A report names them, and a rule that is renamed must be noticed."""
    machine = machine_of(Tally())
    every = every_directed(machine)
    assert len({each.name for each in every}) == len(every)
    assert {f"way: {way.name}" for way in WAYS} <= {each.name for each in every}
    assert all(callable(getattr(machine, step.rule)) for each in every for step in each.steps)


def test_every_layer_that_can_be_drawn_is_in_one() -> None:
    """A layer added to the grammar is met by every run."""
    named = " ".join(each.name for each in layers())
    for kind in INPUTS:
        start = (FIRST[kind][0], "ReduceTuple(0)") if kind == "series" else FIRST[kind][:1]
        assert all(layer in named for layer in (*FIRST[kind], *fitting_after(kind, start)))
    assert f"nn.Linear(3, {CLASSES})" in named


@pytest.mark.slow
def test_together_they_see_every_known_issue_wrong() -> None:
    """So each run sees each of them, whatever its seed; and they find nothing else in the installed BackPACK."""
    tally = Tally()
    machine = machine_of(tally)
    with calm_torch():
        for each in every_directed(machine):
            assert run_directed(machine, each) == (), each.name
    assert {issue.id for issue in SEQUENCE_ISSUES} <= set(+tally.wrong)
    assert tally.undecided < tally.compared / 20


def test_each_of_linears_compares_something() -> None:
    """A rule that returns at once, since nothing fits, would be no test."""
    for each in sequences_of_linears(()):
        tally = Tally()
        with calm_torch():
            play_directed(machine_of(tally), each.steps)
        assert tally.compared > 8, each.name


def test_a_fault_is_told_by_the_steps_that_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result of the first of three passes is changed: one forward pass and one backward pass are left."""
    from backpack.extensions.module_extension import ModuleExtension

    save = ModuleExtension._ModuleExtension__save_value_on_parameter  # type: ignore[attr-defined]

    def spoiled(value: object, *arguments: object) -> None:
        save(2 * value if hasattr(value, "dim") and value.dim() == 3 else value, *arguments)  # type: ignore[operator]

    monkeypatch.setattr(ModuleExtension, "_ModuleExtension__save_value_on_parameter", staticmethod(spoiled))
    steps: tuple[Step, ...] = (start(), change("set_mode"), forward(), backward(), forward(2), backward())
    with calm_torch():
        (finding,) = run_directed(machine_of(Tally()), Directed("three", steps))
    assert finding.kind == "wrong value"
    assert finding.message.endswith("(three)")
    assert finding.script.count("backward()") == 1
    assert "eval" not in finding.script


def test_a_player_tells_what_came_of_one_alone() -> None:
    """Met and seen in that sequence, not what is seen whenever a network is dropped."""
    player = Player()
    name = "contexts: disable entered again inside itself"
    with calm_torch():
        met, wrong, found = player.play(name)
        assert (met, wrong, found) == (("disable-entered-again",), ("disable-entered-again",), ())
        assert player.play("calls: a pass, and another") == ((), (), ())
        assert player.draw(seed=1, first=0, examples=1, steps=3) == ()


def test_what_would_end_a_script_is_not_told_as_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that calls sys.exit ends the run, which its process says; what its traceback holds on to is no finding."""
    from backpack.extensions.module_extension import ModuleExtension

    def leaving(*arguments: object, **named: object) -> None:
        raise SystemExit("enough")

    monkeypatch.setattr(ModuleExtension, "__call__", leaving)
    with calm_torch(), pytest.raises(SystemExit):
        run_directed(machine_of(Tally()), Directed("one", (start(), forward(), backward())))
