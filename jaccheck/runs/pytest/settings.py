"""Hypothesis' settings for the conformance tests: three profiles, each field written out, registered by name.

Every field, since a profile that leaves one out inherits it from whatever profile is loaded: under CI that is one
without a database, which is derandomized. Only `backend` is left to whoever runs the tests (HypoFuzz has its own).
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, Verbosity, settings

from jaccheck.runs.pytest.database import shared_database

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
"""Not `explain`, which varies a failing case further: the message of a finding says more."""

HEALTH_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large)
"""A case takes as long as the slowest method does, on a machine as busy as it is."""

DATABASE = settings.get_profile("default").database
"""The usual folder `.hypothesis`, also where the loaded profile has none."""

SHRINK_SECONDS = {"dev": 5.0, "ci": 15.0, "nightly": 60.0}
"""How long a failing boundary case is made smaller; random ones are shrunk by Hypothesis."""


def profile(name: str, shared: str | None = None) -> settings:
    """The settings of the profile of that name; failures are kept in the database `shared`, and those in it come first.

    `derandomize`, which would do without a database, is then left to the seed, which the tests have in any case.
    """
    found = settings.get_profile(f"jaccheck-{name}")
    if shared is None:
        return found
    return settings(found, derandomize=False, database=shared_database(shared))


for _name, _examples, _derandomize in (("dev", 20, False), ("ci", 100, True), ("nightly", 2000, False)):
    settings.register_profile(
        f"jaccheck-{_name}",
        max_examples=_examples,
        derandomize=_derandomize,
        database=None if _derandomize else DATABASE,
        deadline=None,
        phases=PHASES,
        verbosity=Verbosity.normal,
        print_blob=False,
        report_multiple_bugs=True,
        stateful_step_count=1,
        suppress_health_check=HEALTH_CHECKS,
    )
