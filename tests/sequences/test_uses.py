"""Whole uses of BackPACK on networks of many layers: what must come of them, and that wrong results are seen."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from jaccheck.methods import calm_torch
from jaccheck.sequences import Tally, networks
from jaccheck.sequences.broken import Broken, Leftover, WrongValue
from jaccheck.sequences.checks import check_all, differs
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.session import available_extensions
from jaccheck.sequences.state import UNKNOWN, Net
from jaccheck.sequences.truth import BY_EXTENSION, QUANTITIES
from jaccheck.sequences.uses.definition import Derivatives, Sample, derivatives
from jaccheck.sequences.uses.perform import _check_rows, _result, perform_use
from jaccheck.sequences.uses.rich import Rich
from jaccheck.sequences.uses.rules import WITH
from jaccheck.sequences.uses.twin import Twin
from jaccheck.sequences.uses.use import LOSSES, Asked, Use
from jaccheck.sequences.uses.ways import WAYS, Way

BY_NAME = {way.name: way for way in WAYS}
VECTOR = Rich(kind="vector", layers=("nn.Linear(3, 3)", "nn.LeakyReLU(0.5)", "nn.Linear(3, 3)", "nn.Linear(3, 2)"))
FIRST_ORDER = tuple(each for each in QUANTITIES if not each.is_second_order)
SEED = 356
"""No weight of these networks is zero then, so that whatever is wrong reaches a number."""

BATCH_GRAD, SQRT_GGN, DIAG_GGN = (BY_EXTENSION[name] for name in ("BatchGrad", "SqrtGGNExact", "DiagGGNExact"))


def started(rich: Rich) -> tuple[Sequence, Net]:
    """A sequence with one extended network."""
    sequence = Sequence(available_extensions(), Tally())
    net = networks.make(sequence, rich, SEED, "float32")
    networks.extend(sequence, net)
    return sequence, net


def use(sequence: Sequence, net: Net, way: Way, asked: tuple[Asked, ...], loss: str = "squares", N: int = 3) -> None:
    """One use of a way, in which the first parameter is the one that is frozen."""
    assert isinstance(net.shape, Rich)
    number = sequence.number()  # another batch each time: an old result is then another one
    y = np.arange(2 * N).reshape(N, 2) % 3 - 1.0
    if LOSSES[loss].startswith("nn.Cross"):
        y = np.array([-100 if loss == "ignored target" else 0, 1, 0][:N])
    with calm_torch():
        perform_use(
            sequence,
            Use(
                net=net,
                number=number,
                way=way,
                asked=asked,
                X=net.shape.batch(N, number),
                y=y,
                loss=loss,
                cut=2,
                frozen="0.weight",
            ),
        )
    check_all(sequence)


def fitting(way: Way) -> Rich:
    """A network that the way can be used on."""
    return WITH.get(way.needs, VECTOR)


@pytest.mark.parametrize("name", BY_NAME)
def test_each_way_is_right_or_a_known_issue_that_is_seen_wrong(name: str) -> None:
    """After a plain use, so that old results are there; what is known must show in the installed release."""
    way = BY_NAME[name]
    sequence, net = started(fitting(way))
    if way.needs == "BatchNorm":
        networks.set_mode(sequence, net, training=False)
    asked = (Asked(BATCH_GRAD), Asked(DIAG_GGN)) if way.is_modular else (Asked(BATCH_GRAD),)
    asked = asked[:1] if way.needs == "BatchNorm" else asked  # the other refuses BatchNorm in training mode
    use(sequence, net, WAYS[0], asked)
    use(sequence, net, way, asked)
    use(sequence, net, WAYS[0], asked)
    assert set(+sequence.tally.wrong) <= {way.issue, "old-result-stays", "dropout-zero-before-it"}
    if way.issue:
        assert sequence.tally.wrong[way.issue] > 0
    networks.drop(sequence, net)


LAYERS = (
    ("vector", ("nn.Linear(3, 3)", "Parallel(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))", "nn.Linear(3, 2)")),
    ("vector", ("nn.Linear(3, 3)", "Pad([1, 0])", "ScaleModule(2.0)", "nn.Tanh()", "nn.Linear(4, 2)")),
    ("image", ("nn.Conv2d(1, 2, 2)", "nn.MaxPool2d(2, stride=1)", "nn.Flatten()", "nn.Linear(8, 2)")),
    (
        "image",
        ("nn.Conv2d(1, 2, 2)", "Permute(0, 2, 3, 1)", "nn.AvgPool2d(2, stride=1)", "nn.Flatten()", "nn.Linear(6, 2)"),
    ),
    (
        "signal",
        (
            "nn.ConvTranspose1d(2, 2, 2)",
            "Slicing((slice(None), slice(None), slice(0, 2)))",
            "nn.Flatten()",
            "nn.Linear(4, 2)",
        ),
    ),
    ("tokens", ("nn.Embedding(4, 2)", "Permute(0, 2, 1)", "nn.Flatten()", "nn.Linear(6, 2)")),
    ("series", ("nn.RNN(2, 2, batch_first=True)", "ReduceTuple(0)", "nn.Flatten()", "nn.Linear(4, 2)")),
    ("series", ("nn.LSTM(2, 2, batch_first=True)", "ReduceTuple(0)", "nn.Flatten()", "nn.Linear(4, 2)")),
)


@pytest.mark.parametrize("loss", ["squares", "sum of cross entropies"])
@pytest.mark.parametrize(("kind", "layers"), LAYERS, ids=lambda value: str(value)[:40])
def test_every_extension_is_right_on_every_kind_of_layer(kind: str, layers: tuple[str, ...], loss: str) -> None:
    """Each alone, or refused by BackPACK itself; samples are taken in any order, again, one, or none."""
    sequence, net = started(Rich(kind=kind, layers=layers))  # type: ignore[arg-type]
    for quantity in QUANTITIES:
        use(sequence, net, WAYS[0], (Asked(quantity),), loss)
    for rows in ((2, 0), (1, 1, 0), (2,)):
        use(sequence, net, WAYS[0], (Asked(BATCH_GRAD, rows), Asked(SQRT_GGN, rows)), loss)
    assert set(+sequence.tally.wrong) <= {"rows-share-memory"}
    assert sequence.tally.compared > 100
    networks.drop(sequence, net)


SABOTAGE = {
    "a result of another batch": "p.grad_batch = p.grad_batch.flip(0)",
    "a factor": "p.grad_batch = 2 * p.grad_batch",
    "rows in another order": "p.diag_ggn_exact_batch = p.diag_ggn_exact_batch.sort(0).values",
    "a root with a column left out": "p.sqrt_ggn_exact = p.sqrt_ggn_exact[:1]",
    "a result is missing": "del p.grad_batch",
    "a gradient that was run twice": "p.grad = 2 * p.grad",
    "NaN": "p.grad_batch = p.grad_batch * float('nan')",
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_what_is_wrong_is_seen(what: str) -> None:
    """One result is changed in the extension hook's place, right after the backward pass."""
    sequence, net = started(VECTOR)
    line = SABOTAGE[what].replace("p.", f"{net.name}[0].weight.")
    spoiled = Way(name="spoiled", forward=(*WAYS[0].forward,))
    asked = tuple(Asked(BY_EXTENSION[each]) for each in ("BatchGrad", "BatchDiagGGNExact", "SqrtGGNExact"))
    attempt = sequence.session.attempt

    def and_spoil(*lines: str) -> str:
        return (
            attempt(*lines, line) if any("value" in each and "backward" in each for each in lines) else attempt(*lines)
        )

    sequence.session.attempt = and_spoil  # type: ignore[method-assign]
    with pytest.raises((WrongValue, Leftover)) as caught:
        use(sequence, net, spoiled, asked)
    sequence.explain(caught.value)
    with pytest.raises((AssertionError, AttributeError)), calm_torch():
        exec(caught.value.script, {})


