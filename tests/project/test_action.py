"""The action for other repositories: its steps run as a script, inputs are documented, and no linter objects."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jaccheck_support.environments import ROOT, checkout_without_tags, run

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
PAGE = (ROOT / "docs" / "backpack-ci.md").read_text()


def step(name: str) -> dict[str, object]:
    """The step of that name."""
    (found,) = (each for each in ACTION["runs"]["steps"] if each.get("name") == name)
    return found  # type: ignore[no-any-return]


class Runner:
    """Runs steps of the action as GitHub does: inputs become variables, and outputs and the summary are files."""

    def __init__(self, folder: Path, checkout: Path, **inputs: str) -> None:
        self.folder, self.checkout = folder, checkout
        defaults = {name: str(said.get("default", "")) for name, said in ACTION["inputs"].items()}
        self.inputs = {**defaults, **{name.replace("_", "-"): value for name, value in inputs.items()}}
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "RUNNER_TEMP": str(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """What came of a step."""
        said = step(name)
        given = {key: self._filled(str(value)) for key, value in said["env"].items()}  # type: ignore[attr-defined]
        command = ["bash", "-eo", "pipefail", "-c", str(said["run"])]
        return subprocess.run(
            command, cwd=self.checkout, env={**self.variables, **given}, capture_output=True, text=True
        )

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: self.inputs[match[1]], text)


def test_what_is_given_to_it_is_no_program() -> None:
    """Inputs reach a shell as variables only."""
    for each in ACTION["runs"]["steps"]:
        assert "${{" not in each.get("run", "")


def test_its_inputs_are_documented() -> None:
    """Each stands on the page for BackPACK's maintainers, and what the workflows there give to it exists."""
    table = set(re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE))
    assert set(re.findall(r"`([\w-]+)`", " ".join(table))) - {"input"} == set(ACTION["inputs"])
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        for job in yaml.safe_load(text)["jobs"].values():
            for each in job["steps"]:
                if each["uses"].startswith("jaccheck/"):
                    assert set(each["with"]) <= set(ACTION["inputs"])


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [({"command": "verfy"}, "expected verify, gate or pytest, not verfy"), ({"torch": "1.0"}, "only torch-2.13.txt")],
)
def test_misuse_is_an_error_of_the_step(tmp_path: Path, inputs: dict[str, str], complaint: str) -> None:
    """One annotation, exit code 2, before anything is installed."""
    done = Runner(tmp_path, tmp_path, **inputs).run("install")
    assert done.returncode == 2
    assert done.stdout.startswith("::error::")
    assert complaint in done.stdout


def test_no_linter_objects() -> None:
    """zizmor, to workflows and the action; actionlint where it is here, which tox -e lint sees to."""
    there = Path(sys.executable).parent
    zizmor = shutil.which("zizmor", path=f"{there}{os.pathsep}{os.environ['PATH']}")
    if zizmor is None:
        pytest.skip("zizmor comes with the extra `lint`")
    run([zizmor, "--offline", "--strict-collection", "--no-progress", ".github", "action.yml"], cwd=ROOT)
    if actionlint := shutil.which("actionlint"):
        run([actionlint], cwd=ROOT)


@pytest.mark.slow
def test_its_steps_judge_a_checkout(tmp_path: Path) -> None:
    """As in a pull request to BackPACK: the checkout is judged, its reports lie where the artefact takes them from."""
    checkout = checkout_without_tags(tmp_path)
    arguments = (
        "--seed 1 --family smooth --family pooling --max-examples 30 --method batch_grad_loop --method sqrt_ggn_sum"
    )
    runner = Runner(tmp_path, checkout, arguments=arguments)
    installed = runner.run("install")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    done = runner.run("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BackPACK 0.1.dev1+g" in done.stdout
    assert {path.name for path in (checkout / "jaccheck-report").iterdir()} == {
        "report.json",
        "report.html",
        "junit.xml",
    }
    assert (tmp_path / "output").read_text() == "exit-code=0\n"
    assert "### jaccheck verify: no finding" in (tmp_path / "summary.md").read_text()
    # The fault of the README: a finding is told to the pull request, and the step fails.
    rule = checkout / "backpack" / "core" / "derivatives" / "elu.py"
    rule.write_text(rule.read_text().replace("module.alpha * exp(input0", "exp(input0"))
    done = runner.run("run")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "::error title=jaccheck%3A " in done.stdout  # a colon as GitHub wants it
    assert list((checkout / "jaccheck-findings").glob("*.json"))
    # What is installed over it is the release, and the step says so.
    python = tmp_path / "jaccheck" / "bin" / "python"
    run([python, "-m", "pip", "install", "-q", "--no-deps", "backpack-for-pytorch==1.7.1"])
    done = runner.run("run")
    assert done.returncode == 2
    assert "a plain release" in done.stderr


@pytest.mark.slow
def test_its_steps_compare_two_versions(tmp_path: Path) -> None:
    """The gate between the release and the checkout made of it: nothing changed, and the summary says so."""
    checkout = checkout_without_tags(tmp_path)
    arguments = "--family smooth --dtype float64 --method batch_grad_loop"
    runner = Runner(tmp_path, checkout, command="gate", base="backpack-for-pytorch==1.7.1", arguments=arguments)
    assert runner.run("install").returncode == 0
    done = runner.run("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing that matters changed" in (tmp_path / "summary.md").read_text()
    assert (checkout / "jaccheck-report" / "gate.html").is_file()
