"""docs/architectures.md and its data, made of the rows of a run."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from jaccheck.core import plural

Row = dict[str, Any]

LETTERS = {
    "AGREES": "p",
    "CONSISTENT": "e",
    "DISAGREES": "w",
    "CRASHED": "x",
    "UNSUPPORTED": "-",
    "TOO_LARGE": "m",
    "UNDECIDED": "?",
    "HUNG": "h",
}
"""In the data: an answer as one letter; what is not listed is `n`, not run."""

PLANTED = ("swapped_samples", "factor_1_0001", "block_of_another_batch")

INTRODUCTION = """\
# Real architectures

{count} architectures of {packages} packages, small and with random weights, {seeds} ({rows} checks in
all): every method on each of them, as `jaccheck check` runs it. `python benchmarks/architectures.py` makes this
page; the packages and their versions are in `constraints/architectures.txt`, and `tox run -e architectures` installs
them.

Each statement of an answer is held against a loop of `torch.autograd.grad`, one sample and one output at a time, in
float64, which is written in `benchmarks/real_architectures/loop.py` and uses nothing of jaccheck. A method that is
called right must be right, one that is called wrong must be wrong, one that is said to crash must raise that exception
when it is called directly, the method that is recommended must be right, and values that are told must be the loop's.
Three methods that are wrong on purpose are checked beside the others: one exchanges the rows of two samples, one
multiplies everything by 1.0001, one has one parameter's block of another batch.

**{false} false statements; {found} of {planted} planted methods found; {died} checks ended without an answer.**
{machine}{without}
"""

ARCHITECTURE = """\
## By architecture

