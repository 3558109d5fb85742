"""What tests of several RPCs begin with."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
import pytest
from tests.support.bookings import book, every_state
from tests.support.caller import Connect, Connection, owner
from tests.support.example import CHOSEN, REGISTRATION, Document
from tests.support.persisting import persist_tickets
from tests.support.refusals import Shop, open_shop


@pytest.fixture
def seller(event_connect: Connect) -> Connection:
    """A connection whose calls are committed, with the example event on sale."""
    return event_connect(autocommit=True, options="-c lock_timeout=10s")


@pytest.fixture
def registration(wizard_state: Document) -> Document:
    """The wizard's registration object, with an id that it has made."""
    document: Document = wizard_state["registration"] | {"registrationId": REGISTRATION}
    return document


@pytest.fixture
def persisted(event_db: Connection, registration: Document) -> Document:
    """Create the registration, persist what the wizard has selected, and return the answer."""
    owner(event_db).call("create_individual_registration_jsonb", p_registration_data=registration)
    return persist_tickets(event_db, CHOSEN)


@pytest.fixture
def booking(event_db: Connection) -> str:
    """Book what the recorded wizard has selected, and return the id of the registration."""
    return book(event_db, CHOSEN)


@pytest.fixture(scope="session")
def shop(event_database: Callable[[str], AbstractContextManager[str]]) -> Iterator[Shop]:
    """A shop that all tests share, as none of their calls may leave a trace."""
    with event_database("shop") as url, psycopg.connect(url, autocommit=True) as connection:
        yield open_shop(connection)


@pytest.fixture(scope="session")
def _every_state(
    event_database: Callable[[str], AbstractContextManager[str]],
) -> Iterator[tuple[Connection, dict[str, str]]]:
    with event_database("states") as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection, every_state(connection)


@pytest.fixture
def sold(_every_state: tuple[Connection, dict[str, str]]) -> dict[str, str]:
    """The ids of registrations in every state there is, by it."""
    return _every_state[1]


@pytest.fixture
def sold_db(_every_state: tuple[Connection, dict[str, str]]) -> Iterator[Connection]:
    """Like `event_db`, with these registrations."""
    with _every_state[0].transaction(force_rollback=True):
        yield _every_state[0]
