"""What is measured in parts is what one machine measures; and nothing of it loads torch into Dask's own processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jaccheck.reports import Environment, MatrixCell, Outcome
from jaccheck.runs.matrix.asking import NOT_TRIED, MatrixPart

pytest.importorskip("distributed", reason="a cluster is one of Dask: the extra `cluster`")

from jaccheck.runs.matrix.spreading import given_up

SOMEWHERE = Environment(
    python="", platform="", jaccheck="", torch="", backpack=None, numpy="", hypothesis="", devices={}, threads=1
)


def cell(row: int, method: str, outcome: Outcome = Outcome.AGREES) -> MatrixCell:
    """A cell of a matrix."""
    return MatrixCell(group="g", row=str(row), method=method, dtype="float32", device="cpu", outcome=outcome)


def part(*cells: MatrixCell, ended: int = 0) -> MatrixPart:
    """Some rows, of which the processes of the first crashed cells ended."""
    crashed = [each for each in cells if each.outcome is Outcome.CRASHED]
    return MatrixPart(environment=SOMEWHERE, cells=cells, ended=tuple(crashed[:ended]))


def test_a_method_is_given_up_after_the_same_row_as_on_one_machine() -> None:
    """After three processes, whichever parts they were of; an exception ends none, and other methods go on."""
    crashed, agrees = Outcome.CRASHED, Outcome.AGREES
    cells = list(
        given_up(
            [
                part(cell(1, "bad", crashed), cell(1, "raises", crashed), cell(2, "bad", crashed), ended=1),
                part(cell(3, "bad", crashed), cell(3, "raises", crashed), ended=1),
                part(cell(4, "bad", crashed), cell(4, "good"), cell(5, "bad", Outcome.NOT_COMPUTED), ended=1),
                part(cell(6, "bad"), cell(6, "good"), cell(6, "raises", crashed)),
            ]
        )
    )
    assert [(each.row, each.outcome, each.message) for each in cells if each.method == "bad"] == [
        *((row, crashed, "") for row in "1234"),
        ("5", Outcome.NOT_COMPUTED, ""),
        ("6", Outcome.NOT_RUN, NOT_TRIED),
    ]
    assert {each.outcome for each in cells if each.method == "raises"} == {crashed}
    assert {each.outcome for each in cells if each.method == "good"} == {agrees}


@pytest.mark.parametrize(
    "module",
    [
        "jaccheck.runs.cluster.node",
        "jaccheck.runs.matrix.asking",
        "jaccheck.selftest.asking",
        "jaccheck.sequences.asking",
    ],
)
def test_what_dask_loads_is_without_torch(module: str) -> None:
    """A Dask worker, and the scheduler, load the functions that are sent to them; torch takes memory in each."""
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
