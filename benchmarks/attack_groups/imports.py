"""Packages that do not import, and files of the working directory that bear the names of modules."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import SMALL, Attack, refused

BROKEN = {
    "no Python": "x = = 1\n",
    "an exception": "raise RuntimeError('no')\n",
    "another module that is not there": "import absent_of_all\n",
    "an exception of several lines": "raise OSError('one\\ntwo')\n",
    "an exception without a text": "raise ValueError\n",
}

ENDS = {
    "ends the process as if done": "import os\nos._exit(0)\n",
    "exits as if done": "import sys\nsys.exit(0)\n",
    "is killed": "import os\nos.kill(os.getpid(), 9)\n",
    "reads at address zero": "import ctypes\nctypes.string_at(0)\n",
}

COMMANDS = {
    "methods": "jaccheck methods",
    "verify": f"jaccheck verify {SMALL} --method outer_products",
    "report": "jaccheck report 1",
    "help of verify": "jaccheck verify --help",
}

PACKAGES = {"methods": ("torch", "numpy", "click", "pydantic"), "verify": ("torch", "hypothesis", "rich")}

PLANTED = (
    *("socket", "tempfile", "random", "json", "struct", "signal", "selectors", "threading", "queue", "types"),
    *("torch", "numpy", "click", "rich", "hypothesis", "sitecustomize", "usercustomize", "jaccheck", "backpack"),
)
"""Names of files of an unpacked pull request; each would make `owned`."""

OWNED = "import os\nopen('owned', 'w').close()\nraise ImportError('planted')\n"


def attacks() -> Iterator[Attack]:
    """Broken packages on the path, and planted files in the folder."""
    for command, packages in PACKAGES.items():
        for package in packages:
            for name, text in BROKEN.items():
                yield refused(
                    f"{command}, {package} is {name}",
                    f"PYTHONPATH=broken {COMMANDS[command]}",
                    *(("does not import",) if command == "methods" or package != "hypothesis" else ()),
                    files={f"broken/{package}/__init__.py": text},
                )
    for package in ("torch", "backpack", "numpy", "rich", "hypothesis"):
        for name, text in ENDS.items():
            yield Attack(
                name=f"verify, {package} {name} while it is imported",
                shell=f"PYTHONPATH=broken jaccheck verify {SMALL} --method outer_products --method batch_grad_loop",
                files={f"broken/{package}/__init__.py": text},
                codes=(2,),
                never=("no finding",),
            )
    for command in ("verify", "methods"):
        for module in PLANTED:
            yield Attack(
                name=f"{command}, {module}.py in the folder",
                shell=COMMANDS[command],
                files={f"{module}.py": OWNED},
                codes=(0,),
            )
    for command in (
        "sequences --examples 1 --seed 1",
        "matrix --method outer_products --dtype float64",
        "check m.py:f",
    ):
        yield Attack(
            name=f"{command.split()[0]}, modules in the folder",
            shell=f"jaccheck {command}",
            files={**{f"{module}.py": OWNED for module in PLANTED}, "m.py": MODEL},
            codes=(0,),
        )


MODEL = """
import torch

def f():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()), torch.rand(4, 3)
"""
"""A model of a user's own, `m.py:f`."""
