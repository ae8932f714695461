"""Methods, models and modules that end, block or stop the process that they are in: in every command that runs some."""

from __future__ import annotations

import json
from collections.abc import Iterator

from attack_groups.attack import SMALL, Attack
from attack_groups.files import CASES
from jaccheck.case import Case
from jaccheck.core import from_json, to_json
from jaccheck.reports import CaseFile, Failure, Finding, Outcome, Told

ACTS = {
    "ends the process as if done": "os._exit(0)",
    "ends the process": "os._exit(3)",
    "exits as if done": "sys.exit(0)",
    "exits": "sys.exit('enough')",
    "is killed": "os.kill(os.getpid(), 9)",
    "reads at address zero": "ctypes.string_at(0)",
    "aborts": "os.abort()",
    "raises what nobody catches": "raise KeyboardInterrupt",
    "raises without a text": "raise RuntimeError",
    "raises commands of the terminal": "raise RuntimeError('\\x1b[2J[/x]\\r\\ud800')",
    "recurses without end": "recurse()",
}

BLOCKS = {
    "waits for ever": "time.sleep(10**6)",
    "loops": "while True: pass",
}

RESULTS = {
    "returns nothing": "return None",
    "returns numpy": "return {k: v.numpy() for k, v in right(problem).items()}",
    "returns one sample": "return {k: v[0] for k, v in right(problem).items()}",
    "returns NaN": "return {k: v * float('nan') for k, v in right(problem).items()}",
    "returns twice as much": "return {k: v * 2 for k, v in right(problem).items()}",
    "returns other names": "return {k + 'x': v for k, v in right(problem).items()}",
}

METHOD = """
import ctypes, os, sys, time
import jaccheck
from jaccheck.methods.autograd import autograd_loop as right

def recurse():
    recurse()

@jaccheck.method(family="mine")
def mine(problem):
    {act}
    return right(problem)
"""

MODULE = """
import ctypes, os, sys, time

def recurse():
    recurse()

{act}
"""

MODEL = """
import ctypes, os, sys, time
import torch

def recurse():
    recurse()

def f():
    {act}
    return torch.nn.Linear(3, 2), torch.rand(4, 3)
"""

GOOD_MODEL = MODEL.replace("{act}", "pass")


def finding() -> str:
    """A stored finding of `mine:mine`."""
    case: Case = from_json(CaseFile, CASES, where="here").cases[0]
    failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=Told(text="once wrong"))
    found = Finding(
        id="1", method="mine:mine", device="cpu", failure=failure, seen=1, case=case, script="open('owned', 'w')"
    )
    return to_json(CaseFile(cases=(case,), finding=found))


TESTS = "from jaccheck.conformance import conforms\ntest_mine = conforms('mine:mine')\n"

OF_A_METHOD = {
    "verify": f"jaccheck verify {SMALL} --case-seconds 4 --method mine:mine",
    "replay": "jaccheck replay finding.json --method mine:mine",
    "check": "jaccheck check m.py:f --time 20 --method mine:mine",
    "show": "jaccheck show m.py:f --time 5 --method mine:mine",
}

CODES = {"verify": 1, "replay": 1, "check": 1, "show": 2}
"""Where a method does not do what it should: it was found, or, for `show`, there is nothing to draw."""

OF_A_MODEL = {
    "check": "jaccheck check m.py:f --time 20",
    "show": "jaccheck show m.py:f --method autograd_loop",
    "bench": "jaccheck bench --model m.py:f --time 10 --method autograd_loop",
}


def attacks() -> Iterator[Attack]:
    """Each act, of a method, of its module, of a model, in each command; exit code 0 is never given."""
    base = {"m.py": GOOD_MODEL, "finding.json": finding(), "test_it.py": TESTS}
    for command, shell in OF_A_METHOD.items():
        for name, act in {**ACTS, **BLOCKS, **RESULTS}.items():
            if command == "show" and name in RESULTS:
                continue  # what is drawn is drawn
            yield Attack(
                name=f"{command}, a method {name}",
                shell=shell,
                files={**base, "mine.py": METHOD.format(act=act)},
                codes=(CODES[command],),
                never=("FIXED", "no finding"),
                seconds=400 if name in BLOCKS else 180,  # each limit of time is in seconds of a core of its own
            )
        for name, act in ACTS.items():
            yield Attack(
                name=f"{command}, the module of a method {name}",
                shell=shell,
                files={**base, "mine.py": MODULE.format(act=act)},
                codes=(2,),
                never=("FIXED", "no finding"),
            )
    for command, shell in OF_A_MODEL.items():
        for name, act in ACTS.items():
            for what, text in (("a model", MODEL), ("the module of a model", MODULE)):
                yield Attack(
                    name=f"{command}, {what} {name}",
                    shell=shell,
                    files={"m.py": text.format(act=act)},
                    codes=(2,),
                )
    for name in ("ends the process as if done", "reads at address zero", "exits as if done"):
        yield Attack(
            name=f"pytest, a method {name}",
            shell="python -m pytest -q -p no:cacheprovider --jaccheck-dtype float64 -k agreement",
            files={**base, "mine.py": METHOD.format(act=ACTS[name])},
            codes=(1,),
            says=("failed",),
            seconds=400,
        )
        yield Attack(
            name=f"pytest, the module of a method {name}",
            shell="python -m pytest -q -p no:cacheprovider --jaccheck-dtype float64 -k agreement",
            files={**base, "mine.py": MODULE.format(act=ACTS[name])},
            codes=(2,),
        )
    for name, text, code in (
        ("no cases", {"cases": []}, 2),
        ("no such law", {"law": "[/x]agreement"}, 2),
        ("another outcome", {"outcome": "CRASHED"}, 1),
    ):
        file = json.loads(finding())
        file.update({k: v for k, v in text.items() if k == "cases"})
        file["finding"]["failure"].update({k: v for k, v in text.items() if k != "cases"})
        yield Attack(
            name=f"replay, a finding with {name}",
            shell=OF_A_METHOD["replay"],
            files={"finding.json": json.dumps(file), "mine.py": METHOD.format(act=RESULTS["returns twice as much"])},
            codes=(code,),
            never=("FIXED",),
        )
