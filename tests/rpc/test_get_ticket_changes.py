"""get_ticket_changes: every change once and in order, no matter what else is written."""

import base64
import re
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from tests.support.bookings import ONE, book, import_catalogue, integrity, pay, payment, stored
from tests.support.caller import Connect, Connection, anonymous, owner, service, staff, stranger
from tests.support.example import (
    BANQUET,
    BRUNCH,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    EVENTS,
    FUNCTION,
    OWNER,
    RECEPTION,
    STAFF,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    other_event,
    selection,
)
from tests.support.feed import ELSEWHERE, LOCK_TIMEOUT, Reader, begin, epoch, recorded
from tests.support.stored import attendee_ids, held_tickets, rows

OPERATIONS = Path(__file__).resolve().parents[2] / "docs/operations.md"

# What is told


def test_changes_tell_the_life_of_tickets(seller: Connection) -> None:
    registration_id = book(
        seller,
        {
            WALTER: selection({CEREMONY_AND_BANQUET: 1}),
            TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1}),
        },
    )
    tickets = held_tickets(seller, registration_id)
    attendees = attendee_ids(seller, registration_id)
    staff(seller).call(
        "persist_ticket_selections",
        p_registration_id=registration_id,
        p_selections={TOMAS: selection(tickets={CEREMONY: 1})},
    )
    (stays,) = held_tickets(seller, registration_id)[TOMAS]
    (gone,) = set(tickets[TOMAS]) - {stays}
    pay(seller, registration_id)
    staff(seller).call("cancel_registration", p_registration_id=registration_id)
    service(seller).call(
        "record_refund",
        p_registration_id=registration_id,
        p_refund=payment("20.00", "refund", ticket_ids=[stays]),
    )
    revision = stored(seller, registration_id)["revision"]

    reader = Reader(seller)
    reader.read_until(4 + 1 + 3 + 3 + 1)
    everything, left = {*tickets[WALTER], *tickets[TOMAS]}, {*tickets[WALTER], stays}
    assert [
        (
            change["revision"] - revision,
            change["change"],
            change["actor_id"],
            change["actor_role"],
        )
        for change in reader.seen
    ] == [
        *[(-4, "added", OWNER, "authenticated")] * 4,
        (-3, "removed", STAFF, "authenticated"),
        *[(-2, "paid", None, "service_role")] * 3,
        *[(-1, "cancelled", STAFF, "authenticated")] * 3,
        (0, "refunded", None, "service_role"),
    ]
    by_kind = {
        kind: {change["ticket_id"] for change in reader.seen if change["change"] == kind}
        for kind in ("added", "removed", "paid", "cancelled", "refunded")
    }
    assert by_kind == {
        "added": everything,
        "removed": {gone},
        "paid": left,
        "cancelled": left,
        "refunded": {stays},
    }
    (removed,) = (change for change in reader.seen if change["change"] == "removed")
    assert removed == {
        "epoch": 1,
        "change_id": removed["change_id"],
        "change": "removed",
        "function_id": FUNCTION,
        "registration_id": registration_id,
        "revision": revision - 3,
        "ticket_id": gone,
        "attendee_id": attendees[TOMAS],
        "event_id": EVENTS[BANQUET],
        "ticket_type_id": BANQUET,
        "package_id": None,
        "price_paid": Decimal("115.00"),
        "actor_id": STAFF,
        "actor_role": "authenticated",
        "changed_at": removed["changed_at"],
    }
    assert {
        (change["package_id"], change["price_paid"])
        for change in reader.seen
        if change["attendee_id"] == attendees[WALTER]
    } == {(CEREMONY_AND_BANQUET, Decimal("20.00")), (CEREMONY_AND_BANQUET, Decimal("115.00"))}
    moments = [change["changed_at"] for change in reader.seen]
    assert moments == sorted(moments)


def test_changes_leave_out_what_changes_no_ticket(seller: Connection) -> None:
    registration_id = book(seller, ONE)
    for _ in range(2):
        owner(seller).call(
            "persist_ticket_selections", p_registration_id=registration_id, p_selections=ONE
        )
    owner(seller).call("start_payment", p_registration_id=registration_id)
    with pytest.raises(psycopg.Error):
        service(seller).call(
            "complete_registration_payment",
            p_registration_id=registration_id,
            p_payment=payment("1.00"),
        )
    reader = Reader(seller)
    reader.read_until(1)
    assert reader.story == [(registration_id, "added")]


# Paging


def test_changes_come_once_and_in_order_on_pages_of_any_size(
    seller: Connection, catalogue: Document
) -> None:
    # of two functions, whose changes are told as one
    import_catalogue(seller, other_event(catalogue))
    for _ in range(3):
        registration_id = book(seller, {WALTER: selection({CEREMONY_AND_BANQUET: 2})})
        pay(seller, registration_id)
    expected = recorded(seller)
    assert len(expected) == 3 * 8
    everything = Reader(seller)
    everything.read_until(len(expected))
    for limit in (1, 2, 3, 7, 10000):
        reader = Reader(seller, limit=limit)
        reader.read_all()
        assert [change["change_id"] for change in reader.seen] == expected, limit
        assert reader.seen == everything.seen, limit
        assert reader.cursor == everything.cursor, limit


