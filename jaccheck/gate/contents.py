"""Whether a cached environment is still what was installed: a digest of it, taken when it was built."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

NAME = "jaccheck-contents"
"""The file in which an environment keeps its digest."""

READ_BYTES = 2**20
"""Files up to this size are read; larger ones, most of gigabytes of torch, count by their size and time."""


def seal(directory: Path) -> None:
    """Writes down what is in a directory now."""
    (directory / NAME).write_text(digest(directory), encoding="utf-8")


def is_intact(directory: Path) -> bool:
    """Whether everything is in a directory that was there when it was sealed, and nothing else."""
    try:
        return (directory / NAME).read_text(encoding="utf-8") == digest(directory)
    except (OSError, ValueError):
        return False


def digest(directory: Path) -> str:
    """Of the names, kinds and contents of everything in a directory; links count by where they point."""
    found = hashlib.sha256()
    for folder, folders, files in os.walk(directory):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                said = f"link {os.readlink(path)}".encode()
            elif os.path.isdir(path):
                said = b"folder"
            elif name == NAME and Path(folder) == directory:
                continue
            else:
                said = _said_of(path)
            found.update(f"{os.path.relpath(path, directory)} {len(said)}\n".encode("utf-8", "surrogateescape") + said)
    return found.hexdigest()


def _said_of(path: str) -> bytes:
    status = os.stat(path)
    if status.st_size > READ_BYTES:
        return f"{status.st_size} {status.st_mtime_ns}".encode()
    return Path(path).read_bytes()
