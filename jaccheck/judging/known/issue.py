"""`KnownIssue`: what a release does wrong, when, and what it gives then."""

from __future__ import annotations

from jaccheck.core import plain_data


@plain_data
class KnownIssue:
    """An issue that is expected, with all that a reader or a bug report needs.

    `condition` says in words when it shows: a wrong result under it is no finding. `instead` is what the release gives
    then, `reason` the cause in its source. `versions` are those in which it was seen. `reference` is the address of the
    upstream report, or empty. `reproducer` is a script that needs only torch and the library; it prints WRONG and exits
    with 1, or prints RIGHT and exits with 0.
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
