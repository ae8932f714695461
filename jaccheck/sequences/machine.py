"""The state machine: Hypothesis draws the next step; after every step everything must be as predicted."""

from __future__ import annotations

from hypothesis.stateful import initialize, invariant

from jaccheck.sequences import contexts, networks
from jaccheck.sequences.chains.changes import ChangeRules
from jaccheck.sequences.chains.passes import PassRules
from jaccheck.sequences.chains.rules import dtypes, seeds, shapes
from jaccheck.sequences.checks import check_all
from jaccheck.sequences.shape import Shape


class SequenceMachine(PassRules, ChangeRules):
    """Real use of BackPACK and the other methods, in any order; a run sets what is counted into and available."""

    @initialize(shape=shapes(), seed=seeds, dtype=dtypes)
    def start(self, shape: Shape, seed: int, dtype: str) -> None:
        """There is always one extended network."""
        net = self.explained(networks.make, shape, seed, dtype)
        self.explained(networks.extend, net)

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