def test_a_result_where_none_is_due_is_seen() -> None:
    """A frozen parameter that never had a result may not have one."""
    sequence, net = started(VECTOR)
    networks.freeze(sequence, net, "0.weight", requires_grad=False)
    sequence.session.run(f"{net.name}[0].weight.grad_batch = 1")
    with pytest.raises(Broken):
        use(sequence, net, WAYS[0], (Asked(BATCH_GRAD),))


def test_definitions_are_those_of_autograd_on_the_whole_batch() -> None:
    """Gradients add up to that of the batch, and GGN matrices are those of a linear least squares problem."""
    layer = nn.Linear(3, 2).double()
    X, y = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    leaves = dict(layer.named_parameters())
    samples = []
    for n in range(4):
        sample = Sample()
        samples.append((sample.add(layer(X[n : n + 1]), lambda f, n=n: ((f - y[n]) ** 2).sum()), sample))  # type: ignore[misc]
    found = derivatives(leaves, samples, wants_hessian=True)
    (whole,) = torch.autograd.grad(((layer(X) - y) ** 2).sum(), layer.weight)
    assert torch.allclose(found["weight"].gradients.sum(0), whole)
    diagonal = torch.from_numpy(found["weight"].quantity("diag_ggn_exact", None))
    assert torch.allclose(diagonal, 2 * (X**2).sum(0).expand(2, 3))
    assert torch.allclose(torch.from_numpy(found["weight"].quantity("diag_h", None)), diagonal)


