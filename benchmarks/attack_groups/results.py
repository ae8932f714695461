"""Results in odd containers and of odd tensors: what is wrong is told of the method; what is right is no finding."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import SMALL, Attack
from attack_groups.processes import METHOD

CONTAINERS = {
    "a list": "return list(right(problem).values())",
    "a tuple of pairs": "return tuple(right(problem).items())",
    "one tensor": "return next(iter(right(problem).values()))",
    "a map that is used up": "return map(tuple, right(problem).items())",
    "a function that gives it": "return lambda: right(problem)",
    "a coroutine": "async def later(): return right(problem)\n    return later()",
    "a mapping that is no dictionary": "return types.MappingProxyType(right(problem))",
    "a dictionary of a class of its own": "return collections.UserDict(right(problem))",
    "a dictionary of lists of tensors": "return {k: [v] for k, v in right(problem).items()}",
    "a dictionary of numbers": "return {k: v.tolist() for k, v in right(problem).items()}",
    "nothing for one name": "return {k: None if i else v for i, (k, v) in enumerate(right(problem).items())}",
    "names in another order": "return dict(reversed(right(problem).items()))",
    "a million names more": "return {**right(problem), **dict.fromkeys(map(str, range(10**6)), torch.zeros(1))}",
    "a dictionary that says it is empty": "return Hollow(right(problem))",
}
"""Of what is no dictionary of a tensor for each parameter, in their order."""

TENSORS = {
    "quantized tensors": "return each(lambda v: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8))",
    "nested tensors": "return each(lambda v: torch.nested.nested_tensor(list(v)))",
    "compressed rows": "return each(lambda v: v.flatten(1).to_sparse_csr())",
    "tensors of MKL-DNN": "return each(lambda v: v.to_mkldnn())",
    "halves": "return each(lambda v: v.half())",
    "tensors whose storage is freed": "return each(freed)",
    "fake tensors": "return each(fake)",
    "tensors out of vmap": "return each(escaped)",
    "tensors that raise when they are read": "return each(lambda v: Lazy(v))",
    "tensors of a harmless subclass": "return each(lambda v: v.as_subclass(Plain))",
    "parameters that are not there yet": "return each(lambda v: torch.nn.UninitializedParameter())",
    "a dimension more": "return each(lambda v: v[None])",
    "a dimension less": "return each(lambda v: v.flatten(1))",
    "samples in another order": "return each(lambda v: v.flip(0) + 1)",
    "samples and outputs changed": "return each(lambda v: v.transpose(0, 1) + 1)",
    "the first sample for all": "return each(lambda v: v[:1].expand_as(v) * 2)",
    "one number for all, by strides": "return each(lambda v: (v + 1).as_strided(v.shape, (0,) * v.dim()))",
    "one memory for all parameters": "return shared(right(problem))",
    "a terabyte of zeros": "return each(lambda v: v.new_zeros(()).expand(*v.shape, 10**12))",
    "sums over samples": "return each(lambda v: v.sum(0, keepdim=True).expand_as(v) + 1)",
    "a mean": "return each(lambda v: v / 7)",
    # Right, but each keeps a descriptor open, which the method does not say.
    "tensors in shared memory": "return each(lambda v: v.clone().share_memory_())",
}
"""Of another kind, another shape or other numbers."""

RIGHT = {
    "tensors out of grad": "return each(tracked)",  # torch takes what is over for what it holds, in every operation
    "an ordered dictionary": "return collections.OrderedDict(right(problem))",
    "a dictionary with a default": "return collections.defaultdict(int, right(problem))",
    "tensors that require a gradient": "return each(lambda v: v.clone().requires_grad_())",
    "tensors of a graph": "return each(lambda v: v + 0 * next(problem.model.parameters()).sum())",
    "tensors of inference": "return inferred(problem)",
    "parameters": "return each(torch.nn.Parameter)",
    "other strides": "return each(lambda v: v.transpose(0, -1).contiguous().transpose(0, -1))",
    "gaps in memory": "return each(lambda v: torch.stack([v, v + 1], -1)[..., 0])",
    "a negation that is not done yet": "return each(lambda v: torch.complex(v, -v).conj().imag)",
    "an attribute of each tensor": "return each(marked)",
    "a hook of each tensor": "return each(hooked)",
    "memory of numpy's": "return each(lambda v: torch.from_numpy(v.numpy().copy()))",
    "views of one memory": "return packed(right(problem))",
}
"""Right numbers in right places, however they are kept."""

CLASSES = """
import collections, types, warnings
import torch

class Hollow(dict):
    def __len__(self): return 0
    def __bool__(self): return False
    def __iter__(self): return iter(())
    def keys(self): return ()
    def items(self): return ()

class Plain(torch.Tensor):
    pass

class Lazy(torch.Tensor):
    def __new__(cls, v): return torch.Tensor._make_wrapper_subclass(cls, v.shape, dtype=v.dtype, device=v.device)
    def __init__(self, v): pass
    @classmethod
    def __torch_dispatch__(cls, f, types, args=(), kwargs=None): raise RuntimeError("[/x] not computed yet")

def freed(v):
    v = v.clone()
    v.untyped_storage().resize_(0)
    return v

def fake(v):
    from torch._subclasses.fake_tensor import FakeTensorMode
    return FakeTensorMode().from_tensor(v)

def escaped(v):
    kept = []
    torch.vmap(lambda a: kept.append(a) or a)(v)
    return kept[0]

def tracked(v):
    kept = []
    torch.func.grad(lambda a: (kept.append(a), a.sum())[1])(v)
    return kept[0]

def shared(J):
    memory = torch.empty(max(v.numel() for v in J.values()), dtype=next(iter(J.values())).dtype)
    return {k: memory[: v.numel()].view(v.shape).copy_(v + i) for i, (k, v) in enumerate(J.items())}

def packed(J):
    memory = torch.cat([v.flatten() for v in J.values()])
    return {k: part.view(J[k].shape) for k, part in zip(J, memory.split([v.numel() for v in J.values()]))}

def inferred(problem):
    J = right(problem)
    with torch.inference_mode():
        return {k: v.clone() for k, v in J.items()}

def marked(v):
    v.mark = v
    return v

def hooked(v):
    v = v.clone().requires_grad_()
    v.register_hook(lambda g: 1 / 0)
    return v
"""

EACH = "each = lambda f: {k: f(v) for k, v in right(problem).items()}"


def attacks() -> Iterator[Attack]:
    """Each of a method in `verify`, beside a right one."""
    shell = f"jaccheck verify {SMALL} --case-seconds 20 --method mine:mine --method outer_products"
    for kind, acts in (("wrong", CONTAINERS | TENSORS), ("right", RIGHT)):
        for name, act in acts.items():
            text = METHOD.format(act=f"{EACH}\n    {act}").replace("@jaccheck", f"{CLASSES}\n@jaccheck", 1)
            is_right = kind == "right"
            yield Attack(
                name=f"a {kind} method that returns {name}",
                shell=shell,
                files={"mine.py": text},
                codes=(0,) if is_right else (1,),
                says=("no finding",) if is_right else ("mine on cpu",),
                never=("outer_products on cpu:", *(() if is_right else ("no finding",))),
                seconds=400,
            )
