"""`write_script`: a finding as a script that needs only torch and the library at fault."""

from __future__ import annotations

import torch

from jaccheck.cases import Case, Layer, Sequential
from jaccheck.cases.layers import plain_options
from jaccheck.methods import Method
from jaccheck.problem import round_sample
from jaccheck.scripts.sources import standalone_source
from jaccheck.verdict import Breach, Outcome


def write_script(case: Case, method: Method, device: str, breach: Breach) -> str:
    """A script that shows the breach: it prints what comes out beside what autograd says, or what was left behind."""
    source = standalone_source(method.compute)
    imports, body = source or ([], f"# The source of {method.name} is not at hand: import it from where it is defined.")
    header = [f"# {method.name} on {device}: {breach.law}, {breach.outcome}", f"# {breach.message}"]
    always = ["import torch", "from types import SimpleNamespace"]
    lines = sorted({*imports, *always}, key=lambda line: (line.startswith("from"), line))
    return "\n".join([*header, *lines, "", *_problem(case, device), "", body, "", *_show(case, method, breach)]) + "\n"


def _problem(case: Case, device: str) -> list[str]:
    tensors = round_sample(case)
    dtype = f"torch.{case.dtype}"
    lines = [
        "def make_model():",
        f"    model = torch.nn.{_module(Sequential(layers=case.layers), case)}.to({dtype}).eval()",
        f"    numbers = {{{', '.join(f'{name!r}: {_numbers(value)}' for name, value in tensors.parameters.items())}}}",
        f"    model.load_state_dict({{name: torch.tensor(v, dtype={dtype}) for name, v in numbers.items()}})",
    ]
    frozen = [name for name in case.parameter_shapes() if name not in case.trainable()]
    lines += [f"    model.get_parameter({name!r}).requires_grad_(False)" for name in frozen]
    lines += [f"    return model.to({device!r})" if device != "cpu" else "    return model", ""]
    X = f"torch.tensor({_numbers(tensors.X)}, dtype={dtype})" + (f".to({device!r})" if device != "cpu" else "")
    if not len(tensors.X):
        X = f"torch.zeros({tuple(tensors.X.shape)}, dtype={dtype}, device={device!r})"
    layout = {
        "contiguous": "",
        "strided": "X = torch.stack([X, torch.full_like(X, torch.nan)], dim=-1)[..., 0]",
        "transposed": "X = X.transpose(0, -1).contiguous().transpose(0, -1)",
        "expanded": "X = X[:1].expand(X.shape)",
    }[case.input_form]
    lines += [f"X = {X}", *([layout] if layout else [])]
    lines += ["X.requires_grad_(True)"] if case.input_requires_grad else []
    return [
        *lines,
        "model = make_model()",
        "parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}",
        f"problem = SimpleNamespace(model=model, X=X, N=len(X), C={case.outputs}, parameters=parameters)",
    ]


def _module(layer: Layer, case: Case) -> str:
    """The constructor call of a layer's module, without the prefix `torch.nn.` of the outermost."""
    widths = {path: inputs for path, inputs, _ in case.linears()}
    return _constructor(layer, "", widths)


def _constructor(layer: Layer, path: str, widths: dict[str, int]) -> str:
    if isinstance(layer, Sequential):
        prefix = f"{path}." if path else ""
        inner = (f"torch.nn.{_constructor(inside, f'{prefix}{i}', widths)}" for i, inside in enumerate(layer.layers))
        return f"Sequential({', '.join(inner)})"
    options = [f"{name}={value!r}" for name, value in plain_options(layer).items()]
    first = [str(widths[path])] if path in widths else []
    return f"{layer.kind}({', '.join([*first, *options])})"


def _numbers(tensor: torch.Tensor) -> str:
    return repr(tensor.double().tolist()).replace("nan", "float('nan')").replace("inf", "float('inf')")


def _show(case: Case, method: Method, breach: Breach) -> list[str]:
    call = f"J = {method.name}(problem)"
    if breach.outcome is Outcome.CRASHED and breach.law == "no exception":
        return [f"{call}  # {breach.message}"]
    if breach.law == "repeatability":
        return [call, *_show_second_call(case, method)]
    if breach.law == "purity":
        return [
            "before = {**{n: vars(m).copy() for n, m in model.named_modules()}, 'rng': torch.get_rng_state().sum()}",
            call,
            "after = {**{n: vars(m).copy() for n, m in model.named_modules()}, 'rng': torch.get_rng_state().sum()}",
            f"# {breach.message}",
            "print(before, after, sep='\\n')",
        ]
    if breach.worst is None:
        return [
            call,
            "for name, jacobian in J.items():",
            "    print(name, tuple(jacobian.shape), jacobian.dtype, jacobian.device, hex(jacobian.data_ptr()))",
            "print('expected', {n: (len(X), problem.C, *p.shape) for n, p in parameters.items()})",
        ]
    name, (n, c, *index) = breach.worst.parameter, breach.worst.index
    return [
        call,
        "reference = make_model()",
        f"f = reference(X[{n} : {n + 1}]).reshape(problem.C)",
        f"expected = torch.autograd.grad(f[{c}], reference.get_parameter({name!r}))[0]",
        f"print('actual  ', J[{name!r}][{n}, {c}, {', '.join(map(str, index))}].item())",
        f"print('expected', expected[{', '.join(map(str, index))}].item(), 'says autograd')",
    ]


def _show_second_call(case: Case, method: Method) -> list[str]:
    last = f"{case.linears()[-1][0]}.weight"
    return [
        "first = {name: jacobian.clone() for name, jacobian in J.items()}",
        "X = X.detach().flip(0).requires_grad_(X.requires_grad)",
        "reference = make_model()",
        "with torch.no_grad():",
        f"    model.get_parameter({last!r}).neg_()",
        f"    reference.get_parameter({last!r}).neg_()",
        "problem.X = X",
        f"again = {method.name}(problem)",
        "for name in J:",
        '    print(name, "first result is untouched:", torch.equal(J[name], first[name]))',
        "f = reference(X).reshape(problem.N, problem.C)",
        "for name in again:",
        "    rows = [torch.autograd.grad(y, reference.get_parameter(name), retain_graph=True)[0] for y in f.flatten()]",
        "    expected = torch.stack(rows).reshape(again[name].shape) if rows else again[name]",
        '    print(name, "second result off by up to", (again[name] - expected).abs().amax().item() if rows else 0)',
    ]
