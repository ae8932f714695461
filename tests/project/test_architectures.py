"""What holds the answers on real architectures against the truth: it is right about right and wrong results itself."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.methods import find_method
from jaccheck.reports import Outcome

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def real() -> Iterator[Any]:
    """The package beside the benchmarks, with its modules; its packages of architectures need not be installed."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import real_architectures
        from real_architectures import loop, planted, statements, table  # noqa: F401

        yield real_architectures
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def small() -> tuple[nn.Module, torch.Tensor]:
    """A network that every method covers."""
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.randn(3, 3)


def row_of(real: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The row of it, with two methods of jaccheck."""
    methods = [find_method(name) for name in ("vmap_vjp", "autograd_loop")]
    monkeypatch.setattr(real.statements, "choose_methods", lambda names: methods)
    make = real.architecture("torch")(small)
    architecture = real.ARCHITECTURES.pop("small")
    assert architecture.make is make
    row, text = real.statements.row_of(architecture, 0)
    assert "vmap_vjp" in text or row["refused"]
    return dict(row)


def test_a_right_answer_has_no_false_statement(real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both methods are right, the three planted ones are found, and N, C and the numbers are the loop's."""
    row = row_of(real, monkeypatch)
    assert row["false"] == row["unclear"] == []
    assert row["loop"]["vmap_vjp"][:2] == ["right", "right"]
    assert row["planted"] == dict.fromkeys(real.planted.PLANTED, True)
    assert (row["N"], row["C"], row["numbers"]) == (3, 2, 26)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome.DISAGREES, "vmap_vjp in its own dtype DISAGREES"),
        (Outcome.CRASHED, "vmap_vjp in its own dtype CRASHED"),
    ],
)
def test_a_false_word_on_a_right_method_is_found(
    real: Any, monkeypatch: pytest.MonkeyPatch, outcome: Outcome, said: str
) -> None:
    """Whatever it is."""
    check = jaccheck.check

    def lies(*given: Any, **named: Any) -> Any:
        report = check(*given, **named)
        answers = (replace(a, outcome=outcome) if a.method == "vmap_vjp" else a for a in report.answers)
        return replace(report, answers=tuple(answers))

    monkeypatch.setattr(real.statements.jaccheck, "check", lies)
    assert any(said in each for each in row_of(real, monkeypatch)["false"])


