"""Hypothesis' example database where several machines have it: a folder that they mount, or a Redis server."""

from __future__ import annotations

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from jaccheck.errors import InvalidRequest

REDIS = ("redis://", "rediss://")


def shared_database(where: str) -> ExampleDatabase:
    """The database in the folder, or on the server, of that name. Raises InvalidRequest where no server answers."""
    if not where.startswith(REDIS):
        return DirectoryBasedExampleDatabase(where)
    try:
        import redis
        from hypothesis.extra.redis import RedisExampleDatabase
    except ImportError:
        raise InvalidRequest(f"database {where!r} needs the package redis: pip install 'jaccheck[redis]'") from None
    try:
        server = redis.Redis.from_url(where)
        server.ping()
    except (redis.RedisError, ValueError) as error:
        raise InvalidRequest(f"database {where!r}: {error}; expected redis://HOST:PORT/NUMBER or a folder") from None
    return RedisExampleDatabase(server)
