"""Modules of a user that change or leave something while they are imported: one line or a verdict, and never green."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import SMALL, Attack

ACTS = {
    "another default dtype": "torch.set_default_dtype(torch.float64)",
    "a trace": "sys.settrace(lambda *given: 1 / 0)",
    "a profile": "sys.setprofile(lambda *given: None)",
    "a length of zero": "builtins.len = lambda x: 0",
    "no print": "builtins.print = None",
    "everything equal": "torch.Tensor.__eq__ = torch.equal = torch.allclose = lambda *given, **named: True",
    "an output without flush": "sys.stdout = sys.stderr = object()",
    "an output that is closed": "sys.stdout.close()",
    "an end with another code": "atexit.register(os._exit, 0)",
    "an end that hangs": "atexit.register(time.sleep, 10**6)",
    "a thread without end": "threading.Thread(target=time.sleep, args=(10**6,)).start()",
    "a thread that ends it": "threading.Timer(1.0, os._exit, [0]).start()",
    "a thread that interrupts": "threading.Timer(0.5, _thread.interrupt_main).start()",
    "a watch": "faulthandler.dump_traceback_later(0.5, exit=True)",
    "hooks of exceptions": "sys.excepthook = threading.excepthook = sys.unraisablehook = lambda *given: os._exit(0)",
    "signals that are ignored": "[signal.signal(each, signal.SIG_IGN) for each in (2, 15, 17)]",
    "a fork": "os.fork()",
    "a session of its own": "os.setsid()",
    "no arguments": "sys.argv[:] = []",
    "no path": "sys.path.clear(); sys.meta_path.clear()",
    "no modules": "sys.modules.clear()",
    "a low limit of recursion": "sys.setrecursionlimit(60)",
    "another start of processes": "multiprocessing.set_start_method('spawn', force=True)",
    "an empty main module": "vars(__import__('__main__')).clear()",
    "closed files": "os.close(0); os.close(1); os.close(2)",
    "another folder": "os.chdir('/'); os.environ.clear()",
    "no files": "builtins.open = io.open = None",
    "warnings as errors": "warnings.simplefilter('error'); warnings.showwarning = None",
    "an exit beneath": "sys.exit = os._exit",
}

INTERRUPTING = "a thread that interrupts"
"""Nobody can tell it from Ctrl-C where the module is imported by the command itself."""

MODULE = """
import _thread, atexit, builtins, faulthandler, io, multiprocessing, os, signal, sys, threading, time, warnings
import torch
import jaccheck
from jaccheck.methods.autograd import autograd_loop as right

@jaccheck.method(family="mine")
def mine(problem):
    return {k: v * 2 for k, v in right(problem).items()}

def f():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2), torch.rand(4, 3)

{act}
"""

COMMANDS = {
    "verify": f"jaccheck verify {SMALL} --case-seconds 20 --method mine:mine",
    "check": "jaccheck check mine.py:f --time 20 --method mine:mine",
}


def attacks() -> Iterator[Attack]:
    """Each act in each command, of a module of which the method is wrong."""
    for command, shell in COMMANDS.items():
        for name, act in ACTS.items():
            yield Attack(
                name=f"{command}, a module that leaves {name}",
                shell=shell,
                files={"mine.py": MODULE.replace("{act}", act)},
                codes=(1, 2, 130) if name == INTERRUPTING else (1, 2),
                never=("no finding",),
                seconds=100,
            )
