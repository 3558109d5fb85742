"""Allotments of a contended pool: no buyer waits while there are some, and no capacity is lost."""

from collections.abc import Mapping

import psycopg
import pytest
from tests.support.bookings import integrity, let_lapse, pay
from tests.support.caller import (
    Connect,
    Connection,
    refused,
    service,
)
from tests.support.crowd import (
    BOAT,
    FUNCTION,
    HALL,
    SEAT,
    STAND,
    WALK,
    buy,
    catalogue,
    pool,
    selection,
    uid,
)
from tests.support.safeguards import guards
from tests.support.sessions import PATIENCE, rivals

FIRST, SECOND, THIRD, FOURTH = (uid(0xA1 + number) for number in range(4))

CAPACITY = 1000

NO_OTHERS: Mapping[str, int] = {}


def crowd(
    connect: Connect,
    hand: Connection,
    capacity: int = CAPACITY,
    others: Mapping[str, int] = NO_OTHERS,
) -> None:
    """Let a buyer wait for a pool: then two seats are held, and there is an allotment."""
    service(hand).call("import_catalogue", p_catalogue=catalogue({SEAT: capacity, **others}))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, FIRST, selection(seat=1))
            bought = rival.start_waiting(buy, SECOND, selection(seat=1))
        assert bought.result(PATIENCE)["success"]


def allotments(connection: Connection) -> list[int]:
    """Return the capacity available in each allotment."""
    return [
        available
        for (available,) in connection.execute(
            "SELECT available FROM ticketing_internal.capacity_allotments ORDER BY allotment"
        )
    ]


def seats_left(connection: Connection) -> int:
    """Return how many seats a screen would show as left."""
    answer = service(connection).call("get_ticket_availability", p_function_id=FUNCTION)
    (left,) = (
        kind["available"] for kind in answer["ticket_types"] if kind["ticket_type_id"] == SEAT
    )
    assert isinstance(left, int)
    return left


def test_pool_gets_allotments_only_once_a_buyer_has_waited(
    connect: Connect, hand: Connection
) -> None:
    service(hand).call("import_catalogue", p_catalogue=catalogue({SEAT: CAPACITY}))
    buy(hand, THIRD, selection(seat=1))
    buy(hand, FOURTH, selection(seat=1))
    assert allotments(hand) == []

    crowd(connect, hand)
    (available,) = allotments(hand)
    assert available > 1
    assert pool(hand, SEAT) == (CAPACITY, 4, 0)


def test_small_pool_gets_no_allotments(connect: Connect, hand: Connection) -> None:
    crowd(connect, hand, capacity=100)
    assert allotments(hand) == []
    assert pool(hand, SEAT) == (100, 2, 0)


