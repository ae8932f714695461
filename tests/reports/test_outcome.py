"""One list of outcomes in every report; reports of schema version 1, which had four lists, are still read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jaccheck_support.testing import ENVIRONMENT

from jaccheck.core import to_json
from jaccheck.errors import UnreadableFile
from jaccheck.reports import BenchReport, MatrixReport, ModelReport, Outcome, load, save

OLD_MATRIX = """{"schema_version": 1, "environment": %s, "cells": [
{"group": "perceptrons", "row": "ReLU", "method": "autograd_loop", "dtype": "float64", "device": "cpu", "mark": "right",
 "message": "", "known": []},
{"group": "perceptrons", "row": "ReLU", "method": "sqrt_ggn_bce", "dtype": "float64", "device": "cpu",
 "mark": "refused", "message": "BackPACK's BCEWithLogitsLoss takes one output, not 2", "known": []},
{"group": "convolution", "row": "Conv1d(padding='same')", "method": "batch_grad_loop", "dtype": "float64",
 "device": "cpu", "mark": "wrong", "message": "0.weight[2, 1, 1, 0, 1]: 1.5 instead of -1.5 (must be equal)",
 "known": ["conv-string-padding"]},
{"group": "convolution", "row": "Conv1d(padding='same')", "method": "sqrt_ggn_sum", "dtype": "float64",
 "device": "cpu", "mark": "crashed", "message": "RuntimeError: padding='same' is not supported", "known": []},
{"group": "recurrent", "row": "RNN", "method": "hooks", "dtype": "float64", "device": "cpu",
 "mark": "consistent by estimate", "message": "", "known": []},
{"group": "recurrent", "row": "RNN", "method": "func", "dtype": "float16", "device": "cpu", "mark": "undecided",
 "message": "the bound is too wide for every entry", "known": []},
{"group": "pooling", "row": "AvgPool1d", "method": "sqrt_ggn_sum", "dtype": "float32", "device": "cpu",
 "mark": "leaves something behind", "message": "torch: random generator changed", "known": ["avg-pool-random-state"]},
{"group": "pooling", "row": "AvgPool3d", "method": "autograd_loop", "dtype": "bfloat16", "device": "cpu",
 "mark": "not computed by torch", "message": "torch does not compute it in bfloat16 on cpu", "known": []}]}"""

OLD_CHECK = """{"schema_version": 1, "model": "Sequential", "N": 2, "C": 1, "dtype": "float32", "device": "cpu",
"parameters": 1, "jacobian_bytes": 8, "memory": 11351560192, "chunks": 1, "chunk_bytes": 8, "chunk_samples": 2,
"witness": "closed form", "judged_by": "compared with the closed form", "environment": %s, "seconds": 14.8, "answers": [
{"method": "autograd_loop", "standing": "AGREES", "message": "", "comparison": "exact", "worst": null, "excess": 0.0,
 "entries": 2, "undecided": 0, "chunks": 1, "median_s": 0.0005, "peak": 4.5, "warnings": []},
{"method": "hooks", "standing": "REFUSES", "message": "takes no Conv2d", "comparison": "none", "worst": null,
 "excess": "Infinity", "entries": 0, "undecided": 0, "chunks": 0, "median_s": null, "peak": null, "warnings": []}],
"recommended": "autograd_loop", "advice": "use autograd_loop", "interrupted": false}"""

SPREAD = """{"samples": 1, "median_s": 2.0, "low_s": 0.0, "high_s": "Infinity", "lower_quartile_s": 2.0,
"upper_quartile_s": 2.0, "shortest_s": 2.0}"""

OLD_BENCH = """{"schema_version": 1, "environment": %s, "threads": 1, "memory": 1000, "cells": [
{"shape": "tutorial", "network": "10-7-5", "axis": null, "size": null, "dtype": "float32", "device": "cpu", "N": 15,
 "C": 5, "parameters": 117, "jacobian_bytes": 35100, "fresh_floor": null, "given_floor": %(spread)s,
 "seconds": 1.0, "methods": [
 {"method": "hooks", "standing": "right", "message": "each entry within its proven bound", "given": %(spread)s},
 {"method": "func", "standing": "right",
  "message": "no entry differs by more than rounding is estimated to explain"},
 {"method": "vmap", "standing": "wrong", "message": "0.weight[0, 0, 0, 0]: 1 instead of 2"},
 {"method": "loop", "standing": "left out", "message": "no time was left for it"},
 {"method": "ggn", "standing": "refuses", "message": "needs ReLU"},
 {"method": "jax", "standing": "crashed", "message": "RuntimeError: no"}]}],
"growth": [], "seconds": 2.0, "not_reached": [], "interrupted": false}"""


def old(text: str, folder: Path) -> Path:
    """A stored report of version 1."""
    path = folder / "old.json"
    path.write_text(text.replace("%(spread)s", SPREAD) % to_json(ENVIRONMENT))
    return path


def test_each_outcome_says_what_it_means() -> None:
    """In one sentence, by the same name in JSON."""
    for outcome in Outcome:
        assert outcome.sentence.endswith(".")
        assert json.loads(to_json(outcome)) == outcome.name == str(outcome)


def test_an_outcome_is_usable_or_wrong_or_neither() -> None:
    """Nothing is both."""
    assert {each for each in Outcome if each.is_usable} == {Outcome.AGREES, Outcome.CONSISTENT}
    wrong = {Outcome.DISAGREES, Outcome.SIDE_EFFECT, Outcome.CRASHED, Outcome.HUNG}
    assert {each for each in Outcome if each.is_wrong} == wrong


def test_a_matrix_of_version_1_is_read(tmp_path: Path) -> None:
    """Each mark is the outcome that it stands for; all else is as it was."""
    found = load(MatrixReport, old(OLD_MATRIX, tmp_path))
    assert [cell.outcome for cell in found.cells] == [
        Outcome.AGREES,
        Outcome.UNSUPPORTED,
        Outcome.DISAGREES,
        Outcome.CRASHED,
        Outcome.CONSISTENT,
        Outcome.UNDECIDED,
        Outcome.SIDE_EFFECT,
        Outcome.NOT_COMPUTED,
    ]
    assert found.cells[2].known == ("conv-string-padding",)
    assert found.environment == ENVIRONMENT


def test_a_check_of_version_1_is_read(tmp_path: Path) -> None:
    """REFUSES is UNSUPPORTED now; all else is as it was."""
    found = load(ModelReport, old(OLD_CHECK, tmp_path))
    assert [answer.outcome for answer in found.answers] == [Outcome.AGREES, Outcome.UNSUPPORTED]
    assert (found.answers[0].median_s, found.recommended) == (0.0005, "autograd_loop")


def test_a_bench_of_version_1_is_read(tmp_path: Path) -> None:
    """What was right by estimate is CONSISTENT now."""
    found = load(BenchReport, old(OLD_BENCH, tmp_path))
    assert (found.cells[0].median("hooks", "reused"), found.cells[0].floor("fresh")) == (2.0, None)
    assert found.cells[0].floor("reused") is not None
    assert [timing.outcome for timing in found.cells[0].methods] == [
        Outcome.AGREES,
        Outcome.CONSISTENT,
        Outcome.DISAGREES,
        Outcome.NOT_RUN,
        Outcome.UNSUPPORTED,
        Outcome.CRASHED,
    ]


@pytest.mark.parametrize(
    "found",
    [
        {"cells": None},
        {"cells": [1]},
        {"cells": [{"methods": [{}]}]},
        {"cells": [{"mark": []}]},
        {"answers": [[]]},
        {"answers": {"standing": 1}},
    ],
)
def test_what_is_no_report_of_version_1_is_told(found: dict[str, Any], tmp_path: Path) -> None:
    """In one line, whatever stands in the file."""
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps({"schema_version": 1, **found}))
    for kind in (MatrixReport, ModelReport, BenchReport):
        with pytest.raises(UnreadableFile, match="hostile"):
            load(kind, path)


def test_a_new_report_is_written_as_version_2(tmp_path: Path) -> None:
    """What was read as version 1 is written as version 2, and read again as what it was."""
    found = load(MatrixReport, old(OLD_MATRIX, tmp_path))
    save(found, tmp_path / "new.json")
    assert json.loads((tmp_path / "new.json").read_text())["schema_version"] == 2
    assert load(MatrixReport, tmp_path / "new.json") == found
