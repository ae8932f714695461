"""The rules of the state machine that use networks of many layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from jaccheck.sequences import contexts, networks
from jaccheck.sequences.alone import ALONE, use_alone
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.state import Net
from jaccheck.sequences.truth import BY_EXTENSION
from jaccheck.sequences.uses.perform import perform_use
from jaccheck.sequences.uses.rich import CLASSES, Rich, riches
from jaccheck.sequences.uses.use import LOSSES, SHARES, TWO_TARGETS, Asked, Use
from jaccheck.sequences.uses.ways import WAYS, Way

MOST_RICH = 2

WITH = {
    "Dropout": Rich(kind="vector", layers=("nn.Linear(3, 3)", "nn.Dropout(0.5)", "nn.Linear(3, 2)")),
    "BatchNorm": Rich(kind="vector", layers=("nn.Linear(3, 3)", "nn.BatchNorm1d(3)", "nn.Linear(3, 2)")),
    "LeakyReLU": Rich(kind="vector", layers=("nn.Linear(3, 3)", "nn.LeakyReLU(0.5)", "nn.Linear(3, 2)")),
    "Conv2d": Rich(
        kind="image",
        layers=("nn.Conv2d(1, 2, 2)", "nn.Conv2d(2, 2, 2)", "nn.LeakyReLU(0.5)", "nn.Flatten()", "nn.Linear(8, 2)"),
    ),
}
"""A network with the layer that a way needs."""

CHANGES = ("freeze", "extend", "set_mode", "zero_gradients", "load_numbers", "clean")

SUBSAMPLED = ("BatchGrad", "SqrtGGNExact")
"""The extensions that can be restricted to some samples."""

which = st.integers(0, 11)
rows = st.one_of(st.none(), st.none(), st.lists(st.integers(0, 2), max_size=4))


DRAWN: dict[str, Any] = {
    "rich": riches(),
    "way": st.sampled_from(WAYS),
    "index": st.integers(0, 3),
    "seed": st.integers(0, 99),
    "names": st.lists(st.sampled_from(tuple(BY_EXTENSION)), min_size=1, max_size=3, unique=True),
    "rows": rows,
    "loss": st.sampled_from(tuple(LOSSES)),
    "N": st.sampled_from((3, 2, 1)),
    "position": which,
    "training": st.booleans(),
}
"""What is drawn for a use."""


class UseRules(RuleBasedStateMachine):
    """Whole uses, each in one step."""

    sequence: Sequence
    available: tuple[str, ...]
    explained: Any

    def rich_nets(self) -> list[Net]:
        """The live networks of many layers."""
        return [net for net in self.sequence.nets if isinstance(net.shape, Rich)]

    def _network(self, rich: Rich, way: Way, index: int, seed: int, *, training: bool) -> Net:
        """A live network that the way can be used on: one that is there, or a new one, in this mode."""
        fitting = [net for net in self.rich_nets() if isinstance(net.shape, Rich) and net.shape.has(way.needs)]
        if fitting and index:
            return fitting[index % len(fitting)]
        if len(self.rich_nets()) == MOST_RICH:
            self.explained(networks.drop, self.rich_nets()[0])
        rich = rich if rich.has(way.needs) else WITH[way.needs]
        net: Net = self.explained(networks.make, rich, seed, "float32")
        self.explained(networks.extend, net)
        if not training:
            self.explained(networks.set_mode, net, training=False)
        return net

    @initialize(**DRAWN)
    def begin(self, **drawn: Any) -> None:
        """Each sequence begins with a use, so that every way is met often enough."""
        self.use(**drawn)

    @rule(**DRAWN)
    def use(
        self,
        rich: Rich,
        way: Way,
        index: int,
        seed: int,
        names: list[str],
        rows: Any,
        loss: str,
        N: int,
        position: int,
        training: bool,
    ) -> None:
        """A network of many layers is used in some way, from the batch to the results."""
        while self.sequence.contexts:
            self.explained(contexts.close)
        net = self._network(rich, way, index, seed, training=training)
        assert isinstance(net.shape, Rich)
        chosen = net.shape
        if chosen.positions:
            way = WAYS[0] if way.needs_rows else way
            loss = loss if LOSSES[loss].startswith("nn.CrossEntropyLoss") and loss not in SHARES else "cross entropy"
        N = max(N, 2) if chosen.has("BatchNorm") else N
        asked = [
            Asked(BY_EXTENSION[name], tuple(n % N for n in rows) if rows is not None and name in SUBSAMPLED else None)
            for name in names
            if name in self.available and (way.is_modular or not BY_EXTENSION[name].is_second_order)
        ]
        freezable = sorted(net.trainable - last_layer(net))
        if not asked or not freezable:
            return
        least = 2 if chosen.kind == "series" or way.name.startswith("checkpoint") else 1
        if len(chosen.layers) <= least or (way.needs_numbers and chosen.kind in ("tokens", "series")):
            return
        generator = np.random.Generator(np.random.PCG64(seed))
        y: Any = generator.integers(-2, 2, (N, CLASSES), endpoint=True).astype(np.float64)
        if loss == "broadcast target":
            y = y[:, :1]
        elif loss in TWO_TARGETS:
            y = generator.integers(-2, 2, (N, 2, CLASSES), endpoint=True).astype(np.float64)
        elif loss in SHARES:
            y = np.stack([(k := generator.integers(0, 4, N, endpoint=True) / 4), 1 - k], 1)
            y = y * (1 if loss == "probabilities" else generator.integers(2, 4, (N, 1), endpoint=True))
        elif LOSSES[loss].startswith("nn.CrossEntropyLoss"):
            y = generator.integers(0, CLASSES, (N, chosen.positions) if chosen.positions else N)
            y[0] = -100 if loss == "ignored target" else y[0]
            y[-1] = 1 if loss == "another ignored target" else y[-1]  # one that counts
        self.explained(
            perform_use,
            Use(
                net=net,
                number=self.sequence.number(),
                way=way,
                asked=tuple(asked),
                X=chosen.batch(N, seed),
                y=y,
                loss=loss,
                cut=least + position % (len(chosen.layers) - least),
                frozen=freezable[position % len(freezable)],
            ),
        )

    @precondition(lambda self: self.rich_nets())
    @rule(what=st.sampled_from(CHANGES), index=which, position=which, seed=st.integers(0, 99), switch=st.booleans())
    def change_rich(self, what: str, index: int, position: int, seed: int, switch: bool) -> None:
        """A network of many layers is changed in some way."""
        net = self.rich_nets()[index % len(self.rich_nets())]
        names = sorted(set(net.values) - last_layer(net))
        match what:
            case "freeze":
                self.explained(networks.freeze, net, names[position % len(names)], requires_grad=switch)
            case "extend":
                self.explained(networks.extend, net)
            case "set_mode":
                self.explained(networks.set_mode, net, training=switch)
            case "zero_gradients":
                self.explained(networks.zero_gradients, net, to_none=switch)
            case "load_numbers":
                self.explained(networks.load_numbers, net, seed)
            case "clean":
                self.explained(networks.clean, net)

    def alone(self, index: int) -> None:
        """A use that stands alone; the same each time, so no rule of the random ones."""
        self.explained(use_alone, ALONE[index])


def last_layer(net: Net) -> set[str]:
    """The parameters of the last layer, which are never frozen: a loss always has a gradient."""
    last = list(net.values)[-1].rpartition(".")[0]
    return {name for name in net.values if name.rpartition(".")[0] == last}
