"""The list of operations in the documentation, made from the rules."""

from __future__ import annotations

import inspect

from jaccheck.judging.live.recording.operations import COMPUTED, MOVES
from jaccheck.oracle import GRAPH_RULES


def listing() -> str:
    """A table of the rules, with the first sentence of each, and the names of the operations that are followed."""
    kinds: dict[type, list[str]] = {}
    for name, rule in GRAPH_RULES.items():
        kinds.setdefault(type(rule), []).append(name)
    rows = [f"| {', '.join(names)} | {_sentence(kind)} |" for kind, names in kinds.items()]
    return "\n".join(
        [
            "| rule | what it is |",
            "|---|---|",
            *rows,
            "",
            f"Computed by these rules: {_names(COMPUTED)}.",
            "",
            f"Followed, since they only move numbers: all views, and {_names(MOVES)}.",
        ]
    )


def _sentence(kind: type) -> str:
    first = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    return first.replace("|", "\\|")


def _names(names: object) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))  # type: ignore[call-overload]
