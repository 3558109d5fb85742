"""The last ticket, requested by two buyers at once: exactly one gets it."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import psycopg
import pytest
from psycopg import sql
from tests.support.caller import (
    Connect,
    Connection,
    Document,
    refused,
    service,
)
from tests.support.crowd import (
    BOAT,
    FAMILY,
    HALL,
    SEAT,
    SHARED,
    STAND,
    booking,
    buy,
    catalogue,
    pool,
    select,
    selection,
    ticket_arguments,
    uid,
)
from tests.support.sessions import PATIENCE, rivals

FIRST, SECOND = uid(0xA1), uid(0xA2)

Buy: TypeAlias = Callable[..., Document]


def give(connection: Connection, registration: str, *chosen: Document) -> Document:
    """Persist tickets as the service: a selection for each of the first attendees."""
    arguments = ticket_arguments(registration, dict(enumerate(chosen)))
    return service(connection).call(
        "persist_attendee_tickets",
        p_registration_id=registration,
        p_tickets=arguments["p_tickets"],
        p_attendee_updates=arguments["p_attendee_updates"],
    )


def offer(hand: Connection, capacities: Mapping[str, int], shared: Iterable[str] = ()) -> None:
    """Put the hot catalogue on sale."""
    service(hand).call("import_catalogue", p_catalogue=catalogue(capacities, shared=shared))


def book(hand: Connection, registration: str) -> None:
    """Book without tickets."""
    service(hand).call(
        "create_individual_registration_jsonb", p_registration_data=booking(registration)
    )


def tickets(hand: Connection, registration: str) -> list[str]:
    """Return the ids of the tickets of a registration."""
    return [
        ticket_id
        for (ticket_id,) in hand.execute(
            "SELECT ticket_id::text FROM ticketing.tickets WHERE registration_id = %s",
            [registration],
        )
    ]


@pytest.mark.parametrize("buy_it", [give, select])
def test_sold_out_for_the_second_of_two_buyers(
    connect: Connect, hand: Connection, buy_it: Buy
) -> None:
    offer(hand, {SEAT: 1})
    book(hand, FIRST)
    book(hand, SECOND)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            assert buy_it(hand, FIRST, selection(seat=1))["tickets_created"] == 1
            late = rival.start_waiting(buy_it, SECOND, selection(seat=1))
        with pytest.raises(psycopg.Error) as refusal:
            late.result(PATIENCE)
    assert refusal.value.sqlstate == "TK005"
    (issue,) = refused(refusal.value).issues
    assert (issue["code"], issue["ticket_type_id"]) == ("sold_out", SEAT)
    assert (issue["requested"], issue["available"]) == (1, 0)
    assert (len(tickets(hand, FIRST)), tickets(hand, SECOND)) == (1, [])
    assert pool(hand, SEAT) == (1, 1, 0)


@pytest.mark.parametrize("buy_it", [give, select])
def test_persist_gets_the_capacity_that_the_first_buyer_releases(
    connect: Connect, hand: Connection, buy_it: Buy
) -> None:
    offer(hand, {SEAT: 1})
    book(hand, FIRST)
    book(hand, SECOND)
    with rivals(connect, 1) as (rival,):
        with hand.transaction(force_rollback=True):
            buy_it(hand, FIRST, selection(seat=1))
            late = rival.start_waiting(buy_it, SECOND, selection(seat=1))
        assert late.result(PATIENCE)["tickets_created"] == 1
    assert (tickets(hand, FIRST), len(tickets(hand, SECOND))) == ([], 1)
    assert pool(hand, SEAT) == (1, 1, 0)


def test_create_that_comes_second_stores_nothing(connect: Connect, hand: Connection) -> None:
    offer(hand, {SEAT: 1})
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, FIRST, selection(seat=1))
            late = rival.start_waiting(buy, SECOND, selection(seat=1), selection(boat=1))
        with pytest.raises(psycopg.Error) as refusal:
            late.result(PATIENCE)
    assert refusal.value.sqlstate == "TK005"
    for table in ("registration_index", "registrations", "attendees", "tickets"):
        assert hand.execute(
            sql.SQL("SELECT DISTINCT registration_id::text FROM {}").format(
                sql.Identifier("ticketing", table)
            )
        ).fetchall() == [(FIRST,)]
    assert pool(hand, SEAT) == (1, 1, 0)


@pytest.mark.parametrize(
    ("capacities", "first", "second", "short"),
    [
        # another ticket type of the same event
        ({HALL: 1}, selection(stand=1), selection(seat=1), (HALL, 1, 0)),
        # of another event, in the same shared pool
        ({SHARED: 1}, selection(boat=1), selection(seat=1), (SHARED, 1, 0)),
        # a package as such
        ({FAMILY: 1}, selection(family=1), selection(family=1), (FAMILY, 1, 0)),
        # what is inside packages
        ({STAND: 3}, selection(family=1), selection(family=1), (STAND, 2, 1)),
        # some of the request fits, which is not enough
        ({SEAT: 5}, selection(seat=3), selection(seat=3), (SEAT, 3, 2)),
    ],
)
def test_last_unit_of_a_pool_is_taken_once(
    connect: Connect,
    hand: Connection,
    *,
    capacities: dict[str, int],
    first: Document,
    second: Document,
    short: tuple[str, int, int],
) -> None:
    offer(hand, capacities, shared=[SEAT, BOAT])
    pool_id, requested, available = short
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, FIRST, first)
            late = rival.start_waiting(buy, SECOND, second)
        with pytest.raises(psycopg.Error) as refusal:
            late.result(PATIENCE)
    assert refusal.value.sqlstate == "TK005"
    (issue,) = refused(refusal.value).issues
    assert (issue["requested"], issue["available"]) == (requested, available)
    capacity = capacities[pool_id]
    assert pool(hand, pool_id) == (capacity, capacity - available, 0)


@pytest.mark.parametrize("held", [SEAT, BOAT])
def test_create_in_opposite_order_of_pools_does_not_deadlock(
    connect: Connect, hand: Connection, held: str
) -> None:
    offer(hand, {SEAT: 2, BOAT: 2})
    with rivals(connect, 2) as (one, other):
        with hand.transaction():
            hand.execute(
                "SELECT FROM ticketing.capacity_pools WHERE capacity_pool_id = %s FOR UPDATE",
                [held],
            )
            calls = [
                one.start_waiting(buy, FIRST, selection(seat=1), selection(boat=1)),
                other.start_waiting(buy, SECOND, selection(boat=1), selection(seat=1)),
            ]
        assert [made.result(PATIENCE)["tickets_created"] for made in calls] == [2, 2]
    assert (pool(hand, SEAT), pool(hand, BOAT)) == ((2, 2, 0), (2, 2, 0))


@pytest.mark.parametrize("is_committed", [True, False])
def test_create_sent_twice_at_once_makes_one_registration(
    connect: Connect, hand: Connection, *, is_committed: bool
) -> None:
    # capacity for a second ticket is left, in case the second call makes a second booking
    offer(hand, {SEAT: 2})
    with rivals(connect, 1) as (rival,):
        with hand.transaction(force_rollback=not is_committed):
            first = buy(hand, FIRST, selection(seat=1))
            late = rival.start_waiting(buy, FIRST, selection(seat=1))
        second = late.result(PATIENCE)
    assert second["tickets_created"] == (0 if is_committed else 1)
    assert second["revision"] == 1
    assert (second["tickets"] == first["tickets"]) is is_committed
    assert tickets(hand, FIRST) == [row["ticket_id"] for row in second["tickets"]]
    assert hand.execute("SELECT count(*) FROM ticketing.attendees").fetchone() == (1,)
    assert pool(hand, SEAT) == (2, 1, 0)
