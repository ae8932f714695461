"""A child process is asked and answers, whatever it prints; however it ends, that is told, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from jaccheck_support.testing import heeding_ctrl_c

from jaccheck.core import Child, ChildEnded, End, How, plain_data
from jaccheck.core.child import SPINS

SECONDS = 60.0
"""For what takes a moment on a machine that has nothing else to do."""

HEAD = """
import os, signal, subprocess, sys, threading, time
print("printed while it is imported")
from jaccheck.core import Parent

parent = Parent()
"""


@plain_data
class Said:
    """A message."""

    text: str
    pid: int = 0


# In the module that runs in the child, which does not see this file.
SAID = """
from jaccheck.core import plain_data

@plain_data
class Said:
    text: str
    pid: int = 0
"""

ECHO = """
for said in parent.asks(Said):
    print("printed between the answers", flush=True)
    os.system("echo printed by a process of its own")
    parent.say(said)
"""
GRANDCHILD = """
below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
parent.say(Said(text="below", pid=below.pid))
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Starts a child that runs these lines; ends it after the test."""
    started: list[Child] = []

    def make(lines: str, *arguments: str, **options: object) -> Child:
        (tmp_path / "lines.py").write_text(HEAD + SAID + textwrap.dedent(lines))
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        started.append(Child("lines", *arguments, environment=environment, errors=errors))
        started[-1].allow(SECONDS)
        return started[-1]

    yield make
    for child in started:
        child.close()


def end_of(child: Child) -> End:
    """How it ends, where nothing is received from it any more."""
    with pytest.raises(ChildEnded) as raised:
        child.receive(Said)
    assert str(raised.value) == str(raised.value.end)
    assert is_gone(child.pid)
    return raised.value.end


def is_gone(pid: int) -> bool:
    """Whether a process has ended, or does so in a moment."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_what_is_printed_does_not_come_between_the_answers(start: Callable[..., Child]) -> None:
    """By the module while it is imported, by its code, by what it starts; text of any kind and length arrives whole."""
    child = start(ECHO)
    for text in ("one", "Jacobi–Matrix ∂f/∂θ \n", "x" * 10**6):
        child.send(Said(text=text))
        assert child.receive(Said) == Said(text=text)
    assert child.is_running
    child.close()
    assert not child.is_running
    assert is_gone(child.pid)


def test_arguments_are_handed_on(start: Callable[..., Child]) -> None:
    """As they are; the child knows nothing of the parent's standard input."""
    lines = 'parent.say(Said(text=" ".join([*parent.arguments, sys.stdin.read()])))'
    assert start(lines, "a", "--b").receive(Said).text == "a --b "


