"""The environment of a run: what it is made with, read from what is really imported, and how torch is set for it."""

from __future__ import annotations

import contextlib
import platform
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from jaccheck.core import filled, origin_of, plural, usable_cores, version_of
from jaccheck.methods.registry import BACKPACK
from jaccheck.reports import Environment


def describe_environment(devices: Mapping[str, str]) -> Environment:
    """Versions of what is imported here, and these devices."""
    import hypothesis  # here: a process of the gate starts a quarter of a second sooner without it

    torch_origin, backpack = origin_of("torch", "torch"), origin_of(BACKPACK, "backpack")
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        jaccheck=version_of("jaccheck") or "unknown",
        torch=torch.__version__,
        backpack=backpack.version if backpack else None,
        numpy=np.__version__,
        hypothesis=hypothesis.__version__,
        devices=dict(devices),
        threads=torch.get_num_threads(),
        backpack_path=backpack.path if backpack else "",
        backpack_commit=backpack.commit if backpack else "",
        torch_path=torch_origin.path if torch_origin else "",
        torch_commit=torch_origin.commit if torch_origin else "",
    )


def describe_machine() -> str:
    """The processor's name where it is known, and how many cores of it can be used."""
    name = platform.processor() or platform.machine()
    if sys.platform == "linux":
        names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        name = names[0] if names else name
    return f"{plural(usable_cores(), 'core')} of {name}"


@contextlib.contextmanager
def calm_torch() -> Iterator[None]:
    """One thread, the fastest for small problems; no warnings; uninitialised memory filled with a pattern."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings(), filled():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)
