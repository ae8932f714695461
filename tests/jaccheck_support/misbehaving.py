"""Methods that misbehave, one of each kind, each right but on batches of more than two samples in float32.

Registered as anybody's methods are: `jaccheck verify --method jaccheck_support.misbehaving:segmentation_fault`, with
`tests` on PYTHONPATH. `benchmarks/misbehaviour.py` runs them all.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import locale
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import torch

import jaccheck
from jaccheck.methods.autograd import autograd_batched

Act = Callable[[], None]
KINDS: dict[str, str] = {}
"""Every kind, and what the run is to say of it: an outcome and words of the message, one of those with `or` between."""

ACTS: dict[str, Act] = {}
"""What each does."""


def misbehaving(expected: str) -> Callable[[Act], Act]:
    """Registers a method of the name of a function, which it calls before it computes what is right."""

    def register(act: Act) -> Act:
        def compute(problem: jaccheck.Problem) -> jaccheck.Jacobians:
            if problem.dtype == "float32" and problem.N > 2:
                act()
            return autograd_batched(problem)

        compute.__name__, compute.__doc__ = act.__name__, act.__doc__
        jaccheck.method(family="misbehaving")(compute)
        # A script would run the function of that name in this module, which computes nothing.
        compute.__name__ = "compute"
        KINDS[act.__name__], ACTS[act.__name__] = expected, act
        return act

    return register


@misbehaving("CRASHED: SIGSEGV")
def segmentation_fault() -> None:
    """Reads at address zero."""
    ctypes.string_at(0)


@misbehaving("CRASHED: SIGABRT")
def abort() -> None:
    """As a failed assertion in C++ does."""
    os.abort()


@misbehaving("CRASHED: the process was ended by")
def dilated_pooling() -> None:
    """A fault of torch's own (2.13): it writes where it must not, and glibc ends the process when it notices.

    The one window lies outside the input. The backward pass of MaxPool2d then adds to an index that is none.
    """
    pool = torch.nn.MaxPool2d(2, stride=2, padding=1, dilation=4, ceil_mode=True)
    for _ in range(1000):
        weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
        pool(torch.ones(1, 2, 2, 2, dtype=torch.float64) * weight).sum().backward()


@misbehaving("CRASHED: SIGFPE")
def floating_point_trap() -> None:
    """A division by zero in integers, as the processor reports it."""
    os.kill(os.getpid(), signal.SIGFPE)


@misbehaving("CRASHED: exit code 0")
def exit_as_if_done() -> None:
    """Ends the process with the code of success."""
    os._exit(0)


@misbehaving("CRASHED: exit code 3")
def exit_with_code() -> None:
    """Ends the process with another code."""
    os._exit(3)


@misbehaving("CRASHED: SystemExit")
def system_exit() -> None:
    """Ends the process as a script does."""
    sys.exit("enough")


@misbehaving("CRASHED: KeyboardInterrupt")
def keyboard_interrupt() -> None:
    """Raises what Ctrl-C raises."""
    raise KeyboardInterrupt


@misbehaving("CRASHED: SIGKILL")
def kill_itself() -> None:
    """As the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


@misbehaving("HUNG: not done")
def stop_itself() -> None:
    """Stops the process, which then lives and does nothing."""
    os.kill(os.getpid(), signal.SIGSTOP)


@misbehaving("HUNG: not done")
def endless_loop() -> None:
    """Loops in Python."""
    while True:
        pass


@misbehaving("HUNG: not done")
def endless_native_loop() -> None:
    """Stays in C, with the lock of the interpreter, where no exception reaches it."""
    re.match(r"(a+)+$", "a" * 64 + "b")


@misbehaving("HUNG: not done")
def deadlock() -> None:
    """Waits for itself."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


@misbehaving("CRASHED: out of memory")
def memory_without_end() -> None:
    """Takes more and more memory."""
    kept = []
    while True:
        kept.append(torch.ones(2**22))


@misbehaving("CRASHED: memory")
def memory_at_once() -> None:
    """Asks for more than there is."""
    torch.ones(2**50)


@misbehaving("CRASHED: SIGSEGV")
def stack_overflow() -> None:
    """Takes the hash of many tuples, one in the other: a recursion in C that nothing bounds."""
    deep: tuple[object, ...] = ()
    for _ in range(200_000):
        deep = (deep,)
    hash(deep)


@misbehaving("CRASHED: standard output")
def gigabytes_of_output() -> None:
    """Prints and prints."""
    while True:
        os.write(1, b"x" * 2**16)


@misbehaving("SIDE_EFFECT: standard files")
def output_closed() -> None:
    """Closes standard output and error."""
    for stream in (1, 2):
        with contextlib.suppress(OSError):  # they are, from the second call on
            os.close(stream)


@misbehaving("CRASHED: exit code or connection")
def everything_closed() -> None:
    """Closes every file of the process, which ends when it wants to answer: at once, or later than is waited for."""
    os.closerange(0, 4096)


@misbehaving("CRASHED: connection")
def garbage_everywhere() -> None:
    """Writes into every file of the process, the one through which it answers included."""
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"\xff" * 64)
    time.sleep(3600)


@misbehaving("SIDE_EFFECT: default dtype")
def global_state() -> None:
    """Changes what is global in torch."""
    torch.set_default_dtype(torch.float16)
    torch.set_grad_enabled(True)


@misbehaving("SIDE_EFFECT: environment")
def other_folder() -> None:
    """Changes the folder and the environment of the process, in which others run after it."""
    os.chdir("/")
    os.environ.clear()


@misbehaving("SIDE_EFFECT: child processes")
def stray_children() -> None:
    """Leaves a process behind, which the end of the worker takes along."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])


@misbehaving("SIDE_EFFECT: threads")
def stray_thread() -> None:
    """Leaves a thread behind that never ends."""
    threading.Thread(target=time.sleep, args=(3600,), daemon=False).start()


class Enough(BaseException):
    """What nobody catches who catches an Exception."""


@misbehaving("CRASHED: Enough")
def base_exception() -> None:
    """Raises what is no Exception."""
    raise Enough("of it")


@misbehaving("CRASHED: RecursionError")
def recursion() -> None:
    """Calls itself without end."""
    recursion()


@misbehaving("HUNG: not done")
def endless_sleep() -> None:
    """Sleeps."""
    while True:
        time.sleep(3600)


@misbehaving("SIDE_EFFECT: forks that came back")
def fork_and_both_go_on() -> None:
    """Forks, and parent and child both return."""
    os.fork()


@misbehaving("SIDE_EFFECT: forks that came back")
def fork_whose_exception_comes_back() -> None:
    """Forks a helper that fails, and lets its exception go on in the child."""
    if os.fork() == 0:
        raise RuntimeError("the helper failed")


@misbehaving("SIDE_EFFECT: default dtype")
def late_thread() -> None:
    """Changes something global in a thread, later."""
    threading.Timer(0.05, torch.set_default_dtype, [torch.float64]).start()


@misbehaving("SIDE_EFFECT: garbage collector")
def process_wide() -> None:
    """Changes what belongs to the process: the umask, a handler of a signal, a limit, the locale, the collector."""
    os.umask(0o777)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    sys.setrecursionlimit(10_000)
    locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")
    gc.disable()


@misbehaving("CRASHED: ended")
def parent_killed() -> None:
    """Ends the process that workers are forked from, and all workers with it."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)
