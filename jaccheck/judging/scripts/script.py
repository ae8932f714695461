"""`write_script`: a finding as a script that needs only torch and the library at fault."""

from __future__ import annotations

import torch

from jaccheck.case import Case, Dropout, Layer, Nested, Placed, Tied
from jaccheck.core import MUTANT, PATTERNS
from jaccheck.judging.laws.laws import LAW_OF
from jaccheck.judging.scripts.entries import name_of
from jaccheck.judging.scripts.sources import standalone_source
from jaccheck.methods import Method, SequentialWithLoss, Tensors, containers, loading_of, own_from_share, round_sample
from jaccheck.reports import Failure

OF_LOSS = ("inputs", "targets", "loss_weight")
"""Buffers of a network with a loss that are none of its layers'."""


def write_script(case: Case, method: Method, device: str, failure: Failure) -> str:
    """A script that shows the failure: it raises, or prints `actual` beside `expected`, which then differ."""
    imports, body = _method(case, method)
    problem = _problem(case, device)
    # A network with a loss is of a class that the method knows, so that must be defined before it.
    made = [*problem, "", body] if case.loss is None else [body, "", *problem]
    last = LAW_OF[failure.law].ending(case, method, failure)
    header = [f"# {method.name} on {device}: {failure.law}, {failure.outcome}", f"# {failure.message}"]
    if failure.worst and {failure.worst.actual, failure.worst.expected} & PATTERNS:
        header.append("# Uninitialised memory can hold any value: run this with MALLOC_PERTURB_=1.")
    always = ["import torch", "from types import SimpleNamespace", *loading_of(device), *last.imports]
    ending = last.lines if device == "cpu" else [_of_the_cpu(line) for line in last.lines]
    lines = sorted({*imports, *always}, key=lambda line: (line.startswith("from"), line))
    # With more threads torch takes other kernels in these dtypes.
    alone = ["torch.set_num_threads(1)"] if case.dtype in ("bfloat16", "float16") else []
    return "\n".join([*header, *_merged(lines), *alone, "", *made, "", *ending]) + "\n"


def _of_the_cpu(line: str) -> str:
    """A line of a script for another device: its reference is the CPU's, as jaccheck's is."""
    if ".cpu()" in line:
        return line
    if line.startswith("reference = "):
        return f"{line}.cpu()"
    if line.startswith("f = reference("):
        return line.replace("])", "].cpu())", 1)
    return line


def _method(case: Case, method: Method) -> tuple[list[str], str]:
    """Imports, and the source of the method; with it that of a network with a loss, and of how shares are converted."""
    held, shares = ([SequentialWithLoss] if case.loss else []), ([own_from_share] if method.returns == "share" else [])
    if cut := standalone_source(*held, *shares, method.compute):
        name = name_of(method)
        return cut[0], cut[1] + (f"\n\n{name} = own_from_share({name})" if shares else "")
    imports, body = _named(method)
    return [*imports, *(["from jaccheck.methods import SequentialWithLoss"] if held else [])], body


