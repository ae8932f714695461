"""Uses that stand alone: a few lines on numbers or modules of their own, and what must hold after them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from jaccheck.judging import observe_globals
from jaccheck.sequences.broken import Refused
from jaccheck.sequences.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Alone:
    """Lines, an expression that must then be true, and the known issue that they are about.

    `raises` is the kind of exception that this issue is. NotImplementedError and ValueError are clear answers.
    """

    issue: str
    lines: tuple[str, ...]
    holds: str = "True"
    raises: str = ""


def use_alone(sequence: Sequence, alone: Alone) -> None:
    """Runs the lines; whether the issue shows is entered. Raises Refused where they raise anything else."""
    session, before, state = sequence.session, set(sequence.session.names), torch.get_rng_state()
    failed = session.attempt(*alone.lines)
    kind = failed.partition(":")[0]
    if kind in ("NotImplementedError", "ValueError"):
        sequence.tally.refused["BackPACK says that it does not support it"] += 1
        sequence.tally.meet(alone.issue, is_wrong=False)
    elif failed and kind != alone.raises:
        del session.lines[-1]
        raise Refused(f"{alone.issue}: {failed}", *alone.lines)
    else:
        sequence.tally.compared += 1
        sequence.tally.meet(alone.issue, is_wrong=bool(failed) or not session[alone.holds])
    made = sorted(set(session.names) - before - {"__builtins__", "__warningregistry__"})
    session.run("CTX.set_active_exts(())", f"del {', '.join(made)}")
    torch.set_rng_state(state)
    sequence.globals = observe_globals("cpu")


NUMBERS = (
    Alone(
        "complex-parameters",
        (
            "layer = extend(nn.Linear(2, 1, bias=False, dtype=torch.cfloat))",
            "Z = torch.tensor([[1.0 + 2.0j, 0.5], [2.0, 1.0j]])",
            "rows = torch.stack([torch.autograd.grad(layer(z).real.sum(), layer.weight)[0] for z in Z])",
            "with backpack(BatchGrad()):",
            "    layer(Z).real.sum().backward()",
        ),
        "torch.equal(layer.weight.grad_batch, rows)",
    ),
    Alone(
        "variance-cancels",
        (
            "layer, X = extend(nn.Linear(1, 1, bias=False)), torch.tensor([[1000.0], [1000.01], [1000.02]])",
            "with backpack(Variance()):",
            "    layer(X).sum().backward()",
        ),
        "torch.allclose(layer.weight.variance, X.double().var(0, correction=0).float(), rtol=0.01)",
    ),
    Alone(
        "log-sigmoid-of-large",
        (
            "model = extend(nn.Sequential(nn.Linear(1, 1), nn.LogSigmoid()))",
            "model[0].load_state_dict({'weight': torch.ones(1, 1), 'bias': torch.zeros(1)})",
            "loss = extend(nn.MSELoss())(model(torch.full((1, 1), 100.0)), torch.ones(1, 1))",
            "with backpack(DiagHessian()):",
            "    loss.backward()",
        ),
        "model[0].weight.diag_h.isfinite().all()",
    ),
    Alone(
        "embedding-of-infinite-gradient",
        (
            "layer, factors = extend(nn.Embedding(2, 1)), torch.tensor([[[float('inf')], [1.0]]])",
            "with backpack(BatchGrad()):",
            "    (layer(torch.tensor([[0, 1]])) * factors).sum().backward()",
        ),
        "torch.equal(layer.weight.grad_batch[0], layer.weight.grad)",
    ),
    Alone(
        "kfra-dtype",
        (
            "from backpack.extensions import KFRA",
            "model, X = extend(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).double()), torch.ones(2, 2).double()",
            "loss = extend(nn.MSELoss())(model(X), X)",
            "with backpack(KFRA()):",
            "    loss.backward()",
        ),
        raises="RuntimeError",
    ),
    Alone(
        "autocast",
        (
            "model, X = extend(nn.Linear(2, 2)), torch.ones(2, 2)",
            "with torch.autocast('cpu', dtype=torch.bfloat16):",
            "    loss = extend(nn.MSELoss())(model(X), X)",
            "with backpack(DiagGGNExact()):",
            "    loss.backward()",
        ),
        "torch.allclose(model.weight.diag_ggn_exact.float(), torch.ones(2, 2), rtol=0.05)",
        raises="RuntimeError",
    ),
)

PRODUCTS = (
    Alone(
        "product-of-a-list",
        (
            "from backpack.hessianfree.rop import jacobian_vector_product",
            "layer = nn.Linear(1, 1)",
            "f = layer(torch.ones(1, 1))",
            "found = jacobian_vector_product([f, 2 * f], [layer.weight], [torch.ones(1, 1)])",
        ),
        "torch.equal(found[1], 2 * found[0])",
        raises="TypeError",
    ),
    Alone(
        "hessian-of-what-is-linear",
        (
            "from backpack.hessianfree.hvp import hessian_vector_product",
            "layer = nn.Linear(1, 1)",
            "found = hessian_vector_product(layer(torch.ones(1, 1)).sum(), [layer.weight], [torch.ones(1, 1)])",
        ),
        "not found[0].any()",
        raises="RuntimeError",
    ),
    Alone(
        "inverse-of-a-singular-factor",
        (
            "from backpack.utils.kroneckers import inv_kfacs",
            "torch.manual_seed(0)",
            "factors = [torch.outer(v, v) for v in torch.randn(20, 5)]",
            "lowest = min(torch.linalg.eigvalsh(inverse.double()).min() for inverse in inv_kfacs(factors))",
        ),
        "lowest > -1e6",
    ),
)

MODULES = (
    Alone(
        "output-without-gradient",
        (
            "class Heads(nn.ModuleList):",
            "    def forward(self, X):",
            "        return self[0](X), self[1](X)",
            "model = extend(Heads([nn.Linear(1, 1), nn.Linear(1, 1)]))",
            "f, _ = model(torch.ones(1, 1))",
            "with backpack(BatchGrad()):",
            "    f.sum().backward()",
        ),
        "torch.equal(model[0].weight.grad_batch[0], model[0].weight.grad)",
        raises="AttributeError",
    ),
    Alone(
        "empty-batch",
        (
            "model = extend(nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(18, 2)))",
            "loss = model(torch.zeros(0, 1, 4, 4)).sum()",
            "with backpack(BatchGrad()):",
            "    loss.backward()",
        ),
        "model[0].weight.grad_batch.shape == (0, 2, 1, 2, 2)",
        raises="RuntimeError",
    ),
    Alone(
        "conv-transpose-output-size",
        (
            "layer = extend(nn.ConvTranspose1d(1, 1, 2, stride=2))",
            "value = layer(torch.ones(2, 1, 3), [7]).sum()",
            "with backpack(BatchGrad()):",
            "    value.backward()",
        ),
        "torch.equal(layer.weight.grad_batch.sum(0), layer.weight.grad)",
        raises="RuntimeError",
    ),
    Alone(
        "computed-weights",
        (
            "from torch.nn.utils import prune",
            "layer = extend(nn.Linear(1, 1))",
            "with backpack(BatchGrad()):",
            "    layer(torch.ones(1, 1)).sum().backward()",
            "    prune.identity(layer, 'weight').zero_grad()",
            "    layer(torch.full((1, 1), 5.0)).sum().backward()",
        ),
        "torch.equal(layer.weight_orig.grad_batch.sum(0), layer.weight_orig.grad)",
    ),
    Alone(
        "products-follow-the-module",
        (
            "from backpack.extensions import HMP",
            "model, mse = extend(nn.Linear(1, 1)), extend(nn.MSELoss())",
            "loss = mse(model(torch.ones(1, 1)), torch.zeros(1, 1))",
            "with backpack(HMP()):",
            "    loss.backward()",
            "before = model.weight.hmp(torch.ones(1, 1, 1))",
            "model(torch.full((1, 1), 5.0))",
        ),
        "torch.equal(model.weight.hmp(torch.ones(1, 1, 1)), before)",
    ),
    Alone(
        "remove-hooks-forgets-copies",
        (
            "handles, CTX.hook_handles = CTX.hook_handles, []",
            "first = extend(nn.Linear(1, 1))",
            "second = copy.deepcopy(first)",
            "CTX.remove_hooks()",
            "CTX.hook_handles = handles",
        ),
        "not second._forward_hooks",
    ),
    Alone(
        "contexts-left-in-another-order",
        (
            "first, second = backpack(BatchGrad()), backpack(BatchL2Grad())",
            "first.__enter__(), second.__enter__()",
            "first.__exit__(None, None, None), second.__exit__(None, None, None)",
        ),
        "not CTX.active_exts",
    ),
    Alone(
        "one-field-twice",
        (
            "import warnings",
            "layer, X = extend(nn.Linear(1, 1)), torch.ones(3, 1)",
            "with warnings.catch_warnings(record=True) as said:",
            "    warnings.simplefilter('always')",
            "    with backpack(BatchGrad(), BatchGrad(subsampling=[0])):",
            "        layer(X).sum().backward()",
        ),
        "any('grad_batch' in str(each.message) for each in said)",
    ),
)

ALONE: tuple[Alone, ...] = (*NUMBERS, *PRODUCTS, *MODULES)
