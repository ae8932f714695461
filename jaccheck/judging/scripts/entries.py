"""What the endings of scripts are made of: an entry beside what autograd says of it, shapes beside shapes.

An ending raises, or its last two lines print `actual` and `expected`. Where the library is right, nothing raises and
both are the same, but for roundings within the bound that is printed.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaccheck.case import Case
from jaccheck.methods import Method
from jaccheck.reports import Failure, Outcome, WorstEntry


@dataclass(frozen=True, slots=True)
class Ending:
    """The last lines of a script, and the imports that only they need."""

    lines: list[str]
    imports: tuple[str, ...] = ()


def expected_of(worst: WorstEntry, model: str, X: str) -> list[str]:
    """What autograd says of a network that the method has never seen."""
    n, c, *_ = worst.index
    return [
        f"reference = {model}",
        f"f = reference({X}[{n}:{n + 1}]).reshape(problem.C)",
        f"expected = torch.autograd.grad(f[{c}], reference.get_parameter({worst.parameter!r}))[0]",
    ]


def entry(found: str, worst: WorstEntry) -> list[str]:
    """One entry beside the expected one."""
    n, c, *index = worst.index
    inside = ", ".join(map(str, index))
    give = f", 'give or take {worst.bound:.1e}'" if worst.bound else ""
    return [
        f"print('actual  ', {found}[{worst.parameter!r}][{n}, {c}, {inside}].item())",
        f"print('expected', expected[{inside}].item(), 'says autograd'{give})",
    ]


def shapes(found: str) -> list[str]:
    """Names, shapes, dtypes and devices beside those of the parameters."""
    return [
        "def describe(name, shape, tensor):",
        "    return name, tuple(shape), tensor.dtype, str(tensor.device)",
        "",
        f"print('actual  ', [describe(name, j.shape, j) for name, j in {found}.items()])",
        "print('expected', [describe(name, (len(X), problem.C, *p.shape), p) for name, p in parameters.items()])",
    ]


def name_of(method: Method) -> str:
    """What the function is called in its source: a method of another package goes by "package.module:function"."""
    return method.name.rpartition(":")[2]


def result_ending(case: Case, method: Method, failure: Failure) -> Ending:
    """One call, and the entry that is wrong in its result, or the structure."""
    call = f"J = {name_of(method)}(problem)"
    if failure.outcome is Outcome.CRASHED:
        return Ending([f"{call}  # {failure.message}"])
    if failure.worst is None:
        return Ending([call, *shapes("J")])
    return Ending([*expected_of(failure.worst, "make_model()", "X"), call, *entry("J", failure.worst)])
