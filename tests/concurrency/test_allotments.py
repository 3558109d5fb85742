"""Allotments of a contended pool: no buyer waits while there are some, and no capacity is lost."""

from collections.abc import Iterator, Mapping

import psycopg
import pytest
from tests.support.caller import (
    Connection,
    Document,
    refused,
    service,
)
from tests.support.crowd import (
    BOAT,
    FUNCTION,
    HALL,
    PATIENCE,
    SEAT,
    STAND,
    WALK,
    Connect,
    buy,
    catalogue,
    move_hold_into_the_past,
    payment,
    pool,
    problems,
    rivals,
    selection,
    uid,
)

FIRST, SECOND, THIRD, FOURTH = (uid(0xA1 + number) for number in range(4))

CAPACITY = 1000

NO_OTHERS: Mapping[str, int] = {}


@pytest.fixture
def hand(connect: Connect) -> Iterator[Connection]:
    """The session that is ahead: it commits when the test says so."""
    connection = connect(autocommit=True)
    yield connection
    assert problems(connection) == []


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


def pay(connection: Connection, registration: str) -> Document:
    """Pay for the one seat of a registration."""
    return service(connection).call(
        "complete_registration_payment",
        p_registration_id=registration,
        p_payment=payment(registration, "20.00"),
    )


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


def test_a_pool_has_allotments_only_after_a_buyer_had_to_wait(
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


def test_a_small_pool_has_no_allotments(connect: Connect, hand: Connection) -> None:
    crowd(connect, hand, capacity=100)
    assert allotments(hand) == []
    assert pool(hand, SEAT) == (100, 2, 0)


def test_no_buyer_waits_for_a_pool_while_there_is_an_allotment(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    other = connect(autocommit=True)
    with hand.transaction():
        buy(hand, THIRD, selection(seat=1))
        assert buy(other, FOURTH, selection(seat=1))["tickets_created"] == 1
        assert pool(other, SEAT) == (CAPACITY, 3, 0)
    assert pool(hand, SEAT) == (CAPACITY, 4, 0)


def test_who_pays_or_cancels_does_not_wait_either(connect: Connect, hand: Connection) -> None:
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
    assert problems(hand) == []
    assert service(hand).call("repair_capacity")["pools_repaired"] == 0
    assert pool(hand, SEAT) == (CAPACITY, 1, 0)


def test_what_was_paid_in_an_allotment_can_be_cancelled_when_the_pool_is_idle(
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


def test_who_wants_more_than_an_allotment_has_waits_for_the_pool(
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


def test_a_second_buyer_waits_for_the_pool_and_not_for_an_allotment_in_use(
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


def test_what_is_in_allotments_is_sold_to_the_last_unit(connect: Connect, hand: Connection) -> None:
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
def test_the_last_units_are_decided_when_an_allotment_in_use_is_free_again(
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


@pytest.mark.parametrize("last_pool_is_taken", [True, False])
def test_who_waits_for_an_allotment_holds_no_pool_that_its_user_may_want(
    connect: Connect, hand: Connection, *, last_pool_is_taken: bool
) -> None:
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


def test_repair_corrects_the_counters_of_a_contended_pool(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    hand.execute("UPDATE ticketing.capacity_pools SET reserved = 1, sold = 3")
    assert problems(hand)
    assert service(hand).call("repair_capacity")["pools_repaired"] == 1
    assert pool(hand, SEAT) == (CAPACITY, 2, 0)
    assert allotments(hand) == []


def test_what_is_in_allotments_counts_as_free(connect: Connect, hand: Connection) -> None:
    crowd(connect, hand)
    (available,) = allotments(hand)
    assert seats_left(hand) == CAPACITY - 2
    # more than the pool has without them, so that an overdue hold would have to go
    move_hold_into_the_past(hand, FIRST)
    buy(hand, THIRD, selection(seat=CAPACITY - available))
    assert pool(hand, SEAT) == (CAPACITY, CAPACITY - available + 2, 0)
    assert seats_left(hand) == available - 1


def test_an_import_may_cut_a_pool_to_what_its_tickets_need(
    connect: Connect, hand: Connection
) -> None:
    crowd(connect, hand)
    service(hand).call("import_catalogue", p_catalogue=catalogue({SEAT: 2}))
    assert allotments(hand) == []
    assert pool(hand, SEAT) == (2, 2, 0)


def test_a_crowded_pool_can_be_left_out_of_a_catalogue(connect: Connect, hand: Connection) -> None:
    crowd(connect, hand)
    service(hand).call("import_catalogue", p_catalogue=catalogue({HALL: CAPACITY}))
    assert pool(hand, HALL) == (CAPACITY, 2, 0)
    assert hand.execute(
        "SELECT capacity_pool_id::text FROM ticketing.capacity_pools"
    ).fetchall() == [(HALL,)]
