"""`describe_environment`: what a run was made with, read from what is really imported."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping

import hypothesis
import numpy as np
import torch

from jaccheck.report import Environment


def describe_environment(devices: Mapping[str, str]) -> Environment:
    """Versions of what is imported here, and these devices."""
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        jaccheck=_version("jaccheck") or "unknown",
        torch=torch.__version__,
        backpack=_version("backpack-for-pytorch"),
        numpy=np.__version__,
        hypothesis=hypothesis.__version__,
        devices=dict(devices),
        threads=torch.get_num_threads(),
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
