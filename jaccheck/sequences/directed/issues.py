"""Networks of Linears used in each of the ways that a known issue of sequences needs, and in the ways beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jaccheck.sequences.alone import ALONE
from jaccheck.sequences.directed.step import Directed, Step
from jaccheck.sequences.shape import Shape

LINEARS = Shape(widths=(2, 3, 2), between=("LeakyReLU",))
SEED = 7
EVERY, LAST = 63, 0b1100
"""Of the four parameters, by bits: all, and those of the last layer."""


def start() -> Step:
    """One extended network."""
    return Step("start", {"shape": LINEARS, "seed": SEED, "dtype": "float64"})


def forward(seed: int = 1, **drawn: Any) -> Step:
    """A forward pass of it."""
    usual = {"index": 0, "large": True, "seed": seed, "is_squared": True, "shared": False}
    return Step("forward", {**usual, "input_requires_grad": False, "is_disabled": False, **drawn})


def backward(*names: str, **drawn: Any) -> Step:
    """A backward pass over the newest graph, in a context of its own."""
    usual = {"index": 0, "names": list(names) or ["BatchGrad", "DiagGGNExact"], "reused": "new", "retains": False}
    usual |= {"retain_graph": False, "via": "backward", "wanted": EVERY, "fails_at": None, "in_thread": False}
    return Step("backpack_pass", {**usual, **drawn})


def plain(**drawn: Any) -> Step:
    """A backward pass in whatever context is open."""
    usual = {"index": 0, "retain_graph": False, "via": "backward", "wanted": EVERY, "where": "here"}
    return Step("plain_pass", {**usual, **drawn})


def context(what: str, *names: str, **drawn: Any) -> Step:
    """A context opened, closed or misused."""
    return Step(
        "context", {"what": what, "names": list(names) or ["BatchGrad"], "switch": False, "nested": False, **drawn}
    )


def change(what: str, **drawn: Any) -> Step:
    """The network changed."""
    return Step("change", {"what": what, "index": 0, "position": 0, "seed": 3, "switch": False, **drawn})


def new(what: str) -> Step:
    """A copy of the network."""
    drawn = {"index": 0, "shape": LINEARS, "seed": SEED, "dtype": "float64", "is_extended": True}
    return Step("new", {"what": what, **drawn})


def drop(*, is_net: bool) -> Step:
    """A graph forgotten, or a network deleted."""
    return Step("drop", {"index": 0, "is_net": is_net})


def sequences_of_linears(methods: tuple[str, ...]) -> Iterator[Directed]:
    """Each with what it is for; `methods` are the names of the others."""
    several = {"retains": True, "retain_graph": True, "reused": "clean"}
    yield Directed("calls: a pass, and another", (start(), forward(), backward(), forward(2), backward()))
    yield Directed(
        "calls: an extension used again over one graph",
        (start(), forward(), backward("DiagGGNExact", **several), backward("DiagGGNExact", **several)),
    )
    yield Directed(
        "calls: an extension used again with another batch",
        (
            start(),
            forward(),
            backward("SqrtGGNExact", reused="clean"),
            forward(2, large=False),
            backward("SqrtGGNExact", reused="clean"),
        ),
    )
    yield Directed(
        "calls: an extension used again after a pass to the last layer",
        (start(), *(Step("reuse", {"index": 0, "large": True, "seed": n, "name": "DiagGGNExact"}) for n in range(8))),
    )
    yield Directed("calls: forward twice before backward", (start(), forward(), forward(2), backward(index=1)))
    yield Directed(
        "calls: backward(inputs=…) of the last layer",
        (start(), forward(), backward(retains=False, via="inputs", wanted=LAST)),
    )
    yield Directed("calls: autograd.grad of all", (start(), forward(), backward(via="grad")))
    yield Directed(
        "calls: a parameter frozen after a pass",
        (start(), forward(), backward(), change("freeze", switch=False), forward(2), backward()),
    )
    yield Directed(
        "contexts: one inside another",
        (
            start(),
            context("open", "BatchGrad"),
            context("open", "DiagGGNExact"),
            forward(),
            plain(),
            context("close"),
            forward(2),
            plain(),
            context("close"),
        ),
    )
    yield Directed(
        "contexts: left by an exception", (start(), context("fail inside"), forward(), backward(), forward(2), plain())
    )
    for switch, name in ((True, "backpack"), (False, "disable")):
        for nested in (False, True):
            yield Directed(
                f"contexts: {name} entered {'again inside itself' if nested else 'twice'}",
                (start(), context("use twice", switch=switch, nested=nested), forward(), backward()),
            )
    yield Directed("contexts: beside a thread", (start(), forward(), plain(where="beside a thread")))
    yield Directed("calls: in a thread", (start(), forward(), backward(in_thread=True)))
    yield Directed(
        "calls: frozen below the first trainable layer",
        (start(), *(change("freeze", position=n) for n in (0, 1)), forward(), backward(), forward(2), backward()),
    )
    yield Directed("copies: pickle after a forward pass", (start(), forward(), new("pickle"), new("deepcopy")))
    yield Directed(
        "copies: pickle after a pass", (start(), forward(), backward(), new("pickle"), forward(2), backward())
    )
    yield Directed("dropped: after a forward pass", (start(), forward(), new("make"), drop(is_net=True)))
    for index, each in enumerate(ALONE):
        yield Directed(f"alone: {each.issue}", (start(), Step("alone", {"index": index}), forward(), backward()))
    others = [Step("other_method", {"index": 0, "method": n, "large": True, "seed": n}) for n in range(len(methods))]
    yield Directed("other methods, then a pass", (start(), *others, forward(), backward()))
    for name, step in zip(methods, others, strict=True):
        if name == "func_jacrev":
            yield Directed("other methods: func_jacrev, then a copy", (start(), step, new("pickle")))
