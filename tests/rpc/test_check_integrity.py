"""check_integrity: whether everything that is stored twice agrees."""

import re
from typing import LiteralString, TypeAlias

import psycopg
import pytest
from psycopg import sql
from tests.support.bookings import (
    SEVERAL,
    book,
    integrity,
    let_lapse,
    pay,
    payment,
    stored,
    ticket_states,
)
from tests.support.caller import Connection, service
from tests.support.example import CEREMONY, FUNCTION, LADIES
from tests.support.stored import pool_counters, rows

Fault: TypeAlias = tuple[str, str | None, LiteralString]
FAULTS: list[Fault] = [
    # the check that finds it, in which registration, and the statement that causes it
    (
        "pool_counters",
        None,
        """
        UPDATE ticketing.capacity_pools SET reserved = reserved + 1
        WHERE capacity_pool_id = '7196514b-d4b8-4fe0-93ac-deb4c205dd09'
        """,
    ),
    (
        "pool_counters",
        None,
        """
        UPDATE ticketing.capacity_pools SET reserved = reserved + 1, sold = sold - 1
        WHERE capacity_pool_id = '08c77893-85a3-46a5-a04a-99e5fa896662'
        """,
    ),
    (
        "pool_memberships",
        None,
        """
        DELETE FROM ticketing.ticket_type_pools
        WHERE ticket_type_id = 'd586ecc1-e410-4ef3-a59c-4a53a866bc33'
            AND capacity_pool_id = 'e842bdb2-aff8-46d8-a347-bf50840fff13'
        """,
    ),
    (
        "pool_memberships",
        None,
        """
        INSERT INTO ticketing.capacity_pools (function_id, capacity_pool_id, name, capacity)
        SELECT function_id, package_id, name, 9 FROM ticketing.packages
        WHERE package_id = '794841e4-5f04-4899-96e2-c0afece4d5f2'
        """,
    ),
    (
        "registration_totals",
        "draft",
        "UPDATE ticketing.registrations SET subtotal = subtotal + 1 WHERE registration_id = %s",
    ),
    (
        "registration_totals",
        "expired",
        "UPDATE ticketing.registrations SET subtotal = 0 WHERE registration_id = %s",
    ),
    (
        "registration_totals",
        "pending",
        """
        UPDATE ticketing.tickets SET price_paid = 21, original_price = 21
        WHERE registration_id = %s
            AND ticket_type_id = '7196514b-d4b8-4fe0-93ac-deb4c205dd09' AND package_id IS NULL
        """,
    ),
    (
        "selected_tickets",
        "completed",
        """
        UPDATE ticketing.attendees
        SET attendee_data = attendee_data - 'selected_tickets'
        WHERE registration_id = %s
            AND client_attendee_id = '01974a10-0000-7000-8000-000000000004'
        """,
    ),
    (
        "selected_tickets",
        "draft",
        """
        UPDATE ticketing.attendees
        SET attendee_data = jsonb_set(
            attendee_data, '{selected_tickets,packages,0,quantity}', '2'
        )
        WHERE registration_id = %s
            AND client_attendee_id = '01974a10-0000-7000-8000-000000000001'
        """,
    ),
    (
        "registration_state",
        "draft",
        "UPDATE ticketing.registrations SET hold_expires_at = NULL WHERE registration_id = %s",
    ),
    (
        "registration_state",
        "empty",
        """
        UPDATE ticketing.registrations SET hold_expires_at = now(), held_since = now()
        WHERE registration_id = %s
        """,
    ),
    (
        "payments",
        "completed",
        "UPDATE ticketing.payments SET amount = amount - 1 WHERE registration_id = %s",
    ),
    (
        "payments",
        "paid and cancelled",
        "DELETE FROM ticketing.payments WHERE registration_id = %s",
    ),
    (
        "payments",
        "refunded",
        """
        UPDATE ticketing.payments SET amount = 1000000
        WHERE registration_id = %s AND kind = 'refund'
        """,
    ),
    (
        "registration_totals",
        "paid and cancelled",
        "UPDATE ticketing.registrations SET subtotal = 20 WHERE registration_id = %s",
    ),
    (
        "payments",
        "partly refunded",
        """
        UPDATE ticketing.payments SET surcharge_amount = 1
        WHERE registration_id = %s AND kind = 'refund'
        """,
    ),
    (
        "payments",
        "refunded",
        """
        UPDATE ticketing.payments SET amount = amount - 1
        WHERE registration_id = %s AND kind = 'refund'
        """,
    ),
    (
        "payments",
        "partly refunded",
        """
        UPDATE ticketing.payments SET ticket_ids = ticket_ids || gen_random_uuid()
        WHERE registration_id = %s AND kind = 'refund'
        """,
    ),
    (
        "payments",
        "completed",
        "UPDATE ticketing.payments SET amount = amount + 1 WHERE registration_id = %s",
    ),
    (
        "payments",
        "completed",
        """
        INSERT INTO ticketing.payments (
            function_id, payment_id, registration_id, provider, reference, kind, amount, currency,
            paid_at
        )
        SELECT function_id, gen_random_uuid(), registration_id, 'default', 'by hand', 'refund', 1,
            currency, now()
        FROM ticketing.registrations WHERE registration_id = %s
        """,
    ),
    # what is paid, adjusted or given back since
    (
        "payments",
        "discounted",
        """
        UPDATE ticketing.payments SET amount = amount - 1
        WHERE registration_id = %s AND kind = 'payment'
        """,
    ),
    (
        "payments",
        "discounted",
        "UPDATE ticketing.registrations SET adjustment = 0 WHERE registration_id = %s",
    ),
    (
        "payments",
        "fee kept",
        "UPDATE ticketing.registrations SET adjustment = 0 WHERE registration_id = %s",
    ),
    (
        "payments",
        "fee kept",
        """
        UPDATE ticketing.registrations SET payment_status = 'Paid' WHERE registration_id = %s
        """,
    ),
    (
        "payments",
        "paid and cancelled",
        """
        UPDATE ticketing.registrations SET payment_status = 'Refunded' WHERE registration_id = %s
        """,
    ),
    (
        "payments",
        "draft",
        """
        INSERT INTO ticketing.payments (
            function_id, payment_id, registration_id, provider, reference, kind, amount, currency,
            paid_at
        )
        SELECT function_id, gen_random_uuid(), registration_id, 'default', 'by hand', 'payment', 1,
            currency, now()
        FROM ticketing.registrations WHERE registration_id = %s
        """,
    ),
    (
        "payments",
        "pending",
        """
        INSERT INTO ticketing.payments (
            function_id, payment_id, registration_id, provider, reference, kind, amount,
            surcharge_amount, currency, paid_at
        )
        SELECT function_id, gen_random_uuid(), registration_id, 'default', 'by hand', 'payment', 1,
            1, currency, now()
        FROM ticketing.registrations WHERE registration_id = %s
        """,
    ),
    (
        "payments",
        "refunded",
        """
        UPDATE ticketing.payments SET surcharge_amount = 1, amount = amount + 1
        WHERE registration_id = %s AND kind = 'refund'
        """,
    ),
    (
        "registration_index",
        "cancelled",
        "DELETE FROM ticketing.registration_index WHERE registration_id = %s",
    ),
    (
        "registration_index",
        None,
        """
        INSERT INTO ticketing.registration_index (registration_id, function_id)
        VALUES ('00000000-0000-4000-8000-000000000000', 'eebddef5-6833-43e3-8d32-700508b1c089')
        """,
    ),
    (
        "change_feed",
        "expired",
        "DELETE FROM ticketing.ticket_changes WHERE registration_id = %s",
    ),
    (
        "change_feed",
        "refused",
        "DELETE FROM ticketing.ticket_changes WHERE registration_id = %s AND change = 'removed'",
    ),
    (
        "change_feed",
        "free",
        "DELETE FROM ticketing.ticket_changes WHERE registration_id = %s AND change = 'paid'",
    ),
    (
        "feed_order",
        None,
        """
        UPDATE ticketing.ticket_changes SET transaction_id = '999999999999'
        WHERE change_id = (SELECT max(change_id) FROM ticketing.ticket_changes)
        """,
    ),
]


