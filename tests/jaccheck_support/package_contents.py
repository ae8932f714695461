"""`python -P package_contents.py DIST`: exit code 0 if the wheel in DIST holds what is in git, and the sdist too.

A file of package data that no pattern names (the schema, py.typed) is missed by nobody who works in the tree.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import jaccheck


def main(dist: Path) -> int:
    """The number of files that are missing or too many, each told in a line."""
    listed = subprocess.run(["git", "ls-files", "jaccheck"], capture_output=True, text=True, check=True)
    tracked = set(listed.stdout.split())
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    with tarfile.open(sdist) as tar:
        shipped = {name.partition("/")[2] for name in tar.getnames()}
    installed = Path(jaccheck.__file__).parent.parent
    missing = [f"{wheel.name} lacks {name}" for name in sorted(tracked - packed)]
    missing += [f"{sdist.name} lacks {name}" for name in sorted(tracked - shipped)]
    missing += [f"{installed} lacks {name}" for name in sorted(tracked) if not (installed / name).is_file()]
    more = [f"{wheel.name} holds {name}, which is not in git" for name in sorted(packed - tracked)]
    print(*missing, *more, f"{wheel.name}: {len(packed)} files", sep="\n")
    return len(missing) + len(more)


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]))))
