"""`Disk`: a small disk that is full at times: a file system of its own where root may mount one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SIZE_BYTES = 64 * 2**20
"""For the store, the findings, the reports and the temporary files of a run of seconds."""

_FILLER = ".filler"


class Disk:
    """A folder in which there is room, or none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_full = False

    def fill(self, left: int) -> None:
        """From now on there is room for so many bytes more, whoever writes them."""
        with (self.folder / _FILLER).open("ab", buffering=0) as filler, suppress(OSError):
            while (room := self._room() - left) > 0:
                filler.write(bytes(min(room, 2**20)))
        self.is_full = True

    def free(self) -> None:
        """There is room again."""
        (self.folder / _FILLER).unlink(missing_ok=True)
        self.is_full = False

    def _room(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk | None]:
    """An empty folder as a disk of its own, of `SIZE_BYTES`; None where nothing can be mounted."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "small", str(folder)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        is_mounted = False
    try:
        yield Disk(folder) if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