def found(connection: Connection) -> list[tuple[str, str | None]]:
    """Return which checks find something, and in which registration."""
    return [
        (row["check_name"], None if row["registration_id"] is None else str(row["registration_id"]))
        for row in integrity(connection)
    ]


# Nothing is wrong


def test_check_integrity_finds_nothing_in_any_state(
    sold_db: Connection, sold: dict[str, str]
) -> None:
    statuses = {name: stored(sold_db, row)["status"] for name, row in sold.items()}
    assert {statuses[name] for name in ("draft", "overdue", "empty", "refused")} == {"draft"}
    assert set(statuses.values()) == {"draft", "pending", "expired", "completed", "cancelled"}
    assert integrity(sold_db) == []
    assert pool_counters(sold_db)[CEREMONY] == (600, 9, 3)


def test_check_integrity_finds_nothing_within_the_transaction_that_wrote(
    event_db: Connection,
) -> None:
    pay(event_db, book(event_db, SEVERAL))
    assert integrity(event_db) == []


def test_check_integrity_finds_nothing_in_overdue_holds(
    sold_db: Connection, sold: dict[str, str]
) -> None:
    for name in ("draft", "pending"):
        let_lapse(sold_db, sold[name])
    assert integrity(sold_db) == []
    assert service(sold_db).call("release_expired_holds")["released"] == 3
    assert integrity(sold_db) == []


