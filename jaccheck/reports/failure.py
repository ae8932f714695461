"""`Failure`: one law that did not hold, as data; its message and its key follow from the details."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from jaccheck.core import End, How, own_line, plain_data, plural, text_of
from jaccheck.reports.entries import Number, WorstEntry, told_apart
from jaccheck.reports.outcome import Outcome

Source = Literal["closed form", "autograd", "float64 autograd"]
"""What results are compared with."""

SURVIVAL = "survival"
"""The law that a method breaks which ends its process: named here for those who run processes without torch."""

MOST_TOLD = 3
"""Changes that a message spells out; the others are only counted."""


@plain_data
class WrongEntry:
    """Entries are not what they must be."""

    kind: Literal["entry"] = "entry"
    worst: WorstEntry
    contradicts: tuple[Source, ...] = ()
    """What it was compared with and differs from, where the law compares with more than one reference."""
    is_alone: bool = False
    """Whether it does not differ from another reference."""
    pattern: str = ""
    """How the wrong values follow from the right ones, where they do."""

    @property
    def key(self) -> str:
        """How the worst entry is off."""
        return self.worst.key

    def __str__(self) -> str:
        by = f", says {' and '.join(self.contradicts)}{' alone' * self.is_alone}" if self.contradicts else ""
        return f"{self.worst}{by}{self.pattern and f'; {self.pattern}'}"


@plain_data
class WrongStructure:
    """The result has not the structure that it must have: in its type, its names, or one tensor's shape, say."""

    kind: Literal["structure"] = "structure"
    aspect: Literal["type", "names", "shape", "dtype", "storage", "tensors"]
    parameter: str = ""
    """Whose Jacobian it is, where it is one of them."""
    actual: str
    expected: str

    @property
    def key(self) -> str:
        """In which aspect it is wrong."""
        return self.aspect

    def __str__(self) -> str:
        if not self.parameter:
            return f"returned {self.actual}, expected {self.expected}"
        return f"{self.parameter}: {self.aspect} {self.actual}, expected {self.expected}"


@plain_data
class Raised:
    """An exception, by its type, the first line of its text, and the line of the user's own code that it comes from."""

    kind: Literal["raised"] = "raised"
    error_type: str
    error_text: str
    own_line: str = ""
    """As in `mine.py, line 5: return 1 / 0`; empty where it comes from a library alone."""

    @property
    def key(self) -> str:
        """The type, and the words of the text without its numbers, which vary from case to case."""
        return " ".join((self.error_type, *_words(self.error_text)))

    def __str__(self) -> str:
        return f"{self.error_type}: {self.error_text}{f' ({self.own_line})' if self.own_line else ''}"


@plain_data
class Ended:
    """The process that ran the method ended, or had to be ended."""

    kind: Literal["ended"] = "ended"
    end: End

    @property
    def key(self) -> str:
        """How it ended, and the words that it printed last, without their numbers."""
        code = str(self.end.code) if self.end.how in (How.EXIT, How.SIGNAL) else ""
        return " ".join((self.end.how, code, *_words(self.end.words)))

    def __str__(self) -> str:
        return str(self.end)


@plain_data
class Exceeded:
    """The method took more memory, or printed more, than it may."""

    kind: Literal["exceeded"] = "exceeded"
    what: Literal["memory", "output"]
    most_bytes: int

    @property
    def key(self) -> str:
        """What it took too much of."""
        return self.what

    def __str__(self) -> str:
        if self.what == "memory":
            return f"out of memory: it took more than {self.most_bytes / 2**30:.3g} GiB"
        return f"wrote more than {self.most_bytes >> 20} MiB to standard output and error"


@plain_data
class Changed:
    """Something else is not as it was before the call."""

    kind: Literal["changed"] = "changed"
    aspects: tuple[str, ...]
    """What changed, whatever it belongs to, each once: `random generator`, `grad`, `values`."""
    changes: tuple[str, ...]
    """The first few in words."""
    count: int

    @property
    def key(self) -> str:
        """What changed."""
        return " ".join(self.aspects)

    def __str__(self) -> str:
        more = self.count - len(self.changes)
        return "; ".join(self.changes) + (f" and {more} more" if more else "")


@plain_data
class Place:
    """A tensor by what it is: a parameter, its Jacobian, its gradient, or the input, which has no name."""

    role: Literal["Jacobian", "parameter", "gradient", "input"]
    name: str = ""

    def __str__(self) -> str:
        return {
            "Jacobian": f"J[{self.name!r}]",
            "parameter": self.name,
            "gradient": f"{self.name}.grad",
            "input": "X",
        }[self.role]


