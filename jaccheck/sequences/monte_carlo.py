"""The laws of extensions that draw random numbers, and of factors and products: of every draw, and the mean of many."""

from __future__ import annotations

from math import log, sqrt

import torch

from jaccheck.sequences.broken import Broken, Refused, WrongValue
from jaccheck.sequences.sequence import Sequence, Tally
from jaccheck.sequences.session import Session

DRAWING = ("DiagGGNMC", "BatchDiagGGNMC", "SqrtGGNMC", "KFAC", "KFLR", "KFRA", "HMP", "GGNMP")
"""KFLR draws nothing, and is what KFAC's mean must be; nor do KFRA and products."""

SAMPLES = 4000

RATE = 1e-12
"""How often at most the law of the mean calls right draws wrong, in all of its comparisons together."""

USE = (
    "X = torch.tensor([[1.0, 2.0], [-1.0, 0.5]])",
    "targets = {nn.MSELoss: torch.zeros(2, 3), nn.CrossEntropyLoss: torch.tensor([0, 2])}",
    "def result(model, extension, kind=nn.MSELoss, rows=slice(None), seed=0):",
    "    torch.manual_seed(seed)",
    "    loss = extend(kind())(model(X[rows]), targets[kind][rows])",
    "    with backpack(extension):",
    "        loss.backward()",
    "    return getattr(model[-1].weight, extension.savefield)",
    "torch.manual_seed(1)",
    "model = extend(nn.Sequential(nn.Linear(2, 3)))",
    "deep = extend(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 3)))",
    "with torch.no_grad():",
    "    deep[0].bias[0] = -100.0",
    "curved = extend(nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 3)))",
)
"""Two samples of a Linear with three outputs, of a network whose first hidden unit is always 0, and of a smooth one."""

LAWS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    *(
        (f"{name} has the shape {shape}", (name,), f"assert result(model, {name}(mc_samples=5)).shape == {shape}")
        for name, shape in (("DiagGGNMC", (3, 2)), ("BatchDiagGGNMC", (2, 3, 2)), ("SqrtGGNMC", (5, 2, 3, 2)))
    ),
    (
        "KFAC has two factors, of outputs and of inputs",
        ("KFAC",),
        "assert [tuple(each.shape) for each in result(model, KFAC(mc_samples=5))] == [(3, 3), (2, 2)]",
    ),
    *(
        (
            f"{name} is the same for the same seed, and another for another",
            (name,),
            f"assert torch.equal(result(model, {name}()), result(model, {name}()))\n"
            f"assert not torch.equal(result(model, {name}(), seed=1), result(model, {name}(), seed=2))",
        )
        for name in ("DiagGGNMC", "BatchDiagGGNMC", "SqrtGGNMC")
    ),
    *(
        (
            f"{name} is exactly 0 where no output depends on a weight, and not everywhere",
            (name,),
            f"found = result(deep, {name}())\nassert not found[..., 0].any() and found.any()",
        )
        for name in ("DiagGGNMC", "BatchDiagGGNMC", "SqrtGGNMC")
    ),
    (
        "the diagonals are the sums of the squared roots of the same draws",
        ("SqrtGGNMC", "BatchDiagGGNMC", "DiagGGNMC"),
        "squares = (result(deep, SqrtGGNMC(mc_samples=5)) ** 2).sum(0)\n"
        "assert torch.allclose(result(deep, BatchDiagGGNMC(mc_samples=5)), squares)\n"
        "assert torch.allclose(result(deep, DiagGGNMC(mc_samples=5)), squares.sum(0))",
    ),
    (
        "of one sample KFAC's factors multiply to the diagonal of the same draws",
        ("KFAC", "DiagGGNMC"),
        "B, A = result(deep, KFAC(mc_samples=5), rows=slice(1))\n"
        "product = torch.outer(B.diagonal(), A.diagonal())\n"
        "assert torch.allclose(product, result(deep, DiagGGNMC(mc_samples=5), rows=slice(1)))",
    ),
    *(
        (
            f"of one sample {name}'s factors multiply to the GGN",
            (name, "DiagGGNExact"),
            f"B, A = result(deep, {name}(), {kind}, rows=slice(1))\n"
            "product = torch.outer(B.diagonal(), A.diagonal())\n"
            f"assert torch.allclose(product, result(deep, DiagGGNExact(), {kind}, rows=slice(1)))",
        )
        for name in ("KFLR", "KFRA")
        for kind in ("nn.MSELoss", "nn.CrossEntropyLoss")
    ),
    *(
        (
            f"{name} multiplies with a symmetric matrix whose diagonal {diagonal} gives",
            (name, diagonal),
            f"result(curved, {name}(), {kind})\n"
            f"product = curved[0].weight.{name.lower()}(torch.eye(4).reshape(4, 2, 2)).reshape(4, 4)\n"
            f"result(curved, {diagonal}(), {kind})\n"
            f"diagonal = curved[0].weight.{field}.flatten()\n"
            "assert torch.allclose(product, product.T, atol=1e-6)\n"
            "assert torch.allclose(product.diagonal(), diagonal, atol=1e-6)",
        )
        for name, diagonal, field in (("HMP", "DiagHessian", "diag_h"), ("GGNMP", "DiagGGNExact", "diag_ggn_exact"))
        for kind in ("nn.MSELoss", "nn.CrossEntropyLoss")
    ),
)
"""What holds of every draw: in words, the extensions it is about, and the lines that fail where it does not."""


