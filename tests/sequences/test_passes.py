"""What is foretold of a backward pass, beside what torch and BackPACK do."""

from __future__ import annotations

import itertools

import pytest

from jaccheck.methods import calm_torch
from jaccheck.sequences import Tally, contexts, networks
from jaccheck.sequences.checks import check_all
from jaccheck.sequences.passes import Pass, documented_refusal, known_issue, perform
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.session import available_extensions
from jaccheck.sequences.shape import Shape
from jaccheck.sequences.state import Extension, Graph, Net
from jaccheck.sequences.truth import BY_EXTENSION, QUANTITIES

SHAPE = Shape(widths=(2, 3, 1, 4), between=("LeakyReLU", "ReLU"))
BATCH_GRAD, SQRT_GGN = (Extension(BY_EXTENSION[name]) for name in ("BatchGrad", "SqrtGGNExact"))


def started(shape: Shape = SHAPE) -> tuple[Sequence, Net]:
    """A sequence with one extended network."""
    sequence = Sequence(available_extensions(), Tally())
    net = networks.make(sequence, shape, 3, "float64")
    networks.extend(sequence, net)
    return sequence, net


def forward(sequence: Sequence, net: Net, seed: int = 1, N: int = 2) -> Graph:
    """A graph with a squared loss of its own."""
    return networks.forward(sequence, net, N, seed, loss=None, is_squared=True)


@pytest.mark.parametrize("frozen", [(), ("0.weight",), ("0.weight", "0.bias"), ("2.weight", "2.bias")])
@pytest.mark.parametrize("wanted", [("0.bias",), ("2.bias",), ("4.weight",), ("2.bias", "4.bias")])
@pytest.mark.parametrize("input_requires_grad", [False, True])
def test_reached_modules_are_those_whose_hook_runs(
    frozen: tuple[str, ...], wanted: tuple[str, ...], input_requires_grad: bool
) -> None:
    """For any frozen parameters and any that are asked for, exactly the foretold hooks run."""
    if set(wanted) & set(frozen):
        wanted = ("4.weight",)
    sequence, net = started()
    for name in frozen:
        networks.freeze(sequence, net, name, requires_grad=False)
    graph = networks.forward(sequence, net, 2, 1, loss=None, is_squared=True, input_requires_grad=input_requires_grad)
    ran: list[int | None] = []
    for index, module in enumerate(sequence.session[net.name]):
        module.index = index
    sequence.session.names["ran"] = ran
    inside = ", ".join(net.parameter(name) for name in wanted)
    for via in ("backward", "inputs"):
        ran.clear()
        call = f"loss{graph.number}.backward({f'inputs=[{inside}], ' * (via == 'inputs')}retain_graph=True)"
        with calm_torch():
            sequence.session.run(
                "with backpack(retain_graph=True, extension_hook=lambda m: ran.append(getattr(m, 'index', None))):",
                f"    {call}",
            )
        asked = Pass(graph=graph, via=via, wanted=frozenset(wanted) if via == "inputs" else frozenset())  # type: ignore[arg-type]
        assert sorted(each for each in ran if each is not None) == asked.reached()


@pytest.mark.parametrize("retain_graph", [False, True])
@pytest.mark.parametrize("via", ["backward", "inputs", "grad"])
def test_every_extension_is_right_alone_and_with_all_others(via: str, retain_graph: bool) -> None:
    """Passes of one extension at a time over a retained graph, then of all, leave what they must."""
    sequence, net = started()
    graph = forward(sequence, net)
    everything = frozenset(net.values)
    with calm_torch():
        for quantity in QUANTITIES:
            asked = Pass(
                graph=graph,
                extensions=(Extension(quantity),),
                retains=True,
                retain_graph=True,
                via=via,
                wanted=everything,  # type: ignore[arg-type]
            )
            assert not known_issue(asked, asked.extensions or ()) + documented_refusal(asked, asked.extensions or ())
            perform(sequence, asked)
            check_all(sequence)
        perform(sequence, Pass(graph=graph, extensions=tuple(map(Extension, QUANTITIES)), retain_graph=retain_graph))
        check_all(sequence)
    networks.drop(sequence, net)
    assert sequence.tally.compared > 100
    assert not sequence.tally.undecided


def test_a_forward_pass_in_between_is_the_known_issue() -> None:
    """Results of the first graph are then those of another batch, which is counted and no finding."""
    sequence, net = started()
    first, _ = forward(sequence, net, 1), forward(sequence, net, 2)
    with calm_torch():
        perform(sequence, Pass(graph=first, extensions=(BATCH_GRAD,)))
    check_all(sequence)
    assert sequence.tally.wrong["forward-before-backward"] > 0


