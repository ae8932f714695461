"""Odd packages, names and words: `known`, files that are called as modules which are not there, numbers and ids."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import SMALL, Attack, bash_text, refused
from attack_groups.processes import METHOD, finding

ISSUE = "conv-string-padding"
ABSENT = "captum-conv-groups"

PACKAGES = {
    "raises": "raise ImportError('[/x]\\x1b[5m no')",
    "ends the process as if done": "import os; os._exit(0)",
    "exits as if done": "import sys; sys.exit(0)",
    "is killed": "import os; os.kill(os.getpid(), 9)",
    "raises what nobody catches": "raise KeyboardInterrupt",
    "recurses": "def f(): f()\nf()",
}
"""What a package does while it is imported: no script is run."""

OTHERS = {
    "prints": "import os; print('hello'); os.write(1, b'raw\\n')",
    "prints an answer": f'print(\'{{"name": "{ISSUE}", "said": "expected: 1"}}\')',
    "is empty": "",
    "forks": "import os; os.fork()",
    "closes all files": "import os; os.closerange(0, 3)",
}
"""What it does where scripts are run, and show something else."""

MODULES = (
    *(
        "msvcrt",
        "winreg",
        "_winapi",
        "org",
        "torchcomms",
        "cuda",
        "tqdm",
        "pynvml",
        "pydot",
        "opt_einsum",
        "monkeytype",
    ),
    *(
        "dill",
        "cython",
        "sksparse",
        "uarray",
        "captum",
        "opacus",
        "laplace",
        "jax",
        "nngeometry",
        "curvlinops",
        "torchjd",
    ),
    *("torch_xla", "triton", "onnx", "IPython", "ipywidgets", "colorama", "psutil_extra", "gmpy2", "asdfghjkl"),
)
"""Names that Python, torch and others look for, of what is mostly not there."""

PLANTED = "open('owned', 'w').close()\nraise ImportError('planted')\n"

MODEL = """
import torch

class Two(torch.nn.Linear):
    def forward(self, x): return {"a": super().forward(x), "b": x @ self.weight.T}

def f():
    torch.manual_seed(0)
    return Two(3, 2), torch.rand(4, 3)
