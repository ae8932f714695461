"""`entry_script`: the wrong entries of a check as a script, each beside torch.autograd.grad on its sample alone."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.core import printable
from jaccheck.reports import Asked, MethodAnswer, ModelReport, Outcome, WorstEntry

HEAD = '''"""What methods return on {place}, each at its worst entry, beside torch.autograd.grad."""

import torch

from jaccheck.judging import in_float64
from jaccheck.methods import Choice, calm_torch, copy_of, find_method, load_problem, named_loss

problem = load_problem({place!r}, {arguments!r}, {choice})


def compare(problem, method, name, n, c, *index):
    """One entry of a parameter's Jacobian: what the method returns, and the gradient of that output alone."""
    copy = copy_of(problem)
    key = next(key for key in copy.parameters if copy.told(key) == name)
    with calm_torch():
        actual = find_method(method).compute(copy)[key][(n, c, *index)].item()
    alone = copy_of(problem)
    f = alone.model(alone.X[n : n + 1]).flatten()[c]
    (gradient,) = torch.autograd.grad(f, alone.parameters[key])
    print("actual  ", actual)
    print("expected", gradient[index].item(), "says torch.autograd.grad")
'''


def entry_script(report: ModelReport, choice: str) -> str:
    """The script for a model that was asked for on the command line; `choice` is the source of its `Choice`."""
    asked = report.asked
    assert asked is not None
    head = HEAD.format(place=asked.place, arguments=asked.arguments, choice=choice)
    lines = (line for answer in report.wrong for line in _lines(answer, report.dtype, asked))
    return printable("\n".join([head, "", *lines]))


def _lines(answer: MethodAnswer, dtype: str, asked: Asked) -> Iterator[str]:
    method = asked.name_of(answer.method)
    if answer.in_float64 is Outcome.DISAGREES and answer.worst_in_float64:
        yield f"# {method} in float64: {answer.message_in_float64}"
        yield from _entry("in_float64(problem)", method, answer.worst_in_float64)
    elif answer.outcome is Outcome.DISAGREES and answer.worst:
        yield f"# {method} in {dtype}: {answer.message}"
        yield from _entry("problem", method, answer.worst)


def _entry(problem: str, method: str, worst: WorstEntry) -> Iterator[str]:
    yield f"compare({problem}, {method!r}, {worst.parameter!r}, {', '.join(map(str, worst.index))})"
    yield ""
