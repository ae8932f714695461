"""`Surroundings`: all that is global and that a call should leave as it is, observed and put back around each call."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from time import monotonic, sleep

from torch import nn

from jaccheck.judging.laws.aspects import Observed
from jaccheck.judging.laws.globals import observe_globals, restore_globals
from jaccheck.judging.laws.imported import Imported
from jaccheck.judging.laws.patches import Functions, name_of
from jaccheck.judging.laws.process_state import COLLECTOR, PROCESS, by_imports, collector

Groups = dict[str, Observed]

_ENDING = ("threads", "child processes", "forks that came back", "open descriptors")
"""What may need a moment to end after it was given up."""

SETTLING_SECONDS = 0.5
"""For a thread or process that a call has told to end, or dropped, to end; waited for in vain only once."""


class Surroundings:
    """What is global in torch and in the process, and torch's functions, as they were before the calls.

    Many calls share one, since each is looked at, and put right, before the next one. One that `is_patient` looks
    once, when all calls are done: a look takes as long as a call on a small network.
    """

    def __init__(self, model: nn.Module, device: str, *, is_patient: bool = False) -> None:
        self._device, self._is_patient = device, is_patient
        self._functions, self._imported = Functions(model.modules()), Imported()
        self._before: Groups = self._observed()
        self._modules = len(sys.modules)
        self._patience = SETTLING_SECONDS
        self.left: tuple[str, ...] = ()
        """What could not be put back; whatever runs next here would run with it."""
        self.has_changed = False
        """Whether a look has seen a change."""

    @property
    def before(self) -> Groups:
        """What was observed before the call that comes next."""
        return self._before

    def look(self) -> tuple[Groups, Groups]:
        """What was before a call and what is after it, equal where nothing has changed; everything is put back."""
        return (self._before, self._before) if self._is_patient else self._looked()

    def look_at_last(self) -> None:
        """The one look of one that is patient."""
        self._looked()

    def _looked(self) -> tuple[Groups, Groups]:
        now = self._observed()
        if now == self._before and self._functions.are_as_before() and self._imported.are_as_before():
            return self._before, now
        was, now = self._put_back(now)
        self.has_changed |= was != now
        return was, now

    @contextlib.contextmanager
    def without_collector(self) -> Iterator[None]:
        """The garbage collector is off in it, which is no call's doing; one that turns it on is told."""
        is_collecting = gc.isenabled()
        self._set_collector(False)
        try:
            yield
        finally:
            self._set_collector(is_collecting)

    def _set_collector(self, is_on: bool) -> None:
        (gc.enable if is_on else gc.disable)()
        process = {**self._before["process"], COLLECTOR: (is_on, *collector()[1:])}
        self._before = {**self._before, "process": process}

    def _observed(self) -> Groups:
        return {"torch": observe_globals(self._device), "process": PROCESS.observe()}

    def _put_back(self, now: Groups) -> tuple[Groups, Groups]:
        process, before = now["process"], dict(self._before)
        if self._has_more(process):
            self._settle()
            now = self._observed()  # what ended meanwhile may have changed something in its last moment
            process = now["process"]
        if len(sys.modules) != self._modules:  # what an import changes for good is no method's doing
            before["process"] = {**before["process"], **by_imports(before["process"], process)}
            self._before, self._modules = before, len(sys.modules)
            self._functions.accept_imported()
        patched = {f"{name_of(owner)}.{name}": "replaced" for owner, name in self._functions.changes()}
        patched |= {f"sys.modules.get({name!r})": "replaced" for name in self._imported.changes()}
        if patched:
            before, now = {**before, "function": dict.fromkeys(patched, "its own")}, {**now, "function": {**patched}}
        restore_globals(before["torch"], now["torch"])
        PROCESS.put_back(before["process"], process)
        self._functions.put_back()
        self._imported.put_back()
        again = self._observed()
        self.left = tuple(
            name
            for group, aspects in self._before.items()
            for name, was in aspects.items()
            if again[group].get(name) != was
        )
        if self.left:
            self._before = again
        return before, now

    def _has_more(self, process: Observed) -> bool:
        """Whether there are threads, processes or files that were not there before."""
        for name in _ENDING:
            was, now = self._before["process"].get(name), process.get(name)
            if isinstance(was, frozenset) and isinstance(now, frozenset) and now - was:
                return True
        return False

    def _settle(self) -> None:
        """Waits until the threads, children and files that are new have ended, or for some time."""
        gc.collect()  # what a queue or a pool leaves behind ends with it
        until, pause = monotonic() + self._patience, 0.001
        while self._has_more(PROCESS.observe()):
            if monotonic() > until:
                self._patience = 0.0
                return
            sleep(pause)
            pause *= 2
