"""A `Worker` whose function is told Ctrl-C, and one in which what is run raises the same by itself."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from jaccheck.core import Allowed, ChildEnded, Worker, plain_data

ANSWERS = """
import os, signal
from jaccheck.core import plain_data

@plain_data
class Answer:
    interrupted: bool = False

def answer(request: str, tell: object) -> Answer:
    try:
        if request == "pressed":
            os.kill(os.getpid(), signal.SIGINT)
        elif request == "raised":
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        return Answer(interrupted=True)
    return Answer()
"""


@plain_data
class Answer:
    """Of the function above."""

    interrupted: bool = False


@plain_data
class Note:
    """None is told."""


@pytest.mark.parametrize("request_", ["", "pressed", "raised"])
def test_an_interruption_by_nobody_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: str) -> None:
    """A run that ends early since a hook raised KeyboardInterrupt would be told as one that the user has stopped."""
    (tmp_path / "answers.py").write_text(ANSWERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def ask() -> Answer:
        with Worker("answers:answer") as worker:
            return worker.ask(request_, Answer, Allowed(seconds=60), note=Note, hear=lambda note: None)

    if request_ == "raised":
        with pytest.raises(ChildEnded, match="exit code 1: KeyboardInterrupt"):
            ask()
    else:
        assert ask() == Answer(interrupted=request_ == "pressed")


WAITING = """
import threading, time, _thread

def answer(request: str, tell: object) -> int:
    threading.Thread(target=lambda: (time.sleep(0.5), _thread.interrupt_main()), daemon=True).start()
    return 1
"""


def test_a_thread_that_interrupts_it_between_two_requests_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As in the middle of one: how it ended is told, and no traceback is passed on."""
    (tmp_path / "answers.py").write_text(WAITING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with Worker("answers:answer", passes_on=True) as worker:
        assert worker.ask("", int, Allowed(seconds=60), note=Note, hear=lambda note: None) == 1
        time.sleep(1.5)
        with pytest.raises(ChildEnded, match="exit code 1: KeyboardInterrupt"):
            worker.ask("", int, Allowed(seconds=60), note=Note, hear=lambda note: None)
    assert "Traceback" not in capfd.readouterr().err


def test_ctrl_c_while_it_loads_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has nothing to finish yet, so it is ended and not interrupted: that would be a traceback out of an import."""
    (tmp_path / "answers.py").write_text("import time\nopen('begun', 'w').close()\ntime.sleep(30)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def press() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    with Worker("answers:answer", passes_on=True) as worker:
        threading.Thread(target=press, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            worker.ask("", Answer, Allowed(seconds=60), note=Note, hear=lambda note: None, finishes=True)
    assert "Traceback" not in capfd.readouterr().err
