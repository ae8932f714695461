"""Files that are none: cut, nested without end, of another kind, devices, links; to every command that reads some."""

from __future__ import annotations

import json
from collections.abc import Iterator

from attack_groups.attack import Attack, refused
from jaccheck.case import Case, Linear
from jaccheck.core import to_json
from jaccheck.reports import CaseFile

CASES = to_json(CaseFile(cases=(Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=2),)))

READERS = {
    "report": "jaccheck report {}",
    "verify": "jaccheck verify --no-store --cases {}",
    "replay": "jaccheck replay {}",
    "show": "jaccheck show {}",
    "gate": "jaccheck gate --cache cache --cases {} backpack-for-pytorch==1.7.0 backpack-for-pytorch==1.7.1",
    "accept": "jaccheck gate --cache cache --accept {} backpack-for-pytorch==1.7.0 backpack-for-pytorch==1.7.1",
    "matrix": "jaccheck matrix --compare {}",
}

CONTENTS: dict[str, str | bytes] = {
    "cut in half": CASES[: len(CASES) // 2],
    "a list": "[1, 2]",
    "nested without end": "[" * 300_000,
    "of a later version": CASES.replace('"schema_version":2', '"schema_version":3'),
    "of a version that is no number": CASES.replace('"schema_version":2', '"schema_version":"[/x]"'),
    "of another kind": CASES.replace('"kind":"cases"', '"kind":"__import__(\'os\').abort()"'),
    "no text": b"\xff\xfe\x00{",
    "of millions of values": "[" + "1," * (2**22 + 1) + "1]",
    "of an endless number": CASES.replace('"batch_size":2', f'"batch_size":{"9" * 5000}'),
    "of thousands of names": json.dumps({f"name {n}": n for n in range(5000)}),
    "with two ends": CASES + "}",
}

MADE = {
    "a folder": "mkdir file.json",
    "not there": "true",
    "a link to a device without end": "ln -s /dev/zero file.json",
    "a link to the log of the kernel": "ln -s /proc/kmsg file.json",
    "a link to the memory of the process": "ln -s /proc/self/mem file.json",
    "a link in a circle": "ln -s file.json file.json",
    "a pipe": "mkfifo file.json",
    "a file of a terabyte": "truncate -s 1T file.json",
}

HUGE = {
    "weights": '"out_features":1000000000000',
    "features below zero": '"out_features":-1',
    "a text of features": '"out_features":"__import__(\'os\').abort()"',
    "another class": '"out_features":2,"__class__":"subprocess.Popen"',
}


def attacks() -> Iterator[Attack]:
    """Each file, to each command."""
    for command, line in READERS.items():
        for name, content in CONTENTS.items():
            if command == "accept" and name == "of an endless number":
                continue  # it is no TOML before that
            yield _of(command, name, line.format("file.json"), content)
        for name, prelude in MADE.items():
            yield _of(command, name, f"{prelude} && {line.format('file.json')}")
    for command in ("verify", "show", "gate", "replay"):
        for name, text in HUGE.items():
            content = CASES.replace('"out_features":2', text)
            shell = f"ulimit -v 16000000; {READERS[command].format('file.json')}"
            yield _of(command, name, shell, content)
    yield refused("replay, a folder without files", "mkdir empty && jaccheck replay empty")
    yield refused("report, a name that is too long", f"jaccheck report {'a' * 300}.json")
    yield refused("report, a number of no run", "jaccheck report 7")


def _of(command: str, name: str, shell: str, content: str | bytes | None = None) -> Attack:
    files = {} if content is None else {"file.json": content}
    # What `replay` says of each file of several is its result, and stands on standard output.
    is_one_line = command != "replay"
    return Attack(name=f"{command}, {name}", shell=shell, files=files, codes=(2,), is_one_line=is_one_line)
