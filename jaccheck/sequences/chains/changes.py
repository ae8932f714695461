"""The rules that change what is alive: networks, contexts, and what is kept and dropped."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jaccheck.sequences import contexts, networks, others
from jaccheck.sequences.chains.rules import ChainRules, dtypes, names_of, seeds, shapes, which
from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.shape import Shape
from jaccheck.sequences.state import Result

CHANGES = (
    "freeze",
    "extend",
    "set_mode",
    "convert",
    "zero_gradients",
    "load_numbers",
    "round_trip",
    "optimiser_step",
    "clean",
    "forward_without_grad",
)
"""What can be done to a network."""

MOST_NETS, MOST_CONTEXTS, MOST_KEPT = 3, 2, 4


class ChangeRules(ChainRules):
    """Changes between passes, and other methods on the same networks."""

    @precondition(lambda self: self.chains() and self.methods and not self.sequence.contexts)
    @rule(index=which, method=st.integers(0, 63), large=st.booleans(), seed=seeds)
    def other_method(self, index: int, method: int, large: bool, seed: int) -> None:
        """The Jacobians by another method."""
        net = self.net(index)
        N = networks.BATCH_SIZES[net.shape.C][large]
        self.explained(others.compute, net, self.methods[method % len(self.methods)], N, seed)

    @precondition(lambda self: self.chains())
    @rule(what=st.sampled_from(CHANGES), index=which, position=which, seed=seeds, switch=st.booleans())
    def change(self, what: str, index: int, position: int, seed: int, switch: bool) -> None:
        """A network is changed in some way."""
        net = self.net(index)
        name = list(net.values)[position % len(net.values)]
        match what:
            case "freeze":
                if switch or net.trainable != {name}:
                    self.explained(networks.freeze, net, name, requires_grad=switch)
            case "extend":
                self.explained(networks.extend, net)
            case "set_mode":
                self.explained(networks.set_mode, net, training=switch)
            case "convert":
                self.explained(networks.convert, net, "float32" if switch else "float64")
            case "zero_gradients":
                self.explained(networks.zero_gradients, net, to_none=switch)
            case "load_numbers":
                self.explained(networks.load_numbers, net, seed)
            case "round_trip":
                self.explained(networks.round_trip, net)
            case "optimiser_step":
                self.explained(networks.optimiser_step, net)
            case "clean":
                self.explained(networks.clean, net)
            case "forward_without_grad":
                N = networks.BATCH_SIZES[net.shape.C][position % 2]
                self.explained(networks.forward_without_grad, net, N, seed, "no_grad" if switch else "inference_mode")

    @rule(
        what=st.sampled_from(("open", "close", "close", "disable", "fail inside", "use twice")),
        names=names_of(2),
        switch=st.booleans(),
        nested=st.booleans(),
    )
    def context(self, what: str, names: list[str], switch: bool, nested: bool) -> None:
        """A context of BackPACK is opened for some steps or closed, left by an exception, or entered twice."""
        extensions = self.drawn_extensions(names)
        is_room = len(self.sequence.contexts) < MOST_CONTEXTS
        if what == "open" and is_room:
            self.explained(contexts.open_context, extensions, retains=switch)
        elif what == "disable" and is_room:
            self.explained(contexts.open_disable)
        elif what == "close" and self.sequence.contexts:
            self.explained(contexts.close)
        elif what == "fail inside" and extensions:
            self.explained(contexts.fail_inside, extensions[0])
        elif what == "use twice" and not self.sequence.contexts:
            self.explained(contexts.use_twice, "backpack" if switch else "disable", nested=nested)

    @precondition(lambda self: len(self.chains()) < MOST_NETS)
    @rule(
        what=st.sampled_from(("deepcopy", "pickle", "make")),
        index=which,
        shape=shapes(),
        seed=seeds,
        dtype=dtypes,
        is_extended=st.booleans(),
    )
    def new(self, what: Any, index: int, shape: Shape, seed: int, dtype: str, is_extended: bool) -> None:
        """One more network, or a copy of one."""
        if what != "make" and self.sequence.nets:
            self.explained(networks.copy, self.any_net(index), what)
            return
        net = self.explained(networks.make, shape, seed, dtype)
        if is_extended:
            self.explained(networks.extend, net)

    @precondition(lambda self: self.sequence.nets)
    @rule(index=which, position=which)
    def keep(self, index: int, position: int) -> None:
        """An earlier result is kept, and must stay as it is."""
        net = self.any_net(index)
        known = sorted(key for key, result in net.results.items() if isinstance(result, Result))
        if known and len(self.sequence.kept) < MOST_KEPT:
            self.explained(networks.keep, net, *known[position % len(known)])

    @precondition(lambda self: self.sequence.graphs or len(self.sequence.nets) > 1)
    @rule(index=which, is_net=st.sampled_from((False, False, True)))
    def drop(self, index: int, is_net: bool) -> None:
        """A graph is forgotten; or a network is deleted, and must be freed."""
        if is_net and len(self.sequence.nets) > 1:
            self.explained(networks.drop, self.any_net(index))
        elif self.sequence.graphs:
            self.explained(Sequence.delete_graph, self.graph(index))
