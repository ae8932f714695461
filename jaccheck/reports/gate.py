"""`GateReport`: what changed between two sides; plain data, JSON of a fixed schema."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from jaccheck.case import FAMILIES, Case
from jaccheck.core import Count, Seconds, plain_data
from jaccheck.reports.matrix import CellChange
from jaccheck.reports.timings import PairedTiming

LABELS = ("same", "1", "2-3", "4-7", "8-15", "16-63", "64-1023", "1024-", "NaN, inf")
"""How many ulps two results are apart: the bins of a histogram."""


class Kind(StrEnum):
    """What kind of change it is; a closed list."""

    BROKEN = "broken"
    OTHERWISE_WRONG = "otherwise wrong"
    NO_LONGER_SUPPORTED = "no longer supported"
    LEAVES = "leaves something else behind"
    SLOWER = "slower"
    MORE_MEMORY = "more memory"
    WARNS = "warns otherwise"
    OTHERWISE_REFUSED = "otherwise refused"
    NEWLY_SUPPORTED = "newly supported"
    FIXED = "fixed"
    FASTER = "faster"
    LESS_MEMORY = "less memory"

    @property
    def is_regression(self) -> bool:
        """Whether the gate stays shut for it: what touches correctness or leaves traces, and speed where asked for."""
        return self in _REGRESSIONS


_REGRESSIONS = (Kind.BROKEN, Kind.OTHERWISE_WRONG, Kind.NO_LONGER_SUPPORTED, Kind.LEAVES, Kind.SLOWER)


@plain_data
class Change:
    """One change of one method: in how many cases, on the smallest one, with what each side did there."""

    id: str
    kind: Kind
    method: str
    device: str
    base: str
    candidate: str
    seen: Count
    case: Case | None = None
    script: str = ""
    accepted: str = ""
    """The reason for which it is accepted."""

    @property
    def matters(self) -> bool:
        """Whether it keeps the gate shut."""
        return self.kind.is_regression and not self.accepted


@plain_data
class GateCell:
    """Results of one method × device × dtype × family on both sides, compared."""

    method: str
    device: str
    dtype: str
    family: str
    cases: Count = 0
    same: Count = 0
    """The same bits."""
    within: Count = 0
    """Other bits, both sides within the bound."""
    different: Count = 0
    """At least one side is wrong, or the sides refuse differently."""
    refused: Count = 0
    ulps: tuple[Count, ...] = (0,) * len(LABELS)
    """Entries by how far they are apart."""
    factor_ulps: tuple[Count, ...] = (0,) * len(LABELS)
    """The same for BackPACK's own factor, compared entry by entry."""

    @property
    def entries(self) -> int:
        """How many entries of Jacobians were compared."""
        return sum(self.ulps)


@plain_data
class GateSettings:
    """What the gate was asked."""

    base: str
    candidate: str
    profile: str
    seed: Count
    methods: tuple[str, ...]
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    families: tuple[str, ...]
    side_devices: tuple[str, str] | None = None
    """The device of each side, where these are two; `devices` then has one name for both."""
    sequences: Count | None = None
    """How many sequences were drawn and played on both sides, after the directed ones; None where none were played."""
    fail_slower: float | None = None
    """The share by which the candidate may be slower, as in 0.1; None where speed is not asked for."""


@plain_data
class SideRecord:
    """What a side really was."""

    asked: str
    python: str
    versions: dict[str, str]
    files: dict[str, str]
    missing: dict[str, str]
    """Methods that cannot run there, and why."""
    command: str
    """How to run a script there; it ends in `script.py`."""


@plain_data
class Speed:
    """How a method's time on one shape compares, the candidate's with the base's."""

    method: str
    device: str
    shape: str
    timing: PairedTiming


@plain_data
class Acceptance:
    """A change that is known and wanted: what it must match, and why it is accepted."""

    kind: str
    method: str = "*"
    contains: str = ""
    """A part of what the candidate did."""
    reason: str


@plain_data
class GateUse:
    """A sequence of calls on both sides: "right", or what was wrong there, known or not; and how that changed."""

    name: str
    base: str
    candidate: str
    kind: Kind | None = None


@plain_data
class GateReport:
    """Everything that a gate found."""

    kind: Literal["gate"] = "gate"
    schema_version: Literal[2] = 2
    settings: GateSettings
    base: SideRecord
    candidate: SideRecord
    cases: Count
    resumed: Count = 0
    """Cases among them that an earlier, interrupted gate had compared."""
    cells: tuple[GateCell, ...]
    changes: tuple[Change, ...]
    matrix: tuple[CellChange, ...] = ()
    """Cells of the support matrix that have another outcome, of those rows that are among the cases."""
    uses: tuple[GateUse, ...] = ()
    """Where sequences were played."""
    speeds: tuple[Speed, ...] = ()
    """Where speed was asked for."""
    unmatched: tuple[Acceptance, ...] = ()
    """Acceptances that no change needs any more."""
    interrupted: bool = False
    seconds: Seconds = 0.0

    @property
    def uncompared(self) -> tuple[str, ...]:
        """Methods of which not one result was compared, although a side has them: a change could hide there.

        Of some families only, a method may well do no case, as both sides then say; but one at least must do some.
        """
        excused = set(self.refusing) if self._compared and self.settings.families != FAMILIES else set()
        ended = () if self.interrupted else self.settings.methods
        return tuple(name for name in ended if name not in self._compared | self._absent | excused)

    @property
    def refusing(self) -> tuple[str, ...]:
        """Methods that refuse every case on both sides."""
        given = {cell.method for cell in self.cells if cell.cases}
        others = {cell.method for cell in self.cells if cell.cases > cell.refused} | self._absent
        return tuple(name for name in self.settings.methods if name in given - others)

    @property
    def causes(self) -> tuple[tuple[Change, ...], ...]:
        """The changes, those together that have one cause as far as can be seen: of one kind, on one smallest case."""
        found: dict[tuple[object, ...], list[Change]] = {}
        for change in self.changes:
            case = change.id if change.case is None else (_kind_of(change.case), change.case.dtype)
            key = (change.kind, change.device, change.accepted, case, change.candidate.partition(":")[0])
            found.setdefault(key, []).append(change)
        return tuple(map(tuple, found.values()))

    @property
    def _compared(self) -> set[str]:
        """Methods of which entries were compared, or which a side got wrong; not those that fail alike on both."""
        return {cell.method for cell in self.cells if cell.entries or cell.different}

    @property
    def _absent(self) -> set[str]:
        return self.base.missing.keys() & self.candidate.missing.keys()

    @property
    def has_findings(self) -> bool:
        """Whether something that matters changed, as far as the gate came."""
        return any(change.matters for change in self.changes)

    @property
    def found_something(self) -> bool:
        """The same; also where not all was compared that could have changed: whether the gate is shut."""
        return not self.is_open

    @property
    def is_open(self) -> bool:
        """Whether nothing that matters changed, and everything that could have changed was compared to the end."""
        is_something = any(cell.entries for cell in self.cells)
        whole = is_something and not self.uncompared and not self.interrupted
        return whole and not self.has_findings


def _kind_of(case: Case) -> tuple[str, ...]:
    """The kinds of its layers, in order."""
    return tuple(layer.kind for _, layer in case.leaves())