def test_a_variance_is_as_close_as_the_squares_that_it_is_the_difference_of() -> None:
    """Of one sample it is 0, and rounding in float32 leaves some of squares of a thousand; a square itself is seen."""
    gradients = torch.tensor([[-1176.2969, 633.3906]], dtype=torch.float64)
    of = Derivatives(gradients, torch.zeros(1, 2, 2), None)
    result = _result(of, Asked(BY_EXTENSION["Variance"]), is_joint=False)
    assert result is not None
    assert not differs(torch.tensor([-0.125, 0.0]), result)
    assert differs((gradients[0] ** 2).float(), result)


def test_curvature_has_the_factor_of_its_loss() -> None:
    """Of three times one loss plus another; a loss that the value does not depend on is refused by autograd."""
    w = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    sample = Sample()
    value = 3 * sample.add(w[None], lambda f: (f**2).sum()) + sample.add(w[None], lambda f: (f**2).sum())
    (found,) = derivatives({"w": w}, [(value, sample)], wants_hessian=True).values()
    assert found.ggn.item() == found.hessian_diagonal.item() == 8.0  # type: ignore[union-attr]


def test_curvature_of_a_function_of_a_loss_is_that_of_the_whole() -> None:
    """The logarithm of 1 + a loss, by torch.func on the whole batch; of one sample's part no definition says."""
    sequence, net = started(Rich(kind="vector", layers=("nn.Linear(3, 3)", "nn.Tanh()", "nn.Linear(3, 2)")))
    X, y = (2 * np.arange(9.0).reshape(3, 3) % 7 - 3) / 8, np.array([[1.0, 0.0], [-1.0, 2.0], [0.0, 1.0]])
    way, asked = BY_NAME["the logarithm of a loss"], (Asked(DIAG_GGN),)
    drawn = {"net": net, "number": 1, "way": way, "asked": asked, "X": X, "y": y, "cut": 1, "frozen": "0.weight"}
    twin = Twin(Use(**drawn, loss="squares"), sequence.session)  # type: ignore[arg-type]
    found = twin.expected(wants_hessian=True)
    w = twin.model[0].weight.detach()

    def f(weight: torch.Tensor) -> torch.Tensor:
        numbers = {name: p.detach() for name, p in twin.model.named_parameters()} | {"0.weight": weight}
        outputs: torch.Tensor = torch.func.functional_call(twin.model, numbers, (torch.from_numpy(X),))
        return outputs

    def loss(outputs: torch.Tensor) -> torch.Tensor:
        return torch.log1p(nn.functional.mse_loss(outputs, torch.from_numpy(y)))

    of = found["0.weight"]
    hessian = torch.func.hessian(lambda weight: loss(f(weight)))(w).reshape(9, 9)
    J = torch.func.jacrev(f)(w).reshape(6, 9)
    ggn = J.T @ torch.func.hessian(loss)(f(w)).reshape(6, 6) @ J
    assert torch.allclose(of.gradients.sum(0), torch.func.grad(lambda weight: loss(f(weight)))(w))
    assert torch.allclose(torch.from_numpy(of.quantity("diag_h", None)).flatten(), hessian.diagonal())
    assert torch.allclose(torch.from_numpy(of.quantity("diag_ggn_exact", None)).flatten(), ggn.diagonal())
    assert not of.defines("diag_ggn_exact_batch")
    assert _result(of, Asked(SQRT_GGN), is_joint=False) is None
    networks.drop(sequence, net)


def test_the_mode_of_a_batch_norm_counts_in_first_order_too() -> None:
    """Where Dropout is what the way was drawn for: an issue that is listed, and no finding."""
    layers = ("nn.Linear(3, 3)", "nn.BatchNorm1d(3)", "nn.Dropout(0.5)", "nn.Linear(3, 2)")
    sequence, net = started(Rich(kind="vector", layers=layers))
    use(sequence, net, BY_NAME["evaluation mode before backward"], (Asked(BATCH_GRAD),))
    assert sequence.tally.wrong["mode-changed-before-backward"] == 1
    networks.drop(sequence, net)


