"""What makes the JSON of one schema version from that of the version before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Tree = dict[str, Any]
"""What `json.loads` makes of a file."""

Converter = Callable[[Tree], None]
"""Changes a tree in place. It may trust the tree: whatever it raises on one that is broken becomes one line."""

PROVEN = "each entry within its proven bound"
"""What the benchmark said of a method that is right, where every layer had a rule."""

OUTCOMES_1 = {
    "right": "AGREES",
    "wrong": "DISAGREES",
    "refused": "UNSUPPORTED",
    "refuses": "UNSUPPORTED",
    "crashed": "CRASHED",
    "undecided": "UNDECIDED",
    "consistent by estimate": "CONSISTENT",
    "leaves something behind": "SIDE_EFFECT",
    "not computed by torch": "NOT_COMPUTED",
    "left out": "NOT_RUN",
    "REFUSES": "UNSUPPORTED",
}
"""The outcomes by what the matrix, the benchmark and the check of a model called them in version 1."""


def _outcome(name: str) -> str:
    return OUTCOMES_1.get(name, name)


def _matrix_1(tree: Tree) -> None:
    for cell in tree["cells"]:
        cell["outcome"] = _outcome(cell.pop("mark"))


def _check_1(tree: Tree) -> None:
    tree["reference"] = tree.pop("witness")
    for answer in tree["answers"]:
        answer["test_ratio"] = answer.pop("excess", 0.0)
        answer["outcome"] = _outcome(answer.pop("standing"))


def _bench_1(tree: Tree) -> None:
    for cell in tree["cells"]:
        cell["reused_floor"] = cell.pop("given_floor", None)
        for timing in cell["methods"]:
            timing["reused"] = timing.pop("given", None)
            is_estimated = timing["standing"] == "right" and timing["message"] != PROVEN
            timing["outcome"] = "CONSISTENT" if is_estimated else _outcome(timing.pop("standing"))
            timing.pop("standing", None)


def _mutants_1(part: Any) -> None:
    """Version 1 called a mutant `fault:NAME`."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if not isinstance(value, str):
            _mutants_1(value)
        elif value.startswith("fault:"):
            part[key] = f"mutant:{value.removeprefix('fault:')}"


FOR_ALL: Mapping[int, Converter] = {1: _mutants_1}
"""For each version, what is the same for every kind; it comes first."""


LAWS_1 = {"given memory": "out argument"}
"""The laws by what version 1 called them."""


def _finding_1(finding: Tree) -> None:
    """What was seen was told in words only."""
    told = {"kind": "told", "text": finding.pop("message"), "worst": finding.pop("worst", None)}
    law = finding.pop("law")
    finding["failure"] = {"law": LAWS_1.get(law, law), "outcome": finding.pop("outcome"), "detail": told}


def _verify_1(tree: Tree) -> None:
    for finding in tree["findings"]:
        _finding_1(finding)


def _cases_1(tree: Tree) -> None:
    if tree.get("finding"):
        _finding_1(tree["finding"])


CONVERTERS: Mapping[int, Mapping[str, Converter]] = {
    1: {"bench": _bench_1, "cases": _cases_1, "check": _check_1, "matrix": _matrix_1, "verify": _verify_1}
}
"""For each version, by kind, what takes its files to the next version; a kind that stayed the same has none."""
