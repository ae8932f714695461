"""What is too large is refused by its shapes alone, before a number of it is made."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pytest
from jaccheck_support.testing import Run

from jaccheck.case import FAMILIES, Case, boundary_cases, numbers_held
from jaccheck.core.plain import MAX_VALUES
from jaccheck.errors import UnreadableFile
from jaccheck.judging import CaseReference
from jaccheck.reports import CaseFile, load

LITTLE = 3 * 2**30
"""Address space for a process that must only say no: enough to import torch."""


def linear(out: int, **options: Any) -> dict[str, Any]:
    """A Linear as it stands in a file."""
    return {"kind": "Linear", "out_features": out, **options}


FLATTEN = {"kind": "Flatten"}
ONE_CHANNEL = {"kind": "Convolution", "axes": 1, "out_channels": 1, "kernel_size": 1}


def repeated(depth: int, kind: str) -> list[Any]:
    """A Linear in so many nested layers of this kind, each eight times in a row."""
    layers: list[Any] = [linear(4)]
    for _ in range(depth):
        layers = [{"kind": kind, "layers": layers, "times": 8}]
    return layers


TOO_LARGE: dict[str, tuple[list[Any], list[int], int, dict[str, Any]]] = {
    "a layer of 10**12 features": ([linear(10**12)], [4], 1, {}),
    "Jacobians": ([linear(4096)] * 3, [4096], 60000, {}),
    "weights of an empty batch": ([linear(4096)] * 200, [4096], 0, {}),
    "frozen weights": ([linear(4096, bias=False)] * 100 + [linear(1)], [4096], 1, {"frozen": list(range(101))}),
    "the input": ([FLATTEN, linear(1)], [4096, 4096], 65536, {"frozen": [0]}),
    "what lies between the layers": ([FLATTEN, linear(1), linear(1)], [4096, 1024], 65536, {"frozen": [0, 2]}),
    "repeats in repeats": (repeated(12, "Repeat"), [4], 1, {}),
    "modules that hold the same in such modules": (repeated(12, "Tied"), [4], 1, {}),
    "maps, each of a size allowed": ([ONE_CHANNEL] * 200 + [FLATTEN, linear(1)], [1, 4096], 1, {}),
    "a Linear on many rows": ([linear(64), FLATTEN, linear(1)], [4096, 64], 1, {}),
    "the rows of an Embedding": (
        [{"kind": "Embedding", "num_embeddings": 4096, "embedding_dim": 1}, FLATTEN, linear(1)],
        [4096],
        1,
        {},
    ),
    "windows": (
        [{"kind": "MaxPool", "axes": 3, "kernel_size": 64, "padding": 32}, FLATTEN, linear(1)],
        [512, 1, 1, 1],
        1,
        {},
    ),
    "products of folded margins": (
        [
            {
                "kind": "Convolution",
                "axes": 3,
                "out_channels": 64,
                "kernel_size": 64,
                "padding": 32,
                "padding_mode": "replicate",
            },
            FLATTEN,
            linear(1),
        ],
        [64, 1, 1, 1],
        0,
        {},
    ),
}


@pytest.mark.parametrize("what", TOO_LARGE)
def test_a_case_that_is_too_large_is_refused(tmp_path: Path, what: str) -> None:
    """In one line that says what is too large."""
    layers, in_shape, batch_size, options = TOO_LARGE[what]
    case = {"layers": layers, "in_shape": in_shape, "batch_size": batch_size, **options}
    (tmp_path / "cases.json").write_text(json.dumps({"schema_version": 1, "cases": [case]}))
    with pytest.raises(UnreadableFile, match=r"at most|less than or equal to") as error:
        load(CaseFile, tmp_path / "cases.json")
    assert len(" ".join(str(error.value).split())) < 600


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"recurrent", "boundary"}))
def test_what_the_reference_holds_is_counted(family: str) -> None:
    """The limit speaks of no fewer numbers than there are: of the input, of each map and its products, of Jacobians.

    Layers without a rule have no closed form that could hold anything: torch computes what they are held to.
    """
    for case in boundary_cases(family, "float64"):
        net = CaseReference(case, "cpu").network
        assert net is not None
        arrays = [array for step in net.steps for array in (getattr(step, "W", None),) if array is not None]
        held = net.X.size + sum({id(array): array.size for array in arrays}.values())
        assert held <= numbers_held(list(case.places()), case.batch_size, case.outputs) + case.entries()


COMMANDS = [("verify", "--cases"), ("replay",), ("gate", "torch==2.12", "torch==2.13", "--cases"), ("show",)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_refuses_a_case_of_a_trillion_weights(
    jaccheck: Run, tmp_path: Path, case: Case, command: tuple[str, ...]
) -> None:
    """With exit code 2 and one line, in a process that could not even hold a hundredth of them."""
    huge = {"layers": [linear(10**12)], "in_shape": [4], "batch_size": 1}
    (tmp_path / "cases.json").write_text(json.dumps({"schema_version": 1, "cases": [huge]}))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (LITTLE, LITTLE))

    done = jaccheck(*command, tmp_path / "cases.json", preexec_fn=limit)
    assert done.returncode == 2, done.stderr
    said = done.stdout + done.stderr
    assert said.count("\n") == 1
    assert "out_features: Input should be less than or equal to 4096" in said


MANY = MAX_VALUES + 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"schema_version": 1, "cases": [' + "{}," * MANY + "{}]}", "values, at most"),
        ('{"schema_version": 1, "cases": [' + "{}," * 100_000 + "{}]}", "cases.0.layers: Field required"),
        ('{"schema_version": 1, ' + ",".join(f'"{i}": 0' for i in range(100_000)) + "}", "names, at most"),
        ('{"schema_version": ' + "1" * 5000 + "}", "is no complete JSON"),
    ],
    ids=["too many values", "many mistakes", "many names", "a long number"],
)
def test_a_file_of_very_many_things(tmp_path: Path, text: str, complaint: str) -> None:
    """Neither they nor the complaints about them fill the memory: the first one is told."""
    (tmp_path / "cases.json").write_text(text)
    with pytest.raises(UnreadableFile, match=complaint):
        load(CaseFile, tmp_path / "cases.json")


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    """Some files of the kernel say that they are empty, and are not."""
    (tmp_path / "huge.json").touch()
    with (tmp_path / "huge.json").open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(UnreadableFile, match="bytes"):
        load(CaseFile, tmp_path / "huge.json")
