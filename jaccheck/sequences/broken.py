"""What a sequence can break: one type for each kind, since Hypothesis reports one failure for each."""

from __future__ import annotations


class Broken(AssertionError):
    """Something does not hold: `message` says what, `ending` are the lines of a script that show it.

    `script` is the whole of it, once the machine has added what was run before.
    """

    kind = "broken"

    def __init__(self, message: str, *ending: str) -> None:
        super().__init__(message)
        self.message = message
        self.ending = ending
        self.script = ""


class WrongValue(Broken):
    """A number is not what it must be, without a word."""

    kind = "wrong value"


class Refused(Broken):
    """An exception where BackPACK documents no limit."""

    kind = "unexpected exception"


class Leftover(Broken):
    """An attribute, a hook or a result that is not by design, or one that is missing."""

    kind = "leftover"


class GlobalState(Broken):
    """BackPACK's or torch's global state is not what it was."""

    kind = "global state"


class Leak(Broken):
    """Something that nobody refers to any more is not freed."""

    kind = "leak"


class Growth(Broken):
    """Each of many calls leaves something behind."""

    kind = "growth"