def _named(method: Method) -> tuple[list[str], str]:
    """A method whose source cannot be cut out: a mutant is taken from jaccheck by its name."""
    if not method.name.startswith(MUTANT):
        return [], f"# The source of {method.name} is not at hand: import it from where it is defined."
    return ["from jaccheck.methods import Problem", "from jaccheck.selftest import choose_with_mutants"], (
        f"def {name_of(method)}(problem):\n"
        f"    (mutant,) = choose_with_mutants(({method.name!r},))\n"
        "    return mutant.compute(Problem(problem.model, problem.X, problem.C))"
    )


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
    places = {place.path: place for place in case.places()}
    # A norm also counts batches, which is none of the numbers; tied parameters have a second name.
    loose = tensors.buffers or any(isinstance(place.layer, Tied) for place in places.values())
    strict = ", strict=False" if loose else ""
    of_layers = {name: value for name, value in tensors.numbers.items() if name not in OF_LOSS}
    lines = [
        *_own_modules(case),
        "def make_model():",
        f"    model = {_network(case, tensors, _constructor(case.layers, '', places))}.to({dtype}).eval()",
        f"    numbers = {{{', '.join(f'{name!r}: {_numbers(value)}' for name, value in of_layers.items())}}}",
        f"    model.load_state_dict({{name: torch.tensor(v, dtype={dtype}) for name, v in numbers.items()}}{strict})",
    ]
    lines += [f"    model.get_submodule({path!r}).train()" for path in _in_training(places)]
    frozen = [name for name in case.parameter_shapes() if name not in case.trainable()]
    lines += [f"    model.get_parameter({name!r}).requires_grad_(False)" for name in frozen]
    lines += [f"    return model.to({device!r})" if device != "cpu" else "    return model", ""]
    X = _tensor(tensors.X) + (f".to({device!r})" if device != "cpu" else "")
    unused = "0" if case.has_indices else "torch.nan"
    layout = {
        "contiguous": "",
        "strided": f"X = torch.stack([X, torch.full_like(X, {unused})], dim=-1)[..., 0]",
        "transposed": "X = X.transpose(0, -1).contiguous().transpose(0, -1)",
        "expanded": "X = X[:1].expand(X.shape)",
    }[case.input_form]
    lines += [f"X = {X}", *([layout] if layout else [])]
    lines += ["X.requires_grad_(True)"] if case.input_requires_grad else []
    return [
        *lines,
        "model = make_model()",
        "parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}",
        f"problem = SimpleNamespace(model=model, X=X, N=len(X), C={case.outputs}, parameters=parameters, told=str)",
    ]


def _in_training(places: dict[str, Placed]) -> list[str]:
    """The paths of what is in training mode."""
    return [path for path, place in places.items() if isinstance(place.layer, Dropout) and place.layer.training]


def _network(case: Case, tensors: Tensors, layers: str) -> str:
    """The call that makes the network; with a loss it holds inputs and targets, and its input are row numbers."""
    if case.loss is None:
        return f"torch.nn.Sequential({layers})"
    held = {name: _tensor(tensors.buffers[name]) for name in ("inputs", "targets")}
    if "loss_weight" in tensors.buffers:
        held["weight"] = _tensor(tensors.buffers["loss_weight"])
    options = {"kind": case.loss.kind, "reduction": case.loss.reduction, **case.loss.options()}
    written = [f"{name}={value!r}" for name, value in options.items()] + [f"{n}={v}" for n, v in held.items()]
    return f"SequentialWithLoss({layers}, {', '.join(written)})"


def _tensor(value: torch.Tensor) -> str:
    if not value.numel():
        return f"torch.zeros({tuple(value.shape)}, dtype={value.dtype})"
    return f"torch.tensor({_numbers(value)}, dtype={value.dtype})"


def _constructor(layers: tuple[Layer, ...], prefix: str, places: dict[str, Placed]) -> str:
    """The constructor calls of these layers, one after another, with commas between."""
    calls = []
    for index, layer in enumerate(layers):
        path = f"{prefix}{index}"
        how = layer.constructor(places[path].in_shape)
        call = str(how)
        if isinstance(layer, Nested):
            runs = [_constructor(run, f"{path}.{name}", places) for name, run in layer.runs]
            inside = [f"torch.nn.Sequential({run})" for run in runs] if layer.is_branched else runs
            options = (f"{name}={value!r}" for name, value in how.options.items())
            call = f"{how.name}({', '.join([*inside, *options])})"
        calls.append(call if hasattr(containers, how.name) else f"torch.nn.{call}")
    return ", ".join(calls)


def _own_modules(case: Case) -> list[str]:
    """The source of the modules of this network that torch does not have, without docstrings."""
    kinds = dict.fromkeys(place.layer.torch_name for place in case.places())
    sources = [standalone_source(getattr(containers, name)) for name in kinds if hasattr(containers, name)]
    return [line for source in sources if source for line in (*source[0], "", source[1], "")]


def _numbers(tensor: torch.Tensor) -> str:
    return (
        repr((tensor.double() if tensor.is_floating_point() else tensor).tolist())
        .replace("nan", "float('nan')")
        .replace("inf", "float('inf')")
    )
