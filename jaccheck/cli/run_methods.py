"""`jaccheck methods`: what there is, and what can run here."""

from __future__ import annotations

import json

from rich import box
from rich.markup import escape
from rich.table import Table

from jaccheck.case import DTYPES
from jaccheck.methods import registered
from jaccheck.rendering import make_console


def list_methods(*, as_json: bool) -> int:
    """Prints every method with its claims; always 0."""
    methods = registered().values()
    if as_json:
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
            }
            for m in methods
        ]
        print(json.dumps(rows, indent=1))
        return 0
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("method", "family", "available", "devices", "dtypes", "what it does"):
        table.add_column(column, overflow="fold")
    for m in methods:
        devices = "all" if "*" in m.devices else ", ".join(m.devices)
        dtypes = "all" if m.dtypes == DTYPES else ", ".join(m.dtypes)
        table.add_row(m.name, m.family, escape(m.missing or "yes"), devices, dtypes, escape(m.summary))
    make_console().print(table)
    return 0
