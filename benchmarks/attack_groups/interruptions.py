"""Ctrl-C and signals at any moment: one line, no traceback, no process left."""

from __future__ import annotations

from collections.abc import Iterator

from attack_groups.attack import Attack
from attack_groups.processes import GOOD_MODEL

COMMANDS = {
    "verify": "jaccheck verify --seed 1 --method outer_products --method batch_grad_loop --time 60",
    "check": "jaccheck check m.py:f",
    "sequences": "jaccheck sequences --seed 1 --time 60",
    "bench": "jaccheck bench --shape tutorial --time 60",
    "matrix": "jaccheck matrix",
    "known": "jaccheck known",
}

MOMENTS = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3, 6, 12)

QUICK = ("check", "known")
"""May be done by then. What was interrupted is never green."""

STARTING = 0.5
"""Until then, on a busy machine, Python has perhaps not come to the first line of jaccheck's."""

SIGNALS = {"TERM": 143, "KILL": 137, "HUP": 129}


def attacks() -> Iterator[Attack]:
    """Each signal to each command, at each moment."""
    for command, line in COMMANDS.items():
        for after in MOMENTS:
            yield Attack(
                name=f"{command}, Ctrl-C after {after} s",
                shell=f"timeout --preserve-status -s INT {after} {line}",
                files={"m.py": GOOD_MODEL},
                codes=(130, 1, *((0,) if command in QUICK else ())),
                is_starting=after < STARTING,
            )
    for signal, code in SIGNALS.items():
        for command in ("verify", "check", "sequences"):
            for after in (0.2, 3, 8):
                yield Attack(
                    name=f"{command}, SIG{signal} after {after} s",
                    shell=f"timeout --preserve-status -s {signal} {after} {COMMANDS[command]}",
                    files={"m.py": GOOD_MODEL},
                    # 137 and 143 in a shell; `timeout` ends itself by some signals, too.
                    codes=(code, 128 - code, *((0,) if command in QUICK else ())),
                )
