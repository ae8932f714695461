"""Methods that leave something on, beside right ones: they are named, and no other; and right ones that are unusual."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import Attack
from attack_groups.left_on import DIRTY, ENDING, LEFT, UNSEEN

BESIDE = ("batch_grad_loop", "outer_products")

UNUSUAL = {
    "a lock": "multiprocessing.Lock().acquire()",
    "a queue": "multiprocessing.Queue().put(1)",
    "shared memory": "m = shared_memory.SharedMemory(create=True, size=8); m.close(); m.unlink()",
    "a process": "p = multiprocessing.get_context('fork').Process(target=print); p.start(); p.join()",
    "a pool": "multiprocessing.get_context('fork').Pool(1).__enter__().__exit__(None, None, None)",
    "an executor": "list(concurrent.futures.ThreadPoolExecutor(1).map(abs, [1]))",
    "workers of a DataLoader": "list(torch.utils.data.DataLoader([1, 2], num_workers=1, generator=torch.Generator()))",
    "standard input": "sys.stdin.read()",
    "a subprocess": "subprocess.run(['true'], check=True)",
    "much output": "print('x' * 10**5)",
}

RIGHT = """
import concurrent.futures, multiprocessing, subprocess, sys
from multiprocessing import shared_memory
import torch, torch.utils.data
import jaccheck
from jaccheck.methods.autograd import autograd_loop

@jaccheck.method(family="mine")
def mine(problem):
    {act}
    return autograd_loop(problem)
"""

FORK = "if os.fork() == 0: raise RuntimeError('the helper failed')"

SHELL = (
    "jaccheck verify --no-store --seed 1 --family generic --dtype float32 --max-examples 6 --case-seconds 20 "
    + " ".join(f"--method {name}" for name in ("mine:mine", *BESIDE))
)


def attacks() -> Iterator[Attack]:
    """Each in one run with two right methods."""
    innocent = tuple(f"{name} on cpu:" for name in BESIDE)
    for name, act in LEFT.items():
        yield Attack(
            name=f"leaves {name}",
            shell=SHELL,
            files={"mine.py": DIRTY.format(act=act)},
            codes=(1,),
            says=("SIDE_EFFECT", "mine on cpu:"),
            never=innocent,
        )
    for name, act in ENDING.items():
        yield Attack(
            name=f"leaves {name}",
            shell=SHELL,
            files={"mine.py": DIRTY.format(act=act)},
            codes=(1,),
            says=("mine on cpu:",),
            never=innocent,
        )
    for name, act in UNSEEN.items():
        yield Attack(
            name=f"leaves {name}",
            shell=SHELL,
            files={"mine.py": DIRTY.format(act=act)},
            codes=(0, 1),
            says=(": 6 cases",),
            never=innocent,
        )
    for name, act in UNUSUAL.items():
        yield Attack(
            name=f"is right and uses {name}",
            shell=SHELL,
            files={"mine.py": RIGHT.format(act=act)},
            codes=(0,),
            says=("no finding",),
        )
    yield Attack(
        name="a child whose exception comes back",
        shell=SHELL,
        files={"mine.py": DIRTY.format(act=FORK)},
        codes=(1,),
        says=(": 6 cases", "mine on cpu:", "forks that came back"),
        never=innocent,
    )