def test_changes_of_several_functions_come_in_one_order(
    seller: Connection, catalogue: Document
) -> None:
    import_catalogue(seller, other_event(catalogue))
    # the recorder of changes knows nothing of functions: hand it some of both
    seller.execute(
        """
        INSERT INTO ticketing.ticket_changes (
            function_id, change, registration_id, revision, ticket_id, attendee_id, event_id,
            ticket_type_id, price_paid, actor_role, changed_at
        )
        SELECT function.function_id, 'added', gen_random_uuid(), 1, gen_random_uuid(),
            gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, 'service_role', now()
        FROM generate_series(1, 20) AS n
        CROSS JOIN ticketing.functions AS function
        ORDER BY n, function.slug
        """
    )
    reader = Reader(seller, limit=3)
    reader.read_until(40)
    assert [change["change_id"] for change in reader.seen] == recorded(seller)
    assert len({change["function_id"] for change in reader.seen}) == 2
    assert reader.seen[0]["function_id"] != reader.seen[1]["function_id"]


def test_changes_keep_the_cursor_where_there_is_nothing_new(seller: Connection) -> None:
    reader = Reader(seller)
    assert reader.read() == 0
    assert reader.cursor is None
    book(seller, ONE)
    reader.read_until(1)
    cursor = reader.cursor
    assert cursor
    for _ in range(3):
        assert reader.read() == 0
    assert reader.cursor == cursor
    # an older one reads again what came after it
    again = Reader(seller)
    again.read_all()
    assert again.seen == reader.seen


