"""Nothing that a file of data holds can be executed: the source has no way to, but for the places named here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "jaccheck"
SCRIPTS = ROOT / "judging/known/scripts"
"""Reports of faults of other packages, which jaccheck never imports: a fork of a process of their own runs them."""
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.parent != SCRIPTS)

RUNS_CODE = {
    *("eval", "exec", "compile", "__import__", "execfile"),
    *("importlib.import_module", "importlib.reload", "importlib.util.spec_from_file_location", "runpy.run_path"),
    *("os.system", "os.popen", "os.startfile", "pty.spawn"),
    *("torch.load", "torch.hub.load", "torch.jit.load", "np.load", "numpy.load"),
}
RUNS_CODE_BY_START = ("os.exec", "os.spawn", "os.posix_spawn", "pickle.", "marshal.", "runpy.", "subprocess.get")
"""Calls that may run what they are given."""

MODULES_THAT_RUN_CODE = {
    *("pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "runpy", "code", "codeop", "pty"),
    *("yaml", "multiprocessing", "concurrent.futures.process"),
}
"""Those whose readers run what they read, or that send pickles between processes."""

REASONS = {
    ("sequences/session.py", "exec"): "runs the lines that the state machine itself has just written",
    ("sequences/session.py", "eval"): "reads a variable of these lines",
    ("sequences/uses/rich.py", "eval"): "makes a network of layers that the state machine itself has drawn",
    ("sequences/uses/twin.py", "eval"): "the same on a plain copy, and reads its variables",
    ("sequences/uses/twin.py", "exec"): "runs the lines of the session on a plain copy",
    (
        "methods/loading.py",
        "importlib.util.spec_from_file_location",
    ): "FILE.py:FUNCTION, typed by the user to be run",
    ("methods/loading.py", "importlib.import_module"): "package.module:function, typed by the user to be run",
    ("methods/devices.py", "importlib.import_module"): "packages of devices, by names that stand in the file",
    ("methods/registry.py", "importlib.import_module"): "--method package.module:function, typed by the user",
    (
        "selftest/mutants/registry.py",
        "importlib.import_module",
    ): "modules of jaccheck, by names that stand beside the call",
    **{
        ("core/scripts.py", way): "scripts of known issues, and their packages by names in known/issue.py"
        for way in ("exec", "compile", "importlib.import_module")
    },
    ("methods/late.py", "importlib.import_module"): "modules of torch, by names that stand in the file",
    (
        "oracle/activations/__init__.py",
        "importlib.import_module",
    ): "the modules of its own folder, as they are installed",
    ("oracle/graph/__init__.py", "importlib.import_module"): "the modules of its own folder, as they are installed",
    (
        "judging/live/recording/__init__.py",
        "importlib.import_module",
    ): "modules of jaccheck, by names that stand beside the call",
    ("core/serving.py", "importlib.import_module"): "a function of jaccheck's, named where the worker is started",
    ("methods/optional.py", "importlib.import_module"): "packages of the extra `others`, by names in methods/",
    ("judging/laws/aspects.py", "eval"): "expressions that stand in the files beside it",
    ("judging/laws/patches.py", "pickle"): "nothing: looks whether its functions are still its own",
    ("core/boot.py", "runpy"): "a module of jaccheck, named by its parent on the command line",
    ("core/boot.py", "runpy.run_module"): "a module of jaccheck, named by its parent on the command line",
}
"""Every place that runs what it is given, and why no file of data can reach it."""

STARTS_PROCESSES = {
    "core/child.py": "a module of jaccheck: this interpreter, or that of an environment that the gate has built",
    "core/origins.py": "git, asked for the commit of the folder that a package was imported from",
    "gate/installing.py": "pip and uv, with requirements that the user typed and the gate has parsed",
    "judging/laws/patches.py": "none: looks whether its functions are still its own",
}

POPEN = {"core/child.py"}
"""Those that talk to a process while it runs."""


def dotted(node: ast.expr) -> str:
    """`os.path.join` of a chain of attributes; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (start := dotted(node.value)):
        return f"{start}.{node.attr}"
    return ""


def ways_to_run(path: Path) -> Iterator[str]:
    """Each call or import in a file that may run what it is given."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in RUNS_CODE or name.startswith(RUNS_CODE_BY_START):
                yield name
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES_THAT_RUN_CODE)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            if node.module in MODULES_THAT_RUN_CODE:
                yield node.module
            yield from (name for name in names if name in RUNS_CODE or name.startswith(RUNS_CODE_BY_START))


def relative(path: Path) -> str:
    """As the lists above have it."""
    return path.relative_to(ROOT).as_posix()


def test_only_the_named_places_run_what_they_are_given() -> None:
    """A new way to run code is a decision: it is named above with its reason, or it is not made."""
    found = {(relative(path), way) for path in MODULES for way in ways_to_run(path)}
    assert found == set(REASONS)


def test_only_the_named_places_start_processes() -> None:
    """Each with a list of arguments: no shell reads what comes from a file."""
    starting = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if "subprocess" in names or (isinstance(node, ast.ImportFrom) and node.module == "subprocess"):
                starting.add(relative(path))
            if isinstance(node, ast.Call):
                assert "shell" not in {keyword.arg for keyword in node.keywords}, f"{path}:{node.lineno}"
                assert dotted(node.func) != "subprocess.Popen" or relative(path) in POPEN
                if dotted(node.func).startswith("subprocess."):
                    first = node.args[0]
                    assert isinstance(first, ast.List | ast.Name), f"{path}:{node.lineno}: no list of arguments"
    assert starting == set(STARTS_PROCESSES)


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "import pickle",
        "from pickle import loads",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "os.system(command)",
        "os.execv(path, arguments)",
        "from os import system",
        "__import__(name)",
        "importlib.import_module(name)",
    ],
)
def test_the_search_finds(line: str, tmp_path: Path) -> None:
    """What it looks for, it sees."""
    (tmp_path / "module.py").write_text(line)
    assert list(ways_to_run(tmp_path / "module.py"))
