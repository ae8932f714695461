"""`Report`: what a run did and found. The contract between processes and versions, as JSON of a fixed schema."""

from __future__ import annotations

import json
from dataclasses import field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Len
from pydantic import TypeAdapter

from jaccheck.case import Case
from jaccheck.core import Count, Seconds, html_table, plain_data, plural, text_table
from jaccheck.reports.cluster import ClusterUse
from jaccheck.reports.entries import WorstEntry
from jaccheck.reports.failure import Failure
from jaccheck.reports.outcome import Outcome
from jaccheck.reports.verdict import TEST_RATIO_LIMITS


@plain_data
class Environment:
    """What the run was made with; versions as the packages state them, `backpack` None where it is missing."""

    python: str
    platform: str
    jaccheck: str
    torch: str
    backpack: str | None
    numpy: str
    hypothesis: str
    devices: dict[str, str]
    """Name as torch has it, and a description."""
    threads: Count
    backpack_path: str = ""
    """Where BackPACK comes from, where it is no plain release of an index; then also its commit, where it is known."""
    backpack_commit: str = ""
    torch_path: str = ""
    torch_commit: str = ""

    @property
    def versions_said(self) -> str:
        """Which torch, BackPACK and Python, in one line."""
        return f"torch {self.torch_said} · BackPACK {self.backpack_said} · Python {self.python}"

    @property
    def torch_said(self) -> str:
        """Which torch: the version, path and commit."""
        return _said(self.torch, self.torch_path, self.torch_commit)

    @property
    def backpack_said(self) -> str:
        """Which BackPACK, or that it is not installed."""
        return _said(self.backpack or "not installed", self.backpack_path, self.backpack_commit)


def _said(version: str, path: str, commit: str) -> str:
    return f"{version}{f' from {path}' if path else ''}{f' at {commit}' if commit else ''}"


@plain_data
class Spent:
    """Where the time went, in seconds of wall time."""

    total: Seconds = 0.0
    methods: Seconds = 0.0
    reference: Seconds = 0.0
    oracle: Seconds = 0.0
    drawing: Seconds = 0.0
    shrinking: Seconds = 0.0


@plain_data
class Totals:
    """Sums over the run; `comparisons` counts each reference, `entries` the Jacobian entries compared."""

    cases: Count
    comparisons: Count
    entries: Count
    undecided: Count
    overflowing: Count = 0
    """Cases, once for each device, that were left out because their own numbers overflow their dtype."""
    not_computed: Count = 0
    """Those that were left out because torch itself does not compute them."""
    outcomes: dict[Outcome, Count]
    modes: dict[str, Count]
    known_issues: dict[str, Count] = field(default_factory=dict)
    """On how many results each known issue was met, by its id."""
    seconds: Spent


TELLING = 4
"""So many cases have to be given before it means something that none could be compared: one may well be undecided."""


@plain_data
class CoverageCell:
    """Coverage of one method × device × dtype × family."""

    method: str
    device: str
    dtype: str
    family: str
    cases: Count = 0
    compared: Count = 0
    entries: Count = 0
    nonzero: Count = 0
    undecided: Count = 0
    refused: Count = 0
    known: Count = 0
    """Cases on which a known issue showed, and nothing else."""

    @property
    def given(self) -> int:
        """Cases that are neither refused nor a known issue."""
        return self.cases - self.refused - self.known


@plain_data
class Tightness:
    """How close the results of one method in one dtype come to their bounds.

    `counts` has a number of comparisons for each bin of `TEST_RATIO_LIMITS`: in how many the largest difference, as a
    multiple of its bound, lies there. Comparisons in which equality decides are not counted.
    """

    method: str
    device: str
    dtype: str
    counts: Annotated[tuple[Count, ...], Len(len(TEST_RATIO_LIMITS) + 1, len(TEST_RATIO_LIMITS) + 1)]


DOUBT = (
    "Not seen again in a new process in which its method ran alone (`--workers 0` and the Python API try none): what "
    "ran before it may have made it fail."
)