def test_changes_are_found_by_index(event_db: Connection) -> None:
    event_db.execute(
        """
        INSERT INTO ticketing.functions (function_id, organisation_id, slug, name, currency)
        SELECT gen_random_uuid(), organisation_id, 'more-' || n, 'More', currency
        FROM ticketing.functions CROSS JOIN generate_series(1, 100) AS n
        """
    )
    changes = rows(
        event_db,
        """
        INSERT INTO ticketing.ticket_changes (
            function_id, change, registration_id, revision, ticket_id, attendee_id, event_id,
            ticket_type_id, price_paid, actor_role, changed_at
        )
        SELECT function_id, 'added', gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(),
            gen_random_uuid(), gen_random_uuid(), 0, 'service_role', now()
        FROM ticketing.functions CROSS JOIN generate_series(1, 100)
        RETURNING epoch, transaction_id::text AS transaction_id, change_id
        """,
    )
    event_db.execute("ANALYZE ticketing.functions, ticketing.ticket_changes")
    cursor = _encoded(":".join(str(value) for value in changes[len(changes) // 2].values()))
    read = "SELECT pg_stat_get_xact_numscans('ticketing.ticket_changes'::regclass) AS scans"
    before = rows(event_db, read)
    for after in (None, cursor):
        service(event_db).call("get_ticket_changes", p_after=after, p_limit=10)
    assert rows(event_db, read) == before


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense!",
        "AAAA",
        "\\x00",
        _encoded(""),
        _encoded("1:2"),
        _encoded("1:2:3:4"),
        _encoded("a:b:c"),
        _encoded("1::3"),
        _encoded("1:-2:3"),
        _encoded("1:2:99999999999999999999"),
        _encoded("99999999999999999999:2:3"),
        _encoded("1:99999999999999999999999:3"),
        _encoded("1:0x10:3"),
        base64.b64encode(b"\xff\xfe:1:1").decode(),
        base64.b64encode(b"1:\x00:1").decode(),
    ],
)
def test_changes_are_refused_for_a_cursor_of_another_form(db: Connection, cursor: str) -> None:
    refusal = service(db).refusal("get_ticket_changes", p_after=cursor)
    assert (refusal.sqlstate, refusal.found) == ("TK001", [("invalid_value", "p_after")])


@pytest.mark.parametrize("limit", [0, -1, 10001])
def test_changes_are_refused_for_a_limit_out_of_range(db: Connection, limit: int) -> None:
    refusal = service(db).refusal("get_ticket_changes", p_limit=limit)
    assert (refusal.sqlstate, refusal.found) == ("TK001", [("invalid_value", "p_limit")])


def test_changes_are_for_the_service_alone(event_db: Connection) -> None:
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(event_db).call("get_ticket_changes")


# A cursor that would skip changes


def _elsewhere(cursor: str | None, *, epochs: int = 0, transactions: int = 0) -> str:
    """Return the cursor of another server, which has gone further."""
    epoch, transaction, change = base64.b64decode(cursor or "").decode().split(":")
    return _encoded(f"{int(epoch) + epochs}:{int(transaction) + transactions}:{change}")


@pytest.mark.parametrize("ahead", [{"epochs": 1}, {"transactions": 1}, {"transactions": 10**9}])
def test_changes_are_refused_for_a_cursor_of_a_server_that_is_ahead(
    seller: Connection, ahead: dict[str, int]
) -> None:
    book(seller, ONE)
    reader = Reader(seller)
    reader.read_until(1)
    for _ in range(2):
        refusal = service(seller).refusal(
            "get_ticket_changes", p_after=_elsewhere(reader.cursor, **ahead)
        )
        assert (refusal.sqlstate, refusal.found) == ("TK001", [("cursor_ahead", "p_after")])
        assert refusal.hint.startswith("Try again with the same cursor")
        book(seller, ONE)


def test_changes_are_refused_for_a_cursor_before_the_history_that_is_kept(
    seller: Connection,
) -> None:
    registrations = [book(seller, ONE) for _ in range(4)]
    reader = Reader(seller, limit=1)
    cursors = []
    for _ in registrations:
        assert reader.read() == 1
        cursors.append(reader.cursor)
    (statements,) = re.findall(
        r"### Deleting old history.*?```sql\n(.*?)```", OPERATIONS.read_text(), re.DOTALL
    )
    seller.execute(statements.replace("<cursor>", str(cursors[2])))

    for cursor in cursors[:2]:
        refusal = service(seller).refusal("get_ticket_changes", p_after=cursor)
        assert (refusal.sqlstate, refusal.found) == ("TK001", [("cursor_expired", "p_after")])
        assert [issue["expected"] for issue in refusal.issues] == [cursors[2]]
        assert refusal.hint.startswith("Compare")
    registrations.append(book(seller, ONE))
    for cursor in (None, cursors[2]):
        reader = Reader(seller, cursor)
        reader.read_until(2)
        assert reader.story == [(each, "added") for each in registrations[3:]]
    assert integrity(seller) == []
    # what is wrong afterwards is found all the same
    seller.execute("DELETE FROM ticketing.tickets WHERE registration_id = %s", [registrations[4]])
    assert "change_feed" in {row["check_name"] for row in integrity(seller)}


# While others write


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_changes_wait_for_a_slow_transaction(
    seller: Connection, event_connect: Connect, isolation: str
) -> None:
    slow = event_connect(options=LOCK_TIMEOUT)
    reader = Reader(event_connect(autocommit=True), limit=1)
    first = book(seller, ONE)
    reader.read_until(1)

    begin(slow, isolation)
    middle = book(slow, ELSEWHERE, STRANGER)  # and stays open
    reader.read_all()
    third = book(seller, ONE)
    fourth = book(seller, ONE)
    pay(seller, third)
    for _ in range(3):
        # the third has the higher transaction id and is committed; showing it now would be
        # stepping over the middle one
        assert reader.read() == 0
    assert reader.story == [(first, "added")]

    slow.commit()
    reader.read_until(5)
    assert reader.story == [
        (first, "added"),
        (middle, "added"),
        (third, "added"),
        (fourth, "added"),
        (third, "paid"),
    ]
    assert [change["change_id"] for change in reader.seen] == recorded(seller)
    assert integrity(seller) == []


def test_changes_of_the_first_sale_block_no_other_sale(
    seller: Connection, event_connect: Connect
) -> None:
    # it verifies the epoch of the feed; nothing has been sold on this server before
    slow = event_connect(options=LOCK_TIMEOUT)
    begin(slow)
    first = book(slow, ELSEWHERE, STRANGER)
    second = book(seller, ONE)
    reader = Reader(event_connect(autocommit=True))
    assert reader.read() == 0
    slow.commit()
    reader.read_until(2)
    assert reader.story == [(first, "added"), (second, "added")]
    assert epoch(seller) == 1


def test_changes_go_on_after_a_transaction_that_fails(
    seller: Connection, event_connect: Connect
) -> None:
    slow = event_connect(options=LOCK_TIMEOUT)
    reader = Reader(event_connect(autocommit=True))
    first = book(seller, ONE)
    reader.read_until(1)
    begin(slow)
    book(slow, ELSEWHERE, STRANGER)
    third = book(seller, ONE)
    assert reader.read() == 0
    slow.rollback()
    reader.read_until(2)
    assert reader.story == [(first, "added"), (third, "added")]


def test_changes_come_once_to_a_reader_who_pages_throughout(
    seller: Connection, event_connect: Connect
) -> None:
    # transactions end in every order relative to how they began
    tickets = (RECEPTION, CEREMONY, BANQUET, BRUNCH)  # no two have a pool in common
    slots = [event_connect(options=LOCK_TIMEOUT) for _ in tickets]
    reader = Reader(event_connect(autocommit=True), limit=1)
    running: dict[int, str] = {}
    committed = [book(seller, ONE)]
    for step in range(40):
        slot = (step * 7 + step // 4) % len(slots)
        if slot in running:
            slots[slot].commit()
            committed.append(running.pop(slot))
        else:
            begin(slots[slot])
            chosen = {WALTER: selection(tickets={tickets[slot]: 1})}
            running[slot] = book(slots[slot], chosen, str(uuid4()))
        for _ in range(step % 3):
            reader.read()
    for slot, registration_id in running.items():
        slots[slot].commit()
        committed.append(registration_id)
    reader.read_until(len(committed))
    assert len(committed) >= 20
    assert [change["change_id"] for change in reader.seen] == recorded(seller)
    assert sorted(row for row, _ in reader.story) == sorted(committed)
