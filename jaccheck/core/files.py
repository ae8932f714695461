"""Files as text: read with a limit, and written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from jaccheck.errors import UnreadableFile

MAX_FILE_BYTES = 2**28


def read_text(path: Path, *, most_bytes: int = MAX_FILE_BYTES) -> str:
    """What a file holds. Raises UnreadableFile where it is missing, longer than `most_bytes` or no UTF-8.

    A device or a pipe has no size and perhaps no end; a link to one may come with somebody else's files.
    """
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise UnreadableFile(f"{path}: is no file but a device, pipe or socket")
        if not status.st_size:
            _check_is_empty(path)
            return ""
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise UnreadableFile(f"{path}: more than {most_bytes} bytes, which are the most that are read")
        return content.decode()
    except UnreadableFile:  # which is a ValueError, too
        raise
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path}: is no UTF-8 text: {error.reason} at byte {error.start}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableFile(f"{path}: cannot be read: {_reason(error)}") from None


def _reason(error: OSError | RuntimeError | ValueError) -> str:
    """Why there is no such file, as Python tells it in three ways."""
    match error:
        case OSError():
            return error.strerror or str(error)
        case ValueError():
            return "no path holds the character NUL"
    return "links in a circle"


def _check_is_empty(path: Path) -> None:
    """Raises UnreadableFile for a file of the kernel: it says that it has no size, and reading it may never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        is_empty = not os.read(descriptor, 1)
    except BlockingIOError:
        is_empty = False
    finally:
        os.close(descriptor)
    if not is_empty:
        raise UnreadableFile(f"{path}: is a file of the kernel, not of a disk")


def scratch_file() -> IO[bytes]:
    """A file without a name; in memory where the folder for temporary files is gone or full (Linux)."""
    try:
        return cast(IO[bytes], tempfile.TemporaryFile(buffering=0))
    except OSError:
        if not hasattr(os, "memfd_create"):
            raise
        return os.fdopen(os.memfd_create("jaccheck"), "w+b", buffering=0)


def place_of(file: IO[bytes], path: Path) -> str:
    """Where another process opens a file that this one has open: on Linux also where its `path` is gone."""
    return f"/proc/{os.getpid()}/fd/{file.fileno()}" if sys.platform == "linux" else str(path)


def write_text(text: str, path: Path, *, follows_links: bool = True) -> None:
    """Writes a file, with the folders above it: beside it first, then renamed, so that it is never half there.

    Without `follows_links` a link at `path` itself is replaced, and what it points to stays as it is. Raises
    UnreadableFile where it cannot be written; what was there before is then there still.
    """
    content = text.encode("utf-8", "backslashreplace")
    try:
        target = path.resolve() if follows_links else path.parent.resolve() / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink() and _stays(target):
            target.write_bytes(content)
        else:
            _replace(target, content)
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableFile(f"{path}: cannot be written: {_reason(error)}") from None


def _stays(target: Path) -> bool:
    """Whether nothing can be put in its place: a device, a pipe, a file in a folder that takes no other."""
    if not target.exists():
        return False
    return not target.is_file() or os.path.ismount(target) or not os.access(target.parent, os.W_OK | os.X_OK)


def _replace(target: Path, content: bytes) -> None:
    is_there = target.exists() and not target.is_symlink()
    mode = stat.S_IMODE(target.stat().st_mode) if is_there else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".writing", dir=target.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    """What permissions new files of this process do not get."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


def check_writable(path: Path) -> None:
    """Raises UnreadableFile where a file at `path` could not be written; leaves nothing behind."""
    try:
        target = path.resolve()
        if _stays(target):
            with target.open("ab"):
                return
        with tempfile.NamedTemporaryFile(prefix=".", suffix=".writing", dir=target.parent):
            pass
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableFile(f"{path}: cannot be written: {_reason(error)}; choose another path") from None


def check_folder(folder: Path) -> None:
    """Raises UnreadableFile where no file could be written into a folder, which need not be there yet.

    The folders that it would need are made and taken away again.
    """
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=".", suffix=".writing", dir=folder) as file:
            file.write(b"0" * 4096)
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{folder}: cannot be written to: {_reason(error)}; choose another folder") from None
    finally:
        for each in missing:
            with suppress(OSError, ValueError):
                each.rmdir()
