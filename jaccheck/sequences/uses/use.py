"""`Use`: one whole use of BackPACK on a network, as lines of a script."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

from jaccheck.oracle import Array
from jaccheck.sequences.shape import literal
from jaccheck.sequences.state import Net
from jaccheck.sequences.truth import Quantity
from jaccheck.sequences.uses.rich import Rich
from jaccheck.sequences.uses.ways import Way

LOSSES = {
    "squares": "nn.MSELoss()",
    "sum of squares": 'nn.MSELoss(reduction="sum")',
    "cross entropy": "nn.CrossEntropyLoss()",
    "sum of cross entropies": 'nn.CrossEntropyLoss(reduction="sum")',
    "ignored target": "nn.CrossEntropyLoss()",
    "broadcast target": "nn.MSELoss()",
    "weights of classes": "nn.CrossEntropyLoss(weight=torch.tensor([1., 3.]))",
    "smoothed labels": "nn.CrossEntropyLoss(label_smoothing=0.25)",
    "another ignored target": "nn.CrossEntropyLoss(ignore_index=0)",
    "probabilities": "nn.CrossEntropyLoss()",
    "weights of samples": "nn.CrossEntropyLoss()",
    "two targets of each output": 'nn.MSELoss(reduction="sum")',
    "mean of two targets of each output": "nn.MSELoss()",
}
"""The first sample's ignored target is -100, which CrossEntropyLoss ignores by default. A broadcast one is `(N, 1)`,
two of each output are `(2, N, 2)`. Weights of samples are probabilities times a weight, and do not add up to one.
"""

TWO_TARGETS = ("two targets of each output", "mean of two targets of each output")

SHARES = ("probabilities", "weights of samples")
"""The losses whose targets are one number for each class."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An extension, and the samples that it is restricted to, None for all."""

    quantity: Quantity
    rows: tuple[int, ...] | None = None

    @property
    def source(self) -> str:
        """The extension as a script writes it."""
        return f"{self.quantity.extension}({'' if self.rows is None else f'subsampling={list(self.rows)}'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use: a batch, a loss, a way, and extensions. `cut` is a place between two layers, `frozen` a parameter."""

    net: Net
    number: int
    way: Way
    asked: tuple[Asked, ...]
    X: Array
    y: Array
    loss: str
    cut: int
    frozen: str

    @property
    def rich(self) -> Rich:
        """The network as data."""
        assert isinstance(self.net.shape, Rich)
        return self.net.shape

    @property
    def has_classes(self) -> bool:
        """Whether targets are classes."""
        return LOSSES[self.loss].startswith("nn.CrossEntropyLoss") and self.loss not in SHARES

    @property
    def outer(self) -> tuple[Asked, ...]:
        """The extensions of the outer context, where there are two."""
        return self.asked[: (len(self.asked) + 1) // 2] if self.way.context == "nested" else ()

    def filled(self, lines: tuple[str, ...]) -> list[str]:
        """Lines of the way with the names of this use."""
        m = self.net.name
        return [
            line.format(
                m=m,
                n=self.number,
                cut=self.cut,
                first=f"{m}[{-1 if self.rich.kind == 'series' else 0}]",
                last=self.rich.layers[-1],
                p=self.net.parameter(self.frozen),
            )
            for line in lines
        ]

    def targets(self, y: Array) -> Array:
        """The targets of some samples, as the loss takes them."""
        return y.swapaxes(0, 1) if self.loss in TWO_TARGETS else y

    def data(self) -> list[str]:
        """Batch, targets and losses."""
        n = self.number
        y = f"torch.tensor({self.y.tolist()})" if self.has_classes else f"torch.tensor({literal(self.targets(self.y))})"
        return [
            f"X{n} = {self.rich.batch_source(self.X, 'float32')}",
            f"y{n} = {y}",
            f"z{n} = torch.ones({len(self.X)}, {self.rich.C})",
            f"loss{n}, other{n} = extend({LOSSES[self.loss]}), extend(nn.MSELoss())",
            f"{self.net.name}.zero_grad()",
        ]

    def forward(self) -> list[str]:
        """The forward pass, with the function that its loss goes through."""
        value = f"value{self.number}"
        through = [f"{value} = {self.way.function}({value})"] if self.way.function else []
        return [*self.losses(), *through]

    def losses(self) -> list[str]:
        """The forward pass, to the sum of losses."""
        return [f"torch.manual_seed({self.number})", *self.filled(self.way.forward)]

    def leaf(self, name: str) -> str:
        """What a result of this parameter must be on."""
        return self.way.leaf.format(n=self.number, name=name) or self.net.parameter(name)

    def backward(self) -> list[str]:
        """The backward pass in its context."""
        n, m = self.number, self.net.name
        asked = ", ".join(each.source for each in self.asked)
        opened = f"with backpack({asked}):"
        call = f"value{n}.backward({'' if self.way.factor == 1 else f'torch.tensor({self.way.factor})'})"
        match self.way.context:
            case "nested":
                inner = ", ".join(each.source for each in self.asked[len(self.outer) :])
                outer = ", ".join(each.source for each in self.outer)
                return [f"with backpack({outer}):", f"    with backpack({inner}):", f"        {call}"]
            case "nested before":
                return [opened, "    with backpack(BatchGrad()):", "        pass", f"    {call}"]
            case "two losses":
                first = [f"other{n}({m}(X{n}), z{n}).backward()", f"{m}.zero_grad()"]
                return [opened, *(indent(line, "    ") for line in (*first, *self.forward(), call))]
            case "retained":
                return [f"with backpack({asked}, retain_graph=True):", f"    {call}"]
            case "forward inside":
                inside = (indent(line, "    ") for line in (*self.forward(), call))
                return [f"with backpack({asked}, retain_graph=True):", *inside]
            case "hook that writes":
                taken = [f"for p in {m}.parameters():", "    vars(p).pop('grad_batch', None)"]
                return [*taken, *WRITES, f"with backpack({asked}, extension_hook=empty):", f"    {call}"]
            case "two threads":
                theirs = [line.format(n=n) for line in THEIRS]
                ours = [opened, *(f"    {line}" for line in ("ready.set()", "done.wait()", call))]
                return [*theirs, "try:", *(f"    {line}" for line in ours), *JOINED]
            case "beside a thread":
                return [*BESIDE, opened, *(indent(line, "    ") for line in WAIT), f"        {call}", *DONE]
            case _:
                return [opened, f"    {call}"]


WRITES = (
    "def empty(module):",
    "    for p in module.parameters(recurse=False):",
    "        vars(p).get('grad_batch', torch.ones(1)).zero_()",
)
"""A hook that empties results in place, as one that clips them would change them."""

BESIDE = (
    "ready, entered, done = threading.Event(), threading.Event(), threading.Event()",
    "def other():",
    "    ready.wait()",
    "    with backpack(BatchL2Grad()):",
    "        entered.set()",
    "        done.wait()",
    "thread = threading.Thread(target=other)",
    "thread.start()",
)
THEIRS = (
    "ready, entered, done, left = (threading.Event() for _ in range(4))",
    "def other():",
    "    with backpack(BatchL2Grad()):",
    "        entered.set()",
    "        ready.wait()",
    "        with suppress(Exception):",
    "            theirs{n}(torch.ones(3, 2)).sum().backward()",
    "        done.set()",
    "        left.wait()",
    "thread = threading.Thread(target=other)",
    "thread.start()",
    "entered.wait()",
)
JOINED = ("finally:", "    left.set()", "    thread.join()")
"""A thread with a pass of its own, over a model of its own, while a context that was opened after its own is open."""

WAIT = ("ready.set()", "entered.wait()", "try:")
DONE = ("    finally:", "        done.set()", "        thread.join()")
"""A thread that opens a context of its own while one is open here; with neither has the other anything to do."""