*float64* and *own dtype*: `proof` where methods agree within a proven bound, `estimate` where they are consistent by
estimate. Then so many methods are right, refuse, crash, need more memory than they have, or are undecided in the
model's own dtype; two numbers where the seeds differ. CPU seconds (the median) and resident memory (the largest) are
of the check, in a process that has imported all packages.
"""

COLUMNS = (
    *("architecture", "package", "numbers", "N × C", "seeds", "float64", "own dtype", "right", "refuse", "crash"),
    *("too large", "undecided", "CPU", "memory", "planted"),
)


def write_page(rows: Sequence[Row], folder: Path) -> None:
    """Writes architectures.json and architectures.md into the folder."""
    (folder / "architectures.json").write_text(_data(rows))
    (folder / "architectures.md").write_text("\n".join(_page(rows)) + "\n")


def _data(rows: Sequence[Row]) -> str:
    methods = _methods(rows)
    lines = ",\n".join(json.dumps(_short(row, methods), ensure_ascii=False) for row in rows)
    head = json.dumps({"letters": LETTERS, "methods": methods}, ensure_ascii=False)
    return f'{head[:-1]},\n"rows": [\n{lines}\n]}}\n'


def _short(row: Row, methods: Sequence[str]) -> Row:
    """A row without messages: one letter for each method, in its own dtype and in float64."""
    keys = ("name", "package", "version", "seed", "commit", "numbers", "N", "C", "truth", "reference", "recommended")
    short = {key: row[key] for key in keys if key in row}
    short |= {key: row[key] for key in ("died", "refused", "false", "unclear", "planted") if row.get(key)}
    if "answers" in row:
        short["own"] = "".join(_letter(row, method, "own") for method in methods)
        short["float64"] = "".join(_letter(row, method, "float64") for method in methods)
    if "seconds" in row:
        short |= {"cpu_s": round(row["cpu_s"], 1), "peak_mib": row["peak_rss"] >> 20}
    return short


def _letter(row: Row, method: str, key: str) -> str:
    return LETTERS.get(row["answers"].get(method, {}).get(key, ""), "n")


def _methods(rows: Iterable[Row]) -> list[str]:
    names = {name: None for row in rows for name in row.get("answers", {})}
    return [name for name in names if name not in PLANTED and not name.startswith("loss_")]


def _page(rows: Sequence[Row]) -> Iterable[str]:
    answered = [row for row in rows if "answers" in row]
    commits = sorted({row["commit"] for row in rows})
    at = f"commit {commits[0]}" if len(commits) == 1 else f"commits {', '.join(commits)} (by row: architectures.json)"
    left_out = sorted({f"`{name}`" for row in rows for name in row.get("without", ())})
    yield INTRODUCTION.format(
        count=len({row["name"] for row in rows}),
        packages=len({row["package"] for row in rows}),
        seeds=_seeds(rows),
        rows=len(rows),
        false=sum(len(row.get("false", ())) for row in rows),
        found=sum(sum(row["planted"].values()) for row in answered),
        planted=len(PLANTED) * len(answered),
        died=sum("died" in row for row in rows),
        machine=f"torch {version('torch')}, Python {platform.python_version()}, one thread, {at}.",
        without=f" Left out: {', '.join(left_out)}." if left_out else "",
    )
    yield from _architectures(rows)
    yield from _by_method(answered)
    yield from _exceptions(rows)


def _seeds(rows: Sequence[Row]) -> str:
    """How many architectures were checked at how many seeds."""
    counts = Counter(Counter(row["name"] for row in rows).values())
    of = " of them" if len(counts) > 1 else ""
    return ", ".join(
        f"{each if of else 'each'}{of} at {plural(number, 'seed')}"
        for number, each in sorted(counts.items(), reverse=True)
    )


def _architectures(rows: Sequence[Row]) -> Iterable[str]:
    yield ARCHITECTURE
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    for name, group in groupby(rows, key=lambda row: row["name"]):
        each = list(group)
        yield f"| {name} | {each[0]['package']} {each[0]['version']} | {' | '.join(_cells(each))} |"
    yield ""


def _cells(rows: Sequence[Row]) -> Sequence[str]:
    answered = [row for row in rows if "answers" in row]
    if not answered:
        return ["", "", str(len(rows)), "refused" if rows[0].get("refused") else "died", *[""] * 9]
    first = answered[0]
    return [
        f"{first['numbers']:,}",
        f"{first['N']} × {first['C']}",
        str(len(answered)) if len(answered) == len(rows) else f"{len(answered)} of {len(rows)}",
        _spread(answered, lambda row: _judged(row, "float64")),
        _spread(answered, lambda row: _judged(row, "own")),
        _spread(answered, lambda row: _count(row, "AGREES", "CONSISTENT")),
        _spread(answered, lambda row: _count(row, "UNSUPPORTED")),
        _spread(answered, lambda row: _count(row, "CRASHED")),
        _spread(answered, lambda row: _count(row, "TOO_LARGE")),
        _spread(answered, lambda row: _count(row, "UNDECIDED")),
        f"{median(row['cpu_s'] for row in answered):.1f} s",
        f"{max(row['peak_rss'] for row in answered) / 2**30:.1f} GiB",
        f"{sum(sum(row['planted'].values()) for row in answered)} of {len(PLANTED) * len(answered)}",
    ]


def _spread(rows: Sequence[Row], what: Callable[[Row], Any]) -> str:
    values = sorted({what(row) for row in rows}, key=str)
    return " or ".join(map(str, values))


def _judged(row: Row, key: str) -> str:
    outcomes = {a[key] for name, a in row["answers"].items() if name not in PLANTED}
    if "AGREES" in outcomes:
        return "proof"
    if "CONSISTENT" in outcomes:
        return "estimate"
    return "none" if outcomes - {""} else "not run"


def _count(row: Row, *outcomes: str) -> int:
    return sum(row["answers"][name]["own"] in outcomes for name in _methods([row]))


def _by_method(rows: Sequence[Row]) -> Iterable[str]:
    yield "## By method\n"
    yield "Checks in which each was right, refused, and so on, in the model's own dtype; *first*: was recommended.\n"
    kinds = {
        "right": ("AGREES", "CONSISTENT"),
        "wrong": ("DISAGREES",),
        "refuses": ("UNSUPPORTED",),
        "crashes": ("CRASHED",),
        "too large": ("TOO_LARGE",),
        "undecided": ("UNDECIDED",),
    }
    yield f"| method | {' | '.join(kinds)} | first |"
    yield "|---" * (len(kinds) + 2) + "|"
    for method in _methods(rows):
        outcomes = Counter(row["answers"][method]["own"] for row in rows if method in row["answers"])
        counts = (sum(outcomes[outcome] for outcome in group) for group in kinds.values())
        first = sum(row["recommended"] == method for row in rows)
        yield f"| `{method}` | {' | '.join(str(count or '') for count in counts)} | {first or ''} |"
    yield ""


def _exceptions(rows: Sequence[Row]) -> Iterable[str]:
    refused = {row["name"]: row["refused"] for row in rows if row.get("refused")}
    if refused:
        yield "## Refused\n"
        yield from (f"- {name}: {_plain(reason)}" for name, reason in refused.items())
        yield ""
    wrong: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for method, answer in row.get("answers", {}).items():
            if "DISAGREES" in (answer["own"], answer["float64"]) and method not in PLANTED:
                wrong.setdefault((row["name"], method), []).append(row)
    if wrong:
        yield "## Methods that are called wrong, and are\n"
        for name, group in groupby(wrong.items(), key=lambda item: item[0][0]):
            found = list(group)
            methods = [method for (_, method), _ in found]
            failed = found[0][1]
            answer = failed[0]["answers"][methods[0]]
            message = _plain(answer["own_message"] or answer["float64_message"])
            seeds = ", ".join(str(each["seed"]) for each in failed)
            yield f"- {name}, seeds {seeds}: {', '.join(f'`{each}`' for each in methods)}: {message}"
        yield ""
    false = [f"- {row['name']}, seed {row['seed']}: {_plain(each)}" for row in rows for each in row.get("false", ())]
    false += [f"- {row['name']}, seed {row['seed']}: {_plain(row['died'])}" for row in rows if "died" in row]
    if false:
        yield "## False statements, and checks that died\n"
        yield from false
        yield ""


def _plain(text: str) -> str:
    """On one line, without what Markdown would read as a mark."""
    marks = str.maketrans({"|": "/", "<": "‹", ">": "›", "*": "·", "_": "\\_", "[": "(", "]": ")", "`": "'"})
    return " ".join(text.split())[:300].translate(marks)
