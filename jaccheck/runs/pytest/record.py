"""`Record`: what one test covered and found, as plain data that goes from a worker of xdist to its controller."""

from __future__ import annotations

from jaccheck.core import plain_data
from jaccheck.reports import CoverageCell, Environment, Finding


@plain_data
class Run:
    """What all tests of a run share: the options that decide which cases they see, and where findings are stored."""

    profile: str
    seed: str
    directory: str
    database: str | None = None
    """The folder in which machines share what failed."""


@plain_data
class Record:
    """What one test covered and found."""

    law: str
    cells: tuple[CoverageCell, ...]
    findings: tuple[Finding, ...]
    environment: Environment
    run: Run
