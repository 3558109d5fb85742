"""The connection of a runner: the only one at work on its database."""

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from yoyo.backends import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI

from ticketing_client.migrate._words import MigrationError, explaining

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_LOCK_KEY: Final = int.from_bytes(b"ticket", "big")
"""Key of the advisory lock that a runner holds while it works: 127995988370804."""

_POLL_SECONDS: Final = 0.1


@contextmanager
def exclusive(
    database_url: str, wait_seconds: float, lock_timeout_seconds: float
) -> Generator[PostgresqlPsycopgBackend]:
    """Connect as the only runner on this database.

    Everything happens on this one connection. When the process is killed, the lock is freed when
    the server has ended that session, and not before: no other runner can meet a half-done
    migration that is still going on.
    """
    uri = DatabaseURI(
        scheme="postgresql+psycopg",
        username=None,
        password=None,
        hostname=None,
        port=None,
        database=None,
        # yoyo hands these to psycopg.connect, and makes its tables in this schema.
        args={"conninfo": _conninfo(database_url), "schema": "ticketing_install"},
    )
    with explaining(), PostgresqlPsycopgBackend(uri, "_yoyo_migration") as backend:
        _configure(backend.connection, lock_timeout_seconds)
        _wait_for_turn(backend.connection, wait_seconds)
        if exists(backend.connection, "yoyo_lock"):
            backend.break_lock()  # no other runner is at work, so a kill left it
        yield backend


@contextmanager
def reading(database_url: str) -> Generator[Connection]:
    """Connect to read one consistent state, without waiting for a runner."""
    with explaining(), psycopg.connect(_conninfo(database_url)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        pin_search_path(connection)
        yield connection


def pin_search_path(connection: Connection) -> None:
    """Until the end of the transaction, let names without a schema mean PostgreSQL's own."""
    connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")


def _conninfo(database_url: str) -> str:
    """Check a URL or libpq string and add a name under which the server lists the session."""
    try:
        conninfo_to_dict(database_url)
    except psycopg.ProgrammingError as error:
        # libpq's own message would repeat the password.
        message = (
            "The database URL is neither postgresql://user@host:port/name nor a list such as "
            "`host=... dbname=...`."
        )
        raise MigrationError(message) from error
    return make_conninfo(database_url, fallback_application_name="ticketing")


def _configure(connection: Connection, lock_timeout_seconds: float) -> None:
    """Bound the waits for locks; lift the limits that roles or databases set for applications."""
    settings = {
        "client_encoding": "UTF8",
        "client_min_messages": "warning",
        "lock_timeout": f"{round(lock_timeout_seconds * 1000)}ms",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "idle_session_timeout": "0",
        "transaction_timeout": "0",
    }
    connection.execute(
        """
        SELECT set_config(name, value, false)
        FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)
        JOIN pg_settings AS known USING (name)
        """,
        [list(settings), list(settings.values())],
    )
    # Makes the server notice within a second that a runner was killed during a long statement.
    # Where its platform cannot, it notices at the end of the statement.
    with suppress(psycopg.errors.InvalidParameterValue):
        connection.execute("SET client_connection_check_interval = '1s'")


def _wait_for_turn(connection: Connection, wait_seconds: float) -> None:
    """Take the lock, by polling.

    A session that waits inside pg_advisory_lock holds a snapshot, which would block a
    CREATE INDEX CONCURRENTLY of the very runner it waits for.
    """
    deadline = time.monotonic() + wait_seconds
    while rival := _rival(connection):
        if time.monotonic() >= deadline:
            message = (
                f"Gave up after {wait_seconds:g} s: {rival} is still migrating this database; "
                "run again when it has finished, or wait longer."
            )
            raise MigrationError(message)
        time.sleep(_POLL_SECONDS)


def _rival(connection: Connection) -> str | None:
    """Try to take the lock; return who is in the way, None if it is ours."""
    if not value(connection, "SELECT pg_try_advisory_lock(%s)", _LOCK_KEY):
        holder = value(
            connection,
            """
            SELECT l.pid
            FROM pg_locks AS l
            JOIN pg_database AS d ON d.oid = l.database
            WHERE d.datname = current_database()
                AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                AND l.classid::bigint << 32 | l.objid::bigint = %s
            """,
            _LOCK_KEY,
        )
        return f"another runner (server process {holder})" if holder else "another runner"
    if exists(connection, "yoyo_lock"):
        # yoyo.ini makes yoyo call itself so.
        holder = value(
            connection,
            """
            SELECT min(a.pid)
            FROM pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.application_name = 'yoyo'
                AND EXISTS (SELECT FROM ticketing_install.yoyo_lock)
            """,
        )
        return f"yoyo (server process {holder})" if holder else None
    return None


@contextmanager
def keeping_yoyo_out(backend: PostgresqlPsycopgBackend) -> Generator[None]:
    """Create what is missing of yoyo's schema for its records, and hold its lock."""
    connection = backend.connection
    if value(connection, "SELECT to_regnamespace('ticketing_install')") is None:
        connection.execute("CREATE SCHEMA ticketing_install")
    if not exists(connection, "yoyo_lock"):
        backend.execute(backend.format_sql(backend.create_lock_table_sql))
    with backend.lock(timeout=1):
        backend.ensure_internal_schema_updated()
        yield


def exists(connection: Connection, table: str) -> bool:
    """Tell whether there is such a table of records."""
    return value(connection, "SELECT to_regclass(%s)", f"ticketing_install.{table}") is not None


def value(connection: Connection, query: LiteralString, *parameters: object) -> object:
    """Return the only value of the only row."""
    row = connection.execute(query, parameters).fetchone()
    return row and row[0]