def test_check_integrity_finds_nothing_in_an_empty_database(db: Connection) -> None:
    assert integrity(db) == []


# Faults


def adjust(connection: Connection, registration_id: str, adjustment: int) -> None:
    """Adjust a registration."""
    service(connection).call(
        "adjust_registration",
        p_registration_id=registration_id,
        p_adjustment=adjustment,
        p_reason="goodwill",
    )


def refund(connection: Connection, registration_id: str, amount: int) -> None:
    """Give money back."""
    service(connection).call(
        "record_refund",
        p_registration_id=registration_id,
        p_refund=payment(amount, f"refund of {registration_id}"),
    )


@pytest.fixture
def changed(sold_db: Connection, sold: dict[str, str]) -> dict[str, str]:
    """The same registrations, and some that were changed after payment.

    One with a discount that was given back, one cancelled with a fee kept, and one of which a
    ticket was cancelled and given back.
    """
    added = {
        name: book(sold_db, SEVERAL) for name in ("discounted", "fee kept", "partly cancelled")
    }
    for registration_id in added.values():
        pay(sold_db, registration_id)
    adjust(sold_db, added["discounted"], -20)
    refund(sold_db, added["discounted"], 20)
    service(sold_db).call("cancel_registration", p_registration_id=added["fee kept"])
    total = int(
        service(sold_db).call("get_registration", p_registration_id=added["fee kept"])["paid"]
    )
    adjust(sold_db, added["fee kept"], 15)
    refund(sold_db, added["fee kept"], total - 15)
    return sold | added


