"""How close evaluations come to their bounds, and how wide the bounds are: `python benchmarks/bound_tightness.py`.

Random cases of all families that have a bound, in every dtype, evaluated by the simulated machines of
`jaccheck_support.simulation`: rounded to nearest as hardware does, and with all the error that the assumptions leave.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaccheck_support.evaluation import Evaluation, jacobians
from jaccheck_support.simulation import SLOPES, VALUES, Machine, Rounding, Summation

from jaccheck.case import DTYPES, FAMILIES, Case, DType, boundary_cases, draw_cases
from jaccheck.case.families.registry import has_rules
from jaccheck.judging import CaseReference, flattened
from jaccheck.methods import build, find_method, round_sample
from jaccheck.oracle import Order, arithmetic, backward, difference_bound, forward, network


@dataclass
class Row:
    """What was measured for one dtype and order."""

    nearest: float = 0.0
    adverse: float = 0.0
    widths: list[float] = field(default_factory=list)
    undecided: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", type=int, default=10, help="random cases of each family beside its boundary cases")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(
        f"{'dtype':10}{'order':10}{'nearest':>9}{'adverse':>9}{'median width':>14}{'worst width':>13}{'no bound':>10}"
    )
    for dtype in DTYPES:
        drawn = list(small_cases(dtype, arguments.cases, arguments.seed))
        for order in Order:
            row = measure(drawn, order)
            print(
                f"{dtype:10}{order.value:10}{row.nearest:9.2f}{row.adverse:9.2f}{np.median(row.widths):14.1e}"
                f"{np.max(row.widths):13.1e}{row.undecided:10d}"
            )
    ratio, factor, width = differences(list(small_cases("float64", arguments.cases, arguments.seed)))
    print(
        f"{'float64':10}{'central':10}{ratio:9.2f}{'':9}{width:14.1e}{'':13}   bound / error {factor:.0f} in the median"
    )
    print("nearest, adverse: largest error / bound")
    print("width: median of bound / max|J| over the nonzero entries of a case; its median and maximum over all cases")


def small_cases(dtype: DType, count: int, seed: int) -> Iterator[Case]:
    for family in filter(has_rules, FAMILIES):
        for case in (*boundary_cases(family, dtype), *draw_cases(family, [dtype], seed_number=seed, count=count)):
            if 0 < case.entries() <= 2000:
                yield case


def measure(drawn: list[Case], order: Order) -> Row:
    """Every case on every kind of rounding, with orders of summation and formulas in turn."""
    row = Row()
    for number, case in enumerate(drawn):
        rounded = round_sample(case)
        net = network(
            case,
            rounded.X.double().numpy(),
            {name: value.double().numpy() for name, value in rounded.numbers.items()},
        )
        ar = arithmetic(case.dtype)
        form = backward(net, forward(net, ar), ar, order=order)
        largest = np.max(np.abs(form.jacobian))
        if not np.isfinite(form.bound).all() or not largest:
            row.undecided += 1
            continue
        row.widths.append(float(np.median(form.bound[form.jacobian != 0]) / largest))
        how = Evaluation(VALUES[number % 2], SLOPES[number % 3], forward_mode=order is Order.ANY)
        for rounding in Rounding:
            ulps = 0 if rounding is Rounding.NEAREST else 3
            machine = Machine(case.dtype, tuple(Summation)[number % 5], rounding, ulps, number)
            worst = largest_ratio(np.abs(jacobians(net, machine, how) - form.jacobian), form.bound)
            if rounding is Rounding.NEAREST:
                row.nearest = max(row.nearest, worst)
            else:
                row.adverse = max(row.adverse, worst)
    return row


def differences(drawn: list[Case]) -> tuple[float, float, float]:
    """Central differences as they run: largest error / bound, median bound / error, median width."""
    method = find_method("central_differences")
    ratios, factors, widths = [0.0], [], []
    for case in drawn:
        if method.refuses(build(case)) or case.family != "smooth":
            continue
        reference = CaseReference(case, "cpu")
        bound = difference_bound(reference.network, arithmetic(case.dtype), method.step)
        error = np.abs(flattened(method.compute(reference.problem())) - reference.jacobian)
        ratios.append(largest_ratio(error, bound))
        factors.append(float(np.median(bound[error > 0] / error[error > 0])))
        widths.append(float(np.median(bound) / np.max(np.abs(reference.jacobian))))
    return max(ratios), float(np.median(factors)), float(np.median(widths))


def largest_ratio(error: np.ndarray, bound: np.ndarray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.max(np.where(error == 0, 0, error / bound)))


if __name__ == "__main__":
    main()
