"""Ctrl-C, an end that is asked for, and a terminal that is closed, at drawn moments, in commands that take long."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from attack_groups.attack import Attack
from attack_groups.gates import GATE, SETUP
from attack_groups.processes import GOOD_MODEL

COMMANDS = {
    "bench": ("", "jaccheck bench --shape tutorial --time 60 --report r.json --save a"),
    "bench of a model": ("", "jaccheck bench --model m.py:f --time 60 --report r.json"),
    "matrix": ("", "jaccheck matrix --report r.json"),
    "sequences": ("", "jaccheck sequences --seed 1 --time 60 --report r.json"),
    "selftest": ("", "jaccheck selftest --report r.json"),
    "gate": (SETUP, f"{GATE} --report r.json"),
}
"""What is prepared, and what is ended."""

ENDS = {"INT": (130,), "TERM": (143, -15), "HUP": (129, -1)}
"""By each signal: exit code 130 is jaccheck's own; `timeout` ends itself by some signals, too."""

DONE = (0, 1)
"""It may have been faster, and say what it found by then."""

TERMINAL = """
import os, pty, sys, time
pid, terminal = pty.fork()
if not pid:
    os.execvp("jaccheck", sys.argv[2:])
until = time.monotonic() + float(sys.argv[1])
os.set_blocking(terminal, False)
while time.monotonic() < until:
    try:
        os.read(terminal, 2**16)
    except BlockingIOError:
        time.sleep(0.01)
    except OSError:
        break
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) % 256)
"""
"""Runs a command in a terminal, and closes it after so many seconds."""

WHOLE = "; code=$?; test ! -e r.json || python -m json.tool r.json > /dev/null || exit 97; exit $code"
"""A report is not there, or all of it."""

EARLIEST, LATEST, EACH = 0.5, 25.0, 3


def attacks() -> Iterator[Attack]:
    """Each way to end each command, at moments that are always the same."""
    draw = Random(16)
    files = {"m.py": GOOD_MODEL, "terminal.py": TERMINAL}
    for command, (prepared, line) in COMMANDS.items():
        for _ in range(EACH):
            after = round(draw.uniform(EARLIEST, LATEST), 2)
            for signal, codes in ENDS.items():
                yield Attack(
                    name=f"{command}, SIG{signal} after {after} s",
                    shell=f"{prepared}timeout --preserve-status -s {signal} {after} {line}{WHOLE}",
                    files=files,
                    codes=(*codes, *DONE),
                )
            yield Attack(
                name=f"{command}, its terminal is closed after {after} s",
                shell=f"{prepared}python terminal.py {after} {line}{WHOLE}",
                files=files,
                codes=(255, *DONE),  # it was ended by SIGHUP
            )
            yield Attack(
                name=f"{command}, SIGINT after {after} s, and again and again",
                shell=f"{prepared}python again.py {after} {line}{WHOLE}",
                files={**files, "again.py": AGAIN},
                codes=(130, *DONE),
            )


AGAIN = """
import signal, subprocess, sys, time
child = subprocess.Popen(sys.argv[2:], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
time.sleep(float(sys.argv[1]))
while child.poll() is None:
    child.send_signal(signal.SIGINT)
    time.sleep(0.4)
sys.exit(child.returncode)
"""
"""Somebody who does not wait for what Ctrl-C does."""