def test_check_integrity_finds_nothing_in_what_was_changed_after_payment(
    sold_db: Connection, changed: dict[str, str]
) -> None:
    assert integrity(sold_db) == []
    assert stored(sold_db, changed["discounted"])["total"] > 0
    assert stored(sold_db, changed["fee kept"])["payment_status"] == "Refunded"
    # cancel what a completed one holds individually, as an amendment does
    of_it = changed["partly cancelled"]
    before = pool_counters(sold_db)
    cancel_tickets(sold_db, of_it)
    assert service(sold_db).call("repair_capacity", p_function_id=FUNCTION)["success"]
    assert pool_counters(sold_db) != before
    assert integrity(sold_db) == []
    due = service(sold_db).call("get_registration", p_registration_id=of_it)["refund_due"]
    assert due > 0
    refund(sold_db, of_it, int(due))
    assert ticket_states(sold_db, of_it) == {("Active", "Paid"), ("Cancelled", "Refunded")}
    assert integrity(sold_db) == []
    service(sold_db).call("cancel_registration", p_registration_id=of_it)
    assert ticket_states(sold_db, of_it) == {("Cancelled", "Paid"), ("Cancelled", "Refunded")}
    assert integrity(sold_db) == []


def cancel_tickets(connection: Connection, registration_id: str) -> None:
    """Cancel the individual tickets of a paid registration, but those that are free."""
    connection.execute(
        """
        WITH cancelled AS (
            UPDATE ticketing.tickets SET status = 'Cancelled'
            WHERE registration_id = %(id)s AND package_id IS NULL AND price_paid > 0
            RETURNING *
        ), recorded AS (
            INSERT INTO ticketing.ticket_changes (
                function_id, epoch, transaction_id, change, registration_id, revision, ticket_id,
                attendee_id, event_id, ticket_type_id, package_id, price_paid, actor_role,
                changed_at
            )
            SELECT last.function_id, last.epoch, last.transaction_id, 'cancelled',
                last.registration_id, last.revision + 1, last.ticket_id, last.attendee_id,
                last.event_id, last.ticket_type_id, last.package_id, last.price_paid,
                last.actor_role, now()
            FROM ticketing.ticket_changes AS last
            INNER JOIN cancelled ON cancelled.ticket_id = last.ticket_id
            WHERE last.change = 'paid'
        ), unselected AS (
            UPDATE ticketing.attendees SET attendee_data = jsonb_set(
                attendee_data, '{selected_tickets,individualTickets}', '[]'
            )
            WHERE registration_id = %(id)s
                AND attendee_id IN (SELECT attendee_id FROM cancelled)
        )
        UPDATE ticketing.registrations AS registration
        SET subtotal = registration.subtotal - (SELECT sum(price_paid) FROM cancelled)
        WHERE registration.registration_id = %(id)s
        """,
        {"id": registration_id},
    )


_OF_ONE_OR_ALL: list[tuple[str, LiteralString]] = [
    ("completed", "UPDATE ticketing.tickets SET payment_status = 'Unpaid'"),
    ("completed", "UPDATE ticketing.tickets SET payment_status = 'Unpaid', status = 'Cancelled'"),
    ("draft", "UPDATE ticketing.tickets SET payment_status = 'Paid'"),
    ("pending", "UPDATE ticketing.tickets SET payment_status = 'Paid'"),
    ("expired", "UPDATE ticketing.tickets SET payment_status = 'Paid'"),
    ("draft", "UPDATE ticketing.tickets SET status = 'Cancelled'"),
    ("expired", "UPDATE ticketing.tickets SET status = 'Cancelled'"),
    ("cancelled", "UPDATE ticketing.tickets SET payment_status = 'Paid'"),
    ("cancelled", "UPDATE ticketing.tickets SET status = 'Active'"),
    ("paid and cancelled", "UPDATE ticketing.tickets SET status = 'Active'"),
    ("refunded", "UPDATE ticketing.tickets SET payment_status = 'Unpaid'"),
    ("fee kept", "UPDATE ticketing.tickets SET payment_status = 'Unpaid'"),
]
STATE_FAULTS: list[tuple[str, LiteralString, LiteralString]] = [
    *((name, edit, number) for name, edit in _OF_ONE_OR_ALL for number in ("1", "ALL")),
    # some of a completed one may be cancelled, not all
    ("completed", "UPDATE ticketing.tickets SET status = 'Cancelled'", "ALL"),
    ("completed", "DELETE FROM ticketing.tickets", "ALL"),
]


