"""The rules that make a backward pass."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jaccheck.sequences import networks
from jaccheck.sequences.chains.rules import ChainRules, Reused, names_of, seeds, which
from jaccheck.sequences.passes import Pass, documented_refusal, known_issue, perform
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.state import Graph
from jaccheck.sequences.truth import BY_EXTENSION

SECOND_ORDER = tuple(name for name, quantity in BY_EXTENSION.items() if quantity.is_second_order)


class PassRules(ChainRules):
    """Backward passes, in contexts of BackPACK and outside, whole or towards some parameters, here or in a thread."""

    @precondition(lambda self: self.chains())
    @rule(
        index=which,
        large=st.booleans(),
        seed=seeds,
        names=names_of(3),
        reused=st.sampled_from(("new", "clean", "new", "clean", "dirty")),
        between=st.sampled_from(("nothing", "nothing", "no_grad", "disable", "forward")),
    )
    def train(self, index: int, large: bool, seed: int, names: list[str], reused: Reused, between: Any) -> None:
        """The most common use: forward, then BackPACK's backward pass; perhaps with another batch in between."""
        self.forward(index, large, seed, True, False, False, False)
        graph = self.sequence.graphs[-1]
        other = networks.BATCH_SIZES[graph.net.shape.C][not large]
        match between:
            case "no_grad":
                self.explained(networks.forward_without_grad, graph.net, other, seed, "no_grad")
            case "disable" | "forward":
                is_disabled = between == "disable"
                self.forward(index, not large, seed, True, False, False, is_disabled)
        self.explained(perform, Pass(graph=graph, extensions=self.drawn_extensions(names, reused=reused)))

    @precondition(lambda self: self.sequence.graphs)
    @rule(
        index=which,
        names=names_of(3),
        reused=st.sampled_from(("new", "new", "clean", "dirty")),
        retains=st.booleans(),
        retain_graph=st.booleans(),
        via=st.sampled_from(("backward", "backward", "backward", "inputs", "grad")),
        wanted=st.integers(1, 63),
        fails_at=st.sampled_from((None, None, None, None, 0, 1, 2)),
        in_thread=st.sampled_from((False, False, False, True)),
    )
    def backpack_pass(
        self,
        index: int,
        names: list[str],
        reused: Reused,
        retains: bool,
        retain_graph: bool,
        via: Any,
        wanted: int,
        fails_at: int | None,
        in_thread: bool,
    ) -> None:
        """A backward pass in a context of BackPACK of its own."""
        graph = self.graph(index)
        asked = Pass(
            graph=graph,
            extensions=self.drawn_extensions(names, reused=reused),
            retains=retains,
            retain_graph=retain_graph,
            via=via,
            wanted=_some(graph, wanted),
            fails_at=None if fails_at is None else fails_at % graph.net.shape.modules,
        )
        self._perform(asked, in_thread=in_thread)

    @precondition(lambda self: self.sequence.graphs)
    @rule(
        index=which,
        retain_graph=st.booleans(),
        via=st.sampled_from(("backward", "backward", "inputs", "grad")),
        wanted=st.integers(1, 63),
        where=st.sampled_from(("here", "here", "here", "in a thread", "beside a thread")),
    )
    def plain_pass(self, index: int, retain_graph: bool, via: Any, wanted: int, where: Any) -> None:
        """A backward pass in whatever context is open."""
        graph = self.graph(index)
        asked = Pass(graph=graph, retain_graph=retain_graph, via=via, wanted=_some(graph, wanted))
        if where == "beside a thread" and not self.sequence.contexts:
            asked = Pass(graph=graph, retain_graph=retain_graph, where=where)
        self._perform(asked, in_thread=where == "in a thread")

    @precondition(lambda self: self.chains())
    @rule(index=which, large=st.booleans(), seed=seeds, name=st.sampled_from(SECOND_ORDER))
    def reuse(self, index: int, large: bool, seed: int, name: str) -> None:
        """One extension object in two passes over one graph, of which the first is towards the last layer alone."""
        net = self.net(index)
        last = frozenset(each for each in net.trainable if int(each.partition(".")[0]) == net.shape.modules - 1)
        if not last or name not in self.available:
            return
        self.forward(index, large, seed, True, False, False, False)
        graph = self.sequence.graphs[-1]
        used = (self.explained(Sequence.new_extension, BY_EXTENSION[name]),)
        once = Pass(graph=graph, extensions=used, retains=True, retain_graph=True, via="inputs", wanted=last)
        self._perform(once, in_thread=False)
        self._perform(Pass(graph=graph, extensions=used), in_thread=False)

    def _perform(self, asked: Pass, *, in_thread: bool) -> None:
        if not asked.asked and not (asked.via == "backward" and asked.graph.input_requires_grad):
            return
        extensions = (*self.sequence.active(), *(asked.extensions or ()))
        if (
            in_thread
            and not self.sequence.contexts
            and asked.via != "grad"
            and not (documented_refusal(asked, extensions) or known_issue(asked, extensions))
        ):
            asked = Pass(**{name: getattr(asked, name) for name in Pass.__slots__} | {"where": "in a thread"})
        self.explained(perform, asked)


def _some(graph: Graph, bits: int) -> frozenset[str]:
    """Some of the parameters that a pass can be towards: those whose bit is set, or the first."""
    names = sorted(graph.trainable & graph.net.trainable)
    chosen = frozenset(name for position, name in enumerate(names) if bits >> position & 1)
    return chosen or frozenset(names[:1])
