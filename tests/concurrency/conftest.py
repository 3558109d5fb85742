"""The session that is ahead of its rivals."""

from collections.abc import Iterator

import psycopg
import pytest
from tests.support.bookings import integrity
from tests.support.caller import Connection
from tests.support.safeguards import remove
from tests.support.sessions import Connect


@pytest.fixture
def hand(request: pytest.FixtureRequest, connect: Connect) -> Iterator[Connection]:
    """The session that is ahead: it commits when the test says so.

    With `guards(...)` above the test, a safeguard is missing from the database in some runs. In all
    others nothing may be wrong in it afterwards.
    """
    connection = connect(autocommit=True)
    missing: str | None = getattr(request, "param", None)
    if missing:
        try:
            remove(connection, missing)
        except psycopg.Error as error:  # which would look like a test that fails, as it should
            raise LookupError(missing) from error
    yield connection
    if not missing:
        assert integrity(connection) == []