@pytest.mark.parametrize(
    ("registration", "edit", "number"),
    STATE_FAULTS,
    ids=[f"{registration}-{edit}-{number}" for registration, edit, number in STATE_FAULTS],
)
def test_check_integrity_finds_tickets_in_a_state_that_their_registration_cannot_have(
    sold_db: Connection,
    changed: dict[str, str],
    registration: str,
    edit: LiteralString,
    number: LiteralString,
) -> None:
    tickets = sql.SQL(
        """
        {} WHERE ticket_id IN (
            SELECT ticket_id FROM ticketing.tickets WHERE registration_id = {}
            ORDER BY ticket_id LIMIT {}
        )
        """
    )
    sold_db.execute(
        tickets.format(sql.SQL(edit), sql.Literal(changed[registration]), sql.SQL(number))
    )
    assert ("registration_state", changed[registration]) in found(sold_db)


@pytest.mark.parametrize(
    ("check", "registration", "edit"),
    FAULTS,
    ids=[f"{check}-{registration}" for check, registration, _ in FAULTS],
)
def test_check_integrity_finds_a_fault_and_nothing_else(
    sold_db: Connection,
    changed: dict[str, str],
    check: str,
    registration: str | None,
    edit: LiteralString,
) -> None:
    registration_id = changed[registration] if registration else None
    edited = sold_db.execute(edit, [registration_id] if registration_id else None)
    assert edited.rowcount == 1
    (row,) = integrity(sold_db)
    assert row["check_name"] == check
    if registration_id:
        assert str(row["registration_id"]) == registration_id
    assert str(row["function_id"]) == FUNCTION
    assert row["detail"]


def test_check_integrity_finds_packages_that_are_not_whole(
    sold_db: Connection, sold: dict[str, str]
) -> None:
    sold_db.execute(
        """
        UPDATE ticketing.package_items SET quantity = 2
        WHERE package_id = %s AND ticket_type_id = %s
        """,
        [LADIES, CEREMONY],
    )
    # of Ines, in every registration that still has the package
    assert sorted(found(sold_db)) == sorted(
        ("package_contents", sold[name]) for name in ("draft", "pending", "overdue", "completed")
    )
    (detail, *_) = (row["detail"] for row in integrity(sold_db))
    assert (detail["package_id"], detail["package_number"]) == (LADIES, 1)
    assert (detail["tickets"][CEREMONY], detail["contents"][CEREMONY]) == (1, 2)


def test_check_integrity_finds_a_deleted_ticket_by_every_check_that_counts_it(
    sold_db: Connection, sold: dict[str, str]
) -> None:
    sold_db.execute(
        "DELETE FROM ticketing.tickets WHERE registration_id = %s AND package_id IS NULL",
        [sold["completed"]],
    )
    checks = {check for check, _ in found(sold_db)}
    assert checks == {
        "pool_counters",
        "registration_totals",
        "payments",
        "selected_tickets",
        "change_feed",
    }


def test_check_integrity_documents_the_checks_that_find_faults_here(db: Connection) -> None:
    (row,) = rows(db, "SELECT obj_description('ticketing.check_integrity()'::regprocedure) AS text")
    returns = row["text"].partition("### Returns")[2].partition("\n### ")[0]
    documented = re.findall(r"^- `(\w+)`: ", returns, re.MULTILINE)
    assert sorted(documented) == sorted({check for check, _, _ in FAULTS} | {"package_contents"})


def test_check_integrity_is_for_the_service_and_readers(db: Connection) -> None:
    for role in ("service_role", "ticketing_reader"):
        assert integrity(db, role) == []
    for role in ("authenticated", "anon"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            integrity(db, role)
