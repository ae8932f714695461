"""`origin_of`: which release of a distribution is here, and where it comes from if it is no plain release."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.version import InvalidVersion, Version

UNKNOWN = "unknown"
"""The version of a package without metadata, as one that merely lies on PYTHONPATH."""

INSTALLED = {"site-packages", "dist-packages"}
"""Folders that installers fill. A package elsewhere is a checkout or a copy, whatever the metadata say."""

GIT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Version, and path (or address) and commit where it is no plain release of an index.

    `is_released` says that the version is a release, and that the code is the release of that version.
    """

    version: str
    path: str = ""
    commit: str = ""
    is_released: bool = True

    @property
    def is_local(self) -> bool:
        """Whether it is anything but a plain release of an index: a checkout, a build of one, a commit, a file."""
        return bool(self.path) or not self.is_released


def origin_of(distribution: str, module: str) -> Origin | None:
    """Where `module` comes from, which `distribution` installs; None where neither is here. Imports nothing."""
    folder = _folder_of(module)
    try:
        found = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        if folder is None:
            return None
        return Origin(version=UNKNOWN, path=str(folder), commit=commit_of(folder), is_released=False)
    version = _stated(found)
    is_release = _is_release(version)
    direct = _direct_url(found)
    installed = Path(str(found.locate_file(module))).resolve()
    if folder is not None and (folder != installed or INSTALLED.isdisjoint(folder.parts)):
        # Editable, or before what is installed on sys.path: its own folder says more than the metadata do.
        is_same = folder == installed and "dir_info" not in direct
        commit = commit_of(folder)
        return Origin(version=version, path=str(folder), commit=commit, is_released=is_release and is_same)
    if not direct:
        return Origin(version=version, is_released=is_release)
    vcs = direct.get("vcs_info")
    commit = (str(vcs.get("commit_id", "")) if isinstance(vcs, dict) else "") or _named_in(version)
    is_archive = "archive_info" in direct
    return Origin(
        version=version, path=_path_of(str(direct.get("url", ""))), commit=commit, is_released=is_release and is_archive
    )


UNREADABLE = (ValueError, OSError, KeyError)
"""What reading a file of metadata raises that is no UTF-8, no file, or lacks what it must have."""


def version_of(distribution: str) -> str | None:
    """Its version, as its metadata state it; UNKNOWN where nobody can read them, None where it is not here."""
    try:
        return _stated(importlib.metadata.distribution(distribution))
    except importlib.metadata.PackageNotFoundError:
        return None


def _stated(found: importlib.metadata.Distribution) -> str:
    try:
        return str(found.version or UNKNOWN)
    except UNREADABLE:
        return UNKNOWN


def _folder_of(module: str) -> Path | None:
    """The folder that `import` takes the package from, or took it from."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).resolve().parent if spec and spec.origin else None


def _is_release(version: str) -> bool:
    try:
        return not Version(version).is_devrelease
    except InvalidVersion:
        return False


def _direct_url(found: importlib.metadata.Distribution) -> dict[str, Any]:
    """What an installer wrote down of a distribution that came from no index (PEP 610)."""
    try:
        read = json.loads(found.read_text("direct_url.json") or "{}")
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _path_of(url: str) -> str:
    """The path of a file's URL; other URLs as they are, without a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.scheme == "file":
        return unquote(parts.path)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _named_in(version: str) -> str:
    """The commit that setuptools-scm writes into a version: `0.1.dev1+g9377327`."""
    match = re.search(r"\+g([0-9a-f]{7,40})\b", version)
    return match[1] if match else ""


def commit_of(folder: Path) -> str:
    """The commit of a checkout that tracks this package, with `-dirty` where files were changed; empty elsewhere."""
    if not _git(folder, "ls-files", "--error-unmatch", "__init__.py"):
        return ""
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")


def _git(folder: Path, *command: str) -> str:
    # Under a hook git sets variables that name another repository.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *command],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
            env=variables,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.strip()
