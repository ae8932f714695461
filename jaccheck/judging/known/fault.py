"""`KnownFault`: what a release really does wrong, when, and what comes instead."""

from __future__ import annotations

from jaccheck.core import plain_data


@plain_data
class KnownFault:
    """A fault that is expected, with all that a reader or a bug report needs.

    `reason` is where it comes from in the source; `condition` says in words when it shows, and what meets it and is
    wrong is no finding. `instead` is what comes then. `versions` were seen to have it. `reference` is an address where
    it is known upstream, or empty. `reproducer` is a script of the library and torch alone, which prints WRONG and
    exits with 1, or RIGHT and 0.
    """

    id: str
    title: str
    method: str
    versions: str
    condition: str
    instead: str
    reason: str
    reference: str = ""
    reproducer: str