@pytest.mark.parametrize(
    ("policy", "spins"), [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "none")]
)
def test_its_threads_leave_the_cores_to_others(
    start: Callable[..., Child], monkeypatch: pytest.MonkeyPatch, policy: dict[str, str], spins: str
) -> None:
    """They sleep soon where there is nothing to do, unless the user has said how they wait."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in policy.items():
        monkeypatch.setenv(name, value)
    assert start('parent.say(Said(text=os.environ.get("GOMP_SPINCOUNT", "none")))').receive(Said).text == spins


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", End(how=How.SIGNAL, code=9)),
        ("os.kill(os.getpid(), signal.SIGRTMIN + 3)", End(how=How.SIGNAL, code=signal.SIGRTMIN + 3)),
        ("print('last words', file=sys.stderr); os._exit(0)", End(how=How.EXIT, code=0)),
        ("raise KeyError('no such thing')", End(how=How.EXIT, code=1)),
    ],
    ids=["killed", "real-time signal", "exit", "exception"],
)
def test_how_it_ended_is_told(start: Callable[..., Child], lines: str, end: End) -> None:
    """As data, with the last line that it printed; whoever asks again is told the same."""
    child = start("parent.say(Said(text='before'))\n" + lines)
    assert child.receive(Said).text == "before"
    found = end_of(child)
    assert (found.how, found.code) == (end.how, end.code)
    if end.how is How.EXIT:
        assert found.words == ("KeyError: 'no such thing'" if end.code else "last words")
    assert not child.is_running
    assert end_of(child).code == end.code
    with pytest.raises(ChildEnded):
        child.send(Said(text="anybody there?"))


@pytest.mark.parametrize("lines", ["while True: pass", "time.sleep(1000)", "os.kill(os.getpid(), signal.SIGSTOP)"])
def test_what_hangs_is_ended(start: Callable[..., Child], lines: str) -> None:
    """After the time that it was given, which counts from the call of `allow`."""
    child = start("parent.say(Said(text='before'))\n" + lines)
    child.receive(Said)
    child.allow(0.5)
    began = time.monotonic()
    end = end_of(child)
    assert end == End(how=How.TIME, seconds=0.5)
    assert str(end) == "not done after 0.5 s"
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("said", [b"no JSON", b'{"other": 1}', b"\\xff\\x00", b'{"text": "cut'])
def test_what_is_no_message_ends_it(start: Callable[..., Child], said: bytes) -> None:
    """The connection is spoilt: what comes next could be the answer to anything."""
    child = start(f"os.write(int(sys.argv[2]), b'''{said.decode()}''' + b'\\n'); time.sleep(1000)")
    end = end_of(child)
    assert end.how is How.NO_MESSAGE
    assert end.words


def test_a_closed_connection_ends_it(start: Callable[..., Child]) -> None:
    """A process that lives and cannot answer any more is of no use."""
    assert end_of(start("os.close(int(sys.argv[2])); time.sleep(1000)")) == End(how=How.NO_MESSAGE)


def test_what_it_has_started_ends_with_it(start: Callable[..., Child]) -> None:
    """When it is closed."""
    child = start(GRANDCHILD + "time.sleep(1000)")
    below = child.receive(Said).pid
    child.close()
    assert is_gone(below)


def test_what_it_has_left_behind_ends_too(start: Callable[..., Child]) -> None:
    """When it ends by itself; a process that has left its group and holds the pipe open does not delay the news."""
    child = start(GRANDCHILD + "os._exit(3)")
    below = child.receive(Said).pid
    assert end_of(child).code == 3
    assert is_gone(below)


def test_a_process_that_has_left_the_group_delays_nothing(start: Callable[..., Child]) -> None:
    """It was forked with the pipe open, and is none of the child's any more."""
    child = start(
        """
        if not (below := os.fork()):
            os.setsid()
            time.sleep(1000)
        parent.say(Said(text="below", pid=below))
        time.sleep(0.5)
        os._exit(3)
        """
    )
    below = child.receive(Said).pid
    try:
        assert end_of(child).code == 3
    finally:
        os.kill(below, signal.SIGKILL)


def test_it_can_be_ended_from_another_thread(start: Callable[..., Child]) -> None:
    """Whoever waits for its answer is told."""
    child = start("time.sleep(1000)")
    threading.Timer(0.5, child.close).start()
    end = end_of(child)
    assert (end.how, end.code) == (How.SIGNAL, signal.SIGKILL)


def test_it_outlives_the_thread_that_started_it(start: Callable[..., Child]) -> None:
    """Linux would end it with that thread."""
    made: list[Child] = []
    thread = threading.Thread(target=lambda: made.append(start(ECHO)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    made[0].send(Said(text="still there"))
    assert made[0].receive(Said).text == "still there"


PARENT = """
import sys, time
from jaccheck.core import Child, plain_data
{said}
child = Child("lines")
print(child.pid, child.receive(Said).pid, flush=True)
{then}
"""


@pytest.mark.parametrize(
    ("how", "then"),
    [
        (signal.SIGKILL, "time.sleep(1000)"),
        (signal.SIGTERM, "time.sleep(1000)"),
        (signal.SIGINT, "time.sleep(1000)"),
        (None, "sys.exit(0)"),
    ],
    ids=["SIGKILL", "SIGTERM", "SIGINT", "exit"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_it_ends_with_its_parent(tmp_path: Path, how: signal.Signals | None, then: str) -> None:
    """Even where the parent is killed while the child computes."""
    (tmp_path / "lines.py").write_text(HEAD + SAID + "parent.say(Said(text='', pid=1))\nwhile True: pass")
    code = PARENT.format(said=SAID, then=then)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=heeding_ctrl_c
    ) as parent:
        try:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline().split()[0])
            assert psutil.pid_exists(pid) or how is None
            if how is not None:
                parent.send_signal(how)
            parent.wait(SECONDS)
        finally:
            parent.kill()  # whatever failed: leaving the block waits for its end
    assert is_gone(pid)


def test_a_python_that_does_not_exist_is_an_error_here() -> None:
    """And leaves no pipe open."""
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with pytest.raises(FileNotFoundError):
        Child("lines", python="/nowhere/python")
    assert not before or len(os.listdir("/proc/self/fd")) == before