def test_create_does_not_wait_for_a_pool_with_an_allotment(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    other = connect(autocommit=True)
    with hand.transaction():
        buy(hand, THIRD, selection(seat=1))
        assert buy(other, FOURTH, selection(seat=1))["tickets_created"] == 1
        assert pool(other, SEAT) == (CAPACITY, 3, 0)
    assert pool(hand, SEAT) == (CAPACITY, 4, 0)


def test_payment_and_cancellation_do_not_wait_for_a_pool_with_an_allotment(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    other = connect(autocommit=True)
    with hand.transaction():
        buy(hand, THIRD, selection(seat=1))
        paid = pay(other, FIRST)
        assert paid["status"] == "completed"
        assert pool(other, SEAT) == (CAPACITY, 1, 1)
        service(other).call("cancel_registration", p_registration_id=SECOND)
        assert pool(other, SEAT) == (CAPACITY, 0, 1)
        service(other).call("cancel_registration", p_registration_id=FIRST)
        assert pool(other, SEAT) == (CAPACITY, 0, 0)
    assert pool(hand, SEAT) == (CAPACITY, 1, 0)
    assert integrity(hand) == []
    assert service(hand).call("repair_capacity")["pools_repaired"] == 0
    assert pool(hand, SEAT) == (CAPACITY, 1, 0)


def test_cancel_registration_frees_what_was_paid_from_an_allotment(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    other = connect(autocommit=True)
    with hand.transaction():
        buy(hand, THIRD, selection(seat=1))
        pay(other, FIRST)
    assert (
        service(hand).call("cancel_registration", p_registration_id=FIRST)["status"] == "cancelled"
    )
    assert pool(hand, SEAT) == (CAPACITY, 2, 0)


@guards("the check of an allotment in take_capacity")
def test_create_waits_for_the_pool_when_it_needs_more_than_an_allotment(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    (available,) = allotments(hand)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, THIRD, selection(seat=1))
            bought = rival.start_waiting(buy, FOURTH, selection(seat=available + 1))
        assert bought.result(PATIENCE)["success"]
    assert pool(hand, SEAT) == (CAPACITY, 4 + available, 0)


def test_create_waits_for_the_pool_when_the_allotment_is_locked(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    other = connect(autocommit=True)
    with rivals(connect, 1) as (rival,), other.transaction():
        with hand.transaction():
            buy(hand, THIRD, selection(seat=1))
            buy(other, FOURTH, selection(seat=1))
            bought = rival.start_waiting(buy, uid(0xA5), selection(seat=1))
        assert bought.result(PATIENCE)["success"]
        # for next time there are more
        assert len(allotments(hand)) == 3
    assert pool(hand, SEAT) == (CAPACITY, 5, 0)


@guards("draining the allotments in take_capacity")
def test_create_takes_the_last_unit_from_allotments(connect: Connect, hand: Connection) -> None:
    crowd(connect, hand)
    assert allotments(hand)
    buy(hand, THIRD, selection(seat=CAPACITY - 2))
    assert pool(hand, SEAT) == (CAPACITY, CAPACITY, 0)
    assert allotments(hand) == []
    with pytest.raises(psycopg.Error) as refusal:
        buy(hand, FOURTH, selection(seat=1))
    assert refusal.value.sqlstate == "TK005"
    assert [issue["available"] for issue in refused(refusal.value).issues] == [0]


@pytest.mark.parametrize("ends", ["COMMIT", "ROLLBACK"])
def test_create_of_the_last_units_waits_for_a_locked_allotment(
    connect: Connect, hand: Connection, ends: str
) -> None:
    crowd(connect, hand)
    other = connect(autocommit=True)
    other.execute("BEGIN")
    with hand.transaction():
        buy(hand, THIRD, selection(seat=1))
        buy(other, FOURTH, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        # all that is left, if the other one does not buy
        bought = rival.start_waiting(buy, uid(0xA5), selection(seat=CAPACITY - 3))
        other.execute(ends.encode())
        if ends == "ROLLBACK":
            assert bought.result(PATIENCE)["success"]
            assert pool(hand, SEAT) == (CAPACITY, CAPACITY, 0)
        else:
            with pytest.raises(psycopg.Error) as refusal:
                bought.result(PATIENCE)
            assert refusal.value.sqlstate == "TK005"
            assert [
                (issue["requested"], issue["available"]) for issue in refused(refusal.value).issues
            ] == [(CAPACITY - 3, CAPACITY - 4)]
            assert pool(hand, SEAT) == (CAPACITY, 4, 0)


def buy_while_another_waits(
    connect: Connect, hand: Connection, *, last_pool_is_taken: bool
) -> None:
    """Let a buyer wait for a stand with a seat from the allotment that the next buyer needs."""
    crowd(connect, hand, others={STAND: 100, WALK: 100, BOAT: 100})
    in_stand, in_boat = connect(autocommit=True), connect(autocommit=True)
    with rivals(connect, 2) as (small, large):
        in_stand.execute("BEGIN")
        in_boat.execute("BEGIN")
        buy(in_stand, uid(0xB1), selection(stand=1))
        if last_pool_is_taken:
            buy(in_boat, uid(0xB2), selection(boat=1))
        with hand.transaction():
            buy(hand, THIRD, selection(seat=1))
            # takes a seat from the allotment and waits for a stand
            first = small.start_waiting(buy, uid(0xB3), selection(seat=1, stand=1, walk=1))
        # needs the seats of the allotment too
        left = CAPACITY - pool(hand, SEAT)[1] - 1
        second = large.start_waiting(buy, uid(0xB4), selection(seat=left, walk=1, boat=1))
        in_stand.execute("COMMIT")
        assert first.result(PATIENCE)["success"]
        in_boat.execute("COMMIT")
        assert second.result(PATIENCE)["success"]
    assert pool(hand, SEAT) == (CAPACITY, CAPACITY, 0)


@guards("releasing the pools in take_idle_pools")
def test_create_holds_no_pool_while_it_waits_for_an_allotment(
    connect: Connect, hand: Connection
) -> None:
    buy_while_another_waits(connect, hand, last_pool_is_taken=True)


def test_create_holds_no_idle_pool_while_it_waits_for_an_allotment(
    connect: Connect, hand: Connection
) -> None:
    buy_while_another_waits(connect, hand, last_pool_is_taken=False)


def test_repair_capacity_corrects_the_counters_of_a_contended_pool(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    hand.execute("UPDATE ticketing.capacity_pools SET reserved = 1, sold = 3")
    assert integrity(hand)
    assert service(hand).call("repair_capacity")["pools_repaired"] == 1
    assert pool(hand, SEAT) == (CAPACITY, 2, 0)
    assert allotments(hand) == []


@guards("pool_availability in free_capacity")
def test_availability_counts_allotments_as_free(connect: Connect, hand: Connection) -> None:
    crowd(connect, hand)
    (available,) = allotments(hand)
    assert seats_left(hand) == CAPACITY - 2
    # more than the pool has without them, so that an overdue hold would have to go
    let_lapse(hand, FIRST)
    buy(hand, THIRD, selection(seat=CAPACITY - available))
    assert pool(hand, SEAT) == (CAPACITY, CAPACITY - available + 2, 0)
    assert seats_left(hand) == available - 1


@guards("draining the allotments in save_pools")
def test_import_catalogue_may_cut_a_contended_pool_to_its_tickets(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    service(hand).call("import_catalogue", p_catalogue=catalogue({SEAT: 2}))
    assert allotments(hand) == []
    assert pool(hand, SEAT) == (2, 2, 0)


def test_import_catalogue_may_leave_out_a_contended_pool(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    service(hand).call("import_catalogue", p_catalogue=catalogue({HALL: CAPACITY}))
    assert pool(hand, HALL) == (CAPACITY, 2, 0)
    assert hand.execute(
        "SELECT capacity_pool_id::text FROM ticketing.capacity_pools"
    ).fetchall() == [(HALL,)]
