"""Options that make no sense: refused in one line before anything is run or stored."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import Attack, refused, run

NO_NUMBERS = ("", "x", "[/x]", "$(touch owned)", "0x10", "1,5", "²", "--help=1", "1" + "0" * 5000)
NO_COUNTS = (*NO_NUMBERS, "-1", "9" * 30, "1.5", "nan")
NO_SECONDS = (*NO_NUMBERS, "nan", "NaN", "inf", "-inf", "Infinity", "-1", "0", "-0.0", "1e400", "9" * 30, "1e30")

SECONDS = (
    ("verify", "--time"),
    ("verify", "--case-seconds"),
    ("sequences", "--time"),
    ("bench", "--time"),
    ("check m.py:f", "--time"),
)
COUNTS = (
    ("verify", "--max-examples"),
    ("verify", "--seed"),
    ("verify", "--workers"),
    ("sequences", "--examples"),
    ("sequences", "--steps"),
    ("sequences", "--seed"),
    ("bench", "--threads"),
    ("gate a b", "--seed"),
    ("selftest", "--seed"),
    ("history", ""),
    ("verify --seed 1", "--shard"),
)
NAMES = (
    ("verify", "--family"),
    ("verify", "--dtype"),
    ("verify", "--profile"),
    ("verify", "--device"),
    ("verify", "--method"),
    ("methods", ""),
    ("sequences", "--profile"),
    ("known", ""),
)
NO_NAMES = (
    "",
    "[/x]",
    "\x1b[31mred",
    "a" * 5000,
    "../../etc/passwd",
    "..x:f",
    ":f",
    "x:",
    "$(touch owned)",
    "\u202ecpu",
)

NO_SIZES = ("0", "-1", "nan", "inf", "5x", "9" * 400 + "T", "1e9", "", "9999999T", "[/x]")
NO_SHARES = ("10", "-1%", "0%", "nan%", "inf%", "1e400%", "%", "9" * 400 + "%", "[/x]%")


def attacks() -> Iterator[Attack]:
    """Each option with each value."""
    for table, values in ((SECONDS, NO_SECONDS), (COUNTS, NO_COUNTS), (NAMES, NO_NAMES)):
        for command, option in table:
            for value in values:
                yield _of(command, option, value)
    for value in NO_SIZES:
        yield _of("verify", "--case-memory", value)
        yield _of("bench", "--memory", value)
    for value in NO_SHARES:
        yield _of("gate backpack-for-pytorch==1.7.0 backpack-for-pytorch==1.7.1", "--fail-slower", value)
    for value in ("1/0", "0/1", "2/1", "1/2/3", "-1/2", "/", "1/", "/1", "a/b", "1/99999"):
        yield _of("verify --seed 1", "--shard", value)


def _of(command: str, option: str, value: str) -> Attack:
    words = [*command.split(), *([f"{option}={value}"] if option else ["--", value])]
    # Nothing may be stored either.
    shell = f'{run(*words)}; code=$?; test -z "$(ls -A)" || exit 98; exit $code'
    return refused(f"{command.split()[0]} {option or 'argument'} {value[:40]!r}", shell)
