"""The other end of a `Worker`: a process that answers for one function, whatever that imports and runs.

The function takes the request, of the type that its annotation names, and a function that tells a note. What is raised
that is no Exception, as KeyboardInterrupt by a method, ends the process; a request may answer Ctrl-C by itself.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import traceback
from types import FrameType
from typing import get_type_hints

from jaccheck.core.heap import loading
from jaccheck.core.interrupts import ignore_ctrl_c
from jaccheck.core.native_caches import bound_native_caches
from jaccheck.core.parent import Parent
from jaccheck.core.plain import to_json
from jaccheck.core.text import printable, text_of
from jaccheck.core.untouched import Untouched, replaced_by
from jaccheck.core.worker import Said
from jaccheck.errors import BrokenEnvironment, JaccheckError


def main() -> None:
    """Answers requests until there are no more.

    Whatever ends a script ends this process, at once: nothing else is taken for an answer. It may come at any moment,
    from a thread that interrupts this one.
    """
    ctrl_c = _CtrlC()
    signal.signal(signal.SIGINT, ctrl_c)  # also where the shell has it ignored
    try:
        _answer_all(ctrl_c)
        ignore_ctrl_c()
    except Exception:
        raise
    except BaseException as error:
        ignore_ctrl_c()
        with contextlib.suppress(Exception):
            print(f"{type(error).__name__}: {text_of(error)}".rstrip(": "), file=sys.stderr, flush=True)
        os._exit(1)


def _answer_all(ctrl_c: _CtrlC) -> None:
    parent = Parent()
    bound_native_caches()
    module, _, name = parent.arguments[0].partition(":")
    try:
        with loading():
            answer = getattr(importlib.import_module(module), name)
    except Exception as error:
        broken = f"what it needs does not import: {type(error).__name__}: {' '.join(text_of(error).split())}"
        parent.say(Said(complaint=broken, kind=BrokenEnvironment.__name__))
        return
    untouched = Untouched()
    for request in parent.asks(get_type_hints(answer)["request"]):
        try:
            found = answer(request, lambda note: parent.say(Said(note=to_json(note))))
            if getattr(found, "interrupted", False) and not ctrl_c.was_heard:
                raise KeyboardInterrupt("by what was run, since nobody pressed Ctrl-C")
            parent.say(Said(answer=to_json(found)))
        except JaccheckError as error:
            parent.say(Said(complaint=printable(" ".join(str(error).split())), kind=type(error).__name__))
        except Exception as error:
            # With an open() or a Tensor.__eq__ of somebody else's, whatever jaccheck computes may fail or lie.
            if found := untouched.put_back():
                parent.say(Said(complaint=printable(replaced_by(found, error)), kind=BrokenEnvironment.__name__))
            else:
                parent.say(Said(fault=printable(traceback.format_exc())))


class _CtrlC:
    """Raises KeyboardInterrupt, as Python does by itself, and knows that it did: what is run may raise that, too."""

    was_heard = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.was_heard = True
        raise KeyboardInterrupt


if __name__ == "__main__":
    from jaccheck.core import serving

    serving.main()  # whose names are not those of `__main__`, which a module of the user's may change