def check_monte_carlo(extensions: tuple[str, ...], *, use: tuple[str, ...] = USE) -> None:
    """Raises Broken, with its script, where a law does not hold of an extension that the installed BackPACK has."""
    sequence = Sequence(extensions, Tally())
    available = {*extensions, *_import_drawing(sequence.session)}
    with torch.random.fork_rng(devices=[]):
        sequence.session.run(*use)
        for words, about, lines in LAWS:
            if set(about) <= available:
                check_law(sequence, words, lines)
        if "BatchDiagGGNMC" in available:
            _check_mean(sequence)
        if "KFAC" in available:
            _check_mean_of_factors(sequence)


def check_law(sequence: Sequence, words: str, lines: str) -> None:
    """Raises Broken where lines that use what the session has fail."""
    try:
        sequence.session.run(lines)
    except Refused as refused:
        _raise(sequence, WrongValue(f"it does not hold that {words} ({refused.message})", lines))


def _check_mean(sequence: Sequence) -> None:
    """That the mean of many draws is near the exact diagonal: no further than chance allows, but for `RATE`.

    The squared error's draws are normal, so `M` times an entry by its exact value is chi-squared with `M` degrees, and
    Laurent and Massart's bound (Annals of Statistics 28, 2000, lemma 1) says how far it may be off. The draws of cross
    entropy are bounded, and Hoeffding's inequality does.
    """
    session = sequence.session
    X = session["X"].double()
    N, C = len(X), 3
    exact = 2 / (N * C) * (X**2)[:, None, :].expand(N, C, 2)
    t = log(2 * 2 * exact.numel() / RATE)
    name = "BatchDiagGGNMC"
    _compare(sequence, name, "nn.MSELoss", exact, exact * (2 * sqrt(t / SAMPLES) + 2 * t / SAMPLES))
    p = torch.softmax(session["model"](session["X"]).detach().double(), 1)
    each = (p[:, None, :] - torch.eye(C)) ** 2 / N  # of sample, class drawn, output
    mean, most = (p[:, :, None] * each).sum(1), each.max(1).values
    squares = (X**2)[:, None, :]
    slack = most[:, :, None] * squares * sqrt(t / 2 / SAMPLES)
    _compare(sequence, name, "nn.CrossEntropyLoss", mean[:, :, None] * squares, slack)


def _check_mean_of_factors(sequence: Sequence) -> None:
    """That KFAC's factor of outputs is near the sum of the loss's Hessians: the matrix of which KFLR has the root.

    A product of two normal draws is a quarter of the difference of two squares, to which the same bound applies; that
    of two bounded ones lies within twice the bound.
    """
    session = sequence.session
    X = session["X"].double()
    N, C = len(X), 3
    t = log(2 * 4 * C * C / RATE)
    exact = 2 / C * torch.eye(C, dtype=torch.float64)
    draws = N * SAMPLES
    most = torch.full((C, C), 2 / C * (2 * sqrt(t / draws) + 2 * t / draws), dtype=torch.float64)
    _compare(sequence, "KFAC", "nn.MSELoss", exact, most)
    p = torch.softmax(session["model"](X.float()).detach().double(), 1)
    exact = (torch.diag_embed(p) - p[:, :, None] * p[:, None, :]).sum(0) / N
    most = torch.full((C, C), 2 * sqrt(t / 2 / draws), dtype=torch.float64)
    _compare(sequence, "KFAC", "nn.CrossEntropyLoss", exact, most)


def _compare(sequence: Sequence, name: str, loss: str, exact: torch.Tensor, slack: torch.Tensor) -> None:
    first = "[0]" if name == "KFAC" else ""
    sequence.session.run(f"found = result(model, {name}(mc_samples={SAMPLES}), {loss}){first}")
    error = (sequence.session["found"].double() - exact).abs()
    if bool((error <= slack).all()):
        return
    ending = (
        f"expected, slack = torch.tensor({exact.tolist()}), torch.tensor({slack.tolist()})",
        "assert ((found - expected).abs() <= slack).all(), found",
    )
    message = f"the mean of {SAMPLES} draws of {name} is {float(error.max() / exact.max()):.0%} off with {loss}"
    _raise(sequence, WrongValue(message, *ending))


def _raise(sequence: Sequence, broken: Broken) -> None:
    sequence.explain(broken)
    raise broken


def _import_drawing(session: Session) -> set[str]:
    """Makes those known that the installed BackPACK has."""
    package = "__import__('backpack.extensions').extensions"
    found = {name for name in DRAWING if session[f"hasattr({package}, {name!r})"]}
    for name in found:
        session.imports[name] = f"from backpack.extensions import {name}"
        session.names[name] = session[f"{package}.{name}"]
    return found
