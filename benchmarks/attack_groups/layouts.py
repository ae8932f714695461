"""Packages as users lay them out: a method's and BackPACK's own, in every way that Python finds, and broken ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attack_groups.attack import SMALL, Attack
from attack_groups.processes import METHOD

WRONG = METHOD.format(act="return {k: v * 2 for k, v in right(problem).items()}")

VENV = (
    "python -m venv --without-pip v && s=$(echo v/lib/python*/site-packages) && "
    "python -c \"import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))\" "
    "> $s/base.pth && "
)
"""A virtual environment that has all of this one, and may have more; `$s` is where."""

FINDER = """
import importlib.util, sys

class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "{name}":
            place = "{place}/__init__.py"
            return importlib.util.spec_from_file_location(name, place, submodule_search_locations=["{place}"])

sys.meta_path.append(Finder)
"""
"""As setuptools writes one for an editable install."""

EXTENSION = "ours/_fast.cpython-311-x86_64-linux-gnu.so"

Files = Mapping[str, str | bytes]

FOUND: dict[str, tuple[str, str, Files]] = {
    "a module on the path": ("PYTHONPATH=p ", "ours", {"p/ours.py": WRONG}),
    "a package": ("PYTHONPATH=p ", "ours.method", {"p/ours/__init__.py": "", "p/ours/method.py": WRONG}),
    "a namespace package": ("PYTHONPATH=p ", "ours.method", {"p/ours/method.py": WRONG}),
    "a namespace package in two folders": (
        "PYTHONPATH=p:q ",
        "ours.b",
        {"p/ours/a.py": "TWO = 2\n", "q/ours/b.py": f"from ours.a import TWO\n{WRONG}"},
    ),
    "a package in a zip": (
        "(cd p; python -m zipfile -c ../ours.zip ours); PYTHONPATH=ours.zip ",
        "ours.method",
        {"p/ours/__init__.py": "from . import method\n", "p/ours/method.py": WRONG},
    ),
    "compiled files alone": (
        "python -m compileall -qb p; rm p/ours.py; PYTHONPATH=p ",
        "ours",
        {"p/ours.py": WRONG},
    ),
    "a package by a link": ("ln -s elsewhere/x ours; ", "ours", {"elsewhere/x/__init__.py": WRONG}),
    "a folder of a .pth file": (
        f"{VENV} echo $PWD/src > $s/ours.pth; v/bin/python -m ",
        "ours",
        {"src/ours.py": WRONG},
    ),
    "an editable install": (
        f"{VENV} sed s:HERE:$PWD: finder > $s/finder_of_ours.py; echo import finder_of_ours > $s/ours.pth; "
        "v/bin/python -m ",
        "ours",
        {"src/ours/__init__.py": WRONG, "finder": FINDER.format(name="ours", place="HERE/src/ours")},
    ),
    "names that come when they are asked for": (
        "",
        "ours",
        {
            "ours/__init__.py": "def __getattr__(name):\n    import ours.method as m\n    return vars(m)[name]\n",
            "ours/method.py": WRONG,
        },
    ),
    "an object in place of the module": (
        "",
        "ours",
        {"ours.py": f"{WRONG}\nimport types\nsys.modules[__name__] = types.SimpleNamespace(mine=mine)\n"},
    ),
    "modules that import each other": (
        "",
        "ours.a",
        {
            "ours/__init__.py": "from ours import a\n",
            "ours/a.py": f"from ours import b\n{WRONG}",
            "ours/b.py": "import ours.a\n",
        },
    ),
    "a name in other letters": ("", "mögen.größe", {"mögen/größe.py": WRONG}),
    "a name that is a word of Python's": ("", "class", {"class.py": WRONG}),
    "a name that starts as jaccheck's": ("", "jaccheck_ours.torch", {"jaccheck_ours/torch.py": WRONG}),
    "much that is printed": ("", "ours", {"ours.py": f"import os\nos.write(1, b'[/x]' * 2**18)\n{WRONG}"}),
    "an extension that it can do without": (
        "",
        "ours",
        {
            "ours/__init__.py": f"try:\n    import ours._fast\nexcept ImportError:\n    pass\n{WRONG}",
            EXTENSION: b"no ELF",
        },
    ),
}
"""The method is found, and is wrong: what is run before, the module, and the files."""

BROKEN: dict[str, tuple[str, Files]] = {
    "raises": ("ours", {"ours/__init__.py": "raise RuntimeError('[/x] no')\n"}),
    "ends the process as if done": ("ours", {"ours/__init__.py": "import os\nos._exit(0)\n"}),
    "exits as if done": ("ours.method", {"ours/__init__.py": "raise SystemExit(0)\n", "ours/method.py": WRONG}),
    "is nothing": ("ours", {"ours.py": "import sys\nsys.modules[__name__] = None\n"}),
    "takes itself away": ("ours", {"ours.py": f"{WRONG}\ndel sys.modules[__name__]\nraise ImportError\n"}),
    "deletes itself": ("ours", {"ours.py": f"{WRONG}\nos.unlink(__file__)\n"}),  # a fork imports it first
    "lacks its extension": ("ours", {"ours/__init__.py": f"from ours import _fast\n{WRONG}"}),
    "has an extension that is none": (
        "ours",
        {"ours/__init__.py": f"from ours import _fast\n{WRONG}", EXTENSION: b"x"},
    ),
    "goes beyond its top": ("ours", {"ours/__init__.py": f"from ... import x\n{WRONG}"}),
    "has a folder for its file": ("ours", {"ours/__init__.py/x": "", "ours/mine/x": ""}),
    "bears a name of the standard library": ("statistics", {"statistics.py": WRONG}),
    "bears a name of torch's": ("torch.ours", {"torch/__init__.py": "", "torch/ours.py": WRONG}),
    "has a module of an empty name": ("ours.", {"ours/__init__.py": WRONG}),
    "has a path of no kind": ("ours.method", {"ours/__init__.py": "__path__ = 7\n", "ours/method.py": WRONG}),
}
"""It cannot be had: one line, and exit code 2."""

COPY = (
    'mkdir -p p && cp -r $(python -c "import importlib.util as u; '
    "print(u.find_spec('backpack').submodule_search_locations[0])\") p/backpack && "
)

BACKPACK: dict[str, tuple[str, tuple[int, ...], Files]] = {
    "a copy on the path": (f"{COPY} PYTHONPATH=p ", (0,), {}),
    "a copy in a zip": (f"{COPY} (cd p; python -m zipfile -c ../b.zip backpack); PYTHONPATH=b.zip ", (0,), {}),
    "compiled files alone": (
        f"{COPY} python -m compileall -qb p; find p -name '*.py' -delete; PYTHONPATH=p ",
        (0,),
        {},
    ),
    "a link": (f"{COPY} mkdir q; ln -s ../p/backpack q/backpack; PYTHONPATH=q ", (0,), {}),
    "a folder of a .pth file": (
        f"{COPY} {VENV} echo \"import sys; sys.path.insert(0, '$PWD/p')\" > $s/a.pth; v/bin/python -m ",
        (0,),
        {},
    ),
    "an empty folder before the real one": ("mkdir -p p/backpack; PYTHONPATH=p ", (0,), {}),
    "a copy with a version that is none": (
        f"{COPY} PYTHONPATH=p ",
        (0,),
        {"p/backpack_for_pytorch-9.dist-info/METADATA": "Name: backpack-for-pytorch\nVersion: [/x] \x1b[5m\n"},
    ),
    "a copy without metadata that can be read": (
        f"{COPY} PYTHONPATH=p ",
        (0,),
        {"p/backpack_for_pytorch-9.dist-info/METADATA": b"\xff\xfe\x00"},
    ),
    "a copy beside entry points that cannot be read": (
        f"{COPY} PYTHONPATH=p ",
        (0, 2),  # they are looked at where a method is not known by its name alone
        {"p/other-9.dist-info/METADATA": "Name: other\nVersion: 9\n", "p/other-9.dist-info/entry_points.txt": b"\xff"},
    ),
    "a module that has nothing": ("PYTHONPATH=p ", (2,), {"p/backpack.py": ""}),
    "a package that has nothing": ("PYTHONPATH=p ", (2,), {"p/backpack/__init__.py": ""}),
    "half a copy": (f"{COPY} rm -r p/backpack/core p/backpack/extensions; PYTHONPATH=p ", (2,), {}),
    "a copy with a file that is cut": (
        f"{COPY} truncate -s 300 p/backpack/extensions/backprop_extension.py; PYTHONPATH=p ",
        (2,),
        {},
    ),
    "nothing in place of the module": (
        "PYTHONPATH=p ",
        (2,),
        {"p/backpack.py": "import sys\nsys.modules[__name__] = None\n"},
    ),
    "an object in place of the module": (
        "PYTHONPATH=p ",
        (2,),
        {"p/backpack.py": "import sys\nsys.modules[__name__] = 7\n"},
    ),
    "a file that is none": ("PYTHONPATH=p ", (2,), {"p/backpack.py": b"\x00\xff"}),
    "a folder for its file": ("mkdir -p p/backpack/__init__.py; PYTHONPATH=p ", (0, 2), {}),
}
"""What is run before, the exit code, and the files."""


def attacks() -> Iterator[Attack]:
    """Of a method, found or broken, and of BackPACK."""
    for name, (before, module, files) in FOUND.items():
        yield Attack(
            name=f"a method in {name}",
            shell=f"{before}jaccheck verify {SMALL} --case-seconds 20 --method {module}:mine",
            files=files,
            codes=(1,),
            says=("mine on cpu",),
            never=("no finding",),
        )
    for name, (module, files) in BROKEN.items():
        yield Attack(
            name=f"a method's package that {name}",
            shell=f"jaccheck verify {SMALL} --case-seconds 20 --method {module}:mine",
            files=files,
            codes=(2,),
            is_one_line=True,
            never=("no finding",),
        )
    for name, (before, codes, files) in BACKPACK.items():
        yield Attack(
            name=f"BackPACK as {name}",
            shell=f"{before}jaccheck verify {SMALL} --max-examples 2 --method batch_grad_loop",
            files=files,
            codes=codes,
            never=("no finding",) if codes == (2,) else (),
            seconds=300,
        )
