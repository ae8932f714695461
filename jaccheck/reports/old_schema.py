"""Reports of schema version 1 as version 2 has them: one list of outcomes instead of one for each command."""

from __future__ import annotations

from typing import Any

PROVEN = "each entry within its proven bound"
"""What the benchmark said of a method that is right, where every layer had a rule."""

OUTCOMES = {
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
"""By what the matrix, the benchmark and the check of a model called them."""


def from_version_1(found: dict[str, Any]) -> dict[str, Any]:
    """The same report or case file, field by field."""
    for cell in found.get("cells", ()):
        if "mark" in cell:
            cell["outcome"] = _outcome(cell.pop("mark"))
        for timing in cell.get("methods", ()):
            timing["outcome"] = _outcome(timing.pop("standing"))
            if timing["outcome"] == "AGREES" and timing.get("message", PROVEN) != PROVEN:
                timing["outcome"] = "CONSISTENT"
    for answer in found.get("answers", ()):
        answer["outcome"] = _outcome(answer.pop("standing"))
    return {**found, "schema_version": 2}


def _outcome(name: str) -> str:
    return OUTCOMES.get(name, name)
