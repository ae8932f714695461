"""Known issues that need a sequence of calls, each confirmed by hand with its reproducer."""

from __future__ import annotations

from jaccheck.judging.known.issue import KnownIssue

_VERSIONS = "backpack-for-pytorch 1.7.1 with torch 2.13.0"

_END = """\
print("WRONG" if found != expected else "RIGHT", "found", found, "expected", expected)
raise SystemExit(found != expected)
"""

SEQUENCE_ISSUES: tuple[KnownIssue, ...] = (
    KnownIssue(
        id="forward-before-backward",
        title="A second forward pass before the backward pass of the first changes the first one's results",
        method="every extension",
        versions=_VERSIONS,
        condition="the last forward pass that stored inputs and outputs on a module is not that of the graph",
        instead="results computed with the input of the later forward pass; an exception where its shape does not fit",
        reason="each module has room for one input0 and one output, which every forward pass with gradients overwrites",
        reproducer="""\
import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Linear(1, 1, bias=False))
loss = model(torch.tensor([[1.0]])).sum()
model(torch.tensor([[5.0]]))
with backpack(BatchGrad()):
    loss.backward()
found, expected = model.weight.grad_batch.item(), model.weight.grad.item()
"""
        + _END,
    ),
    KnownIssue(
        id="inputs-of-backward",
        title="A parameter asked for in backward(inputs=…) or autograd.grad gets no result, or keeps an old one",
        method="every extension",
        versions=_VERSIONS,
        condition="no gradient flows below the parameter's own module in the pass, though its input needs one",
        instead="no attribute, or the one that an earlier pass left there",
        reason="a full backward hook runs when the gradient by the module's input is there, which is not asked for",
        reference="https://github.com/f-dangel/backpack/issues/233",
        reproducer="""\
import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)))
loss = model(torch.tensor([[1.0]])).sum()
with backpack(BatchGrad()):
    loss.backward(inputs=[model[1].weight])
found, expected = hasattr(model[1].weight, "grad_batch"), model[1].weight.grad is not None
"""
        + _END,
    ),
    KnownIssue(
        id="reused-extension",
        title="An extension object used again adds up what an earlier pass left in it",
        method="second-order extensions",
        versions=_VERSIONS,
        condition="an earlier pass with the object, also in one open context, ended early, or was towards some "
        "parameters, or X requires grad",
        instead="results several times as large where a tensor is at the address of one from then; DiagHessian raises",
        reason="saved_quantities goes by data_ptr, is never emptied, and adds to what is there",
        reproducer="""\
import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1, bias=False)))
loss = extend(torch.nn.MSELoss())(model(torch.tensor([[1.0]])), torch.tensor([[0.0]]))
extension = DiagGGNExact()
with backpack(extension, retain_graph=True):
    loss.backward(inputs=[model[1].weight], retain_graph=True)
    loss.backward(retain_graph=True)
found = model[1].weight.diag_ggn_exact.item()
with backpack(DiagGGNExact()):
    loss.backward()
expected = model[1].weight.diag_ggn_exact.item()
"""
        + _END,
    ),
    KnownIssue(
        id="backpack-entered-again",
        title="A context of backpack entered while it is open stays active after it is left",
        method="every extension",
        versions=_VERSIONS,
        condition="one object of `backpack(…)` is entered twice, one inside the other",
        instead="its extensions run in every later backward pass of the process",
        reason="__enter__ keeps what was active in one attribute of the object, which the second entry overwrites",
        reproducer="""\
from backpack import backpack
from backpack.context import CTX
from backpack.extensions import BatchGrad

context = backpack(BatchGrad())
with context:
    with context:
        pass
found, expected = len(CTX.active_exts), 0
"""
        + _END,
    ),
    KnownIssue(
        id="disable-entered-again",
        title="A context of disable entered while it is open stays in force after it is left",
        method="every extension",
        versions=_VERSIONS,
        condition="one object of `disable()` is entered twice, one inside the other",
        instead="no forward pass stores anything any more; later passes fail, or use what is still stored",
        reason="__enter__ keeps what was set in one attribute of the object, which the second entry overwrites",
        reproducer="""\
from backpack import disable

context = disable()
with context:
    with context:
        pass
found, expected = disable.store_io, True
"""
        + _END,
    ),
    KnownIssue(
        id="contexts-are-shared-by-threads",
        title="A context of one thread is active in all",
        method="every extension",
        versions=_VERSIONS,
        condition="another thread has a context of BackPACK open during a backward pass",
        instead="the other thread's extensions run in this one; contexts left in another order stay active for good",
        reason="CTX and disable.store_io are attributes of classes, one for the process",
        reproducer="""\
import threading
import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

ready, done = threading.Event(), threading.Event()

def other():
    with backpack(BatchGrad()):
        ready.set()
        done.wait()

thread = threading.Thread(target=other)
thread.start()
ready.wait()
model = extend(torch.nn.Linear(1, 1))
model(torch.tensor([[1.0]])).sum().backward()
done.set()
thread.join()
found, expected = hasattr(model.weight, "grad_batch"), False
"""
        + _END,
    ),
    KnownIssue(
        id="stored-where-no-gradient-comes",
        title="Modules that no gradient reaches keep the batch after the backward pass",
        method="every extension",
        versions=_VERSIONS,
        condition="the modules below the first trainable parameter, or those that a pass to some parameters leaves out",
        instead="input0 and output stay on them until the next forward pass",
        reason="they are deleted by the module's backward hook, which does not run",
        reproducer="""\
import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)))
model[0].requires_grad_(False)
with backpack(BatchGrad()):
    model(torch.tensor([[1.0]])).sum().backward()
found, expected = [hasattr(module, "input0") for module in model], [False, False]
"""
        + _END,
    ),
    KnownIssue(
        id="never-freed",
        title="Modules that still store a graph are never freed",
        method="extend",
        versions=_VERSIONS,
        condition="a forward pass with gradients and no backward pass, or one with retain_graph, or an exception in it",
        instead="modules, parameters, graph and batch stay in memory for good; memory_cleanup on each module helps",
        reason="module.input0, its grad_fn, torch's BackwardHook and the module are a cycle that Python cannot see",
        reproducer="""\
import gc
import weakref
import torch
from backpack import extend

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)))
model(torch.tensor([[1.0]]))
references = [weakref.ref(module) for module in model]
del model
gc.collect()
found, expected = [reference() is None for reference in references], [True, True]
"""
        + _END,
    ),
    KnownIssue(
        id="copies-carry-the-batch",
        title="A pickled model holds the last batch",
        method="extend",
        versions=_VERSIONS,
        condition="torch.save or pickle of a whole extended model after a forward pass with gradients",
        instead="inputs and outputs of every module are in the file; copy.deepcopy raises RuntimeError",
        reason="input0 and output are plain attributes of the modules",
        reproducer="""\
import pickle
import torch
from backpack import extend

model = extend(torch.nn.Linear(1, 1))
model(torch.tensor([[12345.0]]))
copied = pickle.loads(pickle.dumps(model))
found, expected = hasattr(copied, "input0"), False
"""
        + _END,
    ),
    KnownIssue(
        id="transforms-leave-wrappers",
        title="A transform of torch.func that fails on an extended model leaves dead tensors on it",
        method="extend",
        versions=_VERSIONS,
        condition="torch.func.jacrev, grad, vjp or vmap on an extended model, which raise",
        instead="input0 and output are wrappers of a transform that is over: the model cannot be pickled or copied",
        reason="the forward hook stores its tensors before torch refuses the backward hook",
        reproducer="""\
import pickle
import torch
from backpack import extend

model = extend(torch.nn.Linear(1, 1))
parameters = dict(model.named_parameters())
try:
    torch.func.jacrev(torch.func.functional_call, argnums=1)(model, parameters, torch.tensor([[1.0]]))
except RuntimeError as error:
    print(str(error)[:60])
try:
    pickle.dumps(model)
    found = "pickled"
except NotImplementedError as error:
    found = str(error)
expected = "pickled"
"""
        + _END,
    ),
    KnownIssue(
        id="hook-handles-grow",
        title="Every extended module adds two entries to a list of the process that nothing empties",
        method="extend",
        versions=_VERSIONS,
        condition="any module is extended",
        instead="CTX.hook_handles grows without end in a process that makes many models",
        reason="_register_hooks appends both handles to CTX.hook_handles; only CTX.remove_hooks takes them out",
        reproducer="""\
import gc
import torch
from backpack import extend
from backpack.context import CTX

for _ in range(100):
    extend(torch.nn.Linear(1, 1))
gc.collect()
found, expected = len(CTX.hook_handles), 0
"""
        + _END,
    ),
)
"""Known issues by the order in which a user would mind them."""

BY_ID = {issue.id: issue for issue in SEQUENCE_ISSUES}
