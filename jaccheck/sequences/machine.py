"""The state machine: Hypothesis draws the next step; after every step everything must be as predicted."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from jaccheck.methods import Method
from jaccheck.sequences import contexts, networks, others
from jaccheck.sequences.broken import Broken
from jaccheck.sequences.checks import check_all
from jaccheck.sequences.passes import Pass, documented_refusal, known_issue, perform
from jaccheck.sequences.sequence import Sequence, Tally
from jaccheck.sequences.shape import Between, Shape
from jaccheck.sequences.state import Extension, Graph, Net, Result
from jaccheck.sequences.truth import BY_EXTENSION
from jaccheck.sequences.uses.rules import UseRules

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

SECOND_ORDER = tuple(name for name, quantity in BY_EXTENSION.items() if quantity.is_second_order)

MOST_NETS, MOST_GRAPHS, MOST_CONTEXTS, MOST_KEPT = 3, 4, 2, 4

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


class SequenceMachine(UseRules):
    """Real use of BackPACK and the other methods, in any order; a run sets what is counted into and available."""

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

    @initialize(shape=shapes(), seed=seeds, dtype=dtypes)
    def start(self, shape: Shape, seed: int, dtype: str) -> None:
        """There is always one extended network."""
        net = self.explained(networks.make, shape, seed, dtype)
        self.explained(networks.extend, net)

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

    @invariant()
    def everything_is_as_it_must_be(self) -> None:
        """Numbers, results, attributes, hooks, global state."""
        self.explained(check_all)

    def teardown(self) -> None:
        """Closes every context and drops every network, unless something failed: then its traceback holds on to them.

        In the end BackPACK's global state is as before.
        """
        try:
            while self.sequence.contexts and not self.has_failed:
                self.explained(contexts.close)
                self.explained(check_all)
            while self.sequence.nets and not self.has_failed:
                self.explained(networks.drop, self.sequence.nets[-1])
        finally:
            session = self.sequence.session
            session.run("CTX.set_active_exts(())", "CTX.set_retain_graph(False)", "disable.store_io = True")
            session.names["CTX"].set_extension_hook(session["__import__('backpack.utils.hooks').utils.hooks.no_op"])
            session.names.clear()


def _some(graph: Graph, bits: int) -> frozenset[str]:
    """Some of the parameters that a pass can be towards: those whose bit is set, or the first."""
    names = sorted(graph.trainable & graph.net.trainable)
    chosen = frozenset(name for position, name in enumerate(names) if bits >> position & 1)
    return chosen or frozenset(names[:1])
