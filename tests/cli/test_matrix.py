"""The checked-in support matrix is what is measured, and a change of any cell is told."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from jaccheck_support.skipping import skip_elsewhere

from jaccheck.case import matrix_rows
from jaccheck.cli import cli
from jaccheck.core import to_json
from jaccheck.methods import registered
from jaccheck.rendering import matrix_markdown
from jaccheck.reports import MatrixReport, Outcome, load

MATRIX = Path(__file__).parents[2] / "docs" / "support-matrix.json"


def stored() -> MatrixReport:
    return load(MatrixReport, MATRIX)


def is_measured_with_what_is_installed() -> bool:
    measured = stored().environment
    return (measured.torch, measured.backpack) == (torch.__version__, version("backpack-for-pytorch"))


@pytest.mark.parametrize(
    "some",
    [
        pytest.param(("autograd_loop", "vmap_vjp", "batch_grad_loop", "sqrt_ggn_sum"), marks=pytest.mark.full),
        pytest.param((), marks=pytest.mark.slow),
    ],
)
def test_the_checked_in_matrix_is_still_true(some: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """`jaccheck matrix --dtype float32 --compare docs/support-matrix.json` finds no other mark, with these versions.

    Of the four ways that everybody knows, and at night of all methods.
    """
    if not is_measured_with_what_is_installed():
        skip_elsewhere(f"measured with torch {stored().environment.torch}, BackPACK {stored().environment.backpack}")
    # Those of optional packages have a page of their own: docs/other-packages.md. Those that are slow are left out.
    names = some or [name for name, m in registered().items() if not (m.imports or m.missing or m.only_by_name)]
    chosen = [word for name in names for word in ("--method", name)]
    assert cli(["matrix", "--dtype", "float32", *chosen, "--compare", str(MATRIX)], standalone_mode=False) == 0
    compared = [cell for cell in stored().cells if cell.method in names]
    assert f"0 of {len(compared):,} cells differ" in capsys.readouterr().out


@pytest.mark.full
def test_a_changed_cell_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line names method, layer, dtype, what it was and what it is; the exit code is 1. Cells of methods that are
    not asked for are not compared.
    """
    report = stored()
    cells = list(report.cells)
    mine = [number for number, cell in enumerate(cells) if cell.method == "hooks"]
    first = cells[mine[0]] = replace(cells[mine[0]], outcome=Outcome.CRASHED)
    path = tmp_path / "old.json"
    path.write_text(to_json(replace(report, cells=tuple(cells))))
    arguments = ["matrix", "--dtype", "float32", "--method", "hooks", "--compare", str(path)]
    assert cli(arguments, standalone_mode=False) == 1
    out = capsys.readouterr().out
    assert f"hooks, {first.group}: {first.row}, float32 on cpu: CRASHED -> AGREES" in out
    assert out.splitlines()[-1] == f"1 of {len(mine)} cells differs from {path}"


def test_rows_have_names_of_their_own() -> None:
    """No two rows of a group are called the same."""
    names = [(row.group, row.name) for row in matrix_rows("float32")]
    assert len(set(names)) == len(names)


def test_the_page_holds_every_cell() -> None:
    """The Markdown of the checked-in cells stands in docs/support-matrix.md."""
    page = MATRIX.with_suffix(".md").read_text()
    tables = matrix_markdown(stored()).split("## float32", 1)[1]
    assert tables.strip() in page
