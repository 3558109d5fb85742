"""Races about what is paid: one session holds its locks until the rival is seen waiting."""

import psycopg
import pytest
from psycopg import IsolationLevel
from tests.support.bookings import let_lapse, payment
from tests.support.caller import (
    Connect,
    Connection,
    Document,
    owner,
    refused,
    service,
)
from tests.support.crowd import (
    BOAT,
    HALL,
    SEAT,
    attendee_of,
    buy,
    catalogue,
    enter,
    is_free,
    pool,
    select,
    selection,
    uid,
)
from tests.support.safeguards import guards
from tests.support.sessions import PATIENCE, outcome, rivals

FIRST, SECOND = uid(0xA1), uid(0xA2)
LATER = "2120-01-01T00:00:00Z"


def offer(connection: Connection, limit: int | None = None, **capacities: int) -> None:
    """Import the hot catalogue with these capacities, by lower-case name, and a limit per owner."""
    named = {"hall": HALL, "seat": SEAT, "boat": BOAT}
    document = catalogue({named[name]: capacity for name, capacity in capacities.items()})
    document["function"] |= {"changes_until": LATER, "refunds_until": LATER}
    if limit is not None:
        document["function"]["max_held_per_owner"] = limit
    service(connection).call("import_catalogue", p_catalogue=document)


def buy_and_pay(connection: Connection, registration: str, chosen: Document) -> None:
    total = buy(connection, registration, chosen)["total"]
    service(connection).call(
        "complete_registration_payment",
        p_registration_id=registration,
        p_payment=payment(total, f"payment of {registration}"),
    )


def amend(
    connection: Connection,
    registration: str,
    chosen: Document,
    reference: str | None = None,
    amount: str = "0",
    **more: object,
) -> Document:
    """Amend as the service, with a payment if a reference is given."""
    return service(connection).call(
        "amend_registration",
        p_registration_id=registration,
        p_selections={attendee_of(registration): chosen},
        p_payment=None if reference is None else payment(amount, reference),
        **more,
    )


def refund(connection: Connection, registration: str, amount: str) -> Document:
    return service(connection).call(
        "record_refund", p_registration_id=registration, p_refund=payment(amount, "refund")
    )


def cancel(connection: Connection, registration: str) -> Document:
    return service(connection).call("cancel_registration", p_registration_id=registration)


def cancel_ticket(connection: Connection, registration: str, ticket: str) -> Document:
    return service(connection).call(
        "cancel_tickets", p_registration_id=registration, p_ticket_ids=[ticket]
    )


def get(connection: Connection, registration: str) -> Document:
    return service(connection).call("get_registration", p_registration_id=registration)


def in_force(connection: Connection, registration: str) -> list[str]:
    """Return the types of the tickets that a registration has, each as often as it has it."""
    return sorted(
        ticket["ticket_type_id"]
        for ticket in get(connection, registration)["tickets"]
        if ticket["status"] == "Active"
    )


def references(connection: Connection) -> list[str]:
    """Return the references of payments for changes, and of refunds."""
    return [
        reference
        for (reference,) in connection.execute(
            "SELECT reference FROM ticketing.payments "
            "WHERE reference NOT LIKE 'payment of %' ORDER BY created_at"
        )
    ]


# --- two amendments


