"""Results, exceptions and models that are not what they seem: never green, nothing hangs, the method is named."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import SMALL, Attack
from attack_groups.processes import METHOD

RAISES = {
    "whose text cannot be read": "class E(Exception):\n        def __str__(self): raise KeyError(1)\n    raise E",
    "whose text is no text": "class E(Exception):\n        def __str__(self): return 7\n    raise E",
    "whose text ends the process": "class E(Exception):\n        def __str__(self): os._exit(0)\n    raise E",
    "whose text exits": "class E(Exception):\n        def __str__(self): sys.exit(0)\n    raise E",
    "of a text of 10 MB": "raise ValueError('x' * 10**7)",
    "of a name of a megabyte": "raise type('E' * 10**6, (Exception,), {})",
    "of a name that is markup": "raise type('[/x]\\x1b[5m', (Exception,), {})('[link=https://evil.example]')",
    "in a group": "raise ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [OSError('two\\nlines')])])",
    "in a chain": "e = None\n    for i in range(3000):\n        n = ValueError(i); n.__cause__ = e; e = n\n    raise e",
    "that says that it is torch's": "raise NotImplementedError('Could not run aten::x with arguments from the CPU')",
    "that says that it is jaccheck's": "from jaccheck.errors import NotCovered\n    raise NotCovered('[/x] not today')",
    "that stops iteration": "raise StopIteration",
    "that ends a generator": "raise GeneratorExit",
    "that skips a test": "import unittest\n    raise unittest.SkipTest('no')",
    "that says that memory is out": "raise MemoryError",
    "in a thread as well": "threading.Thread(target=lambda: 1 / 0).start()\n    raise ValueError('mine')",
}

RETURNS = {
    "sparse tensors": "return {k: v.to_sparse() for k, v in right(problem).items()}",
    "tensors without storage": "return {k: v.to('meta') for k, v in right(problem).items()}",
    "complex tensors": "return {k: v + 0j for k, v in right(problem).items()}",
    "integers": "return {k: v.long() for k, v in right(problem).items()}",
    "the upper half": "return {k: v.double() for k, v in right(problem).items()}",
    "the result as an attribute": "return type('R', (), right(problem))",
    "a dictionary that lies": "return Lying(right(problem))",
    "a dictionary without end": "return Endless(right(problem))",
    "names that are equal to all": "return {Same(k): v for k, v in right(problem).items()}",
    "names that are bytes": "return {k.encode(): v for k, v in right(problem).items()}",
    "a generator": "return ((k, v) for k, v in right(problem).items())",
    "the parameters": "return dict(problem.model.named_parameters())",
    "expanded zeros": "return {k: v.new_zeros(()).expand(v.shape) for k, v in right(problem).items()}",
    "numbers that are not yet there": "return {k: v.new_empty(v.shape) for k, v in right(problem).items()}",
    "one name more": "return {**right(problem), 'more': torch.zeros(1)}",
    "a subclass that says it is equal": "return {k: v.as_subclass(Equal) * 2 for k, v in right(problem).items()}",
    "a file that is cut": "return {k: cut(v) for k, v in right(problem).items()}",
    "the negative, lazily": "return {k: torch._neg_view(v) for k, v in right(problem).items()}",
    "what a thread changes later": "J = right(problem); late(J); return J",
    "a subclass that ends the process": "return {k: v.as_subclass(Ending) for k, v in right(problem).items()}",
    "what it was given for another batch": "return KEPT.setdefault(str(problem.model), right(problem))",
}

CLASSES = """
import threading
import torch

KEPT = {}

class Lying(dict):
    def items(self): return [(k, v * 2) for k, v in super().items()]
    def __getitem__(self, k): return super().__getitem__(k) * 2

class Endless(dict):
    def __iter__(self):
        while True: yield "x"
    def keys(self): return iter(self)
    def items(self): return ((k, None) for k in self)

class Same(str):
    def __eq__(self, other): return True
    def __hash__(self): return 0

class Equal(torch.Tensor):
    @classmethod
    def __torch_function__(cls, f, types, args=(), kwargs=None):
        if getattr(f, "__name__", "") in ("equal", "allclose", "__eq__", "eq"): return True
        return super().__torch_function__(f, types, args, kwargs or {})

class Ending(torch.Tensor):
    @classmethod
    def __torch_function__(cls, f, types, args=(), kwargs=None): os._exit(0)

def cut(v):
    open("cut", "wb").write(bytes(max(v.nbytes, 1)))
    t = torch.from_file("cut", shared=True, size=v.numel(), dtype=v.dtype).view(v.shape)
    os.truncate("cut", 0)
    return t

def late(J):
    def change():
        time.sleep(0.02)
        for v in J.values(): v.mul_(2)
    threading.Thread(target=change).start()
