"""Methods that leave something on, beside right ones: they are named, and no other; and right ones that are unusual."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import Attack

BESIDE = ("batch_grad_loop", "outer_products")

LEFT = {
    "autocast": "torch.autocast('cpu', dtype=torch.bfloat16).__enter__()",
    "saved tensors": "torch.autograd.graph.saved_tensors_hooks(lambda x: x * 2, lambda x: x).__enter__()",
    "a function mode": "Double().__enter__()",
    "a default device": "torch.set_default_device('meta')",
    "a default dtype": "torch.set_default_dtype(torch.float64)",
    "no gradients": "torch.set_grad_enabled(False)",
    "warnings as errors": "warnings.simplefilter('error')",
    "another forward of Linear": "torch.nn.Linear.forward = lambda self, x: x @ self.weight.T * 2",
    "flush to zero": "torch.set_flush_denormal(True)",
    "deterministic algorithms": "torch.use_deterministic_algorithms(True)",
    "a handler of a signal": "signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
    "a limit of files": "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    "an environment variable": "os.environ['LEFT'] = 'on'",
    "another folder": "os.chdir('/')",
    "a umask": "os.umask(0o777)",
    "a late thread": "threading.Timer(0.05, torch.set_default_dtype, [torch.float64]).start()",
    "another seed": "torch.manual_seed(7)",
    "random numbers drawn by a DataLoader": "list(torch.utils.data.DataLoader([1, 2]))",
    "no garbage collector": "gc.disable()",
    "another recursion limit": "sys.setrecursionlimit(99)",
    "a precision of float32": "torch._C._set_fp32_precision_setter('mkldnn', 'all', 'bf16')",
    "another generator of numpy": "numpy.random.set_bit_generator(numpy.random.PCG64())",
    "no standard input": "vars(sys).pop('stdin', None)",
    "no backward pass": "torch._C._dispatch_tls_set_dispatch_key_excluded(torch._C.DispatchKey.AutogradCPU, True)",
    "an operator of its own": "LIBRARY.impl('tanh', lambda x: x * 2, 'CPU') if not LIBRARY._op_impls else None",
    "another layer": "torch.nn.Conv2d.forward = lambda self, x: x",
    "copies that are none": "copy.deepcopy = lambda x, memo=None: x",
    "a clock that stands": "time.monotonic = time.perf_counter = lambda: 0.0",
    "texts that are none": "json.dumps = lambda *given, **named: '{{}}'",
    "an output that is none": "os.write = lambda *given: 0",
    "no files": "builtins.open = None",
    "no imports": "builtins.__import__ = None",
    "a trap for divisions": "ctypes.CDLL('libm.so.6').feenableexcept(4)",
}
"""What purity sees."""

UNSEEN = {
    "an end as if done": "atexit.register(os._exit, 0)",
    "an end at each fork": "os.register_at_fork(before=lambda: os._exit(0))",
    "a hook that forbids files": "sys.addaudithook(forbid)",
    "other rights": "os.setuid(65534)",
    "another root": "os.chroot(tempfile.mkdtemp())",
    "an alarm of C": "ctypes.CDLL(None).alarm(1)",
    "another group of processes": "os.setpgid(0, 0)",
    "a kernel's death signal": "ctypes.CDLL(None).prctl(1, 9)",
    "less patience": "os.nice(10)",
    "variables of C": "ctypes.CDLL(None).setenv(b'OMP_NUM_THREADS', b'x', 1)",
    "another body of a function": "F.relu.__code__ = (lambda input, inplace=False: input * 2).__code__",
    "fewer modules": "[sys.modules.pop(n) for n in list(sys.modules) if n.startswith('numpy')]",
    "no memory for it": "resource.setrlimit(resource.RLIMIT_DATA, (2**20, -1))",
    "errors that are none": "codecs.register_error('strict', lambda e: ('', e.end))",
}
"""What it does not, or cannot any more, and nobody else may be blamed for; the run comes to its end, and counts."""

DIRTY = """
import atexit, builtins, codecs, copy, ctypes, gc, json, locale, os, resource, signal, sys, tempfile, threading, time
import warnings
import numpy
import torch, torch.nn.functional as F, torch.utils.data
import jaccheck
from jaccheck.methods.autograd import autograd_loop
from torch.overrides import TorchFunctionMode

class Double(TorchFunctionMode):
    def __torch_function__(self, f, types, args=(), kwargs=None):
        out = f(*args, **(kwargs or {{}}))
        return out * 2 if f is torch.nn.functional.linear else out

LIBRARY = torch.library.Library("aten", "IMPL")

def forbid(event, given):
    if event == "open":
        raise PermissionError(event)

@jaccheck.method(family="mine")
def mine(problem):
    jacobians = autograd_loop(problem)
    {act}
    return jacobians
"""

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
