"""`write_script`: a finding as a script that needs only torch and the library at fault."""

from __future__ import annotations

import torch

from jaccheck.case import Case, Layer, Nested, Placed, Tied
from jaccheck.core import MUTANT, PATTERNS
from jaccheck.judging.laws.laws import LAW_OF
from jaccheck.judging.scripts.entries import name_of
from jaccheck.judging.scripts.sources import standalone_source
from jaccheck.methods import Method, containers, round_sample
from jaccheck.reports import Failure


def write_script(case: Case, method: Method, device: str, failure: Failure) -> str:
    """A script that shows the failure: it raises, or prints `actual` beside `expected`, which then differ."""
    imports, body = standalone_source(method.compute) or _named(method)
    last = LAW_OF[failure.law].ending(case, method, failure)
    header = [f"# {method.name} on {device}: {failure.law}, {failure.outcome}", f"# {failure.message}"]
    if failure.worst and {failure.worst.actual, failure.worst.expected} & PATTERNS:
        header.append("# Uninitialised memory can hold any value: run this with MALLOC_PERTURB_=1.")
    always = ["import torch", "from types import SimpleNamespace", *last.imports]
    lines = sorted({*imports, *always}, key=lambda line: (line.startswith("from"), line))
    # With more threads torch takes other kernels in these dtypes.
    alone = ["torch.set_num_threads(1)"] if case.dtype in ("bfloat16", "float16") else []
    return "\n".join([*header, *_merged(lines), *alone, "", *_problem(case, device), "", body, "", *last.lines]) + "\n"


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
    lines = [
        *_own_modules(case),
        "def make_model():",
        f"    model = torch.nn.Sequential({_constructor(case.layers, '', places)}).to({dtype}).eval()",
        f"    numbers = {{{', '.join(f'{name!r}: {_numbers(value)}' for name, value in tensors.numbers.items())}}}",
        f"    model.load_state_dict({{name: torch.tensor(v, dtype={dtype}) for name, v in numbers.items()}}{strict})",
    ]
    frozen = [name for name in case.parameter_shapes() if name not in case.trainable()]
    lines += [f"    model.get_parameter({name!r}).requires_grad_(False)" for name in frozen]
    lines += [f"    return model.to({device!r})" if device != "cpu" else "    return model", ""]
    kind = "torch.int64" if case.has_indices else dtype
    X = f"torch.tensor({_numbers(tensors.X)}, dtype={kind})" + (f".to({device!r})" if device != "cpu" else "")
    if not len(tensors.X):
        X = f"torch.zeros({tuple(tensors.X.shape)}, dtype={kind}, device={device!r})"
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
        f"problem = SimpleNamespace(model=model, X=X, N=len(X), C={case.outputs}, parameters=parameters)",
    ]


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