"""

NUMBERS = ("9" * 5000, "²", "--", "--5", "-9", "1e3", "", "[/x]", "0x1", "\u0663" * 20)

IDS = ("*", "**", "?", "[a-z]*", "[", "/", "..", "../f/*", "a" * 5000, "", "\x1b[5m", "x/**", "~", "$(touch owned)")


def attacks() -> Iterator[Attack]:
    """Of each command a few kinds."""
    yield from _known()
    yield from _planted()
    yield from _words()
    yield from _names()


def _known() -> Iterator[Attack]:
    for way in ("--run", "--bug-report"):
        for name, text in PACKAGES.items():
            yield Attack(
                name=f"known {way}, a package {name}",
                shell=f"PYTHONPATH=p jaccheck known {ISSUE} {way}",
                files={"p/backpack/__init__.py": text},
                codes=(2,),
                never=("STILL THERE", "MENDED", "code None"),
            )
        for name, text in OTHERS.items():
            yield Attack(
                name=f"known {way}, a package {name}",
                shell=f"PYTHONPATH=p jaccheck known {ISSUE} {way}",
                files={"p/backpack/__init__.py": text},
                codes=(1,) if way == "--run" else (2,),
                never=("STILL THERE", "MENDED"),
            )
        yield Attack(
            name=f"known {way}, a package that waits for ever while it is imported",
            shell=f"PYTHONPATH=p jaccheck known {ISSUE} {way}",
            files={"p/backpack/__init__.py": "import time; time.sleep(10**6)"},
            codes=(2,),
            says=("not done after 60 s",),
        )
        yield refused(f"known {way}, of no such severity", f"jaccheck known {ISSUE} --severity exception {way}")
        yield Attack(
            name=f"known {way}, of a package that is not here", shell=f"jaccheck known {ABSENT} {way}", codes=(2,)
        )
    yield refused("known, of no such severity", f"jaccheck known {ISSUE} --severity exception")
    yield refused("known, both at once", f"jaccheck known {ISSUE} --run --bug-report")
    yield Attack(name="known, one twice", shell=f"test $(jaccheck known {ISSUE} {ISSUE} --run | wc -l) = 1", codes=(0,))
    yield Attack(
        name="known --run, output full", shell=f"jaccheck known {ISSUE} --run > /dev/full", codes=(0,), seconds=120
    )
    yield Attack(
        name="known --run, Ctrl-C", shell="timeout -s INT 4 jaccheck known --run", codes=(124,), never=("MENDED",)
    )


def _planted() -> Iterator[Attack]:
    files = {f"{name}.py": PLANTED for name in MODULES}
    for command, code in {
        "methods": 0,
        "verify --no-store --seed 1 --family generic --dtype float32 --max-examples 1": 0,
        "show --family generic": 0,
        "known": 0,
        f"known {ISSUE} --run": 0,
        f"known {ABSENT} --run": 2,
        "matrix --dtype float64 --method outer_products": 0,
        "sequences --examples 1 --steps 1 --seed 1": 0,
        "bench --shape tutorial --time 2 --method outer_products": 0,
        "report 1": 2,
        "history": 2,
        "verify --device xla": 2,
        f"show x.json --method {'captum_hooks'}": 2,
    }.items():
        yield Attack(
            name=f"{command[:20]}, files that are called as absent modules",
            shell=f"jaccheck {command}",
            files=files,
            codes=(code,),
        )
    for name, command in (
        ("a matplotlibrc that names a module", "show --family generic -o x.png"),
        ("a matplotlibrc, plots", "bench --shape tutorial --time 2 --method outer_products --plot p"),
    ):
        yield Attack(
            name=name,
            shell=f"jaccheck {command}",
            files={"matplotlibrc": "backend: module://evil\ntext.usetex: True\n", "evil.py": PLANTED},
            codes=(0, 2),
        )


def _words() -> Iterator[Attack]:
    for command in ("show", "check"):
        option = "--model-output" if command == "show" else "--output"
        for word in NUMBERS:
            files = {"m.py": MODEL}
            for each in (option, "--batch-axis"):
                name = f"{command} {each} {word[:9]!r}"
                yield Attack(
                    name=name, shell=f"jaccheck {command} m.py:f {each}=$'{bash_text(word)}'", files=files, codes=(2,)
                )
    for word in IDS:
        yield Attack(
            name=f"show of an id {word[:9]!r}",
            shell=f"jaccheck show --findings f -- $'{bash_text(word)}'",
            files={"f/one-agreement-12.json": finding(), "f/[link]-b-x.json": finding()},
            codes=(2,),
            is_one_line=True,
        )


def _names() -> Iterator[Attack]:
    """Two methods of one name: results are told by names alone, so one would answer for the other."""
    right, wrong = METHOD.format(act="pass"), METHOD.format(act="return {k: v * 2 for k, v in right(problem).items()}")
    of_built_in = wrong.replace("def mine", "def outer_products")
    stored = finding().replace("mine:mine", "outer_products")
    files = {
        "a.py": wrong,
        "b.py": right,
        "c.py": of_built_in,
        "f.json": stored,
    }
    for name, shell in {
        "verify, a wrong one first": f"jaccheck verify {SMALL} --method a:mine --method b:mine",
        "verify, a wrong one last": f"jaccheck verify {SMALL} --method b:mine --method a:mine",
        "verify, one called as a built-in one": f"jaccheck verify {SMALL} --method c:outer_products",
        "bench, one called as a built-in one": "jaccheck bench --shape tutorial --time 2 --method c:outer_products",
        "matrix, one called as a built-in one": "jaccheck matrix --dtype float64 --method c:outer_products",
        "replay, one called as a built-in one": "jaccheck replay f.json --method c:outer_products",
    }.items():
        yield Attack(name=name, shell=shell, files=files, codes=(2,), never=("no finding", "FIXED"))
