"""`Sequence`: a session and what must be true of everything in it; the other modules act on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from jaccheck.judging import Globals, observe_globals
from jaccheck.sequences.broken import Broken
from jaccheck.sequences.session import Session
from jaccheck.sequences.state import Context, Extension, Graph, Loss, Net, Result
from jaccheck.sequences.truth import Quantity


@dataclass(slots=True)
class Tally:
    """What was done: steps by name, comparisons, and of each known issue how often it was met and how often wrong."""

    examples: int = 0
    failed_after: int | None = None
    """How many sequences there were when one failed for the first time, and what failed."""
    first: Broken | None = None
    steps: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    undecided: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def meet(self, issue: str, *, is_wrong: bool) -> None:
        """Enters that the condition of a known issue was met, and whether it showed."""
        self.met[issue] += 1
        self.wrong[issue] += is_wrong


@dataclass(slots=True)
class Kept:
    """An earlier result in a variable of its own, which no later call may touch."""

    name: str
    result: Result


class Sequence:
    """Live networks, graphs, losses, extensions and open contexts, with the lines that made them."""

    def __init__(self, extensions: tuple[str, ...], tally: Tally) -> None:
        self.session = Session(extensions)
        self.available = extensions
        self.tally = tally
        self.nets: list[Net] = []
        self.graphs: list[Graph] = []
        self.losses: list[Loss] = []
        self.extensions: list[Extension] = []
        self.contexts: list[Context] = []
        self.kept: list[Kept] = []
        self.globals: Globals = observe_globals("cpu")
        self._numbers: Iterator[int] = iter(range(1, 10_000))

    def number(self) -> int:
        """A number that no variable has yet."""
        return next(self._numbers)

    def graphs_of(self, net: Net) -> list[Graph]:
        """The live graphs of a network."""
        return [graph for graph in self.graphs if graph.net is net]

    def opened(self) -> list[Context]:
        """The open contexts of BackPACK, the innermost last. Each enables its extensions in every pass inside it."""
        return [context for context in self.contexts if not context.is_disable]

    def innermost(self) -> tuple[Extension, ...]:
        """The extensions of the innermost open context."""
        return self.opened()[-1].extensions if self.opened() else ()

    def active(self) -> tuple[Extension, ...]:
        """The extensions of all open contexts, the innermost last."""
        return tuple(each for context in self.opened() for each in context.extensions)

    def retains(self) -> bool:
        """Whether the innermost open context retains what is stored."""
        return bool(self.opened()) and self.opened()[-1].retains

    def stores(self) -> bool:
        """Whether a forward pass with gradients stores inputs and outputs."""
        return not any(context.is_disable for context in self.contexts)

    def new_extension(self, quantity: Quantity) -> Extension:
        """An extension object in a variable, to be used more than once."""
        extension = Extension(quantity, f"extension{self.number()}")
        self.session.run(f"{extension.name} = {quantity.extension}()")
        self.extensions.append(extension)
        return extension

    def delete_graph(self, graph: Graph) -> None:
        """Forgets a graph and its variables."""
        self.session.run(f"del {graph.variable}, X{graph.number}")
        self.graphs.remove(graph)

    def explain(self, broken: Broken) -> None:
        """Gives it the whole script, which ends in what shows it."""
        broken.script = self.session.script(*broken.ending)
