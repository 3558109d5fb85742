"""Warm sessions to one database, and the session that is ahead of its rivals."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from pytest_postgresql.executors import NoopExecutor
from tests.support.bookings import integrity
from tests.support.caller import Connect, Connection
from tests.support.databases import database
from tests.support.safeguards import remove

from ticketing_client.embedded import Server

EMPTY = """
DO $$
DECLARE
    v_table regclass;
BEGIN
    SET LOCAL session_replication_role = replica;  -- TRUNCATE would make all plans anew
    FOR v_table IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relname <> 'feed_epoch'
            AND relnamespace IN ('ticketing'::regnamespace, 'ticketing_internal'::regnamespace)
    LOOP
        EXECUTE format('DELETE FROM %s', v_table);
    END LOOP;
END
$$
"""


class Sessions:
    """Sessions to a database that go from test to test, since functions are compiled in each."""

    def __init__(self, url: str) -> None:
        """Open none yet."""
        self._url = url
        self._idle: list[Connection] = []
        self._taken: list[Connection] = []

    def connect(self, *, autocommit: bool = False) -> Connection:
        """Return a session that no other part of the test has."""
        connection = self._idle.pop() if self._idle else psycopg.connect(self._url)
        connection.autocommit = autocommit
        self._taken.append(connection)
        return connection

    def reset(self) -> None:
        """Take all sessions back, and empty the database."""
        for connection in self._taken:
            if connection.info.transaction_status == TransactionStatus.IDLE:
                connection.isolation_level = None
                connection.autocommit = True
                connection.execute("RESET ALL")
                self._idle.append(connection)
            else:  # of a test that failed
                connection.close()
        self._taken.clear()
        self.connect(autocommit=True).execute(EMPTY)

    def close(self) -> None:
        """Close all sessions."""
        for connection in (*self._idle, *self._taken):
            connection.close()


@pytest.fixture(scope="session")
def _sessions(server: Server, migrated: NoopExecutor) -> Iterator[Sessions]:
    with database(server, "crowd", migrated.template_dbname) as url:
        sessions = Sessions(url)
        yield sessions
        sessions.close()


@pytest.fixture
def missing(request: pytest.FixtureRequest) -> str | None:
    """The safeguard that is missing in this run of a test, by `guards(...)` above it."""
    name: str | None = getattr(request, "param", None)
    return name


@pytest.fixture
def connect(
    server: Server, migrated: NoopExecutor, _sessions: Sessions, missing: str | None
) -> Iterator[Connect]:
    """A function that returns one more session to a database that is empty before each test."""
    if missing is None:
        yield _sessions.connect
        _sessions.reset()
    else:
        with database(server, "without", migrated.template_dbname) as url:
            sessions = Sessions(url)
            try:
                remove(sessions.connect(autocommit=True), missing)
            except psycopg.Error as error:  # which would look like a test that fails, as it should
                raise LookupError(missing) from error
            yield sessions.connect
            sessions.close()


@pytest.fixture
def hand(connect: Connect, missing: str | None) -> Iterator[Connection]:
    """The session that is ahead: it commits when the test says so.

    Nothing may be wrong in the database afterwards.
    """
    connection = connect(autocommit=True)
    yield connection
    if missing is None:
        assert integrity(connection) == []
