"""`write_script`: a finding as a script that needs only torch and the library at fault."""

from __future__ import annotations

import torch

from jaccheck.case import Case, Layer, Sequential
from jaccheck.case.layers import plain_options
from jaccheck.methods import Method
from jaccheck.problem import round_sample
from jaccheck.scripts.endings import ending
from jaccheck.scripts.sources import standalone_source
from jaccheck.verdict import Breach


def write_script(case: Case, method: Method, device: str, breach: Breach) -> str:
    """A script that shows the breach: it raises, or prints `actual` beside `expected`, which then differ."""
    source = standalone_source(method.compute)
    imports, body = source or ([], f"# The source of {method.name} is not at hand: import it from where it is defined.")
    last = ending(case, method, breach)
    header = [f"# {method.name} on {device}: {breach.law}, {breach.outcome}", f"# {breach.message}"]
    always = ["import torch", "from types import SimpleNamespace", *last.imports]
    lines = sorted({*imports, *always}, key=lambda line: (line.startswith("from"), line))
    return "\n".join([*header, *_merged(lines), "", *_problem(case, device), "", body, "", *last.lines]) + "\n"


def _merged(imports: list[str]) -> list[str]:
    """`from` imports of one module in one line."""
    names: dict[str, list[str]] = {}
    for line in imports:
        start, _, name = line.partition(" import ")
        names.setdefault(start, []).append(name)
    return [
        f"{start} import {', '.join(found)}" if start.startswith("from") else start for start, found in names.items()
    ]


def _problem(case: Case, device: str) -> list[str]:
    tensors = round_sample(case)
    dtype = f"torch.{case.dtype}"
    lines = [
        "def make_model():",
        f"    model = torch.nn.{_module(case)}.to({dtype}).eval()",
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


def _module(case: Case) -> str:
    """The constructor call of the whole network, without the prefix `torch.nn.` of the outermost module."""
    widths = {path: inputs for path, inputs, _ in case.linears()}
    return _constructor(Sequential(layers=case.layers), "", widths)


def _constructor(layer: Layer, path: str, widths: dict[str, int]) -> str:
    if isinstance(layer, Sequential):
        prefix = f"{path}." if path else ""
        inner = (f"torch.nn.{_constructor(inside, f'{prefix}{i}', widths)}" for i, inside in enumerate(layer.layers))
        return f"Sequential({', '.join(inner)})"
    options = plain_options(layer)
    sizes = [str(widths[path]), str(options.pop("out_features"))] if path in widths else []
    return f"{layer.kind}({', '.join([*sizes, *(f'{name}={value!r}' for name, value in options.items())])})"


def _numbers(tensor: torch.Tensor) -> str:
    return repr(tensor.double().tolist()).replace("nan", "float('nan')").replace("inf", "float('inf')")
