"""Case files: a list of cases, or a stored finding with what is needed to see it again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from jaccheck.case import Case
from jaccheck.core import plain_data, write_text
from jaccheck.reports.envelope import as_json
from jaccheck.reports.verify import Finding


@plain_data
class CaseFile:
    """Cases to run, with the finding they belong to, if any."""

    kind: Literal["cases"] = "cases"
    schema_version: Literal[2] = 2
    cases: tuple[Case, ...]
    finding: Finding | None = None


def finding_path(directory: Path, finding: Finding) -> Path:
    """Where a finding is stored: in `directory` itself, whatever its method is called and wherever it was read."""
    name = "-".join(
        re.sub(r"[^\w.]+", "-", part, flags=re.ASCII)[:80] for part in (finding.method, finding.law, finding.id)
    )
    return directory / f"{name.lstrip('.')}.json"


def save_finding(finding: Finding, path: Path) -> None:
    """Stores a finding with its case. Raises UnreadableFile.

    Nobody has chosen the name, and the folder may have come with files of somebody else: a link of that name to a file
    of the user's is replaced, not followed.
    """
    write_text(as_json(CaseFile(cases=(finding.case,), finding=finding)), path, follows_links=False)