@plain_data
class SharedMemory:
    """Two tensors have an entry in common."""

    kind: Literal["shared memory"] = "shared memory"
    one: Place
    other: Place

    @property
    def key(self) -> str:
        """What the two tensors are."""
        return f"{self.one.role} {self.other.role}"

    def __str__(self) -> str:
        return f"{self.one} shares memory with {self.other}"


@plain_data
class Held:
    """A module is held in memory after the call; the network itself has the path ""."""

    kind: Literal["held"] = "held"
    module: str
    jacobians: int
    """How many Jacobians were kept, which alone may be."""

    @property
    def key(self) -> str:
        """Whether it is the network."""
        return "module" if self.module else "network"

    def __str__(self) -> str:
        what = f"its module {self.module}" if self.module else "the network"
        return f"{what} is held in memory after the call, beside {self.jacobians} Jacobians"


@plain_data
class WrongTotal:
    """What Jacobians add up to is not what it must be: over the samples of one parameter, or from one layer on."""

    kind: Literal["total"] = "total"
    parameter: str = ""
    layer: str = ""
    actual: Number
    expected: Number
    bound: Number
    wrong: int
    numbers: int

    @property
    def key(self) -> str:
        """Over what it is a sum."""
        return "layer" if self.layer else "parameter"

    def __str__(self) -> str:
        what = f"{self.parameter} summed over samples and outputs"
        if self.layer:
            what = f"f by the weight of layer {self.layer} and the biases from there on"
        actual, expected = told_apart(self.actual, self.expected, 9)
        wrong = f"{self.wrong:,} of {plural(self.numbers, 'number')} wrong"
        return f"{what}: {actual} instead of {expected} (bound {self.bound:.1e}); {wrong}"


@plain_data
class OutdatedClaim:
    """The method says that it does not cover a case on which its result is right."""

    kind: Literal["claim"] = "claim"
    claim: str

    @property
    def key(self) -> str:
        """The words of the claim without its numbers."""
        return " ".join(_words(self.claim))

    def __str__(self) -> str:
        return f"it claims «{self.claim}», but its result is right: the claim is out of date"


@plain_data
class Told:
    """What is known in words only: a failure that was seen once, or one from a report of an earlier version."""

    kind: Literal["told"] = "told"
    text: str
    worst: WorstEntry | None = None
    is_of_case: bool = True
    """False where the method was tried again on the case alone when the failure was seen, and did not fail."""

    @property
    def key(self) -> str:
        """How the worst entry is off, or the words of the text without its numbers."""
        return self.worst.key if self.worst else " ".join(_words(self.text))

    def __str__(self) -> str:
        return self.text


Wrong = WrongEntry | WrongStructure | WrongTotal
Effect = Changed | SharedMemory | Held
Detail = Wrong | Effect | Raised | Ended | Exceeded | OutdatedClaim | Told


@plain_data
class Failure:
    """One law that did not hold."""

    law: str
    outcome: Outcome
    detail: Annotated[Detail, Field(discriminator="kind")]
    call: str = ""
    """In which call it was seen, in words, where it was not the first one."""

    @property
    def key(self) -> str:
        """What makes two failures of a method under one law, with one outcome, the same."""
        return self.detail.key

    @property
    def message(self) -> str:
        """What was seen, in one line."""
        if not self.call:
            return str(self.detail)
        return f"{self.call}: {'raised ' if isinstance(self.detail, Raised) else ''}{self.detail}"

    @property
    def worst(self) -> WorstEntry | None:
        """The entry furthest from what it must be, where entries were compared."""
        return self.detail.worst if isinstance(self.detail, WrongEntry | Told) else None


def raised(error: BaseException) -> Raised:
    """An exception as data."""
    return Raised(error_type=type(error).__name__, error_text=first_line(error), own_line=own_line(error))


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, or its repr where it has none; what is no character is spelled out."""
    line = (text_of(error).strip() or text_of(error, repr)).split("\n")[0][:300]
    return line.encode(errors="backslashreplace").decode()


def changed(changes: list[tuple[str, str]]) -> Changed:
    """Changes as data, each given as its aspect and in words."""
    return Changed(
        aspects=tuple(sorted({aspect for aspect, _ in changes})),
        changes=tuple(text for _, text in changes[:MOST_TOLD]),
        count=len(changes),
    )


def _words(text: str) -> list[str]:
    """The words of what somebody else wrote, each once: what stays the same where sizes and numbers differ."""
    return sorted(set(re.findall(r"[A-Za-z_]{4,}", text)))
