"""The sell-out: many more buyers than capacity, all at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from tests.support.bookings import integrity, let_lapse
from tests.support.caller import (
    Connect,
    Connection,
    Document,
    refused,
    service,
)
from tests.support.crowd import (
    BOAT,
    DAY,
    SEAT,
    SHARED,
    STAND,
    WALK,
    allow_allotments_of_small_pools,
    buy,
    catalogue,
    pool,
    selection,
    uid,
)
from tests.support.databases import database

from ticketing_client.embedded import Server, run_server
from ticketing_client.migrate import migrate

BUYERS = 100
CAPACITY = 60

WANTED = (selection(seat=1), selection(stand=1), selection(boat=1), selection(day=1))
"""What buyers want: one of three ticket types, or a package with one of them."""


@pytest.fixture(scope="module")
def crowded_server() -> Iterator[Server]:
    """A server for more sessions than PostgreSQL allows by default, with a migrated database."""
    careless = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with (
        run_server(settings=careless | {"max_connections": "200"}) as server,
        database(server, "migrated") as url,
    ):
        migrate(url)
        yield server


@pytest.fixture
def connect_crowd(crowded_server: Server) -> Iterator[Connect]:
    """Like `connect`, for a crowd: opens connections to a database that only this test uses."""
    with database(crowded_server, "crowd", "migrated") as url, ExitStack() as stack:

        def open_connection(**options: Any) -> Connection:  # noqa: ANN401
            connection: Connection = psycopg.connect(url, **options)
            stack.callback(connection.close)
            return connection

        yield open_connection


@dataclass(frozen=True)
class Attempt:
    """What a buyer met with.

    Attributes:
        number: Which buyer.
        answer: The answer of a call that succeeded.
        sqlstate: The SQLSTATE of a refusal.
        issues: The issues of that refusal.
        taken: How much capacity was committed before the refusal.
    """

    number: int
    answer: Document | None = None
    sqlstate: str | None = None
    issues: tuple[Document, ...] = ()
    taken: int = CAPACITY


def sell_out(
    connect: Connect, *, overdue: int, small_pools: str = "without allotments"
) -> tuple[Connection, list[Attempt]]:
    """Let all buyers ask at once for one ticket each.

    Args:
        connect: The fixture of that name.
        overdue: How many tickets are held by overdue registrations.
        small_pools: Whether they have allotments too.

    Returns:
        A connection, and the outcome of each buyer.
    """
    till = connect(autocommit=True)
    if small_pools == "with allotments":
        allow_allotments_of_small_pools(till)
    shared = [SEAT, STAND, BOAT]
    service(till).call("import_catalogue", p_catalogue=catalogue({SHARED: CAPACITY}, shared=shared))
    for number in range(overdue):
        late = uid(0xB000 + number)
        buy(till, late, WANTED[number % len(WANTED)])
        let_lapse(till, late)
    connections = [connect(autocommit=True) for _ in range(BUYERS)]
    start = threading.Barrier(BUYERS)

    def attempt(number: int) -> Attempt:
        connection = connections[number]
        start.wait()
        while True:
            try:
                answer = buy(connection, uid(0xA000 + number), WANTED[number % len(WANTED)])
                return Attempt(number, answer)
            except psycopg.errors.SerializationFailure:
                continue  # a row that is needed is locked: repeat, as the answer says
            except psycopg.Error as error:
                _, reserved, sold = pool(connection, SHARED)
                return Attempt(
                    number, None, error.sqlstate, tuple(refused(error).issues), reserved + sold
                )

    with ThreadPoolExecutor(BUYERS) as threads:
        return till, list(threads.map(attempt, range(BUYERS)))


def check(connection: Connection, attempts: list[Attempt]) -> None:
    """All capacity is sold, once, and every refusal is right."""
    served = [attempt for attempt in attempts if attempt.answer is not None]
    refused = [attempt for attempt in attempts if attempt.answer is None]
    assert (len(served), len(refused)) == (CAPACITY, BUYERS - CAPACITY)
    assert pool(connection, SHARED) == (CAPACITY, CAPACITY, 0)
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE ticket_type_id <> %s) FROM ticketing.tickets AS ticket "
        "JOIN ticketing.registrations USING (function_id, registration_id) "
        "WHERE registrations.status = 'draft'",
        [WALK],
    ).fetchone()
    assert row == (CAPACITY,)
    for attempt in refused:
        # no capacity is released here, so a refusal is right when none was left just after it, and
        # only then: this buyer wanted one ticket
        assert (attempt.sqlstate, attempt.taken) == ("TK005", CAPACITY)
        # the issue names the ticket type, also one inside a package, and that none is left
        wanted = (SEAT, STAND, BOAT, SEAT)[attempt.number % len(WANTED)]
        assert [
            (issue["code"], issue["ticket_type_id"], issue["requested"], issue["available"])
            for issue in attempt.issues
        ] == [("sold_out", wanted, 1, 0)]
    assert integrity(connection) == []


@pytest.mark.long
@pytest.mark.parametrize("small_pools", ["without allotments", "with allotments"])
def test_sell_out_serves_sixty_of_a_hundred_buyers(
    connect_crowd: Connect, small_pools: str
) -> None:
    check(*sell_out(connect_crowd, overdue=0, small_pools=small_pools))


@pytest.mark.long
def test_sell_out_takes_the_capacity_of_overdue_holds(connect_crowd: Connect) -> None:
    check(*sell_out(connect_crowd, overdue=CAPACITY))


def test_package_takes_capacity_for_its_tickets_and_itself(connect: Connect) -> None:
    till = connect(autocommit=True)
    document = catalogue({SHARED: 3, DAY: 5}, shared=[SEAT, WALK])
    service(till).call("import_catalogue", p_catalogue=document)
    buy(till, uid(0xA000), selection(day=1))
    assert (pool(till, SHARED), pool(till, DAY)) == ((3, 2, 0), (5, 1, 0))
