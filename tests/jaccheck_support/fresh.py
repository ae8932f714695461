"""Scripts run each in a process of its own that has imported torch and backpack, and done nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass

_FORKS = """
import json, os, sys, tempfile, traceback, warnings
import torch, backpack.extensions
warnings.simplefilter("ignore")
torch.set_num_threads(1)
found = []
for script in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if not child:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            code = 0
            try:
                exec(compile(script, "<script>", "exec"), {"__name__": "__main__"})
            except SystemExit as end:
                code = int(end.code or 0)
            except BaseException:
                traceback.print_exc()
                code = 1
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        found.append((code, said.read()))
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exit code, and what was printed, errors included."""

    code: int
    said: str


def outcomes(scripts: Iterable[str]) -> list[Outcome]:
    """What came of each script. Importing torch takes longer than most of them, so it is done once."""
    command = [sys.executable, "-c", _FORKS]
    done = subprocess.run(command, input=json.dumps(list(scripts)), capture_output=True, text=True, check=True)
    return [Outcome(code, said) for code, said in json.loads(done.stdout.splitlines()[-1])]
