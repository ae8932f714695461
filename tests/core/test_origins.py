"""What the metadata of an installed package say, whatever they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from jaccheck.core import origin_of, version_of
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.sides import _about
from jaccheck.methods import registered

UNREADABLE = b"\xff\xfe\x00"

DIRECT = ("7", "[" * 10**5, '{"vcs_info": 7}', '{"url": "http://[", "vcs_info": {}}', '{"archive_info": null}')


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The metadata of a package that is on the path, and has none yet."""
    site = tmp_path / "site-packages"
    for name in ("ours", "ours-1.0.dist-info"):
        (site / name).mkdir(parents=True)
    (site / "ours" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(site)
    return site / "ours-1.0.dist-info"


@pytest.mark.parametrize("text", [UNREADABLE, b"", b"Name: ours\n"], ids=["no text", "empty", "no version"])
def test_metadata_that_say_nothing_are_an_unknown_version(package: Path, text: bytes) -> None:
    """As those of a package that merely lies on the path."""
    (package / "METADATA").write_bytes(text)
    found = origin_of("ours", "ours")
    assert found is not None
    assert (found.version, found.is_released) == ("unknown", False)
    assert version_of("ours") == "unknown"
    _about.cache_clear()
    assert "jaccheck" in _about()
    assert version_of("nobodys") is None


@pytest.mark.parametrize("text", DIRECT)
def test_what_an_installer_wrote_down_may_be_anything(package: Path, text: str) -> None:
    """Then it says nothing."""
    (package / "METADATA").write_text("Name: ours\nVersion: 1.0\n")
    (package / "direct_url.json").write_text(text)
    found = origin_of("ours", "ours")
    assert found is not None
    assert (found.version, found.commit) == ("1.0", "")


def test_entry_points_that_cannot_be_read_are_told(package: Path) -> None:
    """With the place, since the package need have nothing to do with jaccheck."""
    (package / "METADATA").write_text("Name: ours\nVersion: 1.0\n")
    (package / "entry_points.txt").write_bytes(UNREADABLE)
    with pytest.raises(BrokenEnvironment, match=r"ours-1\.0\.dist-info: its entry_points.txt cannot be read"):
        registered()
