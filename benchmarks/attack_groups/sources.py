"""Files of Python that a user names, as editors, copies and mail make them: one line, no traceback."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import Attack, refused
from attack_groups.processes import GOOD_MODEL

SOURCES: dict[str, bytes] = {
    "with a zero byte": b"x = 1\x00\n",
    "in UTF-16": GOOD_MODEL.encode("utf-16"),
    "of an encoding that does not exist": b"# -*- coding: [/x] -*-\n",
    "of another encoding than it says": b"# -*- coding: ascii -*-\nx = '\xff'\n",
    "with tabs and blanks": b"if True:\n\tx = 1\n        y = 2\n",
    "with brackets without end": b"x = " + b"(" * 5000,
    "with a thousand levels": b"x = " + b"-" * 200_000 + b"1\n",
    "with a number of a million digits": b"x = " + b"9" * 1_000_000 + b"\n",
    "from a future that never came": b"from __future__ import nothing_of_it\n",
    "that is cut": GOOD_MODEL.encode()[:-20],
    "of a merge that was not done": b"<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> [/x]\n",
    "that says return": b"return 1\n",
    "that is empty": b"",
    "that is a notebook": b'{"cells": [{"source": ["x"]}], "nbformat": 4}',
    "that is compressed": b"PK\x03\x04\x14\x00\x00\x00",
    "that raises a group": b"raise ExceptionGroup('[/x]', [ValueError('\\x1b[5m'), OSError('two\\nlines')])\n",
    "that raises what has no text": b"class E(Exception):\n def __str__(self): raise KeyError(self)\nraise E\n",
    "that raises what ends the process": b"import os\nclass E(Exception):\n def __str__(self): os._exit(0)\nraise E\n",
    "that raises a text of a megabyte": b"raise ValueError('x' * 10**6)\n",
    "that raises a chain": b"e = None\nfor i in range(3000):\n n = ValueError(i); n.__cause__ = e; e = n\nraise e\n",
    "that raises its own cause": b"e = ValueError('mine')\ne.__context__ = KeyError(e)\nraise e\n",
    "whose f is a number": b"f = 7\n",
    "whose f is a class": b"class f: pass\n",
    "whose f asks for more": b"def f(x): pass\n",
    "whose f is a coroutine": b"async def f(): pass\n",
    "whose f is a generator": b"def f(): yield 1\n",
    "whose f lies": b"def __getattr__(name): raise KeyError(name)\n",
    "whose f returns nothing": b"def f(): pass\n",
    "whose f returns itself": b"def f(): return f, f\n",
    "whose f returns three": b"def f(): return 1, 2, 3, 4, 5\n",
    "that imports itself": b"import m\nf = m.f\n",
    "that reads what is typed": b"x = input('[/x]')\n",
    "that waits for a breakpoint": b"breakpoint()\n",
}

NAMES = (
    "m n.py:f",
    "\u202em.py:f",
    "m\n.py:f",
    "[bold]m.py:f",
    "m.py:f.g",
    "m.py:f()",
    "m.py:",
    "m.py",
    "./m.py:nothing",
    "m.pyc:f",
    "/dev/stdin:f",
    "-m.py:f",
    "m.py:f:f",
    "m.py:__import__('os')._exit",
)

METHODS = (
    "os:_exit",
    "builtins:exit",
    "builtins:print",
    "os:environ",
    "m:f",
    "jaccheck:verify",
    "sys:modules",
    "m:f.g",
    "torch.nn:Linear",
    "[/x]:f",
    "m:\x1b[5m",
)


def attacks() -> Iterator[Attack]:
    """Each file as a model's and as a method's, each name; none is green."""
    for name, text in SOURCES.items():
        yield refused(f"a model, {name}", "jaccheck check m.py:f", files={"m.py": text})
        if not name.startswith("whose f returns"):
            method = Attack(
                name=f"a method, {name}",
                shell="jaccheck check good.py:f --time 20 --method m:f",
                files={"m.py": text, "good.py": GOOD_MODEL},
                codes=(2,),
                is_one_line=True,
            )
            yield method
    for name in NAMES:
        yield refused(f"a model called {name!r}", f"jaccheck check -- $'{_quoted(name)}'", files={"m.py": GOOD_MODEL})
    for name in METHODS:
        yield Attack(
            name=f"a method called {name!r}",
            shell=f"jaccheck check m.py:f --time 20 --method $'{_quoted(name)}'",
            files={"m.py": GOOD_MODEL},
            codes=(2,),
            is_one_line=True,
        )


def _quoted(name: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) > 126 or c == "'" else c for c in name)
