"""The connection of a runner: the only one at work on its database."""

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo
from yoyo.backends import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI

from ticketing_client._conninfo import checked_conninfo
from ticketing_client.migrate._files import packaged_sql
from ticketing_client.migrate._words import MigrationError, explaining

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_LOCK_KEY: Final = int.from_bytes(b"ticket", "big")
"""Key of the advisory lock that a runner holds while it works: 127995988370804."""

_POLL_SECONDS: Final = 0.1

_RECORDS: Final = "ticketing_install"
"""Schema of the records, yoyo's own tables among them."""


class Backend(PostgresqlPsycopgBackend):
    """yoyo's backend, with qualified names instead of a search path.

    yoyo would put the schema of its tables into the search path of every migration: what another
    role has created there would be found before PostgreSQL's own.
    """

    def init_connection(self, connection: Connection) -> None:
        """Let names without a schema mean PostgreSQL's own."""
        connection.execute("SET search_path = pg_catalog, pg_temp")

    def quote_identifier(self, s: str) -> str:
        """Quote a name; that of one of yoyo's tables with its schema."""
        quoted = super().quote_identifier(s)
        tables = {self.migration_table, self.log_table, self.version_table, self.lock_table}
        return f"{_RECORDS}.{quoted}" if s in tables else quoted

    def list_tables(self) -> list[str]:
        """List the tables of the records."""
        cursor = self.connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s)", [_RECORDS]
        )
        return [name for (name,) in cursor]


@contextmanager
def exclusive(
    database_url: str, wait_seconds: float, lock_timeout_seconds: float
) -> Generator[Backend]:
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
        # yoyo hands these to psycopg.connect.
        args={"conninfo": _conninfo(database_url)},
    )
    with explaining(), Backend(uri, "_yoyo_migration") as backend:
        _configure(backend.connection, lock_timeout_seconds)
        _wait_for_turn(backend.connection, wait_seconds)
        if exists(backend.connection, "yoyo_lock"):
            backend.break_lock()  # no other runner is at work, so a kill left it
        yield backend


@contextmanager
def reading(database_url: str) -> Generator[tuple[Connection, bool]]:
    """Connect to read one consistent state, without waiting for a runner.

    Yields:
        The connection, and whether there are records: no schema that another role creates after
        the check is read.
    """
    with explaining(), psycopg.connect(_conninfo(database_url)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute("SET search_path = pg_catalog, pg_temp")
        has_records = has_schema(connection)
        check_owners(connection)
        yield connection, has_records


@contextmanager
def calling(database_url: str) -> Generator[Connection]:
    """Connect to a database with the package installed, in a transaction, to call its RPCs.

    Yields:
        The connection. What has been done is committed at the end, unless there is an error.
    """
    with explaining(), psycopg.connect(_conninfo(database_url)) as connection:
        if value(connection, "SELECT to_regnamespace('ticketing')") is None:
            message = (
                f"The package is not installed in {connection.info.dbname}. Run: ticketing migrate"
            )
            raise MigrationError(message)
        yield connection


def check_owners(connection: Connection) -> None:
    """Refuse a database in which another role could run code as this one."""
    script = packaged_sql() / "check_owners.sql"
    connection.execute(script.read_text(encoding="utf-8").encode())


def _conninfo(database_url: str) -> str:
    """Check a URL or libpq string and add a name under which the server lists the session."""
    try:
        conninfo = checked_conninfo(database_url)
    except psycopg.ProgrammingError as error:
        raise MigrationError(str(error)) from error
    return make_conninfo(conninfo, fallback_application_name="ticketing")


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
    # Created before anything in it is read: in a schema of ours, other roles create nothing.
    if not has_schema(connection):
        connection.execute(f"CREATE SCHEMA {_RECORDS}".encode())
    check_owners(connection)
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
def keeping_yoyo_out(backend: Backend) -> Generator[None]:
    """Create what is missing of yoyo's tables, and hold its lock."""
    connection = backend.connection
    if not exists(connection, "yoyo_lock"):
        backend.execute(backend.format_sql(backend.create_lock_table_sql))
    with backend.lock(timeout=1):
        backend.ensure_internal_schema_updated()
        yield


def has_schema(connection: Connection) -> bool:
    """Tell whether there is a schema of records."""
    return value(connection, "SELECT to_regnamespace(%s)", _RECORDS) is not None


def exists(connection: Connection, table: str) -> bool:
    """Tell whether there is such a table of records."""
    return value(connection, "SELECT to_regclass(%s)", f"ticketing_install.{table}") is not None


def value(connection: Connection, query: LiteralString, *parameters: object) -> object:
    """Return the only value of the only row."""
    row = connection.execute(query, parameters).fetchone()
    return row and row[0]
