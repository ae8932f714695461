"""How often the estimate of rounding calls a right result wrong, and which wrong results it finds.

    OMP_NUM_THREADS=1 python benchmarks/estimate.py --minutes 20 --to docs/estimate.json

draws small models of many kinds from a grammar (layers, activations, norms, heads, initial values, dtypes, autocast),
compares right methods with the limits of the estimate, and results with a fault planted in them. What it writes names
the commit and the versions. The seeds are written too, so that a run can be continued or repeated.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from estimate_models import KINDS, Made, made

from jaccheck.judging import (
    Expectation,
    Part,
    compare_values,
    default_dtype,
    flattened,
    in_float64,
    largest_test_ratio,
    looked_at,
    structural_difference,
)
from jaccheck.judging.live.references import estimate_of
from jaccheck.methods import Jacobians, Problem, copy_of, problem_of, registered

METHODS = ("autograd_loop", "autograd_batched", "func_jacrev", "vmap_jacfwd", "vmap_vjp", "hooks", "expanded_weights")
"""Forward and reverse mode, one sample at a time and in batches; all are right, or a fault of torch's is at work."""


class Count:
    """What has been seen so far."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.kinds: set[str] = set()
        self.ratios: dict[str, list[float]] = {}
        self.false_alarms: list[str] = []
        self.undecided: list[str] = []
        self.faults: dict[str, Counter[str]] = {}
        self.refused: Counter[str] = Counter()
        self.mostly: Counter[str] = Counter()

    def right(self, place: str, kind: str, actual: Any, e: Expectation) -> None:
        """A right result."""
        judged = looked_at(actual, e)
        ratio = largest_test_ratio(actual, e.expected, e.bound)
        self.kinds.add(kind)
        self.ratios.setdefault(e.dtype, []).append(ratio)
        outcome = "DISAGREES" if judged.difference else "UNDECIDED" if judged.undecided else "CONSISTENT"
        if 2 * e.undecided > len(actual):
            self.mostly[e.dtype] += 1
            outcome = outcome if outcome == "DISAGREES" else "UNDECIDED"
        self.outcomes[outcome] += 1
        if ratio > 1 and len(self.undecided) < 200:
            self.undecided.append(f"{place}: {ratio:.2f} × the first limit, then {outcome}")
        if outcome == "DISAGREES":
            assert judged.difference is not None
            self.false_alarms.append(f"{place}: {judged.difference.worst}")

    def wrong(self, fault: str, place: str, actual: Any, e: Expectation) -> None:
        """A result with a fault in it."""
        found = self.faults.setdefault(f"{fault}, {e.dtype}", Counter())
        found["planted"] += 1
        found["found"] += compare_values(actual, e) is not None

    def told(self) -> dict[str, Any]:
        """As plain data."""
        results, alarms = sum(self.outcomes.values()), self.outcomes["DISAGREES"]
        quantiles = (0.5, 0.9, 0.99, 0.999, 1.0)
        return {
            "results": results,
            "kinds": len(self.kinds),
            "outcomes": dict(self.outcomes),
            "mostly_undecided": dict(self.mostly),
            "false_alarms": self.false_alarms,
            "rate_95": upper_limit(alarms, results),
            "ratio_quantiles": {
                dtype: {str(q): round(float(np.quantile(np.minimum(values, 1e300), q)), 4) for q in quantiles}
                for dtype, values in self.ratios.items()
            },
            "above_first_limit": self.undecided,
            "faults": {name: dict(count) for name, count in sorted(self.faults.items())},
            "not_computed": dict(self.refused),
        }


def upper_limit(alarms: int, results: int) -> float:
    """The 95 % confidence limit of the rate (Clopper and Pearson): 3 ÷ results where there is no alarm."""
    if not results:
        return 1.0
    low, high = alarms / results, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        logs = [_log_binomial(results, k, rate) for k in range(alarms + 1)]
        low, high = (rate, high) if sum(np.exp(logs)) > 0.05 else (low, rate)
    return high


def _log_binomial(n: int, k: int, p: float) -> float:
    ways = sum(np.log(n - i) - np.log(i + 1) for i in range(k))
    return float(ways + k * np.log(p) + (n - k) * np.log1p(-p)) if 0 < p < 1 else -np.inf


def results_of(problem: Problem, expectation: Expectation, method: str, count: Count) -> Any | None:
    """The method's Jacobians in the dtype of the expectation, flat, or None where torch has none."""
    is_own = expectation.dtype == problem.dtype
    own = copy_of(problem)
    try:
        with default_dtype(None if is_own else torch.float64):
            given = own if is_own else in_float64(own)
            found: Jacobians = registered()[method].compute(given)
    except Exception as error:
        count.refused[f"{method}: {type(error).__name__}"] += 1
        return None
    if wrong := structural_difference(expectation.layout, given.dtypes, expectation.device, found):
        count.refused[f"{method}: {wrong}"] += 1
        return None
    return flattened(found)


