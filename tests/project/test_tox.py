"""What `tox -av` lists is what there is: environments with a description, each of which the workflows can run."""

from __future__ import annotations

import configparser
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jaccheck_support.env_versions import expected_versions

ROOT = Path(__file__).parents[2]
PYTHON = re.compile(r"py3\d+(-|$)")


@pytest.mark.full
def test_no_phantom_is_listed(tmp_path: Path) -> None:
    """Neither a single factor nor a word of a description; and every environment of the workflows is there."""
    if importlib.util.find_spec("tox") is None:
        pytest.skip("tox comes with the extra `lint`")
    command = (sys.executable, "-m", "tox", "--workdir", tmp_path, "-av")
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=True)
    listed = dict(re.findall(r"^(\S+)\s+-> (.+)$", done.stdout, re.MULTILINE))
    assert "[no description]" not in listed.values()
    for name in filter(PYTHON.match, listed):
        assert {"python", "torch"} <= expected_versions(name).keys(), name
    sections = re.findall(r"^\[testenv:([a-z-]+)\]$", (ROOT / "tox.ini").read_text(), re.MULTILINE)
    assert {name for name in listed if not PYTHON.match(name)} == set(sections)
    workflows = "\n".join(path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    asked = set(re.findall(r"(?:env|TOXENV): ([a-z][\w-]+)", workflows))
    assert asked <= listed.keys(), asked - listed.keys()


def test_what_a_script_imports_at_once_is_in_its_environment() -> None:
    """The extra BackPACK, too, which no package of the constraints brings along."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    script = (ROOT / "benchmarks" / "architectures.py").read_text()
    assert '"backpack"' in script
    assert "backpack" in tox["testenv:architectures"]["extras"].split()


def test_every_path_that_is_named_is_there() -> None:
    """In what pytest is given, too, which takes a backslash at the end of the last line for a file."""
    text = (ROOT / "tox.ini").read_text()
    missing = [
        path for path in re.findall(r"(?:tests|benchmarks|constraints)/[\w./-]+", text) if not (ROOT / path).exists()
    ]
    assert not missing
    assert not re.search(r"\\\n *\n", text), "a line that goes on is followed by an empty one"
