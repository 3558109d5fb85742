"""Fixtures for the tests of an application on ticketing-sql; docs/testing.md shows them.

| fixture | for each | what a test gets |
|---|---|---|
| `ticketing_server` | session | the URL of a PostgreSQL server, embedded or existing |
| `ticketing_template` | session | the URL of a database with the package installed |
| `ticketing_database_url` | test | the URL of a copy of it that only this test uses |
| `let_holds_lapse` | test | a function that ends holds, as if buyers had not paid in time |
| `shift_sale_windows` | test | a function that moves all dates of the catalogue |

pytest loads this module in every project of an environment. It therefore imports nothing of the
package until a fixture is used.
"""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from secrets import token_hex
from uuid import UUID

import pytest

_INI = "ticketing_server_url"
_VARIABLE = "TICKETING_SERVER_URL"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names an existing server."""
    parser.addini(
        _INI,
        "URL of a PostgreSQL server on which tests may create roles and databases, as a superuser; "
        f"the environment variable {_VARIABLE} precedes it. Without both, ticketing_server runs "
        "an embedded one.",
        default="",
    )


@pytest.fixture(scope="session")
def ticketing_server(pytestconfig: pytest.Config) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server on which tests may create roles and databases.

    Override it to use a server that another fixture runs.
    """
    existing = os.environ.get(_VARIABLE) or pytestconfig.getini(_INI)
    if existing:
        yield existing
        return
    with _needing_packages():
        from ticketing_client.embedded import EmbeddedServerError, run_server  # noqa: PLC0415
        from ticketing_client.testing import SETTINGS  # noqa: PLC0415
    try:
        with run_server(settings=SETTINGS) as server:
            yield server.url()
    except EmbeddedServerError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def ticketing_template(ticketing_server: str) -> Iterator[str]:
    """Yield the URL of a database with the package installed, which each test gets a copy of.

    Override it by a fixture of the same name that takes it, loads an event and returns it. Close
    your connections to it: PostgreSQL copies no database that is in use.
    """
    with ExitStack() as stack:
        with _needing_packages():
            from ticketing_client.testing import template  # noqa: PLC0415

            name = f"ticketing_template_{token_hex(6)}"
            url = stack.enter_context(template(ticketing_server, name))
        yield url


@pytest.fixture
def ticketing_database_url(ticketing_server: str, ticketing_template: str) -> Iterator[str]:
    """Yield the URL of a database that only this test uses, with what `ticketing_template` has."""
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    from ticketing_client.testing import database  # noqa: PLC0415

    name = str(conninfo_to_dict(ticketing_template)["dbname"])
    with database(ticketing_server, f"ticketing_test_{token_hex(6)}", name) as url:
        yield url


@pytest.fixture
def let_holds_lapse(ticketing_database_url: str) -> Callable[..., int]:
    """Return a function that makes holds overdue, as if their buyers had not paid in time.

    It takes the id of a registration, or nothing for all, and returns how many have ended.
    """
    import psycopg  # noqa: PLC0415

    from ticketing_client import testing  # noqa: PLC0415

    def let_lapse(registration_id: UUID | str | None = None) -> int:
        with psycopg.connect(ticketing_database_url) as connection:
            return testing.let_holds_lapse(connection, registration_id)

    return let_lapse


@pytest.fixture
def shift_sale_windows(
    ticketing_database_url: str,
) -> Callable[..., None]:
    """Return a function that moves all dates of the catalogue by a timedelta.

    A negative one moves them into the past. The second argument is the id of the event function;
    all move without.
    """
    import psycopg  # noqa: PLC0415

    from ticketing_client import testing  # noqa: PLC0415

    def shift(by: timedelta, function_id: UUID | str | None = None) -> None:
        with psycopg.connect(ticketing_database_url) as connection:
            testing.shift_sale_windows(connection, by, function_id)

    return shift


@contextmanager
def _needing_packages() -> Generator[None]:
    """Say in one sentence which package is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        pytest.fail(
            f"{error.name} is not installed. Run in a clone: pip install '.[testing]'",
            pytrace=False,
        )
