"""How a script shows the breach of each law: it raises, or its last two lines print `actual` and `expected`.

Where the library is right, nothing raises and both are the same, but for roundings within the bound that is printed.
"""

from __future__ import annotations

import re

from jaccheck.case import Case
from jaccheck.judging.laws.laws import is_given_columns
from jaccheck.judging.scripts.entries import Ending, entry, expected_of, shapes
from jaccheck.judging.scripts.related import RELATED
from jaccheck.methods import Method
from jaccheck.reports import Breach, Outcome


def ending(case: Case, method: Method, breach: Breach) -> Ending:
    """How a script that has the method, `problem` and `make_model` shows this breach."""
    call = f"J = {name_of(method)}(problem)"
    if breach.law == "repeatability":
        return Ending(_second_call(case, method, breach))
    if breach.law == "given memory":
        return Ending(_given_memory(case, method, breach))
    if breach.law in RELATED:
        return RELATED[breach.law](case, name_of(method), breach)
    if breach.outcome is Outcome.CRASHED:
        return Ending([f"{call}  # {breach.message}"])
    if breach.law == "purity":
        return _state_around(call, method)
    if breach.law == "no aliasing":
        return Ending([call, *_shared_memory(breach)])
    if breach.worst is None:
        return Ending([call, *shapes("J")])
    return Ending([*expected_of(breach.worst, "make_model()", "X"), call, *entry("J", breach.worst)])


def name_of(method: Method) -> str:
    """What the function is called in its source: a method of another package goes by "package.module:function"."""
    return method.name.rpartition(":")[2]


def _second_call(case: Case, method: Method, breach: Breach) -> list[str]:
    """The method called once more on the same network, with other numbers in it and the batch reversed."""
    prepared = [
        "def change(model):",
        "    with torch.no_grad():",
        f"        model.get_parameter({case.last_weight!r}).neg_()",
        "    return model",
        "",
        "reversed_X = X.detach().flip(0).requires_grad_(X.requires_grad)",
    ]
    first, second = f"J = {name_of(method)}(problem)", ["change(model)", "problem.X = reversed_X"]
    call = f"again = {name_of(method)}(problem)"
    if breach.outcome is Outcome.CRASHED:
        return [*prepared, first, *second, f"{call}  # {breach.message}"]
    if breach.worst is None:
        return [*prepared, first, *second, call, *shapes("again")]
    if breach.outcome is Outcome.SIDE_EFFECT:
        place = f"J[{breach.worst.parameter!r}][{', '.join(map(str, breach.worst.index))}].item()"
        kept = f"expected = {place}"
        return [*prepared, first, kept, *second, call, f"print('actual  ', {place})", "print('expected', expected)"]
    expected = expected_of(breach.worst, "change(make_model())", "reversed_X")
    return [*prepared, *expected, first, *second, call, *entry("again", breach.worst)]


def _given_memory(case: Case, method: Method, breach: Breach) -> list[str]:
    """The method called with memory full of NaN to write into."""
    if is_given_columns(case):
        given = [
            "widths = [p.numel() for p in parameters.values()]",
            "columns = X.new_full((len(X), problem.C, sum(widths)), torch.nan, requires_grad=False).split(widths, 2)",
            "out = {name: part.unflatten(2, p.shape) for (name, p), part in zip(parameters.items(), columns)}",
        ]
    else:
        given = [
            "shapes = {name: (len(X), problem.C, *p.shape) for name, p in parameters.items()}",
            "out = {name: X.new_full(shape, torch.nan, requires_grad=False) for name, shape in shapes.items()}",
        ]
    call = f"J = {name_of(method)}(problem, out=dict(out))"
    if breach.outcome is Outcome.CRASHED:
        return [*given, f"{call}  # {breach.message}"]
    if breach.worst is not None:
        return [*expected_of(breach.worst, "make_model()", "X"), *given, call, *entry("out", breach.worst)]
    if "other tensors" not in breach.message:
        return [*given, call, *shapes("J")]
    same = "[J[name] is out[name] for name in out]"
    return [*given, call, f"print('actual  ', {same})", "print('expected', [True] * len(out))"]


_STATE = """\
LEFT = {leaves}  # what {name} leaves behind by design

def state():
    generator = torch.Generator()
    generator.set_state(torch.get_rng_state())
    found = {{
        'next random numbers': (torch.rand(1, generator=generator).item(), hash(random.getstate())),
        'torch': (torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()),
        'X': (X.tolist(), X.requires_grad),
    }}
    for path, module in model.named_modules():
        counts = {{name[1:-1]: len(kept) for name, kept in vars(module).items() if name.endswith('_hooks')}}
        hooks = {{name: count for name, count in counts.items() if count > (name in LEFT)}}
        own = {{f'_{{name}}s' for name in counts}} | {{'_is_full_backward_hook'}}
        found[f'module {{path!r}}'] = module.training, sorted(vars(module).keys() - own - LEFT), hooks
    for name, p in model.named_parameters():
        grad = 'grad' in LEFT or p.grad is None
        others = sorted(vars(p).keys() - LEFT)
        found[name] = p.tolist(), p.requires_grad, others, grad, len(p._backward_hooks or ())
    return found

before = state()
{call}
after = state()
changed = [name for name in before if before[name] != after[name]]
print('actual  ', {{name: after[name] for name in changed}})
print('expected', {{name: before[name] for name in changed}})"""


def _state_around(call: str, method: Method) -> Ending:
    """Everything that is no longer as it was, beside what it was."""
    leaves = "{" + ", ".join(map(repr, sorted(method.leaves))) + "}" if method.leaves else "set()"
    text = _STATE.format(leaves=leaves, name=name_of(method), call=call)
    return Ending(text.split("\n"), ("import random",))


def _shared_memory(breach: Breach) -> list[str]:
    """Whether the two tensors that the message names have their entries in one storage."""
    one, _, other = re.sub(r" and \d+ more$", "", breach.message).partition(" shares memory with ")
    storages = [f"{_expression(name)}.untyped_storage().data_ptr()" for name in (one, other)]
    return [
        f"print('actual  ', {' == '.join(storages)}, '(share memory)')",
        "print('expected', False, '(share memory)')",
    ]


def _expression(name: str) -> str:
    """How a script writes what a law calls X, `J['0.weight']`, `0.weight` or `0.weight.grad`."""
    if name == "X" or name.startswith("J["):
        return name
    return f"model.get_parameter({name.removesuffix('.grad')!r})" + (".grad" if name.endswith(".grad") else "")
