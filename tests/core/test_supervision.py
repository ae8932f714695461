"""A command ends with the exit code that it said; whatever else ends it is told, and is never exit code 0."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from jaccheck_support.testing import Run, heeding_ctrl_c

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="commands are supervised on Linux only")

SAID = {
    "sys.exit(0)": 0,
    "sys.exit(1)": 1,
    "atexit.register(os._exit, 0); sys.exit(1)": 1,
    "atexit.register(time.sleep, 10**6); sys.exit(1)": 1,
}
NOT_SAID = {
    "os._exit(0)": "with exit code 0",
    "os._exit(7)": "with exit code 7",
    "ctypes.string_at(0)": "by SIGSEGV",
    "os.kill(os.getpid(), signal.SIGKILL)": "by SIGKILL",
    "os.fork() or sys.exit(0); os.wait(); os._exit(0)": "with exit code 0",
    "os.fork() or time.sleep(9); os._exit(0)": "with exit code 0",
}


SCRIPT = (
    "import atexit, ctypes, os, signal, sys, time\n"
    "from jaccheck.core import supervised\n"
    "def command():\n    print('begun', flush=True)\n    {act}\n"
    "supervised(command)\n"
)


def supervised(act: str) -> subprocess.Popen[str]:
    """A process whose command does this; what it says comes through a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(act=act)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_ctrl_c,
    )


@pytest.mark.parametrize("act", SAID)
def test_what_was_said(act: str) -> None:
    """It counts, whatever becomes of the process then."""
    with supervised(act) as process:
        assert process.communicate(timeout=60) == ("begun\n", "")
    assert process.returncode == SAID[act]


@pytest.mark.parametrize("act", NOT_SAID)
def test_what_was_not_said(act: str) -> None:
    """One line, and exit code 2; a fork of the command's cannot say it instead."""
    end = "before the answer was complete: by a package that was loaded, or by the system"
    with supervised(act) as process:
        assert process.wait(60) == 2
        assert process.stderr is not None
        assert process.stderr.readline() == f"jaccheck: ended {NOT_SAID[act]} {end}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    """The command ends of them, and its supervisor in the same way; SIGINT is an exception that the command sees."""
    with supervised("try: print(flush=True); time.sleep(60)\n    except KeyboardInterrupt: sys.exit(130)") as process:
        assert process.stdout is not None
        assert (process.stdout.readline(), process.stdout.readline()) == ("begun\n", "\n")
        process.send_signal(number)
        assert process.wait(60) == (130 if number == signal.SIGINT else -number)


def test_the_command_ends_with_its_supervisor() -> None:
    """Also by SIGKILL, which nobody can pass on."""
    with supervised("print(os.getpid(), flush=True); time.sleep(60)") as process:
        assert process.stdout is not None
        process.stdout.readline()
        command = psutil.Process(int(process.stdout.readline()))
        process.kill()
    gone, _ = psutil.wait_procs([command], timeout=10)
    assert gone


def test_a_package_that_ends_the_process(jaccheck: Run, tmp_path: Path) -> None:
    """A torch that does so with exit code 0 while it is imported gives no green run."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torch.py").write_text("import os\nos._exit(0)\n")
    arguments = ("verify", "--no-store", "--family", "generic", "--max-examples", "1", "--method", "outer_products")
    done = jaccheck(*arguments, env={**os.environ, "PYTHONPATH": "broken"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("jaccheck: ended with exit code 0 before the answer was complete")


def test_a_terminal_that_is_closed_ends_it() -> None:
    """The system tells the leader of a session alone, as of `ssh -t HOST jaccheck verify`; both must end."""
    import fcntl
    import termios

    terminal, other = os.openpty()

    def lead() -> None:
        heeding_ctrl_c()
        fcntl.ioctl(other, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(act="print(os.getpid(), flush=True); time.sleep(600)")],
        stdin=other,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lead,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        inner = psutil.Process(int(process.stdout.readline()))
        os.close(other)
        os.close(terminal)
        try:
            assert process.wait(30) == -signal.SIGHUP
            psutil.wait_procs([inner], timeout=30)
            assert not inner.is_running()
        finally:
            process.kill()


@pytest.mark.parametrize("module", ["jaccheck.core", "jaccheck.core.supervision", "signal", "jaccheck.cli"])
def test_ctrl_c_while_its_first_modules_are_imported_is_one_line(module: str) -> None:
    """Before there is anything that could hear it: no traceback out of the middle of an import."""
    script = (
        "import sys\n"
        "class Interrupted:\n"
        "    @staticmethod\n"
        "    def find_spec(name, *more):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        f"sys.modules.pop({module!r}, None)\n"
        "sys.meta_path.insert(0, Interrupted)\n"
        "sys.argv = ['jaccheck', '--help']\n"
        "from jaccheck.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "jaccheck: interrupted\n")
