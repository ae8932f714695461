"""Does `jaccheck sequences` find six mutants of BackPACK, in the parts that depend on the order of calls?

    python benchmarks/sequence_mutants.py [--seeds N] [--profile NAME] [NAME…]

Prints after how many sequences each was found, over N seeds (20), and whether the profile's (ci) budget found it every
time. Each seed is a process of its own, forked, two at a time: a mutant may keep something from one sequence to the
next. A copy without an edit is run for the whole budget once, and must not be called wrong.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from jaccheck_support.mutated_copies import MSE, ROOT, SAVE, BackpackMutant, Edit, mutated_copy, with_first

from jaccheck.case import Profile, profile

MUTANTS = (
    BackpackMutant("control", "control", ()),
    BackpackMutant(
        "hook_not_removed",
        "medium",
        (
            Edit(
                ROOT,
                "    debug = CTX.get_debug()\n    for backpack_extension",
                "    debug = CTX.get_debug()\n    if CTX.get_retain_graph():\n"
                "        module.register_forward_pre_hook(lambda *_: None)\n    for backpack_extension",
            ),
        ),
        note="a pass with retain_graph adds one",
    ),
    BackpackMutant(
        "stack_not_popped",
        "medium",
        (
            Edit(
                ROOT,
                "        CTX.set_active_exts(self.old_CTX)\n",
                "        if __exc_type is None:\n            CTX.set_active_exts(self.old_CTX)\n",
            ),
        ),
        note="after an exception the extensions stay active",
    ),
    BackpackMutant(
        "stale_buffer",
        "hard",
        (
            Edit(
                ROOT,
                '            setattr(module, "input{}".format(i), input[i])\n',
                '            old = getattr(module, "input{}".format(i), None)\n'
                "            if old is None or old.shape != input[i].shape:\n"
                '                setattr(module, "input{}".format(i), input[i])\n',
            ),
        ),
        note="an input that is still stored is kept, if the new one has its shape",
    ),
    BackpackMutant(
        "cached_shape",
        "hard",
        (
            Edit(
                MSE,
                "            scale /= sqrt(input0.numel())\n",
                '            self.cached = getattr(self, "cached", input0.numel())\n'
                "            scale /= sqrt(self.cached)\n",
            ),
        ),
        note="an extension used again, with another batch size",
    ),
    BackpackMutant(
        "accumulating_result",
        "hard",
        (
            Edit(
                SAVE,
                "        setattr(getattr(module, param_str), extension.savefield, value)",
                "        from backpack.context import CTX\n\n"
                "        old = getattr(getattr(module, param_str), extension.savefield, None)\n"
                "        if old is not None and CTX.get_retain_graph() and old.shape == value.shape:\n"
                "            value = value + old\n"
                "        setattr(getattr(module, param_str), extension.savefield, value)",
            ),
        ),
        note="a second pass with retain_graph adds to the result of the first",
    ),
    BackpackMutant(
        "leaked_graph",
        "medium",
        (
            Edit(
                ROOT,
                '    if hasattr(module, "output"):\n',
                '    if hasattr(module, "output") and not module.training:\n'
                "        memory_cleanup.last = module.output\n"
                '    if hasattr(module, "output"):\n',
            ),
        ),
        note="the last output of a module in evaluation mode is kept for good",
    ),
)
"""By how they show: a hook not removed, a stack not popped, a stale buffer, a cached shape, an accumulating result, a
leaked graph."""

WORKER = """
import multiprocessing
import sys

import torch

from jaccheck.methods import calm_torch
from jaccheck.sequences.run import ROUND, machine_of, run_round
from jaccheck.sequences.sequence import Tally

import backpack
assert backpack.__file__.startswith(sys.argv[1]), backpack.__file__
seeds, examples, steps = map(int, sys.argv[2:])

def sequences_until_found(seed):
    tally = Tally()
    machine = machine_of(tally)
    with calm_torch():
        for start in range(0, examples, ROUND):
            size = min(ROUND, examples - start)
            found = run_round(machine, seed * 2**20 + start // ROUND, size, steps, shortens=False)
            if found:
                return seed, tally.failed_after, found[0].kind
    return seed, None, ""

torch.set_num_threads(1)
with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
    for result in pool.imap_unordered(sequences_until_found, range(seeds)):
        print(*result, sep="\\t", flush=True)
"""


def sequences_until_found(overlay: Path, seeds: int, budget: Profile) -> list[tuple[int | None, str]]:
    """For each seed after how many sequences the backpack in `overlay` was called wrong, or None, and how."""
    amount = map(str, (seeds, budget.sequences, budget.sequence_steps))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORKER, str(overlay), *amount],
        capture_output=True,
        text=True,
        env=with_first(overlay),
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found = []
    for line in done.stdout.splitlines():
        _, after, kind = line.split("\t")
        found.append((None if after == "None" else int(after), kind))
    return found


def main() -> int:
    """Prints a line for each mutant; 1 if one was missed, or the control was called wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--profile", default="ci")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    budget = profile(options.profile)
    wrong = 0
    print(
        f"of {budget.sequences} sequences of {budget.sequence_steps} steps\nmutant                 found  median  most",
        flush=True,
    )
    for mutant in MUTANTS:
        if options.names and mutant.name not in options.names:
            continue
        seeds = 1 if mutant.difficulty == "control" else options.seeds
        with tempfile.TemporaryDirectory() as directory:
            results = sequences_until_found(mutated_copy(mutant, Path(directory)), seeds, budget)
        found = sorted(after for after, _ in results if after is not None)
        kinds = sorted({kind for _, kind in results if kind})
        wrong += len(found) != (0 if mutant.difficulty == "control" else seeds)
        middle, most = (found[len(found) // 2], found[-1]) if found else ("-", "-")
        print(f"{mutant.name:<22} {len(found):>2}/{seeds:<2} {middle:>7} {most:>5}  {', '.join(kinds)}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
