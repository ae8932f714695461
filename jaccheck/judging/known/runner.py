"""Runs scripts, each in a fork of a process that has imported what they need: `python runner.py`, without jaccheck.

Standard input has JSON: modules to import, and scripts by name. Standard output gets a line of JSON for each script
when it is done: its name, and what it printed, with the traceback of an exception; or one line `{"failed": why}` where
a module does not import. Most of the time of a script is the import of torch, which is done once.
"""

from __future__ import annotations

import importlib
import json
import linecache
import os
import signal
import sys
import tempfile
import traceback
import warnings

SECONDS = 60
"""Most time that one script gets."""


def main() -> None:
    """Imports and runs what standard input names."""
    asked = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    try:
        for module in asked["imports"]:
            importlib.import_module(module)
    except Exception as error:  # whatever a broken package raises
        print(json.dumps({"failed": f"{type(error).__name__}: {error}".splitlines()[0]}), flush=True)
        return
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    for name, script in asked["scripts"].items():
        with tempfile.TemporaryFile("w+") as said:
            child = os.fork()
            if not child:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                run(script)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            said.seek(0)
            text = said.read() + (f"ended by signal {-code}\n" if code < 0 else "")
        print(json.dumps({"name": name, "said": text}), flush=True)


def run(script: str) -> None:
    """Runs one and ends the process; a traceback shows the script's lines, and nothing of this file."""
    signal.alarm(SECONDS)
    linecache.cache["script.py"] = (len(script), None, script.splitlines(keepends=True), "script.py")
    try:
        exec(compile(script, "script.py", "exec"), {"__name__": "__main__"})
    except SystemExit:
        pass
    except BaseException as error:
        sys.stdout.flush()
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
