"""What makes the JSON of one schema version from that of the version before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Tree = dict[str, Any]
"""What `json.loads` makes of a file."""

Converter = Callable[[Tree], None]
"""Changes a tree in place. It may trust the tree: whatever it raises on one that is broken becomes one line."""

CONVERTERS: Mapping[int, Mapping[str, Converter]] = {1: {}}
"""For each version, by kind, what takes its files to the next version; a kind that stayed the same has none."""
