"""Methods of other packages: what can be said where these are not installed, and that they are right where they are."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from jaccheck_support.skipping import skip_elsewhere
from packaging.requirements import Requirement
from torch import nn

from jaccheck.case import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Case,
    Convolution,
    Flatten,
    Integers,
    boundary_cases,
    matrix_rows,
)
from jaccheck.cli import methods as command
from jaccheck.core import extra
from jaccheck.errors import BrokenEnvironment, InvalidRequest
from jaccheck.judging import CaseReference, explained, judge
from jaccheck.judging.laws.agreement import AGREEMENT
from jaccheck.judging.laws.aliasing import NO_ALIASING
from jaccheck.judging.laws.purity import PURITY
from jaccheck.methods import Jacobians, Problem, build, calm_torch, choose_methods, find_method, method, registered
from jaccheck.methods.jax_layers import RULES, _adaptive, _sliding
from jaccheck.methods.optional import import_failure
from jaccheck.methods.registry import forget
from jaccheck.rendering import matrix_markdown
from jaccheck.reports import MatrixReport, Outcome, load
from jaccheck.runs.matrix.asking import MatrixRequest, measure

ROOT = Path(__file__).parents[2]
OTHERS = {name: each for name, each in registered().items() if each.imports}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
PAGE = ROOT / "docs" / "other-packages.md"


def skip_unless_installed(name: str) -> None:
    if why := find_method(name).missing:
        pytest.skip(why)


def test_the_extra_installs_what_they_need() -> None:
    """Each package that a method imports is in the extra `others`, and each package there has a method."""
    assert {Requirement(each).name for each in EXTRAS["others"]} == {each.package for each in OTHERS.values()}


def test_their_packages_are_imported_only_when_asked_for() -> None:
    """Neither listing the names nor choosing other methods loads any of them: together they take ten seconds."""
    modules = sorted({str(each.imports).split(".")[0] for each in OTHERS.values()})
    code = (
        "import sys; from jaccheck.methods import choose_methods, registered; registered(); choose_methods(['hooks']); "
        f"print([name for name in {modules} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_says_how_to_install_it() -> None:
    """As `jaccheck methods` shows it."""
    assert import_failure("no_such_module", "no-such") == f"no-such is not installed ({extra('others')})"


def test_the_list_of_methods_shows_the_whole_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what stands in brackets, which rich takes for its own marks."""

    @method(family="test", package="no-such", imports="no_such_module")
    def of_no_package(problem: Problem) -> Jacobians:
        raise AssertionError("is never called")

    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("jaccheck.methods.registered", lambda: {"of_no_package": find_method("of_no_package")})
    try:
        command.run(command.Request())
    finally:
        forget("of_no_package")
    assert extra("others") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import another_that_is_missing", "No module named 'another_that_is_missing'"),
        ("raise RuntimeError('operator torchvision::nms does not exist')", "install one that fits, or uninstall it"),
    ],
)
def test_a_package_that_does_not_import_says_why(
    source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there, so it is called broken and not missing; asked for by name it ends the run."""
    name = f"broken_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    @method(family="test", package="broken", imports=name)
    def of_a_broken_package(problem: Problem) -> Jacobians:
        raise AssertionError("is never called")

    try:
        with pytest.raises(BrokenEnvironment, match=f"{name} does not import: .*{said}"):
            choose_methods(["of_a_broken_package"])
        assert "of_a_broken_package" not in {each.name for each in choose_methods(["hooks"])}
    finally:
        forget("of_a_broken_package")


REFUSED = [
    ("torchjd_jac", nn.Sequential(nn.Linear(2, 2)), (0, 2), "empty batch"),
    ("nngeometry_hooks", nn.Sequential(nn.Linear(2, 2), nn.PReLU()), (3, 2), r"no rule for 1 \(PReLU\)"),
    ("nngeometry_hooks", nn.Sequential(nn.LayerNorm(2, elementwise_affine=False)), (3, 2), "has no parameters"),
    ("nngeometry_hooks", nn.Sequential(nn.Conv1d(2, 2, 1, groups=2), nn.Flatten()), (3, 2, 2), "groups"),
    ("laplace_asdl", nn.Sequential(nn.Conv1d(2, 2, 1), nn.Flatten()), (3, 2, 2), r"no operation for 0 \(Conv1d\)"),
    ("laplace_asdl", nn.Sequential(nn.Conv2d(1, 1, 2, dilation=2), nn.Flatten()), (3, 1, 3, 3), "dilation"),
    ("laplace_curvlinops", nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)), (3, 2), r"output of shape \[N\]"),
    ("laplace_backpack", nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1).requires_grad_(False)), (3, 2), "frozen"),
    ("laplace_backpack", nn.Sequential(nn.Linear(2, 2)), (0, 2), "empty batch"),
    ("laplace_backpack", nn.Sequential(nn.LayerNorm(2)), (3, 2), r"no rule for 0 \(LayerNorm\)"),
    ("opacus_functorch", nn.Sequential(nn.BatchNorm1d(2).eval()), (3, 2), r"refuses 0 \(BatchNorm1d\)"),
    ("opacus_ew", nn.Sequential(nn.Linear(2, 2), nn.PReLU()), (3, 2), r"no rule for 1 \(PReLU\)"),
    (
        "jax_jacrev",
        nn.Sequential(nn.Linear(2, 2), nn.CELU()),
        (3, 2),
        r"no translation of the model.1 \(CELU\)",
    ),
    ("jax_jacrev", nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False)), (3, 2), "from the batch"),
    ("jax_jacrev", nn.Sequential(type("Linear", (nn.Linear,), {})(2, 2)), (3, 2), "a module of its own"),
]


@pytest.mark.parametrize(("name", "model", "shape", "reason"), REFUSED, ids=lambda value: str(value)[:20])
def test_what_a_package_does_not_do_is_refused(
    name: str, model: nn.Module, shape: tuple[int, ...], reason: str
) -> None:
    """Beforehand and in words, whether it is installed or not."""
    refusal = find_method(name).refuses(Problem(model, torch.zeros(shape), 2))
    assert refusal
    assert re.search(reason, refusal), refusal


def test_everything_that_is_drawn_has_a_translation() -> None:
    """JAX refuses no row of the support matrix, but for what stands in `untranslated`."""
    untranslated = r"\(Dropout\) is in training mode|\(Recurrent\) has an initial state, or gives its last one"
    for probe in matrix_rows("float64"):
        refusal = find_method("jax_jacrev").refuses(build(probe.case))
        assert refusal is None or re.search(untranslated, refusal), probe.name


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_windows_are_those_of_torch(ceil_mode: bool) -> None:
    """As many as torch makes, for every small size, kernel, stride, padding and dilation; the last may reach out."""
    for size in range(4, 9):
        for kernel, stride, dilation in ((2, 1, 1), (2, 3, 1), (3, 2, 1), (2, 2, 2)):
            for padding in range(kernel // 2 + 1):
                pool = nn.MaxPool1d(kernel, stride, padding, dilation, ceil_mode=ceil_mode)
                x = torch.zeros(1, 1, size)
                assert len(_sliding(pool, x)[0]) == pool(x).shape[-1], (pool, size)
    for size in range(1, 7):
        for count in range(1, size + 1):
            X = torch.arange(float(size)).reshape(1, 1, size)
            (windows,) = _adaptive(nn.AdaptiveMaxPool1d(count), X)
            assert windows.max(1).tolist() == nn.AdaptiveMaxPool1d(count)(X).flatten().tolist()


def test_a_frozen_parameter_is_no_column() -> None:
    """What is not trained is left out of the result, wherever it stands, and all else is right."""
    cases = [case for family in ("frozen", "inputs", "nested") for case in boundary_cases(family, "float64")]
    available = [each for each in OTHERS.values() if not each.missing]
    if not available:
        pytest.skip(f"none of the packages of the extra 'others' is installed: {extra('others')}")
    with calm_torch():
        for case in cases:
            reference = CaseReference(case, "cpu")
            for each in available:
                verdict = explained(case, judge(case, each, reference=reference, laws=(AGREEMENT, PURITY, NO_ALIASING)))
                assert verdict.outcome in (
                    Outcome.AGREES,
                    Outcome.UNSUPPORTED,
                    Outcome.UNDECIDED,
                    Outcome.CONSISTENT,
                ), verdict


@pytest.mark.parametrize("rule", RULES)
def test_jax_agrees_on_each_layer(rule: str) -> None:
    """Every translated layer with every option of the support matrix, within the bound, equal where nothing rounds."""
    skip_unless_installed("jax_jacrev")
    cases = (*(probe.case for probe in matrix_rows("float64")), *adaptive_poolings())
    found = {place.layer: case for case in cases for place in case.places() if place.layer.torch_name == rule}
    assert found
    with calm_torch():
        for layer, case in found.items():
            verdict = judge(case, find_method("jax_jacrev"), laws=(AGREEMENT,))
            assert verdict.outcome in (Outcome.AGREES, Outcome.UNDECIDED, Outcome.CONSISTENT), (layer, verdict)


def adaptive_poolings() -> Iterator[Case]:
    """Of each kind on each number of axes, with windows of different lengths."""
    for axes in (1, 2, 3):
        for kind in (AdaptiveAvgPool, AdaptiveMaxPool):
            layers = (Convolution(axes=axes, out_channels=2, kernel_size=1), kind(axes=axes, output_size=2), Flatten())
            yield Case(layers=layers, in_shape=(1, *(5, 3, 4)[:axes]), batch_size=2, recipe=Integers())


def test_the_page_names_the_versions_that_were_measured() -> None:
    """A row for each package of the extra, with the version that its cells were measured with."""
    assert set(versions_on_the_page()) == {Requirement(each).name for each in EXTRAS["others"]}


def versions_on_the_page() -> dict[str, str]:
    return dict(re.findall(r"^\| `([a-z-]+)` \| ([0-9.a-z]+) \|", PAGE.read_text(), flags=re.MULTILINE))


def test_the_matrix_on_the_page_is_still_true(capsys: pytest.CaptureFixture[str]) -> None:
    """Measured again with the same versions no cell differs, but for JAX, which takes minutes to compile."""
    names = [name for name in OTHERS if name != "jax_jacrev"]
    for name in names:
        skip_unless_installed(name)
    for package, measured in versions_on_the_page().items():
        if version(package) != measured:
            skip_elsewhere(f"measured with {package} {measured}")
    found = load(MatrixReport, PAGE.with_suffix(".json"))
    cells = tuple(cell for cell in found.cells if cell.method in names)
    with calm_torch():
        request = MatrixRequest(methods=tuple(names), dtypes=("float32",), devices=("cpu",))
        again = measure(request, lambda done, rows, now: None)
    assert list(again.changes(replace(found, cells=cells))) == []


def test_the_page_holds_every_cell() -> None:
    """The Markdown of the checked-in cells stands in docs/other-packages.md."""
    tables = matrix_markdown(load(MatrixReport, PAGE.with_suffix(".json"))).split("## float32", 1)[1]
    assert tables.strip() in PAGE.read_text()


def test_a_name_belongs_to_one_file() -> None:
    """Whoever takes the name of a built-in method, or of another file's, is told; the built-in one stays."""

    def hooks(problem: Problem) -> Jacobians:
        return {}

    before = find_method("hooks")
    with pytest.raises(InvalidRequest, match=r"method 'hooks' is in jaccheck\.methods\.hooks and .*another name"):
        method(family="own")(hooks)
    assert find_method("hooks") is before
