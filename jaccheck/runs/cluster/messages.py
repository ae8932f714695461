"""The messages between a node of a cluster and its worker process, one line of JSON each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import jaccheck
from jaccheck.core import plain_data
from jaccheck.reports import Environment, Failure
from jaccheck.runs.plan import Shard
from jaccheck.runs.results import ShardResult, Try
from jaccheck.runs.workers.protocol import Assignment
from jaccheck.runs.workers.watch import Limits

COMPARED = ("python", "jaccheck", "torch", "backpack", "numpy", "hypothesis")
"""Versions that all nodes must share: another version may draw other cases or judge them differently."""


@plain_data
class Node:
    """A process that can judge: its versions, devices, and a digest of jaccheck's source, which may be a checkout."""

    environment: Environment
    source: str

    def differences(self, other: Node) -> Iterator[str]:
        """One phrase for each version that is not the same; the builds of torch for CPU and GPU count as one."""
        for name in COMPARED:
            mine, theirs = (_public(getattr(node.environment, name)) for node in (self, other))
            if mine != theirs:
                yield f"{name} {theirs} there, {mine} here"
        if self.source != other.source and self.environment.jaccheck == other.environment.jaccheck:
            yield f"another source of jaccheck {self.environment.jaccheck}"


@plain_data
class WorkerConfig:
    """What a worker process is started with: methods, profile, and the limits of a method on one case."""

    assignment: Assignment
    limits: Limits


@plain_data
class Question:
    """Judge a shard; or say how the case of a `Try` shows its failure, in a tenth of the time if it is one of many."""

    ask: Shard | Try
    is_trial: bool = False


@plain_data
class Reply:
    """The result of a shard; or how a failure shows, if it does; or in one line why there is no answer."""

    result: ShardResult | None = None
    failure: Failure | None = None
    trouble: str = ""


def source_digest() -> str:
    """Names the source of jaccheck as it is imported here."""
    digest = hashlib.sha256()
    root = Path(jaccheck.__file__).parent
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _public(version: str | None) -> str:
    return (version or "not installed").partition("+")[0]
