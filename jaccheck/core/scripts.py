"""Scripts run in a `Worker`, each in a fork of a process that has imported what they need, and little of jaccheck.

Most of the time of a script is the import of torch, which is done once.
"""

from __future__ import annotations

import importlib
import linecache
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable

from jaccheck.core.fork_guard import end_with_parent
from jaccheck.core.plain import plain_data
from jaccheck.core.text import text_of
from jaccheck.errors import BrokenEnvironment

UNSEEN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""What Python does not show of a library."""

OUTSIDE = compile("exec(script, names)", "sys", "exec")
"""What is outside of a script is called `sys` by Python's warnings, too."""

SCRIPT_SECONDS = 60
"""Most time that one script gets."""


@plain_data
class Scripts:
    """Modules to import, and scripts by name."""

    imports: tuple[str, ...]
    scripts: dict[str, str]


@plain_data
class Ran:
    """What a script printed, with the traceback of an exception; without a name, that one more module is imported."""

    name: str = ""
    said: str = ""


@plain_data
class AllRan:
    """So many scripts were run."""

    count: int


def answer(request: Scripts, tell: Callable[[Ran], None]) -> AllRan:
    """Tells of each module that it is imported, then what each script printed, with the warnings that a user sees.

    Raises BrokenEnvironment.
    """
    for module in request.imports:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a broken package raises
            said = " ".join(text_of(error).split())
            raise BrokenEnvironment(f"{module} does not import: {type(error).__name__}: {said}") from None
        tell(Ran())
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    for name, script in request.scripts.items():
        tell(Ran(name=name, said=_said(script)))
    return AllRan(count=len(request.scripts))


def _said(script: str) -> str:
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        child = os.fork()
        if not child:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            _run(script)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return said.read() + (f"ended by signal {-code}\n" if code < 0 else "")


def _run(script: str) -> None:
    """Runs one and ends the process; a traceback shows the script's lines, and nothing of this file."""
    try:
        end_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.alarm(SCRIPT_SECONDS)
        warnings.resetwarnings()  # workers show none
        for category in UNSEEN:
            warnings.simplefilter("ignore", category)
        linecache.cache["script.py"] = (len(script), None, script.splitlines(keepends=True), "script.py")
        names = {"script": compile(script, "script.py", "exec"), "names": {"__name__": "__main__"}}
        exec(OUTSIDE, names)
    except SystemExit:
        pass
    except BaseException as error:
        sys.stdout.flush()
        for _ in range(2):
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
