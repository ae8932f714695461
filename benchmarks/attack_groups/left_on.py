"""What a method leaves on, as lines of Python, and the module of the method that does."""

from __future__ import annotations

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
    "a hook for exceptions": "sys.excepthook = lambda *given: os._exit(0)",
    "a hook for exceptions of threads": "threading.excepthook = lambda *given: os._exit(0)",
    "warnings that end the process": "warnings.showwarning = lambda *given, **named: os._exit(0)",
    "a length of zero": "builtins.len = lambda x: 0",
    "everything of every class": "builtins.isinstance = lambda *given: True",
    "no print": "builtins.print = None",
    "tensors that are equal": "torch.Tensor.__eq__ = lambda *given: True",
    "results that are equal": "torch.equal = torch.allclose = lambda *given, **named: True",
    "lists of zeros": "torch.Tensor.tolist = lambda self: [0.0]",
    "differences of zero": "torch.Tensor.__sub__ = lambda self, other: self * 0",
    "a torch function for all": "torch.Tensor.__torch_function__ = classmethod(lambda *given: torch.zeros(()))",
    "an output without flush": "sys.stdout = sys.stderr = object()",
    "no forks": "os.fork = None",
    "no end": "os._exit = lambda code: None",
    "no importers": "sys.meta_path.clear()",
    "a callback of the collector": "gc.callbacks.append(lambda *given: None)",
    "another start of processes": "torch.multiprocessing.set_start_method('spawn', force=True)",
    "no logs": "logging.disable(50)",
    "pickles that are none": "pickle.dumps = lambda *given, **named: b''",
    "packed numbers that are none": "struct.pack = lambda *given: b''",
    "pipes that send nothing": "connection.Connection.send_bytes = lambda *given: None",
    "paths that are not written": "pathlib.Path.write_text = None",
    "numbers that are equal": "fractions.Fraction.__eq__ = lambda *given: True",
    "values that are equal": "enum.Enum.__eq__ = lambda *given: True",
    "dataclasses that stay": "dataclasses.replace = lambda value, **named: value",
    "counters that stay": "collections.Counter.update = lambda *given: None",
    "switches that are rare": "sys.setswitchinterval(10**6)",
    "no long numbers": "sys.set_int_max_str_digits(640)",
    "a decimal context": "decimal.getcontext().prec = 1",
    "no modules": "sys.modules.clear()",
    "fewer modules": "[sys.modules.pop(n) for n in list(sys.modules) if n.startswith('numpy')]",
    "no torch": "sys.modules['torch'] = None",
    "no jaccheck": "[sys.modules.pop(n) for n in list(sys.modules) if n.startswith('jaccheck')]",
}
"""What purity sees."""

ENDING = {
    "a trace that raises": "sys.settrace(lambda *given: 1 / 0)",
    "a profile that raises": "sys.setprofile(lambda *given: 1 / 0)",
    "nothing side by side": "builtins.zip = lambda *given, **named: iter(())",
}
"""What ends the call itself, or its process: that is told then."""

UNSEEN = {
    "a watch that ends the process": "faulthandler.dump_traceback_later(0.3, exit=True)",
    "no handler of faults": "faulthandler.disable()",
    "an interruption that comes later": "threading.Timer(0.05, _thread.interrupt_main).start()",
    "an exception that comes later": "threading.Timer(0.05, raise_there).start()",
    "an end that comes later": "_thread.start_new_thread(lambda: (time.sleep(0.3), os._exit(5)), ())",
    "a finalizer that ends the process": "circle(lambda self: os._exit(0))",
    "a finalizer that sets something": "circle(lambda self: torch.set_default_dtype(torch.float64))",
    "an end that hangs": "atexit.register(time.sleep, 10**6)",
    "an end that raises": "atexit.register(lambda: 1 / 0)",
    "a frozen heap": "gc.freeze()",
    "a descriptor for signals": "signal.set_wakeup_fd(os.open('/dev/null', os.O_WRONLY | os.O_NONBLOCK))",
    "a call that is pending": "ctypes.pythonapi.Py_AddPendingCall(PENDING, None)",
    "a generator that is closed early": "opened = opening(); next(opened); opened.close()",
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
    "no memory for it": "resource.setrlimit(resource.RLIMIT_DATA, (2**20, -1))",
    "errors that are none": "codecs.register_error('strict', lambda e: ('', e.end))",
}
"""What it does not, or cannot any more, and nobody else may be blamed for; the run comes to its end, and counts."""

DIRTY = """
import _thread, atexit, builtins, codecs, collections, copy, ctypes, dataclasses, decimal, enum, faulthandler
import fractions, gc, json, locale, logging, os, pathlib, pickle, resource, signal, struct, sys, tempfile, threading
import time, warnings
from multiprocessing import connection
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
PENDING = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda given: os._exit(0))

def raise_there():
    main = ctypes.c_ulong(threading.main_thread().ident)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(main, ctypes.py_object(ValueError))

def circle(act):
    one = type("One", (), {{"__del__": act}})()
    one.itself = one

def opening():
    yield torch.autocast("cpu", dtype=torch.bfloat16).__enter__()

def forbid(event, given):
    if event == "open":
        raise PermissionError(event)

@jaccheck.method(family="mine")
def mine(problem):
    jacobians = autograd_loop(problem)
    {act}
    return jacobians
"""
