"""Broken files, a million of them or as many as are asked for, put to every reader.

    nice python benchmarks/fuzz_readers.py [COUNT [SEED]]
    nice python benchmarks/fuzz_readers.py --guided -runs=COUNT    (after `pip install atheris`; options of libFuzzer)

Every input is a valid file of one of the readers, changed in its tree or its bytes. Guided, atheris keeps what reaches
new lines of jaccheck, and varies that. The run ends at the first file that leads to anything but one clear line or a
value that is the same when it is read again; it is kept as ./broken-file.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

IS_GUIDED = "--guided" in sys.argv
if IS_GUIDED:
    sys.argv.remove("--guided")
    import atheris

    with atheris.instrument_imports(include=["jaccheck"]):
        from jaccheck_support.fuzzing import READERS, changed, check
else:
    from jaccheck_support.fuzzing import READERS, changed, check

NAMES = tuple(READERS)
EVERY = 50_000

counts: Counter[tuple[str, str]] = Counter()
started = time.monotonic()
directory = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
path = Path(directory.name) / "file.json"


class FromBytes(random.Random):
    """Draws from given bytes, and at random once they are used up: who begins alike decides alike."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._rest = atheris.FuzzedDataProvider(data)

    def getrandbits(self, k: int) -> int:
        """As many bits."""
        size = (k + 7) // 8
        if self._rest.remaining_bytes() < size:
            return super().getrandbits(k)
        return int(self._rest.ConsumeUInt(size)) & ((1 << k) - 1)

    def random(self) -> float:
        """From 0 to 1."""
        return self.getrandbits(53) / 2**53


def try_one(rng: random.Random) -> None:
    """Reads one broken file."""
    name = NAMES[rng.randrange(len(NAMES))]
    text = changed(name, rng)
    try:
        is_read = check(name, text, path)
    except BaseException:
        Path("broken-file").write_bytes(text)
        print(f"{name}: this file, kept as ./broken-file, broke its reader", flush=True)
        raise
    counts[name, "read" if is_read else "refused"] += 1
    if counts.total() % EVERY == 0:
        tell()


def tell() -> None:
    """Prints how many files of each kind were read and refused so far."""
    print(f"{counts.total():,} files in {time.monotonic() - started:.0f} s", flush=True)
    for name in NAMES:
        print(f"  {name:<20} {counts[name, 'read']:>9,} read {counts[name, 'refused']:>9,} refused", flush=True)


def main() -> None:
    """Tries as many files as are asked for, or what atheris proposes."""
    if IS_GUIDED:
        options = ("-rss_limit_mb=4096", "-verbosity=0", "-max_len=256", "-len_control=0")
        atheris.Setup([sys.argv[0], *options, *sys.argv[1:]], lambda data: try_one(FromBytes(data)))
        atheris.Fuzz()  # which ends the process
    given = [int(word) for word in sys.argv[1:]]
    rng = random.Random(given[1] if len(given) > 1 else 0)
    for _ in range(given[0] if given else 1_000_000):
        try_one(rng)
    tell()


if __name__ == "__main__":
    main()
