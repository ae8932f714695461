"""The law that a call changes nothing but what the method declares."""

from __future__ import annotations

from jaccheck.case import Case
from jaccheck.judging.laws.law import Law, When
from jaccheck.judging.laws.state import undeclared_changes
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, name_of
from jaccheck.methods import Method
from jaccheck.reports import Failure, Outcome, changed


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
J = {name}(problem)
after = state()
changed = [name for name in before if before[name] != after[name]]
print('actual  ', {{name: after[name] for name in changed}})
print('expected', {{name: before[name] for name in changed}})"""


def _ending(case: Case, method: Method, failure: Failure) -> Ending:
    """Everything that is no longer as it was, beside what it was."""
    leaves = "{" + ", ".join(map(repr, sorted(method.leaves))) + "}" if method.leaves else "set()"
    return Ending(_SCRIPT.format(leaves=leaves, name=name_of(method)).split("\n"), ("import random",))


PURITY = Law(
    name="purity",
    statement="parameters, buffers, input, flags, hooks, random state and torch's globals are unchanged, except for "
    "what the method declares",
    sees="a right result that leaves something behind",
    when=When.ALWAYS,
    ask=_purity,
    ending=_ending,
)
