"""Does `jaccheck sequences` find mutants of BackPACK, in the parts that depend on the order and the ways of calls?

    python benchmarks/sequence_mutants.py [--seeds N] [--profile NAME] [NAME…]

Prints after how many sequences each was found, and by which. The directed ones, with which every run begins, are the
same at every seed, so where one of them finds it no other is run; otherwise N seeds (3) are run until each has found
it, or has spent the profile's budget (ci). A run is a process of its own: a mutant may keep something from one sequence
to the next. The control is a copy without an edit, and must not be called wrong.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jaccheck_support.mutated_copies import MSE, ROOT, SAVE, BackpackMutant, Edit, mutated_copy, with_first
from planted_mutants import PLANTED

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
import time

import torch

from jaccheck.methods import calm_torch
from jaccheck.sequences.directed.every import every_directed
from jaccheck.sequences.run import ROUND, machine_of, run_directed, run_round
from jaccheck.sequences.sequence import Tally

import backpack
assert backpack.__file__.startswith(sys.argv[1]), backpack.__file__
seeds, examples, steps = map(int, sys.argv[2:])

def told(tally, finding, by):
    return tally.failed_after, finding.kind, by, round(time.process_time(), 1)

def found_by_a_directed_one(_):
    tally = Tally()
    machine = machine_of(tally)
    with calm_torch():
        for each in every_directed(machine):
            if found := run_directed(machine, each, shortens=False):
                return told(tally, found[0], each.name)
    return None

def found_with_seed(seed):
    tally = Tally()
    machine = machine_of(tally)
    with calm_torch():
        for start in range(0, examples, ROUND):
            size = min(ROUND, examples - start)
            if found := run_round(machine, seed * 2**20 + start // ROUND, size, steps, shortens=False):
                return told(tally, found[0], "drawn sequences")
    return None, "", "", round(time.process_time(), 1)

torch.set_num_threads(1)
with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
    (directed,) = pool.map(found_by_a_directed_one, [0])
    for result in [directed] if directed else pool.imap_unordered(found_with_seed, range(seeds)):
        print(*result, sep="\t", flush=True)
"""


@dataclass(frozen=True, slots=True)
class Found:
    """After how many sequences a backpack was called wrong, or None; how, by which, and its processor time."""

    after: int | None
    kind: str
    by: str
    seconds: float


def sequences_until_found(overlay: Path, seeds: int, budget: Profile) -> list[Found]:
    """What a directed sequence found in the backpack in `overlay`, alone; or else what each seed did."""
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
        after, kind, by, seconds = line.split("\t")
        found.append(Found(None if after == "None" else int(after), kind, by, float(seconds)))
    return found


def main() -> int:
    """Prints a line for each mutant; 1 if one was missed, or the control was called wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--profile", default="ci")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    budget = profile(options.profile)
    wrong = 0
    print(f"of {budget.sequences} sequences of {budget.sequence_steps} steps, after the directed ones", flush=True)
    print(f"{'mutant':<29} {'found':>5} {'after':>6} {'most':>5} {'s':>6}  as, by", flush=True)
    for mutant in (*MUTANTS, *PLANTED):
        if options.names and mutant.name not in options.names:
            continue
        with tempfile.TemporaryDirectory() as directory:
            results = sequences_until_found(mutated_copy(mutant, Path(directory)), options.seeds, budget)
        found = sorted((each for each in results if each.after is not None), key=lambda each: each.after or 0)
        wrong += bool(found) if mutant.difficulty == "control" else len(found) != len(results)
        middle, most = (found[len(found) // 2].after, found[-1].after) if found else ("-", "-")
        said = "; ".join(dict.fromkeys(f"{each.kind}, {each.by}" for each in found))
        count, seconds = f"{len(found)}/{len(results)}", max(each.seconds for each in results)
        print(f"{mutant.name:<29} {count:>5} {middle:>6} {most:>5} {seconds:>6}  {said}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
