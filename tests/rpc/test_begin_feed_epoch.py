"""begin_feed_epoch: later changes come after all that readers have seen."""

import psycopg
import pytest
from tests.support.bookings import ONE, book, integrity
from tests.support.caller import Connect, Connection, anonymous, owner, service, staff, stranger
from tests.support.example import STRANGER
from tests.support.feed import ELSEWHERE, LOCK_TIMEOUT, Reader, begin, recorded


def test_begin_feed_epoch_continues_the_feed_in_a_higher_epoch(seller: Connection) -> None:
    first = book(seller, ONE)
    reader = Reader(seller)
    reader.read_until(1)
    unread = book(seller, ONE)
    epochs = [service(seller).call("begin_feed_epoch")["epoch"] for _ in range(3)]
    assert epochs[0] > 1
    assert epochs == sorted(set(epochs))
    last = book(seller, ONE)
    reader.read_until(3)
    assert [(change["registration_id"], change["epoch"]) for change in reader.seen] == [
        (first, 1),
        (unread, 1),
        (last, epochs[-1]),
    ]
    late = Reader(seller, limit=1)
    late.read_all()
    assert late.seen == reader.seen
    assert integrity(seller) == []


def test_begin_feed_epoch_keeps_the_order_of_a_registration(seller: Connection) -> None:
    registration_id = book(seller, ONE)
    service(seller).call("begin_feed_epoch")
    staff(seller).call("cancel_registration", p_registration_id=registration_id)
    reader = Reader(seller)
    reader.read_until(2)
    assert reader.story == [(registration_id, "added"), (registration_id, "cancelled")]


def test_begin_feed_epoch_waits_for_transactions_that_change_tickets(
    seller: Connection, event_connect: Connect
) -> None:
    book(seller, ONE)
    slow = event_connect(options=LOCK_TIMEOUT)
    begin(slow)
    registration_id = book(slow, ELSEWHERE, STRANGER)
    # it would come before what is read in the new epoch
    with pytest.raises(psycopg.errors.LockNotAvailable):
        service(seller).call("begin_feed_epoch")
    slow.commit()
    service(seller).call("begin_feed_epoch")
    reader = Reader(seller)
    reader.read_until(2)
    assert reader.story[-1] == (registration_id, "added")


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_begin_feed_epoch_ends_transactions_that_saw_the_epoch_before(
    seller: Connection, event_connect: Connect, isolation: str
) -> None:
    book(seller, ONE)
    old = event_connect(options=LOCK_TIMEOUT)
    begin(old, isolation)
    old.execute("SELECT pg_current_xact_id()")
    service(seller).call("begin_feed_epoch")
    book(seller, ONE)
    with pytest.raises(psycopg.errors.SerializationFailure):
        book(old, ELSEWHERE, STRANGER)
    old.rollback()
    reader = Reader(seller)
    reader.read_until(2)
    assert [change["change_id"] for change in reader.seen] == recorded(seller)


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_begin_feed_epoch_is_refused_outside_of_read_committed(
    event_connect: Connect, isolation: str
) -> None:
    connection = event_connect()
    begin(connection, isolation)
    refusal = service(connection).refusal("begin_feed_epoch")
    assert (refusal.sqlstate, refusal.found) == (
        "TK004",
        [("isolation_too_strict", "transaction_isolation")],
    )


def test_begin_feed_epoch_is_for_the_service_alone(event_db: Connection) -> None:
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(event_db).call("begin_feed_epoch")
