"""check_integrity: whether everything that is stored twice agrees."""

import re
from typing import LiteralString, TypeAlias

import psycopg
import pytest
from tests.support.bookings import SEVERAL, book, integrity, let_lapse, pay, stored
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


@pytest.mark.parametrize(
    ("check", "registration", "edit"),
    FAULTS,
    ids=[f"{check}-{registration}" for check, registration, _ in FAULTS],
)
def test_check_integrity_finds_a_fault_and_nothing_else(
    sold_db: Connection,
    sold: dict[str, str],
    check: str,
    registration: str | None,
    edit: LiteralString,
) -> None:
    registration_id = sold[registration] if registration else None
    changed = sold_db.execute(edit, [registration_id] if registration_id else None)
    assert changed.rowcount == 1
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
