"""The law that a call changes nothing but what the method declares."""

from __future__ import annotations

import re

from jaccheck.case import Case
from jaccheck.judging.laws.law import Law, When
from jaccheck.judging.laws.process_state import PROCESS
from jaccheck.judging.laws.state import undeclared_changes
from jaccheck.judging.laws.torch_state import TORCH
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, name_of
from jaccheck.methods import Method
from jaccheck.reports import Changed, Failure, Outcome, changed


def _purity(trial: Trial) -> None:
    changes = undeclared_changes(trial.before, trial.after, trial.method.leaves)
    changes += [("values", text) for text in trial.reference.changed_values(trial.problem)]
    if changes:
        raise PURITY.broken(Outcome.SIDE_EFFECT, changed(changes))


_SCRIPT = """\
LEFT = {leaves}  # what {name} leaves behind by design

def state():
    generator = torch.Generator()
    generator.set_state(torch.get_rng_state())
    found = {{
        'next random numbers': (torch.rand(1, generator=generator).item(), hash(random.getstate())),
        'torch': (torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()),
        'X': (X.tolist(), X.requires_grad),{others}
    }}
    for path, module in model.named_modules():
        counts = {{name[1:-1]: len(kept) for name, kept in vars(module).items() if name.endswith('_hooks')}}
        hooks = {{name: count for name, count in counts.items() if count > (name in LEFT)}}
        own = {{f'_{{name}}s' for name in counts}} | {{'_is_full_backward_hook'}}
        names = sorted(vars(module).keys() - own - LEFT)
        found[f'module {{path!r}}'] = type(module).__name__, module.training, names, hooks
    for name, p in model.named_parameters():
        grad = 'grad' in LEFT or p.grad is None
        others = sorted(vars(p).keys() - LEFT)
        found[name] = p.tolist(), p.requires_grad, others, grad, len(p._backward_hooks or ())
    return found

before = state()
J = {name}(problem)
after = state()
changed = [name for name in before if before[name] != after[name]]
print('actual  ', {{name: after[name] for name in changed}})
print('expected', {{name: before[name] for name in changed}})"""


def _ending(case: Case, method: Method, failure: Failure) -> Ending:
    """Everything that is no longer as it was, beside what it was."""
    leaves = "{" + ", ".join(map(repr, sorted(method.leaves))) + "}" if method.leaves else "set()"
    shown = {**_shown_functions(failure), **{n: e for n, e in _SHOWN.items() if n in _aspects(failure)}}
    others = "".join(f"\n        {name!r}: {expression}," for name, expression in shown.items())
    words = {word for expression in shown.values() for word in re.findall(r"[a-z]+(?=\.)", expression)}
    imports = ("random", *sorted(words & _IMPORTED))
    script = _SCRIPT.format(leaves=leaves, name=name_of(method), others=others)
    return Ending(script.split("\n"), tuple(f"import {module}" for module in dict.fromkeys(imports)))


def _aspects(failure: Failure) -> tuple[str, ...]:
    return failure.detail.aspects if isinstance(failure.detail, Changed) else ()


def _shown_functions(failure: Failure) -> dict[str, str]:
    """Functions of torch's that were replaced, by their full names, and modules by how they are looked up."""
    return {aspect: aspect for aspect in _aspects(failure) if aspect.startswith(("torch.", "sys.modules."))}


_SHOWN = TORCH.shown | PROCESS.shown
_IMPORTED = {
    *("ctypes", "decimal", "gc", "locale", "logging", "numpy", "os", "resource", "signal", "sys", "tempfile"),
    *("threading", "time", "tracemalloc", "warnings"),
}

PURITY = Law(
    name="purity",
    statement="parameters, buffers, input, flags, hooks, random state, torch's globals and functions, and what belongs "
    "to the process are unchanged, except for what the method declares",
    sees="a right result that leaves something behind: autocast, a hook, a mode, a timer, a thread",
    when=When.ALWAYS,
    ask=_purity,
    ending=_ending,
)
