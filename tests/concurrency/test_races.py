"""Races, each decided by hand: one session holds its locks until the rival is seen waiting."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

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
    SHARED,
    STAND,
    WALK,
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
from tests.support.example import STRANGER
from tests.support.safeguards import guards
from tests.support.sessions import PATIENCE, outcome, rivals

FIRST, SECOND = uid(0xA1), uid(0xA2)
SNAPSHOTS = (IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE)


def offer(connection: Connection, **capacities: int) -> None:
    """Import the hot catalogue with these capacities, by lower-case name."""
    named = {"hall": HALL, "seat": SEAT, "stand": STAND, "boat": BOAT}
    service(connection).call(
        "import_catalogue",
        p_catalogue=catalogue({named[name]: capacity for name, capacity in capacities.items()}),
    )


def pay(connection: Connection, registration: str, reference: str, amount: str) -> Document:
    return service(connection).call(
        "complete_registration_payment",
        p_registration_id=registration,
        p_payment=payment(amount, reference),
    )


def refund(connection: Connection, registration: str, reference: str, amount: str) -> Document:
    return service(connection).call(
        "record_refund",
        p_registration_id=registration,
        p_refund=payment(amount, reference),
    )


def cancel(connection: Connection, registration: str) -> Document:
    return service(connection).call("cancel_registration", p_registration_id=registration)


def cut(connection: Connection, document: Document) -> Document:
    return service(connection).call("import_catalogue", p_catalogue=document)


def payments(connection: Connection) -> list[tuple[str, str]]:
    """Return the reference and the kind of every payment."""
    return connection.execute(
        "SELECT reference, kind FROM ticketing.payments ORDER BY created_at"
    ).fetchall()


# --- pay against expire


def test_payment_waits_for_an_expiry_and_retakes_the_capacity(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=1)
    buy(hand, FIRST, selection(seat=1))
    let_lapse(hand, FIRST)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            assert service(hand).call("release_expired_holds")["released"] == 1
            paid = rival.start_waiting(pay, FIRST, "p1", "20.00")
        assert paid.result(PATIENCE)["status"] == "completed"
    assert pool(hand, SEAT) == (1, 0, 1)


def test_payment_is_refused_when_its_capacity_went_to_another_buyer(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=1)
    buy(hand, FIRST, selection(seat=1))
    let_lapse(hand, FIRST)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, SECOND, selection(seat=1))
            paid = rival.start_waiting(pay, FIRST, "p1", "20.00")
        assert outcome(paid) == "TK005"
    assert payments(hand) == []
    assert pool(hand, SEAT) == (1, 1, 0)


def test_payment_under_way_keeps_the_capacity_of_an_overdue_hold(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=1)
    buy(hand, FIRST, selection(seat=1))
    let_lapse(hand, FIRST)
    with rivals(connect, 2) as (releaser, buyer):
        with hand.transaction():
            pay(hand, FIRST, "p1", "20.00")
            released = releaser.start(
                lambda connection: service(connection).call("release_expired_holds")
            ).result(PATIENCE)
            assert released["released"] == 0
            bought = buyer.start_waiting(buy, SECOND, selection(seat=1))
        assert outcome(bought) == "TK005"
    assert pool(hand, SEAT) == (1, 0, 1)


# --- cancel, persist, pay


def test_persist_that_waited_for_a_cancellation_changes_nothing(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=2)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            cancel(hand, FIRST)
            persisted = rival.start_waiting(select, FIRST, selection(seat=2))
        assert outcome(persisted) == "TK003"
    assert pool(hand, SEAT) == (2, 0, 0)


def test_cancel_registration_that_waited_for_a_persist_cancels_what_it_stored(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=2)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            select(hand, FIRST, selection(seat=2))
            cancelled = rival.start_waiting(cancel, FIRST)
        assert cancelled.result(PATIENCE)["tickets_cancelled"] == 2
    assert pool(hand, SEAT) == (2, 0, 0)


def test_payment_is_refused_when_the_total_changes_meanwhile(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            select(hand, FIRST, selection(boat=1))
            paid = rival.start_waiting(pay, FIRST, "p1", "20.00")
        assert outcome(paid) == "TK007"
    assert payments(hand) == []


# --- payments and refunds twice


@guards("the row lock in lock_registration")
def test_payment_at_once_with_another_reference_is_refused(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=1)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            pay(hand, FIRST, "p1", "20.00")
            paid = rival.start_waiting(pay, FIRST, "p2", "20.00")
        assert outcome(paid) == "TK007"
    assert payments(hand) == [("p1", "payment")]
    assert pool(hand, SEAT) == (1, 0, 1)


def test_payment_sent_twice_at_once_is_recorded_once(connect: Connect, hand: Connection) -> None:
    offer(hand, seat=1)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            answer = pay(hand, FIRST, "p1", "20.00")
            paid = rival.start_waiting(pay, FIRST, "p1", "20.00")
        assert outcome(paid) == answer
    assert payments(hand) == [("p1", "payment")]
    assert pool(hand, SEAT) == (1, 0, 1)


def test_payment_reference_pays_for_one_registration_only(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy(hand, FIRST, selection(seat=1))
    buy(hand, SECOND, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            pay(hand, FIRST, "p1", "20.00")
            paid = rival.start_waiting(pay, SECOND, "p1", "20.00")
        assert outcome(paid) == "TK007"
    assert payments(hand) == [("p1", "payment")]


@pytest.mark.parametrize("reference", ["r1", "r2"])
def test_record_refund_at_once_gives_money_back_once(
    connect: Connect, hand: Connection, reference: str
) -> None:
    offer(hand)
    buy(hand, FIRST, selection(seat=1))
    pay(hand, FIRST, "p1", "20.00")
    cancel(hand, FIRST)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            answer = refund(hand, FIRST, "r1", "20.00")
            again = rival.start_waiting(refund, FIRST, reference, "20.00")
        assert outcome(again) == (answer if reference == "r1" else "TK007")
    assert payments(hand) == [("p1", "payment"), ("r1", "refund")]


@guards("the row lock in lock_registration")
def test_record_refund_at_once_stays_within_what_is_due(connect: Connect, hand: Connection) -> None:
    offer(hand)
    buy(hand, FIRST, selection(seat=1))
    pay(hand, FIRST, "p1", "20.00")
    cancel(hand, FIRST)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            refund(hand, FIRST, "r1", "12.00")
            more = rival.start_waiting(refund, FIRST, "r2", "12.00")
        assert outcome(more) == "TK007"
    assert refund(hand, FIRST, "r3", "8.00")["payment_status"] == "Refunded"


def test_record_refund_reference_gives_back_for_one_registration_only(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    for registration, reference in ((FIRST, "p1"), (SECOND, "p2")):
        buy(hand, registration, selection(seat=1))
        pay(hand, registration, reference, "20.00")
        cancel(hand, registration)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            refund(hand, FIRST, "r1", "20.00")
            again = rival.start_waiting(refund, SECOND, "r1", "20.00")
        assert outcome(again) == "TK007"
    assert refund(hand, SECOND, "r2", "20.00")["payment_status"] == "Refunded"


# --- another owner, another price


def transfer(connection: Connection, registration: str, new_owner: str = STRANGER) -> Document:
    return service(connection).call(
        "transfer_registration", p_registration_id=registration, p_new_owner_id=new_owner
    )


def adjust(connection: Connection, registration: str, adjustment: str) -> Document:
    return service(connection).call(
        "adjust_registration",
        p_registration_id=registration,
        p_adjustment=adjustment,
        p_reason="goodwill",
    )


def owners(connection: Connection) -> set[str]:
    """Return the owners of all registrations, attendees and tickets."""
    found = connection.execute(
        """
        SELECT owner_id::text FROM ticketing.registrations
        UNION SELECT owner_id::text FROM ticketing.attendees
        UNION SELECT owner_id::text FROM ticketing.tickets
        """
    ).fetchall()
    return {owner_id for (owner_id,) in found}


OF_AN_OWNER: dict[str, Callable[[Connection], Document]] = {
    "persist": lambda connection: owner(connection).call(
        "persist_ticket_selections",
        p_registration_id=FIRST,
        p_selections={attendee_of(FIRST): selection(seat=2)},
    ),
    "persist rows": lambda connection: owner(connection).call(
        "persist_attendee_tickets",
        p_registration_id=FIRST,
        p_tickets=[],
        p_attendee_updates=[{"attendee_id": attendee_of(FIRST), "selected_tickets": selection()}],
    ),
    "start payment": lambda connection: owner(connection).call(
        "start_payment", p_registration_id=FIRST
    ),
    "cancel": lambda connection: owner(connection).call(
        "cancel_registration", p_registration_id=FIRST
    ),
}
"""Calls of the owner of FIRST."""


@pytest.mark.parametrize("call", OF_AN_OWNER.values(), ids=OF_AN_OWNER)
@guards("the owner's check in lock_registration")
def test_owner_who_waited_for_a_transfer_finds_no_registration(
    connect: Connect, hand: Connection, call: Callable[[Connection], Document]
) -> None:
    offer(hand, seat=2)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            transfer(hand, FIRST)
            called = rival.start_waiting(call)
        assert outcome(called) == "TK002"
    assert pool(hand, SEAT) == (2, 1, 0)
    assert owners(hand) == {STRANGER}


@guards("the owner's check in create_individual_registration_with_tickets")
def test_create_for_an_owner_that_waited_for_a_transfer_finds_no_registration(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=2)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            transfer(hand, FIRST)
            # by the service, which may change it, but names the owner before
            bought = rival.start_waiting(buy, FIRST, selection(seat=2))
        assert outcome(bought) == "TK002"
    assert pool(hand, SEAT) == (2, 1, 0)


def test_service_that_waited_for_a_transfer_goes_on(connect: Connect, hand: Connection) -> None:
    offer(hand, seat=2)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            transfer(hand, FIRST)
            persisted = rival.start_waiting(select, FIRST, selection(seat=2))
        assert persisted.result(PATIENCE)["tickets_created"] == 1
    assert pool(hand, SEAT) == (2, 2, 0)
    assert owners(hand) == {STRANGER}


def test_transfer_that_waited_for_a_persist_takes_its_tickets_along(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=3)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, FIRST, selection(seat=1), selection(seat=2))
            transferred = rival.start_waiting(transfer, FIRST)
        assert transferred.result(PATIENCE)["owner_id"] == STRANGER
    assert pool(hand, SEAT) == (3, 3, 0)
    assert owners(hand) == {STRANGER}


@pytest.mark.parametrize("isolation", SNAPSHOTS)
def test_transfer_under_a_snapshot_has_to_be_repeated(
    connect: Connect, hand: Connection, isolation: IsolationLevel
) -> None:
    offer(hand, seat=2)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        rival.at(isolation)
        with hand.transaction():
            select(hand, FIRST, selection(seat=2))
            transferred = rival.start_waiting(transfer, FIRST)
        assert outcome(transferred) == "40001"
        assert rival.start(transfer, FIRST).result(PATIENCE)["success"]
    assert owners(hand) == {STRANGER}


def test_payment_is_refused_when_the_adjustment_changes_meanwhile(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            adjust(hand, FIRST, "-5.00")
            paid = rival.start_waiting(pay, FIRST, "p1", "20.00")
        assert outcome(paid) == "TK007"
    assert payments(hand) == []


def test_adjustment_that_waited_for_a_payment_makes_no_amount_due(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            pay(hand, FIRST, "p1", "20.00")
            adjusted = rival.start_waiting(adjust, FIRST, "5.00")
        assert outcome(adjusted) == "TK007"


def test_refund_that_waited_for_a_fee_gives_back_no_more_than_the_rest(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy(hand, FIRST, selection(seat=1))
    pay(hand, FIRST, "p1", "20.00")
    cancel(hand, FIRST)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            adjust(hand, FIRST, "5.00")
            back = rival.start_waiting(refund, FIRST, "r1", "20.00")
        assert outcome(back) == "TK007"
    assert refund(hand, FIRST, "r2", "15.00")["payment_status"] == "Refunded"


def test_release_that_meets_a_granted_hold_leaves_it(connect: Connect, hand: Connection) -> None:
    offer(hand, seat=1)
    buy(hand, FIRST, selection(seat=1))
    let_lapse(hand, FIRST)
    with rivals(connect, 2) as (releaser, buyer):
        with hand.transaction():
            until = datetime.now(UTC) + timedelta(days=1)
            service(hand).call("extend_hold", p_registration_id=FIRST, p_until=until)
            released = releaser.start(
                lambda connection: service(connection).call("release_expired_holds")
            )
            assert released.result(PATIENCE)["released"] == 0
            # whose capacity this buyer found to be free
            bought = buyer.start(buy, SECOND, selection(seat=1))
            assert outcome(bought) in {"40001", "TK005"}
        assert outcome(buyer.start(buy, SECOND, selection(seat=1))) == "TK005"
    assert pool(hand, SEAT) == (1, 1, 0)


# --- capacity and pools


def test_sold_out_after_a_capacity_cut_that_the_buyer_waited_for(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=2)
    buy(hand, FIRST, selection(seat=1))
    buy(hand, SECOND, selection())
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            cut(hand, catalogue({SEAT: 1}))
            bought = rival.start_waiting(select, SECOND, selection(seat=1))
        assert outcome(bought) == "TK005"
    assert pool(hand, SEAT) == (1, 1, 0)


def test_capacity_below_use_counts_a_purchase_that_the_import_waited_for(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=2)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, SECOND, selection(seat=1))
            imported = rival.start_waiting(cut, catalogue({SEAT: 1}))
        with pytest.raises(psycopg.Error) as refusal:
            imported.result(PATIENCE)
    assert refusal.value.sqlstate == "TK004"
    (issue,) = refused(refusal.value).issues
    assert (issue["code"], issue["expected"], issue["actual"]) == ("capacity_below_use", 2, 1)
    assert pool(hand, SEAT) == (2, 2, 0)


@pytest.mark.parametrize("stored_in_order", [True, False])
@guards("the order of the pools in take_capacity")
def test_create_holds_no_later_pool_while_it_waits_for_one(
    connect: Connect, hand: Connection, *, stored_in_order: bool
) -> None:
    order = (SEAT, STAND, BOAT, HALL)
    for pool_id in order if stored_in_order else order[::-1]:
        capacities = {known: 5 for known in order if order.index(known) >= order.index(pool_id)}
        if stored_in_order:
            capacities = {known: 5 for known in order if order.index(known) <= order.index(pool_id)}
        cut(hand, catalogue(capacities))
    looking = connect(autocommit=True)
    with rivals(connect, 2) as (one, other):
        for rival in (one, other):
            # as the planner might one day: visit the pools as they lie in the table
            for setting in ("indexscan", "bitmapscan", "hashjoin", "mergejoin"):
                rival.connection.execute(
                    "SELECT set_config(%s, 'off', false)", [f"enable_{setting}"]
                )
            rival.connection.execute("SET random_page_cost = 10000")
        with hand.transaction():
            enter(hand, SEAT)
            first = one.start_waiting(buy, FIRST, selection(seat=1), selection(stand=1, boat=1))
            second = other.start_waiting(buy, SECOND, selection(boat=1, stand=1), selection(seat=1))
            assert [is_free(looking, pool_id) for pool_id in order[1:]] == [True, True, True]
        assert first.result(PATIENCE)["success"]
        assert second.result(PATIENCE)["success"]
    assert pool(hand, HALL) == (5, 4, 0)


@guards(
    "the check of the pool in take_capacity",
    "the same check and the CHECK capacity_pools_not_oversold",
)
def test_sold_out_after_a_lost_race_names_only_the_pool_that_is_short(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=1, boat=1)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, FIRST, selection(boat=1))
            bought = rival.start_waiting(buy, SECOND, selection(seat=1, boat=1))
        with pytest.raises(psycopg.Error) as refusal:
            bought.result(PATIENCE)
    assert refusal.value.sqlstate == "TK005"
    assert [
        (issue["ticket_type_id"], issue["requested"], issue["available"])
        for issue in refused(refusal.value).issues
    ] == [(BOAT, 1, 0)]


def test_sold_out_after_a_lost_race_counts_overdue_holds_as_free(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=3)
    overdue = uid(0xA3)
    buy(hand, overdue, selection(seat=1))
    let_lapse(hand, overdue)
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            buy(hand, FIRST, selection(seat=1))
            bought = rival.start_waiting(buy, SECOND, selection(seat=3))
        with pytest.raises(psycopg.Error) as refusal:
            bought.result(PATIENCE)
    assert refusal.value.sqlstate == "TK005"
    assert [
        (issue["requested"], issue["available"]) for issue in refused(refusal.value).issues
    ] == [(3, 2)]


@guards("SKIP LOCKED in expire_overdue")
def test_create_does_not_wait_for_a_locked_overdue_registration(
    connect: Connect, hand: Connection
) -> None:
    offer(hand, seat=1)
    buy(hand, FIRST, selection(seat=1))
    let_lapse(hand, FIRST)
    with rivals(connect, 1) as (rival,):
        rival.connection.execute("SET lock_timeout = '2s'")
        with hand.transaction():
            select(hand, FIRST, selection(seat=1))  # its owner is back
            assert outcome(rival.start(buy, SECOND, selection(seat=1))) == "40001"
        assert outcome(rival.start(buy, SECOND, selection(seat=1))) == "TK005"
    assert pool(hand, SEAT) == (1, 1, 0)


@guards("the lock of lock_owner")
def test_owner_limit_holds_for_two_sessions_together(connect: Connect, hand: Connection) -> None:
    document = catalogue()
    document["function"]["max_held_per_owner"] = 5
    service(hand).call("import_catalogue", p_catalogue=document)
    for registration in (FIRST, SECOND):
        buy(hand, registration, selection())

    def take_three(connection: Connection, registration: str) -> Document:
        return owner(connection).call(
            "persist_ticket_selections",
            p_registration_id=registration,
            p_selections={attendee_of(registration): selection(seat=3)},
        )

    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            take_three(hand, FIRST)
            taken = rival.start_waiting(take_three, SECOND)
        assert outcome(taken) == "TK004"


@guards("the shared lock in lock_catalogue")
def test_import_catalogue_waits_for_buyers_of_a_ticket_type_that_joins_a_pool(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy(hand, FIRST, selection())
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            select(hand, FIRST, selection(walk=1))
            imported = rival.start_waiting(cut, catalogue({SHARED: 5}, shared=[WALK]))
        assert imported.result(PATIENCE)["capacity_pools"] == 1
    assert pool(hand, SHARED) == (5, 1, 0)


def test_persist_takes_capacity_from_a_pool_that_the_ticket_type_joins(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy(hand, FIRST, selection(seat=1))
    with rivals(connect, 1) as (rival,):
        with hand.transaction():
            cut(hand, catalogue({SHARED: 5}, shared=[WALK]))
            persisted = rival.start_waiting(select, FIRST, selection(walk=1))
        assert persisted.result(PATIENCE)["tickets_created"] == 1
    assert pool(hand, SHARED) == (5, 1, 0)


@pytest.mark.parametrize("isolation", SNAPSHOTS)
def test_import_catalogue_under_a_snapshot_does_not_miscount_a_purchase(
    connect: Connect, hand: Connection, isolation: IsolationLevel
) -> None:
    offer(hand)
    importer = connect(autocommit=True)
    importer.isolation_level = isolation
    document = catalogue({SHARED: 5}, shared=[WALK])
    try:
        with importer.transaction():
            importer.execute("SELECT count(*) FROM ticketing.tickets")
            buy(hand, FIRST, selection(walk=1))
            cut(importer, document)
    except psycopg.Error:  # refusing is right, too; at READ COMMITTED it must do
        importer.isolation_level = IsolationLevel.READ_COMMITTED
        cut(importer, document)
    assert pool(hand, SHARED) == (5, 1, 0)


@pytest.mark.parametrize("slug", ["hot-function", "renamed"])
def test_create_and_import_catalogue_do_not_deadlock(
    connect: Connect, hand: Connection, slug: str
) -> None:
    offer(hand, seat=5)
    with rivals(connect, 2) as (importer, creator):
        with hand.transaction():
            hand.execute("SELECT FROM ticketing.organisations FOR UPDATE")
            imported = importer.start_waiting(cut, catalogue({SHARED: 5}, shared=[SEAT], slug=slug))
            created = creator.start_waiting(buy, FIRST, selection(seat=1))
        assert imported.result(PATIENCE)["success"]
        assert created.result(PATIENCE)["success"]


def test_first_writers_after_a_server_start_do_not_wait_for_each_other(
    connect: Connect, hand: Connection
) -> None:
    cut(hand, catalogue({WALK: 5, SEAT: 5}))
    buy(hand, FIRST, selection(walk=1))
    let_lapse(hand, FIRST)
    service(hand).call("release_expired_holds")
    # as if the server had just been started
    hand.execute("UPDATE ticketing_internal.feed_epoch SET server_started_at = 'epoch'")
    with rivals(connect, 2) as (payer, buyer):
        with hand.transaction():
            enter(hand, SEAT)
            bought = buyer.start_waiting(buy, SECOND, selection(seat=1), selection(walk=1))
            started = payer.start(
                lambda connection: service(connection).call(
                    "start_payment", p_registration_id=FIRST
                )
            )
            assert started.result(PATIENCE)["status"] == "completed"
        assert bought.result(PATIENCE)["success"]


# --- isolation


@pytest.mark.parametrize("isolation", SNAPSHOTS)
def test_last_ticket_under_a_snapshot_is_sold_once(
    connect: Connect, hand: Connection, isolation: IsolationLevel
) -> None:
    offer(hand, seat=1)
    with rivals(connect, 1) as (rival,):
        rival.at(isolation)
        with hand.transaction():
            buy(hand, FIRST, selection(seat=1))
            bought = rival.start_waiting(buy, SECOND, selection(seat=1))
        assert outcome(bought) == "40001"
        assert outcome(rival.start(buy, SECOND, selection(seat=1))) == "TK005"
    assert pool(hand, SEAT) == (1, 1, 0)


# --- the feed


@guards("the snapshot rule of get_ticket_changes")
def test_changes_wait_for_a_slower_transaction_and_skip_nothing(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    reader = connect(autocommit=True)
    seen: list[str] = []
    cursor: str | None = None

    def read() -> None:
        nonlocal cursor
        answer = service(reader).call("get_ticket_changes", p_after=cursor, p_limit=1)
        while answer["changes"]:
            seen.extend(change["registration_id"] for change in answer["changes"])
            cursor = answer["cursor"]
            answer = service(reader).call("get_ticket_changes", p_after=cursor, p_limit=1)

    slow = connect(autocommit=True)
    before, between, after = uid(0xB1), uid(0xB2), uid(0xB3)
    buy(hand, before, selection(walk=1))
    read()
    assert seen == [before]
    with slow.transaction():
        buy(slow, between, selection(walk=1))
        buy(hand, after, selection(walk=1))
        read()
        assert seen == [before]
    read()
    assert seen == [before, between, after]


def test_changes_of_a_ticket_are_in_order_when_transactions_overlap(
    connect: Connect, hand: Connection
) -> None:
    offer(hand)
    buy(hand, uid(0xA3), selection(walk=1))  # the first change after a start is for the epoch
    buy(hand, FIRST, selection())
    early = connect(autocommit=True)
    with early.transaction():
        buy(early, SECOND, selection(walk=1))  # gives it the lower transaction id
        select(hand, FIRST, selection(walk=1))
        select(early, FIRST, selection())
    changes = service(hand).call("get_ticket_changes")["changes"]
    assert [change["change"] for change in changes if change["registration_id"] == FIRST] == [
        "added",
        "removed",
    ]
