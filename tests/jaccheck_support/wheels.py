"""Releases of BackPACK made on the spot: wheels of the installed package, changed or not."""

from __future__ import annotations

import zipfile
from pathlib import Path

from jaccheck_support.mutated_copies import BackpackMutant, Edit, mutated_copy


def release(folder: Path, version: str, *edits: Edit) -> Path:
    """A wheel of the installed backpack with these edits, under another version number."""
    source = mutated_copy(BackpackMutant(version, "control", edits, ()), folder / f"source-{version}")
    info = f"backpack_for_pytorch-{version}.dist-info"
    written = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: backpack-for-pytorch\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: jaccheck's tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    path = folder / f"backpack_for_pytorch-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file in sorted(source.rglob("*.py")):
            wheel.write(file, file.relative_to(source))
        for name, text in written.items():
            wheel.writestr(name, text)
    return path
