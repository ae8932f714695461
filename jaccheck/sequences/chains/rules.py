"""What all rules on networks of Linears share: which of the live things a number stands for, and what is drawn."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jaccheck.methods import Method
from jaccheck.sequences import networks
from jaccheck.sequences.broken import Broken
from jaccheck.sequences.sequence import Sequence, Tally
from jaccheck.sequences.shape import Between, Shape
from jaccheck.sequences.state import Extension, Graph, Net
from jaccheck.sequences.truth import BY_EXTENSION
from jaccheck.sequences.uses.rules import UseRules

MOST_GRAPHS = 4

Reused = Literal["new", "clean", "dirty"]

which = st.integers(0, 11)
"""Which of the live things, modulo their number."""

seeds = st.integers(0, 99)
dtypes = st.sampled_from(("float64", "float32"))


def names_of(most: int) -> st.SearchStrategy[list[str]]:
    """Names of some extensions, all different."""
    return st.lists(st.sampled_from(tuple(BY_EXTENSION)), min_size=1, max_size=most, unique=True)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """One to three Linears of width up to 3, with ReLU, LeakyReLU or Flatten between them."""
    hidden = draw(st.lists(st.integers(1, 3), max_size=2))
    kinds: st.SearchStrategy[Between] = st.sampled_from(("ReLU", "LeakyReLU", "Flatten"))
    return Shape(
        widths=(draw(st.integers(1, 3)), *hidden, draw(st.sampled_from((2, 1, 4)))),
        between=tuple(draw(kinds) for _ in hidden),
        bias=draw(st.sampled_from((True, False))),
    )


class ChainRules(UseRules):
    """The live networks of Linears, their graphs and extensions; and the forward pass that makes a graph."""

    tally = Tally()
    available: tuple[str, ...] = tuple(BY_EXTENSION)
    methods: tuple[Method, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.tally.examples += 1
        self.sequence = Sequence(self.available, self.tally)
        self.has_failed = False

    def explained(self, action: Any, *arguments: Any, **options: Any) -> Any:
        """The result of the action; a failure gets its script."""
        self.tally.steps[action.__name__] += 1
        try:
            return action(self.sequence, *arguments, **options)
        except Broken as broken:
            self.has_failed = True
            self.sequence.explain(broken)
            if self.tally.first is None:
                self.tally.failed_after, self.tally.first = self.tally.examples, broken
            raise
        except BaseException:  # as sys.exit in a hook: what it holds on to is no leak, and must not be told instead
            self.has_failed = True
            raise

    def net(self, index: int) -> Net:
        """One of the networks of Linears."""
        return self.chains()[index % len(self.chains())]

    def chains(self) -> list[Net]:
        """The live networks of Linears."""
        return [net for net in self.sequence.nets if isinstance(net.shape, Shape)]

    def any_net(self, index: int) -> Net:
        """One of all networks."""
        return self.sequence.nets[index % len(self.sequence.nets)]

    def graph(self, index: int) -> Graph:
        """One of the graphs, the newest for 0; for most indices a new one if all were freed."""
        live = [graph for graph in self.sequence.graphs if not graph.is_freed]
        if not live and index < 10 and self.chains():
            self.forward(index, index % 2 == 1, index, True, False, False, False)
            return self.sequence.graphs[-1]
        among = live if index < 10 else self.sequence.graphs
        return among[-1 - index % len(among)]

    def drawn_extensions(self, names: list[str], *, reused: Reused = "new") -> tuple[Extension, ...]:
        """New extensions of these names; or one that was used before in the place of the first.

        One that an earlier pass left quantities in is known to be wrong, and so seldom taken.
        """
        found = [Extension(BY_EXTENSION[name]) for name in names if name in self.available]
        if reused == "new" or not found:
            return tuple(found)
        among = [each for each in self.sequence.extensions if each.is_dirty == (reused == "dirty")]
        kept = among[-1] if among else self.explained(Sequence.new_extension, found[0].quantity)
        return (kept, *(each for each in found if each.quantity != kept.quantity))

    @precondition(lambda self: self.chains())
    @rule(
        index=which,
        large=st.booleans(),
        seed=seeds,
        is_squared=st.sampled_from((True, True, False)),
        shared=st.sampled_from((False, False, True)),
        input_requires_grad=st.sampled_from((False, False, False, True)),
        is_disabled=st.sampled_from((False,) * 7 + (True,)),
    )
    def forward(
        self,
        index: int,
        large: bool,
        seed: int,
        is_squared: bool,
        shared: bool,
        input_requires_grad: bool,
        is_disabled: bool,
    ) -> None:
        """A forward pass with gradients."""
        if len(self.sequence.graphs) == MOST_GRAPHS:
            self.explained(Sequence.delete_graph, self.sequence.graphs[0])
        net = self.net(index)
        self.explained(
            networks.forward,
            net,
            networks.BATCH_SIZES[net.shape.C][large],
            seed,
            loss=self.sequence.losses[-1] if shared and self.sequence.losses else None,
            is_squared=is_squared,
            input_requires_grad=input_requires_grad,
            is_disabled=is_disabled,
        )
