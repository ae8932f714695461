"""Known issues: data that can be relied on, strict both ways."""

from __future__ import annotations

import pytest
from jaccheck_support.fresh import Outcome, outcomes

from jaccheck.core import from_json, to_json
from jaccheck.judging import SEQUENCE_ISSUES, KnownIssue
from jaccheck.judging.known.sequences import BY_ID


@pytest.fixture(scope="module")
def found() -> dict[str, Outcome]:
    """What came of each reproducer."""
    return dict(zip(BY_ID, outcomes(issue.reproducer for issue in SEQUENCE_ISSUES), strict=True))


@pytest.mark.parametrize("name", BY_ID)
def test_reproducer_shows_the_issue(found: dict[str, Outcome], name: str) -> None:
    """Each issue is there in the installed release; where it is not, it is mended and must go from the list."""
    assert found[name].said.splitlines()[-1].startswith("WRONG"), found[name]
    assert found[name].code == 1


def test_issues_are_plain_data_with_ids_of_their_own() -> None:
    """An issue survives JSON, and no two have one id."""
    assert len(BY_ID) == len(SEQUENCE_ISSUES)
    for issue in SEQUENCE_ISSUES:
        assert from_json(KnownIssue, to_json(issue), where="here") == issue
        assert "jaccheck" not in issue.reproducer