def test_a_wrong_method_that_passes_is_found(real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted method, and one of jaccheck's, that are called consistent and recommended."""
    check = jaccheck.check

    def passes(*given: Any, **named: Any) -> Any:
        report = check(*given, **named)
        answers = (replace(a, outcome=Outcome.CONSISTENT, in_float64=Outcome.CONSISTENT) for a in report.answers)
        return replace(report, answers=tuple(answers), recommended="vmap_vjp")

    monkeypatch.setattr(real.statements.jaccheck, "check", passes)
    wrong = replace(find_method("vmap_vjp"), compute=lambda problem: _scaled(problem, 1.0001))
    monkeypatch.setattr(real.statements, "choose_methods", lambda names: [wrong])
    real.architecture("torch")(small)
    row, _ = real.statements.row_of(real.ARCHITECTURES.pop("small"), 0)
    told = "\n".join(row["false"])
    assert "vmap_vjp in float64 CONSISTENT" in told
    assert "recommends vmap_vjp, which is not right" in told
    assert all(f"planted {name} is called CONSISTENT" in told for name in real.planted.PLANTED)


def _scaled(problem: jaccheck.Problem, factor: float) -> jaccheck.Jacobians:
    return {name: factor * block for name, block in find_method("vmap_vjp").compute(problem).items()}


def test_a_refusal_is_a_row(real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its reason, and nothing else."""

    def refuses(*given: Any, **named: Any) -> Any:
        raise InvalidModel("the model is too real")

    monkeypatch.setattr(real.statements.jaccheck, "check", refuses)
    assert row_of(real, monkeypatch)["refused"] == "the model is too real"


def test_the_truth_knows_unused_sparse_and_whole_numbers(real: Any) -> None:
    """Unused parameters have zeros, sparse gradients their values, integer inputs stay; NaN is never near."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.unused = nn.Embedding(5, 2, sparse=True), nn.Parameter(torch.ones(3))

        def forward(self, index: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
            return self.table(index).sum(1) * factor

    X = {"index": torch.tensor([[0, 1], [3, 3]]), "factor": torch.tensor([[2.0], [3.0]])}
    blocks = real.loop.jacobian_blocks(Model(), X, torch.float64)
    by_name = dict(zip(("unused", "table"), blocks, strict=True))
    assert torch.equal(by_name["unused"], torch.zeros(2, 2, 3, dtype=torch.float64))
    assert by_name["table"][1, 0].tolist() == [[0, 0], [0, 0], [0, 0], [6, 0], [0, 0]]
    assert real.loop.distance(blocks, blocks) == 0
    assert real.loop.distance([torch.tensor([[2.0]])], [torch.tensor([[1.0]])]) == 1  # of a number without an axis
    assert real.loop.distance([blocks[0], blocks[1] * torch.nan], blocks) == torch.inf
    assert real.loop.distance([blocks[0], blocks[1] * 1.0001], blocks) == pytest.approx(1e-4)


def test_a_part_in_float32_is_seen(real: Any) -> None:
    """It limits what float64 can show; a model without one has none."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.ones(3))

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return X * self.factor.float()

    assert real.loop.truth_of(Model(), torch.randn(2, 3)).coarse
    assert not real.loop.truth_of(nn.Linear(3, 3), torch.randn(2, 3)).coarse


def test_each_package_is_pinned_and_used(real: Any) -> None:
    """constraints/architectures.txt has those that architectures name; the rest is what these need and do not say."""
    lines = (ROOT / "constraints" / "architectures.txt").read_text()
    pinned = set(re.findall(r"^([\w-]+)==", lines, re.MULTILINE))
    named = {each.package for each in real.load_all().values()}
    assert len(real.ARCHITECTURES) >= 50
    assert pinned - named == {"hyper-connections", "pandas"}
    assert named - pinned == {"torchvision"}


def test_the_page_says_what_the_rows_say(real: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One row that is right, one that is not, one that died."""
    right = row_of(real, monkeypatch) | {"commit": "abc"}
    false = right | {"seed": 1, "false": ["vmap_vjp is said to be wrong"]}
    died = {key: right[key] for key in ("name", "package", "version", "commit")} | {"seed": 2, "died": "killed"}
    refused = died | {"name": "other", "died": "", "refused": "it has no derivative"}
    real.table.write_page([right, false, died, {k: v for k, v in refused.items() if v}], tmp_path)
    page = (tmp_path / "architectures.md").read_text()
    widths = {line.count("|") for line in page.split("## By method")[0].splitlines() if line.startswith("|")}
    assert widths == {len(real.table.COLUMNS) + 1}
    assert "- other: it has no derivative" in page
    assert "**1 false statements; 6 of 6 planted methods found; 1 checks ended without an answer.**" in page
    assert (
        "2 architectures of 1 packages, small and with random weights, 1 of them at 3 seeds, 1 of them at 1 seed"
        in page
    )
    assert "one thread, commit abc." in page
    real.table.write_page([right, false | {"commit": "def"}], tmp_path)
    both = (tmp_path / "architectures.md").read_text()
    assert "random weights, each at 2 seeds (2 checks" in both
    assert "one thread, commits abc, def (by row: architectures.json)." in both
    assert "| small | torch" in page
    assert "seed 1: vmap\\_vjp is said to be wrong" in page
    assert "seed 2: killed" in page
    assert '"own": "' in (tmp_path / "architectures.json").read_text()


def test_the_modules_are_what_they_are_called(real: ModuleType) -> None:
    """Each file that is listed has architectures in it."""
    files = {each.file for each in real.load_all().values()}
    assert files == set(real.FILES)


class Faint(nn.Linear):
    """Samples move the output by a part in 10¹³: an exchange of them is wrong, and by less than the loop sees."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return super().forward(1e-13 * X)


def test_a_planted_method_that_is_wrong_by_less_than_the_loop_sees_is_no_false_statement(
    real: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is right to call it wrong, and what the loop cannot settle is told as that."""
    torch.manual_seed(0)
    model, X = nn.Sequential(Faint(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.randn(3, 3)

    def small() -> tuple[nn.Module, torch.Tensor]:
        return model, X

    monkeypatch.setitem(globals(), "small", small)
    row = row_of(real, monkeypatch)
    assert row["false"] == []
    assert "planted swapped_samples is no wrong method here" in row["unclear"]


@pytest.mark.full
def test_the_script_loads_jaccheck_without_what_runs_on_a_cluster() -> None:
    """Its environment has no extra but BackPACK."""
    script = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('dask', 'distributed', 'matplotlib'))\n"
        "from architectures import import_own_modules\n"
        "import_own_modules()\n"
        "assert 'jaccheck.models.checking' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT / "benchmarks", check=True)
