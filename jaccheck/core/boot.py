"""Run as a script: runs a module that is found where PYTHONPATH says, but never before the standard library.

Python itself puts PYTHONPATH first, and with `-c` or `-m` the working directory before it. A file that is called
socket.py there would run in every process. So processes are started with `-P` and without PYTHONPATH, which is their
first argument.
"""

from __future__ import annotations

import os
import sys


def standard_library_first(path: list[str]) -> list[str]:
    """The same entries, those of the standard library before all others; "" is left out."""
    home = os.path.dirname(os.__file__)
    archive = os.path.join(os.path.dirname(home), f"python{sys.version_info[0]}{sys.version_info[1]}.zip")
    own = {home, os.path.join(home, "lib-dynload"), archive, *(p for p in path if p.endswith("/lib-dynload"))}
    return [entry for entry in path if entry in own] + [entry for entry in path if entry and entry not in own]


def _main() -> None:
    inherited, module, *arguments = sys.argv[1:]
    extra = [os.path.abspath(entry) for entry in inherited.split(os.pathsep) if entry]
    sys.path[:] = standard_library_first([*extra, *sys.path])
    if inherited:
        os.environ["PYTHONPATH"] = inherited  # as a script's own processes find it
    sys.argv[:] = [module, *arguments]
    from jaccheck.core.fork_guard import end_with_parent  # before the module, which may load for long

    end_with_parent()
    if os.getppid() != int(arguments[2]):  # it ended before the kernel was asked
        sys.exit(1)
    import runpy

    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
