"""Every Python example of the documents runs as it stands, one after another, with what its page speaks of at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from jaccheck_support.testing import finding_on
from torch import nn

import jaccheck
from jaccheck.case import Case
from jaccheck.methods import problem_of, registered
from jaccheck.methods.registry import _REGISTRY, forget

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
DOCUMENTS = [path for path in sorted(ROOT.glob("docs/*.md")) if BLOCK.search(path.read_text())]
LIBRARY = """
import jaccheck

batched_jacobian = jaccheck.jacobians
"""
"""The library that a page takes as its example."""

PUBLIC_PAGE = (ROOT / "docs" / "reference.md").read_text()


@pytest.fixture
def at_hand(case: Case) -> Iterator[dict[str, object]]:
    """What the examples take for granted: a model and its batch, a case, a finding; and no method stays registered."""
    torch.manual_seed(0)
    model, X = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.rand(5, 3)
    finding = finding_on(case, method="hooks")
    before = set(registered())
    yield {
        "jaccheck": jaccheck,
        "model": model,
        "X": X,
        "problem": problem_of(model, X),
        "case": case,
        "finding": finding,
        "old_way": lambda prepared: sum(range(2000)),
        "new_way": lambda prepared: sum(range(20000)),
    }
    for name in set(_REGISTRY) - before:
        forget(name)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_examples_run(
    path: Path, at_hand: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the page, and later ones know what earlier ones defined."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mylib.py").write_text(LIBRARY)
    text = path.read_text()
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        # With the line numbers of the document, so that a traceback says where.
        exec(compile("\n" * line + block[1], str(path), "exec"), at_hand)


@pytest.mark.parametrize("name", jaccheck.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    """Under its own heading."""
    assert re.search(rf"^\.\. \S+:: jaccheck\.{name}$", PUBLIC_PAGE, re.M), name


def test_every_page_is_in_the_contents() -> None:
    """A document that no table of contents names would be in no menu, and the build of the pages would fail."""
    contents = re.findall(r"^```{toctree}\n(.*?)^```", (ROOT / "docs" / "index.md").read_text(), re.M | re.S)
    named = {line.strip() for block in contents for line in block.splitlines()}
    assert {path.stem for path in ROOT.glob("docs/*.md")} - {"index"} <= named


def test_numbers_of_trust_are_on_one_page() -> None:
    """A command writes that page whole; a copy of its tables elsewhere would be of another commit."""
    pages = {
        path.name for path in (*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")) if "mutants killed" in path.read_text()
    }
    assert pages <= {"trust.md"}
