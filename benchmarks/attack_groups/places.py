"""Folders and files that cannot be written, are in the way, or go away in the middle of a run."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import SMALL, Attack, refused

RIGHT = f"jaccheck verify {SMALL} --method outer_products"
WRONG = f"jaccheck verify {SMALL} --method mutant:sample_roll"
STORED = RIGHT.replace("--no-store ", "")
LONG = (
    "jaccheck verify --no-store --seed 1 --family generic --dtype float32 --max-examples 60 --method mine:mine "
    "--method outer_products"
)

MINE = """
import os, pathlib
import jaccheck
from jaccheck.methods.autograd import autograd_loop

@jaccheck.method(family="mine")
def mine(problem):
    if "BEGUN" in os.environ:
        pathlib.Path(os.environ["BEGUN"]).touch()
    return {{name: {value} for name, j in autograd_loop(problem).items()}}
"""
"""A method that says when a run has begun: how long loading takes depends on the machine."""

BEGUN = "export BEGUN=$PWD/begun PYTHONPATH=$PWD; "
THEN = "until [ -e $BEGUN ]; do sleep 0.02; done; sleep {}; "

NOWHERE = {
    "a file": "file/x",
    "a device": "/dev/null/x",
    "the kernel": "/proc/none/x",
    "a circle": "circle/x",
    "a name that is too long": "a" * 300,
}

AWAY = {
    "the temporary folder": "mkdir t; export TMPDIR=$PWD/t; ({}rm -rf t) & ",
    "the working directory": "mkdir w; cd w; ({}rm -rf ../w) & ",
    "the folder of findings": "mkdir jaccheck-findings; ({}rm -rf jaccheck-findings; touch jaccheck-findings) & ",
    "the home": "({}rm -rf $HOME) & ",
}
"""What is done beside a run, after what stands for `{}`."""


def attacks() -> Iterator[Attack]:
    """Before a run, and while it goes on."""
    made = "touch file; ln -s circle circle; "
    for name, place in NOWHERE.items():
        yield refused(f"findings in {name}", f"{made}{WRONG} --findings {place}", "cannot be written")
        yield refused(f"a report in {name}", f"{made}{RIGHT} --report {place}/report.json", "cannot be written")
        yield refused(f"a store in {name}", f"{made}{STORED} --store {place}/runs.db", "store")
        yield refused(f"the report of a report in {name}", f"{made}jaccheck report x.json --report {place}/r.md")
    for name, beside in AWAY.items():
        for value, code, says in (("j", 0, "no finding"), ("j + 1", 1, "DISAGREES")):
            for after in (0, 0.5, 2):
                yield Attack(
                    name=f"{name} goes away {after} s after a run has begun, {says}",
                    shell=f"{BEGUN}{beside.format(THEN.format(after))}{LONG}; code=$?; wait; exit $code",
                    files={"mine.py": MINE.format(value=value)},
                    codes=(code,),
                    says=(says,),
                )
    for after in (0.5, 2):
        # Before that the run is refused; MKL ends a process that loads torch in a folder that is gone.
        shell = f"{AWAY['the working directory'].format(f'sleep {after}; ')}{RIGHT}; code=$?; wait; exit $code"
        yield Attack(name=f"the working directory goes away after {after} s", shell=shell, codes=(0, 2))
    for name, value in {
        "too long for a socket": "$PWD/" + "/".join(["d" * 60] * 4),
        "a file": "$PWD/file",
        "not there": "/nowhere/at/all",
        "empty": "",
    }.items():
        shell = f"touch file; mkdir -p $PWD/{'/'.join(['d' * 60] * 4)}; export TMPDIR={value}; {RIGHT}"
        yield Attack(name=f"a TMPDIR that is {name}", shell=shell, codes=(0,), says=("no finding",))
    for store, says in ((".jaccheck", "not stored"), (".jaccheck/runs.db", "not stored")):
        yield Attack(
            name=f"a {'file' if store == '.jaccheck' else 'folder'} in place of {store}",
            shell=f"{'touch' if store == '.jaccheck' else 'mkdir -p'} {store}; {STORED}",
            codes=(0,),
            says=(says, "no finding"),
        )
    lock = "mkdir -p .jaccheck/runs.db{}; "
    yield Attack(name="a lock that is a folder", shell=f"{lock.format('.lock')}{STORED}", codes=(0, 2), says=("lock",))
    shell = f"{lock.format('.1.lock')}{STORED}"
    yield Attack(name="a lock of a run that is a folder", shell=shell, codes=(0, 2), says=("lock",))
    shell = f"mkdir -p .jaccheck; touch .jaccheck/runs.db.1.running; {STORED}"
    yield Attack(name="a file in place of the journals", shell=shell, codes=(0, 2), says=("running",))
    for kind, line in (("a report", f"{RIGHT} --report out.json"), ("a finding", f"{WRONG} --report out.json")):
        # From here on no file may be longer than 2 KiB, as on a full disk.
        limited = f"echo old > out.json; (trap '' XFSZ; ulimit -f 2; {line}); code=$?; cat out.json; exit $code"
        code = 2 if kind == "a report" else 1
        yield Attack(name=f"no room for {kind}", shell=limited, codes=(code, 2), says=("old", "File too large"))
    yield Attack(
        name="the working directory is gone at the start",
        shell=f"mkdir w; cd w; rmdir ../w; {RIGHT}",
        codes=(0, 2),
    )
    yield Attack(name="no HOME", shell=f"unset HOME XDG_CACHE_HOME; {RIGHT}", codes=(0,), says=("no finding",))
    yield Attack(
        name="no PATH", shell=f"J=$(command -v jaccheck); PATH= ${{J}}{RIGHT.removeprefix('jaccheck')}", codes=(0,)
    )
    few = f"ulimit -n 40; {RIGHT}"
    yield Attack(name="few files may be open", shell=few, codes=(0, 2))
    yield Attack(name="a umask that forbids all", shell=f"umask 777; {RIGHT} --report out.json", codes=(0, 2))
