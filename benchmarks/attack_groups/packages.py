"""A BackPACK that imports, and ends, blocks or says something else once it is used; in each command that uses it."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import Attack
from attack_groups.processes import GOOD_MODEL
from attack_groups.requests import ISSUE

PACKAGE = """
import os, sys, time
here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path = [each for each in sys.path if os.path.abspath(each or ".") != here]
del sys.modules["backpack"]
import backpack as real
right = real.extend

def extend(*given, **options):
    {act}
    return right(*given, **options)

real.extend = extend
sys.modules["backpack"] = real
"""
"""The real one, with another `extend`."""

ACTS = {
    "ends the process as if done": "os._exit(0)",
    "exits as if done": "sys.exit(0)",
    "kills the parent": "os.kill(os.getppid(), 9)",
    "interrupts the parent": "os.kill(os.getppid(), 2)",
    "kills its whole group": "os.killpg(0, 9)",
    "forks, and both go on": "os.fork()",
    "raises commands of the terminal": "raise RuntimeError('\\x1b[2J[/x]\\r\\ud800')",
    "raises what nobody catches": "raise KeyboardInterrupt",
    "closes all files": "os.closerange(3, 40)",
    "prints without end": "os.write(1, b'x' * 2**20) and os.write(2, b'[/x]' * 2**18)",
    "goes elsewhere": "os.chdir('/proc')",
    "does nothing": "return given[0]",
}

COMMANDS = {
    "sequences": ("jaccheck sequences --examples 1 --steps 3 --seed 1 --report r.json", (1, 2)),
    "matrix": ("jaccheck matrix --method batch_grad_loop --dtype float64 --report r.json", (0, 1, 2)),
    "bench": ("jaccheck bench --shape tutorial --method batch_grad_loop --time 4 --report r.json", (1, 2)),
    "check": ("jaccheck check m.py:f --method batch_grad_loop --time 20", (1, 2)),
    "known --run": (f"jaccheck known {ISSUE} --run", (1, 2)),
    "show": ("jaccheck show m.py:f --method batch_grad_loop --time 60", (2,)),
}
"""With the exit codes that it may give where the package does not work. A matrix is a measurement: it is told there."""

INTERRUPTED = ("interrupts the parent",)
"""Acts that nobody can tell from Ctrl-C: there is no answer, or that of what was done until then."""

HARMLESS = {"goes elsewhere", "prints without end", "forks, and both go on", "closes all files"}
"""Acts beside which a right result may come out: then the command says what else was done, or nothing is wrong."""


def attacks() -> Iterator[Attack]:
    """Each act in each command."""
    for command, (shell, codes) in COMMANDS.items():
        for name, act in ACTS.items():
            yield Attack(
                name=f"{command}, a BackPACK whose extend {name}",
                shell=f"PYTHONPATH=p {shell}",
                files={"p/backpack/__init__.py": PACKAGE.replace("{act}", act), "m.py": GOOD_MODEL},
                codes=(*codes, 0) if name in HARMLESS else (*codes, 0, 130) if name in INTERRUPTED else codes,
                seconds=400,
            )
