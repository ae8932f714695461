"""The law that samples' shares in a loss add up to its gradient, which needs no reference for single samples.

It backs up agreement, as the identities do: what a reduction divides by is jaccheck's own word, and here torch's.
"""

from __future__ import annotations

from math import prod

import numpy as np

from jaccheck.case import Case
from jaccheck.judging.laws.agreement import AGREEMENT
from jaccheck.judging.laws.law import Law, NotAsked, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, name_of
from jaccheck.methods import Method, build, divisor_of
from jaccheck.oracle import arithmetic
from jaccheck.reports import Failure, Outcome, WrongTotal

_FLOAT64 = arithmetic("float64")


def _shares(trial: Trial) -> None:
    reduced = trial.reference.reduced_gradient
    if reduced is None or trial.is_contradicted:
        raise NotAsked
    by, gradient = reduced
    bounds, layout = trial.reference.expectation(trial.method).bound, trial.reference.layout
    for name, part in layout.offsets().items():
        J, E = (flat[part].reshape(layout.N, prod(layout.shapes[name])) for flat in (trial.flat, bounds))
        # Torch's own gradient is made of the same products, so it is off by no more than a method's.
        size = np.nan_to_num(np.abs(J), nan=0.0, posinf=0.0)
        within = (2 * E.sum(axis=0) + _FLOAT64.gamma(layout.N + 8) * (size + E).sum(axis=0)) / by
        found, expected = J.sum(axis=0) / by, gradient[name].ravel()
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(found - expected) <= within) & np.isfinite(within)
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            detail = WrongTotal(
                parameter=name,
                actual=float(found[place]),
                expected=float(expected[place]),
                bound=float(within[place]),
                wrong=int(wrong.sum()),
                numbers=len(wrong),
            )
            raise SHARES.broken(Outcome.DISAGREES, detail)


def _ending(case: Case, method: Method, failure: Failure) -> Ending:
    """The shares of all samples added up, beside the gradient of the loss by one backward pass, in float64."""
    lines = [
        "reference = make_model().cpu().double()",
        "f = torch.nn.Sequential(*reference.children())(reference.inputs)",
        "loss = reference.loss(f, reference.targets).sum()",
        "gradients = torch.autograd.grad(loss, [reference.get_parameter(name) for name in parameters])",
        f"J = {name_of(method)}(problem)",
        f"sums = {{name: j.cpu().double().sum((0, 1)) / {divisor_of(build(case))} for name, j in J.items()}}",
        "worst = max(zip(gradients, sums.values()), key=lambda both: (both[0] - both[1]).abs().max())",
        "# the shares of all samples together, and what one backward pass from the loss says",
        "print('actual  ', (worst[1].flatten() + 0.0).tolist())",
        "print('expected', (worst[0].flatten() + 0.0).tolist())",
    ]
    return Ending(lines)


SHARES = Law(
    name="shares",
    statement="of a loss, the own gradients of all samples, divided by what its reduction divides by, add up to its "
    "gradient",
    sees="a wrong factor of a reduction, in method and reference alike",
    when=When.REPEATED,
    ask=_shares,
    ending=_ending,
    backs=AGREEMENT.name,
)
