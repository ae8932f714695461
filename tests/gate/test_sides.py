"""What a side can be, and what is refused before anything is executed, downloaded or looked up."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from jaccheck.errors import InvalidRequest
from jaccheck.gate import Side, first_that_differs, parse_side, releases_between
from jaccheck.gate.environments import sweep
from jaccheck.gate.sides import BACKPACK, Part


def test_several_requirements() -> None:
    """Separated by spaces, in one word of the shell."""
    side = parse_side("Backpack_for.PyTorch==1.7.1 torch==2.15.0")
    assert side.names == {BACKPACK, "torch"}
    assert side.needs_own_interpreter
    assert [str(part.version) for part in side.parts] == ["1.7.1", "2.15.0"]


@pytest.mark.parametrize("text", [">=1.6", "==1.6.*", "~=1.6", "", "==1.6,!=1.6.1", "===1.6"])
def test_a_range_names_no_version(text: str) -> None:
    """Only one release by its number does."""
    assert parse_side(f"backpack-for-pytorch{text}").parts[0].version is None


def test_a_checkout_and_a_wheel(tmp_path: Path) -> None:
    """A directory that holds the package is a checkout of BackPACK; a wheel says its name itself."""
    (tmp_path / "backpack").mkdir()
    (tmp_path / "backpack" / "__init__.py").touch()
    assert parse_side(f"{tmp_path}/").parts == (Part(name=BACKPACK, path=str(tmp_path)),)
    wheel = tmp_path / "torch-2.13.0-cp311-cp311-linux_x86_64.whl"
    wheel.touch()
    assert parse_side(str(wheel)).names == {"torch"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "backpack-for-pytorch==1.7.1; touch /tmp/owned",
        "backpack-for-pytorch==1.7.1 $(touch /tmp/owned)",
        "`touch /tmp/owned`",
        "--index-url=http://localhost/simple",
        "-r requirements.txt",
        "backpack-for-pytorch @ http://localhost/backpack.zip",
        "backpack-for-pytorch[extra]==1.7.1",
        "backpack-for-pytorch==1.7.1 && true",
        "backpack-for-pytorch==1.7.1 backpack_for_pytorch==1.7.0",
        "'unclosed",
        "absent.whl",
        "not-a-name-of-a-wheel.whl",
        "--target=/tmp/owned",
        "-e .",
        "-e",
        "--find-links=http://localhost/ backpack-for-pytorch",
        "backpak-for-pytorch==1.7.1",
        "backpack-for-pytorch==1.7.1 torhc==2.13.0",
        "git+https://localhost/backpack.git",
        "https://localhost/backpack_for_pytorch-1.7.1-py3-none-any.whl",
        "file:///tmp/backpack_for_pytorch-1.7.1-py3-none-any.whl",
        "backpack-for-pytorch==1.7.1|sh",
        "backpack-for-pytorch==1.7.1\x00",
        'backpack-for-pytorch; python_version<"4"',
        "/",
        "../\n",
    ],
)
def test_everything_else_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options, URLs, shell characters, names given twice: one clear line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "not-a-name-of-a-wheel.whl").touch()
    with pytest.raises(InvalidRequest) as error:
        parse_side(text)
    assert "\n" not in str(error.value)


def test_bisecting_asks_few_releases() -> None:
    """The first that differs is found by halving; where the last one does not differ, none does."""
    releases = [Side(parts=(Part(name=BACKPACK, requirement=f"{BACKPACK}==1.{i}"),)) for i in range(32)]
    asked: list[Side] = []

    def differs(side: Side) -> bool:
        asked.append(side)
        return releases.index(side) >= 21

    assert first_that_differs(releases, differs) == releases[21]
    assert len(asked) <= 7
    assert first_that_differs(releases, lambda side: False) is None


@pytest.mark.parametrize(
    ("base", "candidate", "message"),
    [
        ("torch==2.13.0", "backpack-for-pytorch==1.7.1", "do not differ in the version of one"),
        ("backpack-for-pytorch==1.6.0 torch==2.13.0", "backpack-for-pytorch==1.7.1 torch==2.14.1", "do not differ in"),
        ("backpack-for-pytorch==1.7.1", "backpack-for-pytorch==1.7.0", "not older"),
        ("backpack-for-pytorch>=1.6", "backpack-for-pytorch==1.7.0", "do not name one version each"),
        ("backpack-for-pytorch==1.6.*", "backpack-for-pytorch==1.7.0", "do not name one version each"),
    ],
)
def test_only_pinned_releases_of_one_distribution_are_bisected(base: str, candidate: str, message: str) -> None:
    """Anything else has no releases between."""
    with pytest.raises(InvalidRequest, match=message):
        releases_between(parse_side(base), parse_side(candidate))


def test_what_a_killed_gate_left_half_built_is_swept(tmp_path: Path) -> None:
    """Also an environment that nobody asks for again; one that somebody builds just now stays."""
    for name in ("torch-1.building-x", "torch-2.building-y", "torch-3"):
        (tmp_path / name / "over").mkdir(parents=True)
    with FileLock(tmp_path / "torch-2.lock"):
        sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"torch-2.building-y", "torch-3"}
