"""A cached environment is believed only while it is what was installed, an answer only where it is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import jaccheck
from jaccheck.case import Case
from jaccheck.core import from_json
from jaccheck.errors import BrokenEnvironment, UnreadableFile
from jaccheck.gate import parse_side, prepare
from jaccheck.gate.contents import digest, is_intact, seal
from jaccheck.gate.environments import Prepared
from jaccheck.gate.process import SideProcess
from jaccheck.gate.protocol import Answer, Array, Ask, Call, Observation
from jaccheck.reports import Outcome


def checkout(folder: Path) -> Path:
    """Of a BackPACK that nobody could use."""
    package = folder / "checkout" / "backpack"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("VALUE = 1\n")
    (package / "more.py").write_text("VALUE = 2\n")
    return package.parent


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def longer_ago(path: Path) -> None:
    """Another content of the same size and time."""
    status = path.stat()
    path.write_text("VALUE = 9\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def beside_it(path: Path) -> None:
    path.with_name("sitecustomize.py").write_text("")


def linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("__init__.py")


@pytest.mark.parametrize("spoil", [emptied, longer_ago, os.unlink, beside_it, linked])
def test_what_is_not_as_it_was_built_is_built_again(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """A file that is changed, missing or new, a link in place of one; what is whole is not built again."""
    side, said = parse_side(str(checkout(tmp_path))), []
    prepared = prepare(side, tmp_path / "cache", said.append)
    prepare(side, tmp_path / "cache", said.append)
    assert [line.partition(" for ")[0] for line in said] == ["building an environment"]
    spoil(Path(prepared.path[0]) / "backpack" / "more.py")
    prepare(side, tmp_path / "cache", said.append)
    assert "is not as it was built, so it is built again" in said[1]
    assert (Path(prepared.path[0]) / "backpack" / "more.py").read_text() == "VALUE = 2\n"
    assert len(said) == 3


def test_running_it_leaves_it_as_it_was_built(tmp_path: Path) -> None:
    """All is compiled beforehand, and a process of a side writes nothing."""
    prepared = prepare(parse_side(str(checkout(tmp_path))), tmp_path / "cache", lambda text: None)
    os.spawnve(os.P_WAIT, sys.executable, [sys.executable, "-c", "import backpack.more"], prepared.variables())
    assert is_intact(prepared.directories[0])
    assert list(Path(prepared.path[0]).rglob("*.pyc"))


def test_a_digest_tells_names_from_contents(tmp_path: Path) -> None:
    """And a seal that is gone seals nothing."""
    (tmp_path / "a").write_text("b")
    seal(tmp_path)
    before = digest(tmp_path)
    assert is_intact(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest(tmp_path) != before
    (tmp_path / "jaccheck-contents").unlink()
    assert not is_intact(tmp_path)


CALL = Call(method="hooks")
SEEN = Observation(method="hooks", outcome=Outcome.AGREES, message="")


@pytest.mark.parametrize(
    ("task", "answer", "fits"),
    [
        ("call", Answer(calls=(CALL,)), True),
        ("call", Answer(), False),
        ("call", Answer(calls=(CALL, CALL)), False),
        ("call", Answer(calls=(replace(CALL, method="loop"),)), False),
        ("call", Answer(observations=(SEEN,)), False),
        ("call", Answer(calls=(CALL,), amounts=(1.0,)), False),
        ("judge", Answer(observations=(SEEN,)), True),
        ("judge", Answer(), True),
        ("judge", Answer(observations=(SEEN, SEEN)), False),
        ("judge", Answer(calls=(CALL,)), False),
        ("time", Answer(amounts=(1.0,)), True),
        ("time", Answer(), False),
        ("weigh", Answer(amounts=(1.0, 2.0)), False),
    ],
)
def test_an_answer_is_of_what_was_asked(case: Case, task: object, answer: Answer, fits: bool) -> None:
    """Of each method once, or of none on a case whose numbers overflow its dtype."""
    assert answer.fits(Ask(case=case, methods=("hooks",), task=task)) is fits  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "x", "dtype": "int8", "shape": [1], "offset": 0}',
        '{"name": "x", "dtype": "float64", "shape": [-1], "offset": 0}',
        '{"name": "x", "dtype": "float64", "shape": [1], "offset": -8}',
        '{"name": "x", "dtype": "float64", "shape": [1e99], "offset": 0}',
    ],
)
def test_a_tensor_lies_in_the_file(text: str) -> None:
    """Or the line is no message."""
    with pytest.raises(UnreadableFile):
        from_json(Array, text, where="message")


LIAR = """
import sys
asked, answers = open(int(sys.argv[1])), open(int(sys.argv[2]), "w")
print({hello!r}, file=answers, flush=True)
asked.readline()
print({line!r}, file=answers, flush=True)
asked.readline()
"""

HELLO = '{"versions": {}, "files": {}, "methods": {"hooks": null}, "packages": {}, "devices": ["cpu"]}'

ANSWERS = {
    "a method that nobody asked for": ('{"starts": "rm"}', "it says that it starts 'rm', for which nobody asked"),
    "another method": ('{"answer": {"calls": [{"method": "x"}]}}', "not of the methods that were asked for"),
    "nothing": ('{"answer": {}}', "not of the methods that were asked for"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_side_that_answers_something_else_is_told(tmp_path: Path, case: Case, kind: str) -> None:
    """A process in place of jaccheck's own worker, which says what it wants."""
    line, message = ANSWERS[kind]
    worker = tmp_path / "jaccheck" / "gate" / "worker.py"
    worker.parent.mkdir(parents=True)
    (worker.parent / "__init__.py").touch()
    own = str(Path(jaccheck.__file__).parent)  # all else is jaccheck's, which a process needs to start
    (worker.parent.parent / "__init__.py").write_text(f"__path__.append({own!r})\n")
    worker.write_text(LIAR.format(hello=HELLO, line=line))
    side = Prepared(parse_side("backpack-for-pytorch"), sys.executable, (str(tmp_path),), (tmp_path,))
    with pytest.raises(BrokenEnvironment):
        SideProcess(side, tmp_path / "scratch.bin")
    side = Prepared(parse_side(str(checkout(tmp_path))), sys.executable, (str(tmp_path),), (tmp_path,))
    process = SideProcess(side, tmp_path / "scratch.bin")
    with pytest.raises(BrokenEnvironment, match=message):
        process.ask(Ask(case=case, methods=("hooks",)))
    process.close()


def test_a_tensor_that_was_not_written_is_told(tmp_path: Path) -> None:
    """However large it says that it is."""
    process = SideProcess.__new__(SideProcess)
    process.prepared = Prepared(parse_side("torch"), "", (), ())
    process._scratch = tmp_path / "scratch.bin"
    process._scratch.write_bytes(b"0" * 16)
    assert process.bits(Array(name="x", dtype="float64", shape=(2,), offset=0)).tobytes() == b"0" * 16
    for shape, offset in (((3,), 0), ((2,), 8), ((2**40, 2**20), 0)):
        with pytest.raises(BrokenEnvironment, match="has not written the tensor 'x'"):
            process.bits(Array(name="x", dtype="float64", shape=shape, offset=offset))
