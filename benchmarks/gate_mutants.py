"""Twenty mutants of backpack, each the candidate of a gate; one with known issues mended; and a copy without an edit.

    python benchmarks/gate_mutants.py [NAME…]

Prints for each what the gate called it. A mutant is found if exactly the methods that show it are named, with the kind
of change that it is. About half a minute for each on a quiet machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from jaccheck_support.backpack_mutants import MUTANTS
from jaccheck_support.mended_copies import MENDED
from jaccheck_support.mutated_copies import BATCH_GRAD, MSE, SELU, SQRT_GGN, BackpackMutant, Edit, mutated_copy
from rich.console import Console

from jaccheck.case import FAMILIES, profile
from jaccheck.gate import compare_sides, parse_side, prepare
from jaccheck.reports import GateReport, GateSettings, Kind

SPIN = (
    "        from time import thread_time\n"
    "        until = thread_time() + 0.0006\n"
    "        while thread_time() < until:\n"
    "            pass\n"
)
"""A quarter of what `sqrt_ggn_sum` takes on the larger shape, more on the tutorial's."""

OWN = (
    BackpackMutant(
        "slower_by_a_quarter",
        "medium",
        (Edit(MSE, "        self._check_input_dims(module)\n", SPIN + "        self._check_input_dims(module)\n", 3),),
        SQRT_GGN,
    ),
    BackpackMutant(
        "refuses_selu",
        "medium",
        (Edit(SELU, "        non_pos = le(input0, 0)\n", '        raise NotImplementedError("SELU")\n'),),
        SQRT_GGN,
    ),
    BackpackMutant(
        "warns_of_selu",
        "medium",
        (
            Edit(
                SELU,
                "        non_pos = le(input0, 0)\n",
                '        __import__("warnings").warn("SELU goes", FutureWarning)\n        non_pos = le(input0, 0)\n',
            ),
        ),
        SQRT_GGN,
    ),
    BackpackMutant(
        "process_dies_for_one_output",
        "medium",
        (
            Edit(
                MSE,
                "        self._check_input_dims(module)\n",
                '        if module.input0.shape[1] == 1:\n            __import__("os").abort()\n'
                "        self._check_input_dims(module)\n",
                3,
            ),
        ),
        SQRT_GGN,
    ),
)

EXPECTED: dict[str, Kind | None] = {
    "control": None,
    "weight_factor_2": Kind.BROKEN,
    "bias_sign": Kind.BROKEN,
    "loss_factor_2_for_root_2": Kind.BROKEN,
    "tanh_slope_sign": Kind.BROKEN,
    "last_sample_dropped": Kind.BROKEN,
    "elu_alpha_ignored": Kind.BROKEN,
    "relu_slope_at_kink": Kind.BROKEN,
    "outputs_reversed": Kind.BROKEN,
    "last_output_sign": Kind.BROKEN,
    "only_11_inputs": Kind.BROKEN,
    "only_above_32_samples": Kind.BROKEN,
    "samples_cached_by_shape": Kind.BROKEN,
    "weight_changed_in_place": Kind.BROKEN,
    "root_2_of_ten_digits": Kind.BROKEN,
    "weight_off_by_1e-12_in_float64": Kind.BROKEN,
    "attribute_left": Kind.BROKEN,
    "parameter_hook_leaked": Kind.BROKEN,
    "slower_by_a_quarter": Kind.SLOWER,
    "refuses_selu": Kind.NO_LONGER_SUPPORTED,
    "warns_of_selu": Kind.WARNS,
    "process_dies_for_one_output": Kind.BROKEN,
    MENDED.name: Kind.FIXED,
}
"""What each must be called. A left attribute or hook breaks the law of purity."""


class Silent:
    """Is told how a gate goes, and says nothing."""

    def on_case(self, case: object, done: int, total: int, changes: int) -> None: ...

    def on_step(self, name: str, done: int, total: int) -> None: ...

    def on_change(self, change: object) -> None: ...


def put_to_the_gate(mutant: BackpackMutant, cache: Path) -> GateReport:
    """The gate's report on a copy of the installed backpack against one with the mutant."""
    sides = []
    for name, one in (("base", BackpackMutant("base", "control", (), ())), ("candidate", mutant)):
        with tempfile.TemporaryDirectory() as directory:
            copy = mutated_copy(one, Path(directory) / name)
            sides.append(prepare(parse_side(str(copy)), cache / "environments", lambda text: None))
    slower = 0.1 if EXPECTED[mutant.name] in (Kind.SLOWER, None) else None
    settings = GateSettings(
        base="base",
        candidate=mutant.name,
        profile="quick",
        seed=0,
        methods=(),
        devices=("cpu",),
        dtypes=("float64", "float32"),  # no mutant here needs another, and two take half the time
        families=tuple(FAMILIES),
        fail_slower=slower,
    )
    return compare_sides(settings, profile("quick"), *sides, folder=cache / "gates", listener=Silent())


def is_named_rightly(report: GateReport, mutant: BackpackMutant) -> bool:
    """Whether the changes are of the kind expected, in the methods that show it, and in no others.

    Where BackPACK is wrong without the mutant, what breaks elsewhere is otherwise wrong. Methods that
    are asked on few cases, through BackPACK's converter or a loss, may show what the others of their kind do.
    """
    found = {(change.kind, change.method) for change in report.changes if change.kind != Kind.MORE_MEMORY}
    expected = EXPECTED[mutant.name]
    methods = {*mutant.shown_by}
    methods |= {"sqrt_ggn_converted", "sqrt_ggn_bce", "sqrt_ggn_cross_entropy"} if {*SQRT_GGN} <= methods else set()
    methods |= {"loss_batch_grad"} if {*BATCH_GRAD} <= methods else set()
    kinds = {expected, Kind.OTHERWISE_WRONG} if expected is Kind.BROKEN else {expected}
    shown = {(expected, method) for method in mutant.shown_by if expected}
    return shown <= found <= {(kind, method) for kind in kinds if kind for method in methods}


def main(names: list[str]) -> int:
    """Prints a line for each mutant; 1 if one was not found."""
    console = Console()
    mutants = {mutant.name: mutant for mutant in (*MUTANTS, *OWN, MENDED)}
    missed = 0
    with tempfile.TemporaryDirectory() as cache:
        for name in names or EXPECTED:
            started = time.monotonic()
            report = put_to_the_gate(mutants[name], Path(cache))
            right = is_named_rightly(report, mutants[name])
            missed += not right
            kinds = sorted({f"{change.kind}: {change.method}" for change in report.changes}) or ["no change"]
            mark = "found" if right else "WRONGLY NAMED OR MISSED"
            line = f"{name:<34} {mark}: {', '.join(kinds)} ({time.monotonic() - started:.0f} s)"
            console.print(line, highlight=False, soft_wrap=True)
    console.print(f"{len(names or EXPECTED) - missed} of {len(names or EXPECTED)} named rightly")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