@plain_data
class Finding:
    """A law that a method broke, on the smallest case found, with a script that shows it without jaccheck."""

    id: str
    method: str
    device: str
    failure: Failure
    seen: Count
    """In how many cases of the run."""
    case: Case
    script: str
    same_as: tuple[str, ...] = ()
    """The known issues that fail so on this case, of a method that is listed with none of them."""
    confirmed: bool = False
    """Whether it was seen again in a new process: of its method alone, or after what the message names. Never with
    `--workers 0`, from Python, in pytest, and in files that are older than this field.
    """

    @property
    def doubt(self) -> str:
        """What is to be said of a finding that was not confirmed; empty where it was."""
        return "" if self.confirmed else DOUBT

    @property
    def likeness(self) -> str:
        """What is to be said of known issues that fail so; empty where there are none."""
        if not self.same_as:
            return ""
        names = " ".join(self.same_as)
        said = ", ".join(f'"{name}"' for name in self.same_as)
        return (
            f"The same as {', '.join(self.same_as)}: a known issue fails so on this case (`jaccheck known {names}`). "
            f"Where your method calls what has it, say so, and it is no finding: @jaccheck.method(known=({said},))"
        )

    @property
    def law(self) -> str:
        """The law that the method broke."""
        return self.failure.law

    @property
    def outcome(self) -> Outcome:
        """What became of the method."""
        return self.failure.outcome

    @property
    def message(self) -> str:
        """What was seen, in one line."""
        return self.failure.message

    @property
    def worst(self) -> WorstEntry | None:
        """The entry furthest from what it must be, where entries were compared."""
        return self.failure.worst

    @property
    def what_shows_it(self) -> str:
        """What heads the script; that of a mutant asks jaccheck for it."""
        return "This script shows it" + ("" if "from jaccheck" in self.script else " without jaccheck")


@plain_data
class Part:
    """A part of a run: every `of`-th of its shards, from the `number`-th on; printed as `3/8`."""

    number: Annotated[int, Ge(1)]
    of: Annotated[int, Ge(1)]

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@plain_data
class Settings:
    """What the run was asked to do."""

    profile: str
    seed: Count
    max_examples: Count | None
    time: Seconds | None
    methods: tuple[str, ...]
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    families: tuple[str, ...]
    part: Part | None = None
    """Where the run was divided among machines that know nothing of each other."""


@plain_data
class Report:
    """Everything that a run did and found."""

    kind: Literal["verify"] = "verify"
    schema_version: Literal[2] = 2
    settings: Settings
    environment: Environment
    totals: Totals
    coverage: tuple[CoverageCell, ...]
    findings: tuple[Finding, ...]
    tightness: tuple[Tightness, ...] = ()
    given_up: tuple[str, ...] = ()
    """Methods that were left out from some case on, since they had ended too many worker processes before."""
    interrupted: bool = False
    cluster: ClusterUse | None = None
    """How it was spread, where it was judged on a cluster."""

    @property
    def vacuous(self) -> tuple[CoverageCell, ...]:
        """Cells that compared nothing although they should have."""
        enough = TELLING if any(cell.compared for cell in self.coverage) else 1
        return tuple(cell for cell in self.coverage if cell.given >= enough and not cell.compared)

    @property
    def has_findings(self) -> bool:
        """Whether something is wrong, as far as the run came."""
        return bool(self.findings or self.given_up)

    @property
    def found_something(self) -> bool:
        """Whether there is a finding, or a cell that a finding could have hidden in, or nothing was compared at all."""
        is_hidden = not self.totals.comparisons or (self.vacuous and not self.interrupted)
        return self.has_findings or bool(is_hidden)

    def __repr__(self) -> str:
        headline, columns, rows, *notes = self._shown()
        return "\n".join((headline, *text_table(columns, rows), *notes))

    def _repr_html_(self) -> str:
        headline, columns, rows, *notes = self._shown()
        return html_table(headline, columns, rows, *notes)

    def _shown(self) -> tuple[Any, ...]:
        """What a notebook and a REPL show: a headline, the columns of a table, its rows, and notes."""
        t = self.totals
        count = len(self.findings)
        headline = (
            f"{plural(count, 'finding') if count else 'no finding'}: {plural(t.cases, 'case')}, "
            f"{plural(t.comparisons, 'comparison')}, {plural(t.entries, 'entry', 'entries')}; seed {self.settings.seed}"
        )
        rows = [(f"{f.method} on {f.device}", f.law, str(f.outcome), f.message, f.seen) for f in self.findings]
        vacuous = [f"{c.method} on {c.device} compared nothing in {c.dtype}, {c.family}" for c in self.vacuous]
        columns = ("method", "law", "outcome", "what was seen", "cases")
        return headline, columns, rows, *vacuous, self.environment.versions_said


def schema() -> dict[str, Any]:
    """The JSON Schema of a report, as it is shipped in `report.schema.json`."""
    return TypeAdapter(Report).json_schema(mode="serialization")


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1))
