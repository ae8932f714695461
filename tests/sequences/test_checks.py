"""Every check of a sequence has been seen to fail, and the script that it ends in shows the same in a fresh process."""

from __future__ import annotations

import pytest
from jaccheck_support.fresh import Outcome, outcomes

from jaccheck.methods import calm_torch
from jaccheck.sequences import Tally, contexts, networks
from jaccheck.sequences.broken import Broken, GlobalState, Leak, Leftover, Refused, WrongValue
from jaccheck.sequences.checks import check_all
from jaccheck.sequences.passes import Pass, perform
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.session import available_extensions
from jaccheck.sequences.shape import Shape
from jaccheck.sequences.state import Extension, Net
from jaccheck.sequences.truth import BY_EXTENSION

SHAPE = Shape(widths=(2, 3, 4), between=("ReLU",))


def trained() -> tuple[Sequence, Net]:
    """A sequence with one network after one pass of two extensions, in which nothing is wrong."""
    sequence = Sequence(available_extensions(), Tally())
    net = networks.make(sequence, SHAPE, 3, "float64")
    networks.extend(sequence, net)
    graph = networks.forward(sequence, net, 2, 4, loss=None, is_squared=True)
    both = tuple(Extension(BY_EXTENSION[name]) for name in ("BatchGrad", "SqrtGGNExact"))
    with calm_torch():
        perform(sequence, Pass(graph=graph, extensions=both))
    check_all(sequence)
    return sequence, net


def fails(script: str) -> bool:
    """Whether a script ends in an assertion that does not hold."""
    return "AssertionError" in outcomes([script])[0].said


SABOTAGE = {
    "numbers of a parameter": ("{}[0].weight.data[0, 0] += 1", WrongValue),
    "gradient": ("{}[0].weight.grad[0, 0] += 1", WrongValue),
    "gradient of a zero": ("{}[0].weight.grad = None", Leftover),
    "result": ("{}[2].bias.grad_batch[0, 0] += 1", WrongValue),
    "result is NaN": ("{}[2].bias.grad_batch[0, 0] = float('nan')", WrongValue),
    "result in another dtype": ("{0}[2].bias.grad_batch = {0}[2].bias.grad_batch.float()", WrongValue),
    "result is gone": ("del {}[2].weight.sqrt_ggn_exact", Leftover),
    "an attribute of a parameter": ("{}[2].weight.batch_l2 = 1", Leftover),
    "a hook of a parameter": ("{}[0].weight.register_hook(lambda g: g)", Leftover),
    "requires_grad": ("{}[0].bias.requires_grad_(False)", Leftover),
    "an attribute of a module": ("{}[1].last = 1", Leftover),
    "stored input": ("{}[1].input0 = torch.zeros(1)", Leftover),
    "a second forward hook": ("{}[0].register_forward_hook(lambda *_: None)", Leftover),
    "a pre-hook": ("{}[0].register_forward_pre_hook(lambda *_: None)", Leftover),
    "no backward hook": ("{}[0]._backward_hooks.clear()", Leftover),
    "mode": ("{}[0].eval()", Leftover),
    "active extensions": ("CTX.set_active_exts((BatchGrad(),))", GlobalState),
    "BackPACK's retain_graph": ("CTX.set_retain_graph(True)", GlobalState),
    "extension hook": ("CTX.set_extension_hook(print)", GlobalState),
    "storing": ("disable.store_io = False", GlobalState),
}


def broken_by(line: str) -> Broken | None:
    """What the checks say after a line was run behind the machine's back."""
    sequence, net = trained()
    sequence.session.run(line.format(net.name))
    try:
        check_all(sequence)
    except Broken as broken:
        sequence.explain(broken)
        return broken
    finally:
        sequence.session.run("CTX.set_active_exts(())", "CTX.set_retain_graph(False)", "disable.store_io = True")
        sequence.session.run("from backpack.utils.hooks import no_op", "CTX.set_extension_hook(no_op)")
    return None


@pytest.fixture(scope="module")
def seen() -> dict[str, tuple[Broken | None, Outcome]]:
    """Of each sabotage what is said, and what comes of the script."""
    broken = [broken_by(line) for line, _ in SABOTAGE.values()]
    shown = outcomes(each.script if each else "" for each in broken)
    return dict(zip(SABOTAGE, zip(broken, shown, strict=True), strict=True))


@pytest.mark.parametrize("what", SABOTAGE)
def test_what_is_not_as_it_must_be_is_seen(seen: dict[str, tuple[Broken | None, Outcome]], what: str) -> None:
    """One thing is changed behind the machine's back; it says so, with a script that says the same."""
    broken, shown = seen[what]
    assert isinstance(broken, SABOTAGE[what][1])
    assert "jaccheck" not in broken.script
    assert "AssertionError" in shown.said


def test_torch_random_numbers_may_not_be_used() -> None:
    """A random number drawn by anything but making a network is a change of global state."""
    sequence, _ = trained()
    sequence.session.run("torch.rand(1)")
    with pytest.raises(GlobalState, match="random generator"):
        check_all(sequence)


def test_a_model_that_something_holds_on_to_is_a_leak() -> None:
    """A module that is still referred to after its network is deleted is seen, and in the script too."""
    sequence, net = trained()
    sequence.session.run(f"held = [{net.name}[0]]")
    with pytest.raises(Leak, match="Linear") as caught:
        networks.drop(sequence, net)
    sequence.explain(caught.value)
    assert fails(caught.value.script)


def test_an_exception_that_nothing_documents_is_a_finding() -> None:
    """What is stored is taken away behind the machine's back, so that BackPACK must fail."""
    sequence, net = trained()
    graph = networks.forward(sequence, net, 8, 5, loss=None, is_squared=True)
    sequence.session.run(f"del {net.name}[0].output")
    with calm_torch(), pytest.raises(Refused, match="has no attribute 'output'"):
        perform(sequence, Pass(graph=graph, extensions=(Extension(BY_EXTENSION["BatchGrad"]),)))


def test_a_context_that_is_not_left_is_seen() -> None:
    """An open context that the machine has forgotten shows in the active extensions."""
    sequence, _ = trained()
    contexts.open_context(sequence, (Extension(BY_EXTENSION["BatchGrad"]),), retains=True)
    check_all(sequence)
    forgotten = sequence.contexts.pop()
    with pytest.raises(GlobalState):
        check_all(sequence)
    sequence.contexts.append(forgotten)
    contexts.close(sequence)
    check_all(sequence)
