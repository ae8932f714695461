"""The device that the tests pretend, for commands in processes of their own: `environment(count=2)`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import torch
from torch.utils.cpp_extension import include_paths, library_paths

FOLDER = Path(__file__).parent / "pretend_device"


def environment(**like: object) -> dict[str, str]:
    """The variables of a process whose torch has the device; what it is like: `pretend_device/jaccheck_pretend.py`."""
    path = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))
    told = json.dumps({"library": str(_library()), **like})
    return {**os.environ, "PYTHONPATH": path, "JACCHECK_PRETEND": told, "TORCH_DEVICE_BACKEND_AUTOLOAD": "1"}


def _library() -> Path:
    """The compiled device; it is compiled once for each torch and each state of its source."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        pytest.skip("no C++ compiler is here to make a device with")
    source = FOLDER / "pretend.cpp"
    key = hashlib.sha256(source.read_bytes() + torch.__version__.encode()).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"jaccheck-pretend-{key}.so"
    if not made.exists():
        with tempfile.TemporaryDirectory() as folder:
            beside = Path(folder) / made.name
            includes = [f"-I{path}" for path in include_paths()]
            libraries = [f"-L{path}" for path in library_paths()]
            flags = ["-std=c++20", "-O0", "-shared", "-fPIC"]
            command = [compiler, *flags, *includes, str(source), "-o", str(beside), *libraries, "-lc10", "-ltorch_cpu"]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            shutil.move(beside, made)
    return made
