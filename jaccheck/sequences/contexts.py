"""Contexts of BackPACK: opened and closed, nested, left by an exception, entered again."""

from __future__ import annotations

from typing import Literal

from jaccheck.sequences.sequence import Sequence
from jaccheck.sequences.state import Context, Extension


def open_context(sequence: Sequence, extensions: tuple[Extension, ...], *, retains: bool) -> None:
    """Opens `backpack(…)`, until it is closed."""
    options = [each.source for each in extensions] + ["retain_graph=True"] * retains
    _enter(sequence, f"backpack({', '.join(options)})", Context("", extensions, retains))


def open_disable(sequence: Sequence) -> None:
    """Opens `disable()`, until it is closed."""
    _enter(sequence, "disable()", Context("", is_disable=True))


def _enter(sequence: Sequence, source: str, context: Context) -> None:
    context.name = f"context{sequence.number()}"
    sequence.session.run(f"{context.name} = {source}", f"{context.name}.__enter__()")
    sequence.contexts.append(context)


def close(sequence: Sequence) -> None:
    """Closes the innermost open context."""
    context = sequence.contexts.pop()
    sequence.session.run(f"{context.name}.__exit__(None, None, None)")


def fail_inside(sequence: Sequence, extension: Extension) -> None:
    """A context that is left by an exception."""
    sequence.session.run(
        "with suppress(ValueError):",
        f"    with backpack({extension.source}, retain_graph=True):",
        '        raise ValueError("inside")',
    )


def use_twice(sequence: Sequence, kind: Literal["backpack", "disable"], *, nested: bool) -> None:
    """One context object entered twice: one time after the other, or nested, which is a known issue.

    What the issue leaves is put right, so that the sequence can go on.
    """
    name = f"context{sequence.number()}"
    source = "backpack(BatchGrad())" if kind == "backpack" else "disable()"
    lines = [f"with {name}:", f"    with {name}:", "        pass"] if nested else [f"with {name}:", "    pass"] * 2
    sequence.session.run(f"{name} = {source}", *lines)
    if not nested:
        return
    if kind == "backpack":
        is_wrong = len(sequence.session["CTX.active_exts"]) != len(sequence.active())
        issue, repair = "backpack-entered-again", "CTX.set_active_exts(())"
    else:
        is_wrong = sequence.session["disable.store_io"] != sequence.stores()
        issue, repair = "disable-entered-again", "disable.store_io = True"
    sequence.tally.meet(issue, is_wrong=is_wrong)
    if is_wrong:
        sequence.session.run(repair)
