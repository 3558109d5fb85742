"""The databases that tests run on: a real server, migrated once per worker, cheap per test.

| fixture | what a test gets | cost |
|---|---|---|
| `db` | a connection whose transaction is rolled back at the end; the default | 0.3 ms |
| `event_db` | the same, with the example event on sale | 0.3 ms |
| `database_url`, `connect` | a migrated database of its own, to commit, race or go async | 50 ms |
| `module_url` | one that the tests of a module share, to commit once and read | 50 ms |
| `event_url`, `event_connect` | the same, with the example event on sale | 50 ms |
| `empty_database_url` | an empty database of its own, to migrate | 50 ms |

Roles belong to a whole server, so every pytest-xdist worker runs one of its own. `PG_BIN` chooses
another PostgreSQL. All connections are the superuser's: a test of rights has to `SET ROLE`.
"""

import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from types import SimpleNamespace
from typing import Any, TypeAlias

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg.rows import TupleRow
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor
from tests.support.bookings import import_catalogue
from tests.support.caller import Connect
from tests.support.databases import database
from tests.support.example import document

from ticketing_client.embedded import Server, run_server
from ticketing_client.migrate import migrate
from ticketing_client.testing import SETTINGS

Connection: TypeAlias = psycopg.Connection[TupleRow]

Document: TypeAlias = dict[str, Any]
EventDatabase: TypeAlias = Callable[[str], AbstractContextManager[str]]

# No deadlines, because machines differ, and no files in a folder that may not be ours.
hypothesis_settings.register_profile("ticketing", deadline=None, database=None)
hypothesis_settings.load_profile("ticketing")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A throw-away server, without the safeguards against a power cut that make it slow.

    And without autovacuum, which now and then would hold a lock that a test wants.
    """
    with run_server(settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def pg_server(server: Server) -> SimpleNamespace:
    """The same server, as pytest-postgresql wants to hear of it."""
    return SimpleNamespace(
        host=server.host,
        port=server.port,
        user=server.user,
        password=None,
        options="",
        maintenance_dbname="postgres",
        template_dbname=None,
    )


def _migrate(*, host: str, port: int, user: str, dbname: str, **_: object) -> None:
    migrate(f"postgresql://{user}@/{dbname}?host={host}&port={port}")


migrated = factories.postgresql_noproc(depends_on="pg_server", dbname="tests", load=[_migrate])


@pytest.fixture(scope="session")
def event_template(server: Server, migrated: NoopExecutor) -> Iterator[str]:
    """The name of a database with the example event on sale, to make others from."""
    name = "event_template"
    with database(server, name, migrated.template_dbname) as url:
        with psycopg.connect(url) as connection:  # a template has no sessions
            import_catalogue(connection, document("catalogue"))
        yield name


@contextmanager
def _kept_connection(url: str) -> Generator[Callable[[], Connection]]:
    """Yield a function that returns one connection, reopened when a test closed it."""
    connection = psycopg.connect(url)

    def connected() -> Connection:
        nonlocal connection
        if connection.closed:
            connection = psycopg.connect(url)
        return connection

    yield connected
    connection.close()


@pytest.fixture(scope="session")
def _shared_connection(
    server: Server, migrated: NoopExecutor
) -> Iterator[Callable[[], Connection]]:
    """A function that returns this worker's connection to a migrated database."""
    with (
        database(server, "shared", migrated.template_dbname) as url,
        _kept_connection(url) as connected,
    ):
        yield connected


@pytest.fixture(scope="session")
def event_database(server: Server, event_template: str) -> EventDatabase:
    """A function that makes a database with the example event on sale, by its name."""
    return lambda name: database(server, name, event_template)


@pytest.fixture(scope="session")
def _event_connection(event_database: EventDatabase) -> Iterator[Callable[[], Connection]]:
    """A function that returns this worker's connection to a database with the example event."""
    with event_database("event") as url, _kept_connection(url) as connected:
        yield connected


@pytest.fixture
def db(_shared_connection: Callable[[], Connection]) -> Iterator[Connection]:
    """A connection inside a transaction that is always rolled back.

    `with db.transaction():` makes savepoints in it. psycopg refuses `db.commit()` and
    `db.rollback()`: a test that needs them takes `connect`.
    """
    connection = _shared_connection()
    with connection.transaction(force_rollback=True):
        yield connection


@pytest.fixture
def event_db(_event_connection: Callable[[], Connection]) -> Iterator[Connection]:
    """Like `db`, and the example event is on sale: `import_catalogue` changes it."""
    connection = _event_connection()
    with connection.transaction(force_rollback=True):
        yield connection


@pytest.fixture
def database_url(server: Server, migrated: NoopExecutor) -> Iterator[str]:
    """The URL of a migrated database that only this test uses."""
    with database(server, "test", migrated.template_dbname) as url:
        yield url


@pytest.fixture(scope="module")
def module_url(server: Server, migrated: NoopExecutor) -> Iterator[str]:
    """The URL of a migrated database that only the tests of a module use."""
    with database(server, "module", migrated.template_dbname) as url:
        yield url


@pytest.fixture
def event_url(event_database: EventDatabase) -> Iterator[str]:
    """The URL of a database with the example event on sale that only this test uses."""
    with event_database("event_test") as url:
        yield url


@pytest.fixture
def empty_database_url(server: Server) -> Iterator[str]:
    """The URL of an empty database that only this test uses."""
    with database(server, "empty") as url:
        yield url


@pytest.fixture
def connect(database_url: str) -> Iterator[Connect]:
    """A function that opens one more connection to this test's own database."""
    with _connections(database_url) as open_connection:
        yield open_connection


@pytest.fixture
def event_connect(event_url: str) -> Iterator[Connect]:
    """A function that opens one more connection to this test's own database with the event."""
    with _connections(event_url) as open_connection:
        yield open_connection


@contextmanager
def _connections(url: str) -> Generator[Connect]:
    """Yield a function that opens connections, and close them."""
    with ExitStack() as opened:

        def open_connection(**options: Any) -> psycopg.Connection[Any]:  # noqa: ANN401
            return opened.enter_context(closing(psycopg.connect(url, **options)))

        yield open_connection


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def catalogue() -> Document:
    """The example event's catalogue, for this test to change at will."""
    return document("catalogue")


@pytest.fixture
def wizard_state() -> Document:
    """A recorded state of the registration wizard, for this test to change at will."""
    return document("wizard_state")