"""

MODELS = {
    "without parameters": "return torch.nn.ReLU(), torch.rand(4, 3)",
    "of frozen parameters": "return torch.nn.Linear(3, 2).requires_grad_(False), torch.rand(4, 3)",
    "whose parameters have no end": "return Unending(3, 2), torch.rand(4, 3)",
    "whose forward pass has no end": "return Busy(3, 2), torch.rand(4, 3)",
    "that hides its parameters": "return Hiding(3, 2), torch.rand(4, 3)",
    "without samples": "return torch.nn.Linear(3, 2), torch.rand(0, 3)",
    "that returns whole numbers": "return Whole(3, 2), torch.rand(4, 3)",
    "that returns a constant": "return Constant(3, 2), torch.rand(4, 3)",
    "that returns another number each time": "return Noisy(3, 2), torch.rand(4, 3)",
    "that counts its calls": "return Counting(3, 2), torch.rand(4, 3)",
    "that cannot be copied": "return Uncopied(3, 2), torch.rand(4, 3)",
    "whose copies are others": "return Other(3, 2), torch.rand(4, 3)",
    "that looks at who asks": "return Looking(3, 2), torch.rand(4, 3)",
    "of NaN": "return torch.nn.Linear(3, 2), torch.full((4, 3), float('nan'))",
    "on no device": "return torch.nn.Linear(3, 2, device='meta'), torch.rand(4, 3)",
    "of numbers beyond all": "return torch.nn.Linear(3, 2).double(), torch.full((4, 3), 1e308).double() * 10",
    "whose input is no tensor": "return torch.nn.Linear(3, 2), 'x'",
    "whose backward raises": "return Raising(3, 2), torch.rand(4, 3)",
    "whose backward is wrong": "return Wrong(3, 2), torch.rand(4, 3)",
}

MODEL = """
import copy
import torch

class Hiding(torch.nn.Linear):
    def named_parameters(self, *a, **k): return iter(())
    def parameters(self, *a, **k): return iter(())

class Whole(torch.nn.Linear):
    def forward(self, x): return super().forward(x).long()

class Constant(torch.nn.Linear):
    def forward(self, x): return torch.zeros(len(x), 2, requires_grad=True)

class Noisy(torch.nn.Linear):
    def forward(self, x): return super().forward(x) * torch.rand(())

class Counting(torch.nn.Linear):
    calls = 0
    def forward(self, x):
        Counting.calls += 1
        return super().forward(x) * Counting.calls

class Uncopied(torch.nn.Linear):
    def __deepcopy__(self, memo): raise RuntimeError("[/x] no copies")

class Other(torch.nn.Linear):
    def __deepcopy__(self, memo): return torch.nn.Linear(3, 2)

class Looking(torch.nn.Linear):
    def forward(self, x):
        import traceback
        mine = any("jaccheck/oracle" in f.filename or "recording" in f.filename for f in traceback.extract_stack())
        return super().forward(x) * (2 if mine else 1)

class Unending(torch.nn.Linear):
    def named_parameters(self, *a, **k):
        while True: yield "weight", self.weight

class Busy(torch.nn.Linear):
    def forward(self, x):
        while True: pass

class Failing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x.clone()
    @staticmethod
    def backward(ctx, g): raise RuntimeError("[/x] no way back")

class Doubling(Failing):
    @staticmethod
    def backward(ctx, g): return g * 2

class Raising(torch.nn.Linear):
    def forward(self, x): return Failing.apply(super().forward(x))

class Wrong(torch.nn.Linear):
    def forward(self, x): return Doubling.apply(super().forward(x))

def f():
    torch.manual_seed(0)
    {act}
"""


def attacks() -> Iterator[Attack]:
    """Each of a method in `verify`, each model in `check`."""
    shell = f"jaccheck verify {SMALL} --case-seconds 20 --method mine:mine --method outer_products"
    for what, acts in (("raises what is", RAISES), ("returns", RETURNS)):
        for name, act in acts.items():
            yield Attack(
                name=f"a method that {what} {name}",
                shell=shell,
                files={"mine.py": METHOD.format(act=act).replace("@jaccheck", f"{CLASSES}\n@jaccheck", 1)},
                codes=(1,),
                says=("mine on cpu",),
                never=("outer_products on cpu:", "no finding"),
                seconds=400,
            )
    for name, act in MODELS.items():
        yield Attack(
            name=f"a model {name}",
            shell="jaccheck check m.py:f --time 20",
            seconds=400,  # each limit of time is in seconds of a core of its own
            files={"m.py": MODEL.replace("{act}", act)},
            codes=(0,) if name == "that returns a constant" else (1, 2),  # whose derivative is zero
        )
