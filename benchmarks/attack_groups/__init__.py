"""Attacks as data, a file for each group: what is run, and what must happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attack_groups import (
    answers,
    culprits,
    earlier,
    files,
    gates,
    imports,
    interruptions,
    layouts,
    modules,
    moments,
    nothing,
    numbers,
    options,
    packages,
    places,
    processes,
    requests,
    results,
    sources,
    stores,
    streams,
    surroundings,
    texts,
)
from attack_groups.attack import Attack

GROUPS: dict[str, Callable[[], Iterator[Attack]]] = {
    "options": options.attacks,
    "texts": texts.attacks,
    "numbers": numbers.attacks,
    "files": files.attacks,
    "stores": stores.attacks,
    "streams": streams.attacks,
    "places": places.attacks,
    "imports": imports.attacks,
    "nothing": nothing.attacks,
    "processes": processes.attacks,
    "culprits": culprits.attacks,
    "gates": gates.attacks,
    "interruptions": interruptions.attacks,
    "moments": moments.attacks,
    "packages": packages.attacks,
    "modules": modules.attacks,
    "surroundings": surroundings.attacks,
    "sources": sources.attacks,
    "answers": answers.attacks,
    "results": results.attacks,
    "layouts": layouts.attacks,
    "requests": requests.attacks,
    "earlier": earlier.attacks,
}
"""What each is about stands in the first line of its file."""