@guards("the row lock in lock_registration")
def test_amendment_that_waited_for_another_is_priced_anew(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy_and_pay(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            amend(hand, FIRST, selection(boat=1), "c1", "15.50")
            amended = rival.start_waiting(amend, FIRST, selection(seat=2), "c2", "20.00")
        with pytest.raises(psycopg.Error) as refusal:
            amended.result(PATIENCE)
    (issue,) = refused(refusal.value).issues
    assert (issue["code"], issue["expected"], issue["actual"]) == ("amount_mismatch", 4.5, 20)
    assert (references(hand), in_force(hand, FIRST)) == (["c1"], [BOAT])


def test_amendment_that_waited_for_another_finds_its_revision_overtaken(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy_and_pay(hand, FIRST, selection(boat=1))
    revision = get(hand, FIRST)["revision"]
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            amend(hand, FIRST, selection(seat=1))
            other = rival.start_waiting(
                amend, FIRST, selection(walk=1), p_expected_revision=revision
            )
        assert outcome(other) == "TK006"
    assert in_force(hand, FIRST) == [SEAT]


def test_amendment_sent_twice_at_once_pays_once(connect: Connect, hand: Connection) -> None:
    offer(hand, boat=5)
    buy_and_pay(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            answer = amend(hand, FIRST, selection(boat=1), "c1", "15.50")
            again = rival.start_waiting(amend, FIRST, selection(boat=1), "c1", "15.50")
        repeated = again.result(PATIENCE)
    told = ("payment_id", "revision", "total", "paid", "amount_due", "refund_due")
    assert [repeated[key] for key in told] == [answer[key] for key in told]
    assert (answer["tickets_created"], repeated["tickets_created"]) == (1, 0)
    assert references(hand) == ["c1"]
    assert pool(hand, BOAT) == (5, 0, 1)


def test_amendment_sent_at_once_for_something_else_is_refused(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy_and_pay(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            amend(hand, FIRST, selection(seat=2), "c1", "20.00")
            other = rival.start_waiting(amend, FIRST, selection(seat=3), "c1", "20.00")
        assert outcome(other) == "TK007"
    assert in_force(hand, FIRST) == [SEAT, SEAT]


@pytest.mark.parametrize("isolation", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_amendment_sent_twice_under_a_snapshot_gets_its_answer_when_repeated(
    connect: Connect, hand: Connection, isolation: IsolationLevel
) -> None:
    offer(hand)
    buy_and_pay(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        rival.at(isolation)
        with hand.transaction():
            answer = amend(hand, FIRST, selection(boat=1), "c1", "15.50")
            again = rival.start_waiting(amend, FIRST, selection(boat=1), "c1", "15.50")
        assert outcome(again) == "40001"
        repeated = rival.start(amend, FIRST, selection(boat=1), "c1", "15.50").result(PATIENCE)
    assert repeated["payment_id"] == answer["payment_id"]
    assert references(hand) == ["c1"]


@guards("the unique key of payments")
def test_reference_pays_for_the_amendment_of_one_registration_only(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    for registration in (FIRST, SECOND):
        buy_and_pay(hand, registration, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            amend(hand, FIRST, selection(boat=1), "c1", "15.50")
            other = rival.start_waiting(amend, SECOND, selection(boat=1), "c1", "15.50")
        with pytest.raises(psycopg.Error) as refusal:
            other.result(PATIENCE)
    assert refused(refusal.value).found == [("reference_used", "p_payment.reference")]
    assert (references(hand), in_force(hand, SECOND)) == (["c1"], [SEAT])


@guards("the row lock in lock_registration")
def test_last_tickets_cancelled_at_once_leave_one(connect: Connect, hand: Connection) -> None:
    offer(hand, seat=2)
    buy_and_pay(hand, FIRST, selection(seat=2))
    one, other = [ticket["ticket_id"] for ticket in get(hand, FIRST)["tickets"]]
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            cancel_ticket(hand, FIRST, one)
            cancelled = rival.start_waiting(cancel_ticket, FIRST, other)
        assert outcome(cancelled) == "TK004"
    assert pool(hand, SEAT) == (2, 0, 1)


def test_ticket_cancelled_twice_at_once_is_due_back_once(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=2)
    buy_and_pay(hand, FIRST, selection(seat=2))
    ticket = get(hand, FIRST)["tickets"][0]["ticket_id"]
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            cancel_ticket(hand, FIRST, ticket)
            cancelled = rival.start_waiting(cancel_ticket, FIRST, ticket)
        answer = cancelled.result(PATIENCE)
    assert (answer["tickets_cancelled"], answer["refund_due"]) == (0, 20)
    assert pool(hand, SEAT) == (2, 0, 1)


# --- amend against cancel and refund


def test_amendment_that_waited_for_a_cancellation_pays_nothing(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, boat=1)
    buy_and_pay(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            cancel(hand, FIRST)
            amended = rival.start_waiting(amend, FIRST, selection(boat=1), "c1", "15.50")
        assert outcome(amended) == "TK003"
    assert references(hand) == []
    assert pool(hand, BOAT) == (1, 0, 0)


def test_cancel_registration_that_waited_for_an_amendment_owes_all_that_was_paid(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=1, boat=1)
    buy_and_pay(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            amend(hand, FIRST, selection(boat=1), "c1", "15.50")
            cancelled = rival.start_waiting(cancel, FIRST)
        assert cancelled.result(PATIENCE)["tickets_cancelled"] == 1
    assert get(hand, FIRST)["refund_due"] == 35.5
    assert (pool(hand, SEAT), pool(hand, BOAT)) == ((1, 0, 0), (1, 0, 0))


@guards("the row lock in lock_registration")
def test_refund_that_waited_for_an_amendment_finds_its_money_used(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy_and_pay(hand, FIRST, selection(boat=1))
    assert amend(hand, FIRST, selection(seat=1))["refund_due"] == 15.5
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            amend(hand, FIRST, selection(boat=1))
            refunded = rival.start_waiting(refund, FIRST, "15.50")
        assert outcome(refunded) == "TK007"
    assert references(hand) == []


@pytest.mark.parametrize("reference", [None, "c1"])
def test_amendment_that_waited_for_a_refund_costs_what_was_given_back(
    connect: Connect, hand: Connection, reference: str | None
) -> None:
    offer(hand)
    buy_and_pay(hand, FIRST, selection(boat=1))
    amend(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            refund(hand, FIRST, "15.50")
            amended = rival.start_waiting(amend, FIRST, selection(boat=1), reference, "15.50")
        if reference is None:
            assert outcome(amended) == "TK007"
        else:
            answer = amended.result(PATIENCE)
            assert (answer["paid"], answer["refunded"], answer["refund_due"]) == (51, 15.5, 0)


def test_amendment_that_waited_for_an_adjustment_costs_less(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy_and_pay(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            service(hand).call(
                "adjust_registration",
                p_registration_id=FIRST,
                p_adjustment="-5.00",
                p_reason="goodwill",
            )
            amended = rival.start_waiting(amend, FIRST, selection(boat=1), "c1", "15.50")
        with pytest.raises(psycopg.Error) as refusal:
            amended.result(PATIENCE)
    (issue,) = refused(refusal.value).issues
    assert (issue["code"], issue["expected"], issue["actual"]) == ("amount_mismatch", 10.5, 15.5)
    assert references(hand) == []


def test_holder_of_a_ticket_that_is_cancelled_meanwhile_is_refused(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy_and_pay(hand, FIRST, selection(seat=2))
    ticket = get(hand, FIRST)["tickets"][0]["ticket_id"]

    def assign(connection: Connection) -> Document:
        return service(connection).call(
            "assign_tickets",
            p_registration_id=FIRST,
            p_holders=[{"ticket_id": ticket, "holder": {"firstName": "Ada", "lastName": "Lind"}}],
        )

    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            cancel_ticket(hand, FIRST, ticket)
            assigned = rival.start_waiting(assign)
        with pytest.raises(psycopg.Error) as refusal:
            assigned.result(PATIENCE)
    assert refused(refusal.value).found == [("ticket_cancelled", "p_holders[0].ticket_id")]


# --- capacity


@guards("the check of the pool in take_capacity")
def test_amendment_that_lost_the_last_ticket_to_a_buyer_pays_nothing(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=5, boat=1)
    buy_and_pay(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, SECOND, selection(boat=1))
            amended = rival.start_waiting(amend, FIRST, selection(boat=1), "c1", "15.50")
        with pytest.raises(psycopg.Error) as refusal:
            amended.result(PATIENCE)
    (issue,) = refused(refusal.value).issues
    assert (issue["code"], issue["requested"], issue["available"]) == ("sold_out", 1, 0)
    assert (references(hand), in_force(hand, FIRST)) == ([], [SEAT])
    assert (pool(hand, SEAT), pool(hand, BOAT)) == ((5, 0, 1), (1, 1, 0))


def test_buyer_who_lost_the_last_ticket_to_an_amendment_is_refused(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, boat=1)
    buy_and_pay(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            amend(hand, FIRST, selection(boat=1), "c1", "15.50")
            bought = rival.start_waiting(buy, SECOND, selection(boat=1))
        assert outcome(bought) == "TK005"
    assert pool(hand, BOAT) == (1, 0, 1)


def test_amendment_does_not_wait_for_an_overdue_registration_that_is_locked(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, boat=1)
    buy_and_pay(hand, FIRST, selection(seat=1))
    buy(hand, SECOND, selection(boat=1))
    let_lapse(hand, SECOND)
    with rivals(connect, 1) as (rival,):
        rival.connection.execute("SET lock_timeout = '2s'")
        with hand.transaction():
            select(hand, SECOND, selection(boat=1))  # its owner is back
            first = outcome(rival.start(amend, FIRST, selection(boat=1), "c1", "15.50"))
        assert first == "40001"
        let_lapse(hand, SECOND)
        amended = rival.start(amend, FIRST, selection(boat=1), "c1", "15.50").result(PATIENCE)
    assert amended["tickets_created"] == 1
    assert pool(hand, BOAT) == (1, 0, 1)


@guards("the order of the pools in take_capacity")
def test_amendments_that_exchange_in_opposite_directions_do_not_deadlock(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=2, boat=2)
    buy_and_pay(hand, FIRST, selection(seat=1))
    buy_and_pay(hand, SECOND, selection(boat=1))
    looking = connect(autocommit=True)
    with rivals(connect, 2) as (one, other):
        with hand.transaction():
            enter(hand, SEAT)
            dearer = one.start_waiting(amend, FIRST, selection(boat=1), "c1", "15.50")
            cheaper = other.start_waiting(amend, SECOND, selection(seat=1))
            # neither has what the other one needs next
            assert is_free(looking, BOAT)
        assert dearer.result(PATIENCE)["success"]
        assert cheaper.result(PATIENCE)["refund_due"] == 15.5
    assert (pool(hand, SEAT), pool(hand, BOAT)) == ((2, 0, 1), (2, 0, 1))


@guards("the lock of lock_owner")
def test_owner_limit_holds_for_two_amendments_together(connect: Connect, hand: Connection) -> None:
    offer(hand, limit=5)
    for registration in (FIRST, SECOND):
        buy_and_pay(hand, registration, selection(seat=1))

    def add_three(connection: Connection, registration: str) -> Document:
        return owner(connection).call(
            "amend_registration",
            p_registration_id=registration,
            p_selections={attendee_of(registration): selection(seat=1, walk=3)},
        )

    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            add_three(hand, FIRST)
            added = rival.start_waiting(add_three, SECOND)
        with pytest.raises(psycopg.Error) as refusal:
            added.result(PATIENCE)
    assert refused(refusal.value).found == [("owner_limit", "p_selections")]