def test_rows_in_one_place_in_memory_are_seen() -> None:
    """The numbers are right, and writing to one row would change them all; of roots this is known."""
    sequence, net = started(VECTOR)
    plain = Use(
        net=net,
        number=1,
        way=WAYS[0],
        asked=(),
        X=np.zeros((2, 3)),
        y=np.zeros((2, 2)),
        loss="squares",
        cut=1,
        frozen="0.weight",
    )
    rows = torch.zeros(1, 3).expand(2, 3)
    with pytest.raises(WrongValue, match="one place in memory"):
        _check_rows(sequence, plain, "model1[0].bias.grad_batch", rows, ("0.bias", "grad_batch"))
    _check_rows(sequence, plain, "model1[3].bias.sqrt_ggn_exact", rows[None], ("3.bias", "sqrt_ggn_exact"))
    assert sequence.tally.wrong["rows-share-memory"] == 1
    networks.drop(sequence, net)


@pytest.mark.parametrize("name", ["a loss times a number", "the first entry of a layer, expanded"])
def test_first_order_is_not_excused_by_an_issue_of_the_second(name: str) -> None:
    """What is known of curvature in these ways says nothing of gradients: a factor in them is found."""
    sequence, net = started(VECTOR)
    attempt = sequence.session.attempt
    spoil = f"{net.name}[0].weight.grad_batch = 2 * {net.name}[0].weight.grad_batch"
    sequence.session.attempt = lambda *lines: attempt(  # type: ignore[method-assign]
        *lines, *([spoil] if "backward" in lines[-1] else [])
    )
    with pytest.raises(WrongValue, match="grad_batch"):
        use(sequence, net, BY_NAME[name], (Asked(BATCH_GRAD),))


def test_a_second_derivative_at_a_kink_is_not_compared() -> None:
    """ELU with another slope on each side of 0 has none there; its first derivatives are compared all the same."""
    sequence, net = started(Rich(kind="vector", layers=("nn.Linear(3, 3)", "nn.ELU(0.5)", "nn.Linear(3, 2)")))
    sequence.session.run(f"{net.name}[0].load_state_dict({{'weight': torch.zeros(3, 3), 'bias': torch.zeros(3)}})")
    net.values |= {"0.weight": np.zeros((3, 3)), "0.bias": np.zeros(3)}
    asked = (Asked(BY_EXTENSION["DiagHessian"]), Asked(BATCH_GRAD))
    use(sequence, net, WAYS[0], asked)
    assert net.results["0.bias", "diag_h"] is UNKNOWN
    assert net.results["0.bias", "grad_batch"] is not UNKNOWN
    networks.drop(sequence, net)


def test_the_script_names_nothing_of_pythons_own() -> None:
    """Where a warning is heard, Python keeps it under a name beside those of the script."""
    sequence, net = started(VECTOR)
    way = Way(name="a warning", before=("import warnings; warnings.warn('heard'); del warnings",))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        use(sequence, net, way, (Asked(BATCH_GRAD),))
    assert "__warningregistry__" in sequence.session.names
    assert not any("__" in line for line in sequence.session.lines)


def test_what_a_batch_norm_cancels_is_compared_by_its_size() -> None:
    """A bias below it has no gradient but the rounding of what cancels, which is large where the batch hardly varies.

    Seen after 19 minutes of drawn sequences, as a finding about plain autograd.
    """
    rich = Rich(
        kind="vector",
        layers=("nn.Linear(3, 3)", "nn.Tanh()", "nn.Linear(3, 3)", "nn.BatchNorm1d(3)", "nn.Linear(3, 2)"),
    )
    sequence, net = started(rich)
    steep = {"0.bias": net.values["0.bias"] + 8, "4.weight": 64 * net.values["4.weight"]}
    net.values.update(steep)
    sequence.session.run(rich.load(net.name, steep))
    use(sequence, net, BY_NAME["plain"], (Asked(BATCH_GRAD),), loss="sum of squares")
    bias = sequence.session[f"{net.name}[2].bias"].grad
    assert bias.abs().max() > 0.01


def test_what_a_hook_writes_reaches_the_other_branch() -> None:
    """The gradient that is `grad_batch` of a bias is that of both branches: BatchL2Grad below them is wrong, too."""
    branches = "Parallel(nn.Linear(3, 3), nn.Linear(3, 3))"
    sequence, net = started(Rich(kind="vector", layers=("nn.Linear(3, 3)", branches, "nn.Linear(3, 2)")))
    way = next(way for way in WAYS if way.context == "hook that writes")
    use(sequence, net, way, (Asked(BATCH_GRAD), Asked(BY_EXTENSION["BatchL2Grad"])))
    assert sequence.tally.wrong["grad-batch-is-the-gradient"]
