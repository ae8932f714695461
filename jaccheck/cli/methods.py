"""`jaccheck methods`: what there is, and what can run here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from jaccheck import case, rendering
from jaccheck import methods as registry
from jaccheck.cli.command import Option, command


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """List the methods: family, whether they can run here and why not, devices, dtypes, and what each does.

    Of a loss a method returns each sample's own gradient or its share in the reduced loss, and is held to it.
    """

    as_json: Annotated[bool, Option("--json", help="Machine-readable.")] = False


@command("methods", "List the methods, with what they claim.")
def run(request: Request) -> int:
    """Prints every method with its claims; always 0."""
    methods = registry.registered().values()
    if request.as_json:
        rows = [
            {
                "name": m.name,
                "family": m.family,
                "summary": m.summary,
                "available": m.missing is None,
                "reason": m.missing,
                "devices": list(m.devices),
                "dtypes": list(m.dtypes),
                "leaves": sorted(m.leaves),
                "returns": m.returns,
            }
            for m in methods
        ]
        print(json.dumps(rows, indent=1))
        return 0
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("method", "family", "available", "devices", "dtypes", "of a loss", "what it does"):
        table.add_column(column, overflow="fold")
    for m in methods:
        devices = "all" if "*" in m.devices else ", ".join(m.devices)
        dtypes = "all" if m.dtypes == case.DTYPES else ", ".join(m.dtypes)
        table.add_row(m.name, m.family, m.missing or "yes", devices, dtypes, m.returns, m.summary)
    console = rendering.make_console()
    console.print(rendering.fitted(table, console, ("dtypes", "devices", "of a loss", "family")))
    return 0