@pytest.mark.parametrize("way", ["no_grad", "inference_mode", "disable"])
def test_a_forward_pass_that_stores_nothing_is_no_trouble(way: str) -> None:
    """Validation between forward and backward leaves results right, and they are compared."""
    sequence, net = started()
    graph = forward(sequence, net, 1)
    if way == "disable":
        contexts.open_disable(sequence)
        forward(sequence, net, 2)
        contexts.close(sequence)
    else:
        networks.forward_without_grad(sequence, net, 8, 2, way)  # type: ignore[arg-type]
    asked = Pass(graph=graph, extensions=(BATCH_GRAD, SQRT_GGN))
    assert not known_issue(asked, (BATCH_GRAD, SQRT_GGN)) + documented_refusal(asked, (BATCH_GRAD, SQRT_GGN))
    with calm_torch():
        perform(sequence, asked)
    check_all(sequence)
    assert net.results


@pytest.mark.parametrize(
    ("retains", "retain_graph"), [pair for pair in itertools.product([False, True], repeat=2) if not all(pair)]
)
def test_a_second_pass_needs_both_ways_of_retaining(retains: bool, retain_graph: bool) -> None:
    """With one of them alone the second pass is refused, loudly."""
    sequence, net = started()
    graph = forward(sequence, net)
    with calm_torch():
        perform(sequence, Pass(graph=graph, extensions=(SQRT_GGN,), retains=retains, retain_graph=retain_graph))
        check_all(sequence)
        perform(sequence, Pass(graph=graph, extensions=(SQRT_GGN,)))
        check_all(sequence)
    assert sequence.tally.refused.total() == 1


def test_the_extensions_of_every_open_context_are_due() -> None:
    """A pass inside an inner context is inside the outer one, too; that 1.7.1 leaves it out is a known issue."""
    sequence, net = started()
    contexts.open_context(sequence, (SQRT_GGN,), retains=False)
    contexts.open_context(sequence, (BATCH_GRAD,), retains=False)
    assert sequence.active() == (SQRT_GGN, BATCH_GRAD)
    with calm_torch():
        perform(sequence, Pass(graph=forward(sequence, net)))
        check_all(sequence)
        assert ("0.weight", "grad_batch") in net.results
        assert sequence.tally.wrong["inner-context-replaces-outer"] == len(net.values)
        contexts.close(sequence)
        perform(sequence, Pass(graph=forward(sequence, net)))
        check_all(sequence)
    assert {field for _, field in net.results} == {"grad_batch", "sqrt_ggn_exact"}
    contexts.close(sequence)
    check_all(sequence)


def test_a_release_in_which_contexts_add_up_is_right() -> None:
    """With results of the outer context's extensions, too, nothing is wrong."""
    sequence, net = started()
    contexts.open_context(sequence, (SQRT_GGN,), retains=False)
    contexts.open_context(sequence, (BATCH_GRAD,), retains=False)
    sequence.session.run("CTX.set_active_exts((SqrtGGNExact(), BatchGrad()))")
    with calm_torch():
        perform(sequence, Pass(graph=forward(sequence, net)))
    check_all(sequence)
    assert sequence.tally.met["inner-context-replaces-outer"] == len(net.values)
    assert not sequence.tally.wrong.total()
    assert {field for _, field in net.results} == {"grad_batch", "sqrt_ggn_exact"}
    sequence.session.run("CTX.set_active_exts(())")


@pytest.mark.parametrize("is_mended", [False, True])
def test_a_frozen_parameter_may_not_keep_the_result_of_another_batch(is_mended: bool) -> None:
    """1.7.1 keeps it, which is a known issue; a release that deletes it is right."""
    sequence, net = started()
    with calm_torch():
        perform(sequence, Pass(graph=forward(sequence, net), extensions=(BATCH_GRAD,)))
        networks.freeze(sequence, net, "2.bias", requires_grad=False)
        graph = forward(sequence, net, 2)
        if is_mended:
            sequence.session.run(f"del {net.name}[2].bias.grad_batch")
        perform(sequence, Pass(graph=graph, extensions=(BATCH_GRAD,)))
    check_all(sequence)
    assert sequence.tally.met["old-result-stays"] == 1
    assert sequence.tally.wrong["old-result-stays"] == (not is_mended)


def test_after_an_exception_in_a_backward_pass_the_next_is_right() -> None:
    """Whatever the exception left, a forward pass and a new extension give the right results."""
    sequence, net = started()
    with calm_torch():
        graph = forward(sequence, net)
        perform(sequence, Pass(graph=graph, extensions=(SQRT_GGN,), fails_at=2))
        assert sequence.tally.refused == {"the hook raises": 1}
        check_all(sequence)
        networks.zero_gradients(sequence, net, to_none=True)
        perform(sequence, Pass(graph=forward(sequence, net), extensions=(SQRT_GGN,)))
        check_all(sequence)
    networks.drop(sequence, net)
