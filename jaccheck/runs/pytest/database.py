"""Hypothesis' example database where several machines have it: a folder, a Redis server, an artefact of GitHub's."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    ExampleDatabase,
    GitHubArtifactDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
)

from jaccheck.core import extra
from jaccheck.errors import InvalidRequest

REDIS = ("redis://", "rediss://")
GITHUB = "github://"
HERE = Path(".hypothesis", "examples")


def shared_database(where: str) -> ExampleDatabase:
    """The database in the folder, on the server or in the repository of that name.

    Raises InvalidRequest where no server answers, or nothing can be fetched from GitHub.
    """
    if where.startswith(GITHUB):
        return _of_repository(where)
    if not where.startswith(REDIS):
        return DirectoryBasedExampleDatabase(where)
    try:
        import redis
        from hypothesis.extra.redis import RedisExampleDatabase
    except ImportError:
        raise InvalidRequest(f"database {where!r} needs the package redis: {extra('redis')}") from None
    try:
        server = redis.Redis.from_url(where)
        server.ping()
    except (redis.RedisError, ValueError) as error:
        raise InvalidRequest(f"database {where!r}: {error}; expected redis://HOST:PORT/NUMBER or a folder") from None
    return RedisExampleDatabase(server)


def _of_repository(where: str) -> ExampleDatabase:
    """What failed in the workflows of a repository, which is only read, beside what fails here."""
    match = re.fullmatch(r"github://([\w.-]+)/([\w.-]+)", where)
    if match is None:
        raise InvalidRequest(f"database {where!r:.200}: expected github://OWNER/REPOSITORY")
    if not os.environ.get("GITHUB_TOKEN"):
        raise InvalidRequest(f"database {where!r}: GITHUB_TOKEN is not set; a token that may read Actions is needed")
    shared = GitHubArtifactDatabase(match[1], match[2])
    return MultiplexedDatabase(DirectoryBasedExampleDatabase(HERE), ReadOnlyDatabase(shared))
