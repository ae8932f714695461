"""Is every known issue of sequences met, and seen wrong, by `jaccheck sequences` at every seed?

    python benchmarks/sequence_issues.py [--seeds N] [--first SEED] [--profile NAME]

Every run begins with the same directed sequences, whatever its seed: the first two columns say how often these meet
each issue, and see it wrong. With N seeds the drawn sequences of each are run as well, until every issue has been seen
or the profile's budget (ci) is spent; the last column says at how many seeds they saw it by themselves. Exit code 1
where the directed ones miss an issue, or anything else is found.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

import torch

from jaccheck.case import Profile, profile
from jaccheck.judging import SEQUENCE_ISSUES
from jaccheck.methods import calm_torch
from jaccheck.sequences import Tally
from jaccheck.sequences.alone import ALONE
from jaccheck.sequences.directed.every import every_directed
from jaccheck.sequences.run import ROUND, machine_of, run_directed, run_round

IDS = {issue.id for issue in SEQUENCE_ISSUES}
DRAWN = IDS - {alone.issue for alone in ALONE}
"""Those of uses that stand alone are in no rule: the directed sequences see them."""


def directed() -> tuple[Tally, int]:
    """What the directed sequences met and saw, and the number of findings."""
    tally = Tally()
    machine = machine_of(tally)
    return tally, sum(len(run_directed(machine, each)) for each in every_directed(machine))


def drawn(seed: int, budget: Profile) -> tuple[set[str], int, int]:
    """The issues that the drawn sequences of a seed saw, in how many of them, and the number of findings."""
    tally = Tally()
    machine = machine_of(tally)
    for start in range(0, budget.sequences, ROUND):
        size = min(ROUND, budget.sequences - start)
        found = run_round(machine, seed * 2**20 + start // ROUND, size, budget.sequence_steps)
        if found or set(+tally.wrong) >= DRAWN:
            return IDS & set(+tally.wrong), tally.examples, len(found)
    return IDS & set(+tally.wrong), tally.examples, 0


def main() -> int:
    """Prints the table; 1 if an issue was not seen wrong, or there was a finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--profile", default="ci")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with calm_torch():
        tally, findings = directed()
        seen, lengths = Counter[str](), []
        for seed in range(asked.first, asked.first + asked.seeds):
            issues, examples, more = drawn(seed, profile(asked.profile))
            seen.update(issues)
            lengths.append(examples)
            findings += more
    print(f"{'known issue':<34} {'met':>5} {'wrong':>5}  seeds that drew it")
    for issue in SEQUENCE_ISSUES:
        print(f"{issue.id:<34} {tally.met[issue.id]:>5} {tally.wrong[issue.id]:>5}  {seen[issue.id]:>3}/{asked.seeds}")
    print(f"{findings} findings; sequences drawn at each seed: {lengths}")
    return int(bool(findings or IDS - set(+tally.wrong)))


if __name__ == "__main__":
    sys.exit(main())
