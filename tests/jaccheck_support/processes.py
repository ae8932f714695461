"""Right methods that use processes, as a script may, and some that misuse them; registered as anybody's methods are."""

from __future__ import annotations

import _thread
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import torch

import jaccheck
from jaccheck.methods.autograd import autograd_batched

RIGHT: list[str] = []
"""Names of those that are right and leave nothing behind."""


def right(act: Callable[[], object]) -> Callable[[], object]:
    """Registers a right method that does this first."""
    RIGHT.append(act.__name__)
    return registered(act)


def registered(act: Callable[[], object]) -> Callable[[], object]:
    """Registers a method of the name of a function, which it calls before it computes what is right."""

    def compute(problem: jaccheck.Problem) -> jaccheck.Jacobians:
        act()
        return autograd_batched(problem)

    compute.__name__, compute.__doc__ = act.__name__, act.__doc__
    jaccheck.method(family="processes")(compute)
    compute.__name__ = "compute"
    return act


def double(x: int) -> int:
    """Runs in another process."""
    return 2 * x


@right
def lock() -> None:
    """Takes a lock."""
    with multiprocessing.Lock():
        pass


@right
def queue_and_process() -> None:
    """Has a process put something into a queue, and waits for it."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=queue.put, args=(3,))
    process.start()
    assert queue.get() == 3
    process.join()


@right
def shared_memory() -> None:
    """Writes into shared memory."""
    memory = SharedMemory(create=True, size=8)
    memory.buf[0] = 1
    memory.close()
    memory.unlink()


@right
def pool() -> None:
    """Maps over a pool of processes."""
    with multiprocessing.get_context("fork").Pool(2) as workers:
        assert workers.map(double, [1, 2]) == [2, 4]


@right
def executor() -> None:
    """Submits to an executor."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as workers:
        assert workers.submit(double, 4).result() == 8


@right
def data_loader() -> None:
    """Loads with workers."""
    generator = torch.Generator()  # else it takes a random number from that of everybody
    loader = torch.utils.data.DataLoader(range(4), num_workers=1, generator=generator)  # type: ignore[arg-type]
    assert len(list(loader)) == 4


@right
def standard_input() -> None:
    """Reads to the end of it."""
    assert sys.stdin.read() == ""
    assert subprocess.run(["cat"], capture_output=True, check=True).stdout == b""


@registered
def comes_back() -> None:
    """Forks, and has the fork come back with an exception."""
    if os.fork() == 0:
        raise RuntimeError("the helper failed")


DAEMON = "import os, time; os.setsid(); time.sleep(3601) if os.fork() == 0 else os._exit(0)"


@registered
def daemon() -> None:
    """Leaves a process behind that has left its session and its parent."""
    subprocess.run([sys.executable, "-c", DAEMON], check=False, stdin=subprocess.DEVNULL)
    time.sleep(0.1)


HUNGRY = "import time; kept = bytearray(2**30); kept[::4096] = b'x' * len(kept[::4096]); time.sleep(3602)"


@registered
def hungry_helper() -> None:
    """Has a helper take a gigabyte."""
    subprocess.run([sys.executable, "-c", HUNGRY], check=False)


@registered
def patches_unseen() -> None:
    """Patches what nobody watches, so that the forward pass of every Linear is wrong from then on."""

    class Wrong:
        """Another `torch.nn.functional`."""

        @staticmethod
        def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
            """Twice the right one."""
            return 2 * torch.nn.functional.linear(x, weight, bias)

    vars(sys.modules["torch.nn.modules.linear"])["F"] = Wrong


@registered
def ends_later() -> None:
    """Starts what ends the process a little later, whoever runs then; no thread that `threading` knows."""
    _thread.start_new_thread(_end_soon, ())


def _end_soon() -> None:
    time.sleep(0.3)
    os._exit(5)


@registered
def waits_once() -> None:
    """Takes its time in the first process that calls it, and in no other."""
    if not Path("waited").exists():
        Path("waited").touch()
        time.sleep(1.0)


@registered
def once() -> None:
    """Fails in the first process that calls it, and in no other; the text is no text."""
    place = Path("once")
    if not place.exists():
        place.touch()
        raise ValueError("not a text: \udc80, " + "and long " * 20)
