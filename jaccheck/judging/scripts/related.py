"""How a script shows a breach of the laws that ask about a related problem, and of the identities."""

from __future__ import annotations

from collections.abc import Callable

from jaccheck.case import Case
from jaccheck.judging.laws.related import rotated, turned
from jaccheck.judging.scripts.entries import Ending, entry, expected_of, shapes
from jaccheck.reports import Breach, Outcome


def _batch(case: Case, called: str, breach: Breach) -> Ending:
    """The method called on the batch put together anew, after it was called on the batch as it is."""
    prepared = [
        f"J = {called}(problem)",
        f"samples = {rotated(case.batch_size)}",
        "problem.model = make_model()",
        "problem.parameters = {name: p for name, p in problem.model.named_parameters() if p.requires_grad}",
        "problem.X = X.detach()[samples].requires_grad_(X.requires_grad)",
        "problem.N = len(samples)",
    ]
    return _on_related(prepared, called, breach, "make_model()", "problem.X")


def _outputs(case: Case, called: str, breach: Breach) -> Ending:
    """The method called on the network with a head, after it was called on the network as it is."""
    chosen = turned(case.outputs)
    rows = [[sign * (c == output) for c in range(case.outputs)] for output, sign in chosen]
    prepared = [
        "def with_head(model):",
        f"    head = torch.nn.Linear({case.outputs}, {len(chosen)}, bias=False).to(X.device, {_dtype(case)})",
        f"    head.weight.data.copy_(torch.tensor({rows}))",
        "    return model.append(head.requires_grad_(False).eval())",
        "",
        f"J = {called}(problem)",
        "problem.model = with_head(make_model())",
        "problem.parameters = {name: p for name, p in problem.model.named_parameters() if p.requires_grad}",
        f"problem.C = {len(chosen)}",
    ]
    return _on_related(prepared, called, breach, "with_head(make_model())", "problem.X")


def _dtype(case: Case) -> str:
    return f"torch.{case.dtype}"


def _on_related(prepared: list[str], called: str, breach: Breach, model: str, X: str) -> Ending:
    call = f"related = {called}(problem)"
    if breach.outcome is Outcome.CRASHED:
        return Ending([*prepared, f"{call}  # {breach.message}"])
    if breach.worst is None:
        told = [
            line.replace("len(X)", "problem.N").replace("parameters.items", "problem.parameters.items")
            for line in shapes("related")
        ]
        return Ending([*prepared, call, *told])
    return Ending([*prepared, *expected_of(breach.worst, model, X), call, *entry("related", breach.worst)])


def _freed_memory(case: Case, called: str, breach: Breach) -> Ending:
    """A reference that keeps nothing alive, after all others are gone."""
    if breach.outcome is Outcome.CRASHED:
        return Ending([f"J = {called}(problem)  # {breach.message}"])
    lines = [
        f"J = {called}(problem)",
        "kept = [weakref.ref(module) for module in model.modules()]",
        "del model, problem, parameters",
        "gc.collect()",
        "print('actual  ', 'held in memory' if any(each() is not None for each in kept) else 'freed')",
        "print('expected', 'freed')",
    ]
    return Ending(lines, ("import gc", "import weakref"))


def _sum_over_samples(case: Case, called: str, breach: Breach) -> Ending:
    """The parameter whose sum is furthest off its gradient, in float64."""
    lines = [
        "reference = make_model().double()",
        "f = reference(X.double() if X.is_floating_point() else X)",
        "gradients = torch.autograd.grad(f.sum(), [reference.get_parameter(name) for name in parameters])",
        f"J = {called}(problem)",
        "sums = {name: j.double().sum((0, 1)) for name, j in J.items()}",
        "worst = max(zip(gradients, sums.values()), key=lambda both: (both[0] - both[1]).abs().max())",
        "# the sum over samples and outputs, and what one backward pass from f.sum() says",
        "print('actual  ', (worst[1].flatten() + 0.0).tolist())",
        "print('expected', (worst[0].flatten() + 0.0).tolist())",
    ]
    return Ending(lines)


def _homogeneity(case: Case, called: str, breach: Breach) -> Ending:
    """The output, and what weights and biases add up to, from the layer on that the law found."""
    layer = breach.message.partition("layer ")[2].partition(" ")[0]
    lines = [
        f"J = {called}(problem)",
        "names = list(parameters)",
        f"first = names.index({layer + '.weight'!r})",
        "used = [names[first], *(name for name in names[first:] if name.endswith('bias'))]",
        "products = [(J[n] * parameters[n]).double().flatten(2).sum(2) for n in used]",
        "# what weight and biases times their Jacobians add up to, and f itself",
        "print('actual  ', (sum(products).flatten() + 0.0).tolist())",
        "print('expected', (make_model()(X).double().flatten() + 0.0).tolist())",
    ]
    return Ending(lines)


RELATED: dict[str, Callable[[Case, str, Breach], Ending]] = {
    "batch": _batch,
    "outputs": _outputs,
    "freed memory": _freed_memory,
    "sum over samples": _sum_over_samples,
    "homogeneity": _homogeneity,
}
"""By law."""