def faults(problem: Problem, e: Expectation, actual: Any) -> Iterator[tuple[str, Any]]:
    """The same result with each fault that can be planted in it; what the fault does not change is left out."""
    layout = e.layout
    yield "factor 1.0001", actual * 1.0001
    yield "factor 1.01", actual * 1.01
    zero = (e.expected == 0) & (e.bound == 0)
    if zero.any():
        yield "1e-30 at exact zeros", np.where(zero, 1e-30, actual)
    blocks = {name: actual[part].reshape(layout.N, layout.C, -1) for name, part in layout.offsets().items()}
    if layout.N > 1:
        swapped = np.concatenate([b[[1, 0, *range(2, layout.N)]].ravel() for b in blocks.values()])
        if np.abs(swapped - actual).max() > 0:
            yield "rows of two samples swapped", swapped
    name = max(blocks, key=lambda each: np.abs(blocks[each]).sum())
    for what, change in (("zeros for one parameter", 0.0), ("NaN for one parameter", np.nan), ("10 % too large", 1.1)):
        changed = actual.copy()
        changed[layout.offsets()[name]] *= change
        yield what, changed
    if e.dtype != "bfloat16":
        with torch.no_grad():
            rounded = torch.from_numpy(actual.copy()).to(torch.bfloat16).double().numpy()
        if np.abs(rounded - actual).max() > 0:
            yield "rounded to bfloat16", rounded


def other_batch(problem: Problem, e: Expectation, count: Count) -> Any | None:
    """One parameter's block of the batch shifted by one sample with other inputs."""
    if not problem.X.is_floating_point():
        return None
    other = copy_of(problem)
    other.X = (other.X.detach() * 1.5).requires_grad_(problem.X.requires_grad)
    found, own = (results_of(each, e, "autograd_loop", count) for each in (other, problem))
    if found is None or own is None:
        return None
    part = max(e.layout.offsets().values(), key=lambda place: np.abs(found[place] - own[place]).max(initial=0))
    if np.abs(found[part] - own[part]).max(initial=0) == 0:
        return None
    own[part] = found[part]
    return own


def measured(model: Made, seed: int, count: Count, *, with_faults: bool) -> None:
    """One model: all right methods, and the faults."""
    place = f"{model.kind} seed {seed}"
    try:
        problem = problem_of(model.model, model.X)
    except Exception as error:
        count.refused[f"{model.kind}: {type(error).__name__}: {str(error)[:60]}"] += 1
        return
    reference = estimate_of(problem, Part(range(problem.N), range(problem.C)))
    for name in METHODS:
        method = registered()[name]
        if method.missing or method.refuses(problem):
            continue
        for e in reference.expectations(method):
            actual = results_of(problem, e, name, count)
            if actual is None:
                continue
            count.right(f"{place} {name} {e.dtype}", model.kind, actual, e)
            if name == "autograd_loop" and with_faults:
                for fault, wrong in faults(problem, e, actual):
                    count.wrong(fault, place, wrong, e)
                if (wrong := other_batch(problem, e, count)) is not None:
                    count.wrong("block of another batch", place, wrong, e)


TOLD_EVERY = 16

FAULTS_EVERY = 12
"""Faults are planted in one model of so many: each takes a second look."""


def main() -> None:
    """Runs until the time is over, and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--to", type=Path, default=Path("docs/estimate.json"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    count, began, seed = Count(), time.process_time(), options.first_seed
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    models = ((seed, kind) for seed in itertools.count(options.first_seed) for kind in KINDS)
    for done, (seed, kind) in enumerate(models, start=1):
        measured(made(kind, seed), seed, count, with_faults=(done + seed) % FAULTS_EVERY == 0)
        minutes = (time.process_time() - began) / 60
        if done % TOLD_EVERY == 0 or minutes > options.minutes:
            told = {
                "commit": commit,
                "torch": torch.__version__,
                "models": done,
                "seeds": [options.first_seed, seed],
                "cpu_minutes": round(minutes, 1),
                **count.told(),
            }
            options.to.write_text(json.dumps(told, indent=1) + "\n")
            print(f"{done} models, {told['results']} results, {told['outcomes']}, {minutes:.1f} min", flush=True)
        if minutes > options.minutes:
            break


if __name__ == "__main__":
    main()
