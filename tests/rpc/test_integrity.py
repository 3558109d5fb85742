"""Whether everything that is stored twice agrees: finding what does not, and repairing counters."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString, TypeAlias

import psycopg
import pytest
from tests.support.bookings import (
    await_lock,
    book,
    integrity,
    let_lapse,
    pay,
    payment,
    stored,
)
from tests.support.caller import (
    Connection,
    anonymous,
    owner,
    service,
    staff,
    stranger,
)
from tests.support.example import (
    ABSENT,
    BANQUET,
    CEREMONY,
    COMMUNICATION,
    FUNCTION,
    HAROLD,
    INES,
    LADIES,
    MASONS,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    other_event,
    other_id,
    selection,
)
from tests.support.stored import (
    dump,
    held_tickets,
    pool_counters,
    rows,
)

Connect: TypeAlias = Callable[..., psycopg.Connection[Any]]

ONE = {WALTER: selection(tickets={CEREMONY: 1})}
SEVERAL = {
    WALTER: selection({MASONS: 1}),
    INES: selection({LADIES: 1}),
    TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 2}),
    HAROLD: selection(tickets={COMMUNICATION: 1}),
}


@pytest.fixture
def seller(connect: Connect, catalogue: Document) -> Connection:
    """A connection whose calls are committed, with the example event on sale."""
    connection = connect(autocommit=True, options="-c lock_timeout=10s")
    catalogue["packages"][0]["capacity"] = 50
    service(connection).call("import_catalogue", p_catalogue=catalogue)
    return connection


@pytest.fixture
def sold(seller: Connection) -> dict[str, str]:
    """Bring registrations into every state there is, and return them by it."""
    states = {
        name: book(seller, SEVERAL)
        for name in ("draft", "pending", "overdue", "completed", "cancelled")
    }
    states["expired"] = book(seller, ONE)
    let_lapse(seller, states["expired"])
    service(seller).call("release_expired_holds")
    let_lapse(seller, states["overdue"])
    owner(seller).call("start_payment", p_registration_id=states["pending"])
    pay(seller, states["completed"])
    owner(seller).call("cancel_registration", p_registration_id=states["cancelled"])

    states["empty"] = book(seller, {})
    states["free"] = book(seller, {WALTER: selection(tickets={COMMUNICATION: 1})})
    owner(seller).call("start_payment", p_registration_id=states["free"])
    states["refused"] = book(seller, ONE)
    owner(seller).call(
        "persist_ticket_selections",
        p_registration_id=states["refused"],
        p_selections={WALTER: selection()},
    )
    for name in ("paid and cancelled", "partly refunded", "refunded"):
        states[name] = book(seller, SEVERAL)
        pay(seller, states[name], fee_amount=None)
        service(seller).call("cancel_registration", p_registration_id=states[name])
    for name, tickets in (
        ("partly refunded", held_tickets(seller, states["partly refunded"])[TOMAS]),
        ("refunded", None),
    ):
        service(seller).call(
            "record_refund",
            p_registration_id=states[name],
            p_refund=payment("100.00", name, ticket_ids=tickets),
        )
    return states


def found(connection: Connection) -> list[tuple[str, str | None]]:
    """Return which checks find something, and in which registration."""
    return [
        (row["check_name"], None if row["registration_id"] is None else str(row["registration_id"]))
        for row in integrity(connection)
    ]


# Nothing is wrong


def test_all_that_can_happen_agrees(seller: Connection, sold: dict[str, str]) -> None:
    statuses = {name: stored(seller, row)["status"] for name, row in sold.items()}
    assert {statuses[name] for name in ("draft", "overdue", "empty", "refused")} == {"draft"}
    assert set(statuses.values()) == {"draft", "pending", "expired", "completed", "cancelled"}
    assert integrity(seller) == []
    assert pool_counters(seller)[CEREMONY] == (600, 9, 3)


def test_all_agrees_within_the_transaction_that_made_it(
    db: Connection, catalogue: Document
) -> None:
    service(db).call("import_catalogue", p_catalogue=catalogue)
    pay(db, book(db, SEVERAL))
    assert integrity(db) == []


def test_overdue_or_not_does_not_matter(seller: Connection, sold: dict[str, str]) -> None:
    for name in ("draft", "pending"):
        let_lapse(seller, sold[name])
    assert integrity(seller) == []
    assert service(seller).call("release_expired_holds")["released"] == 3
    assert integrity(seller) == []


def test_an_empty_database_agrees(db: Connection) -> None:
    assert integrity(db) == []


# Faults


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
        "registration_totals",
        "draft",
        "UPDATE ticketing.registrations SET total = total + 1 WHERE registration_id = %s",
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
        "UPDATE ticketing.registrations SET hold_expires_at = now() WHERE registration_id = %s",
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


@pytest.mark.parametrize(
    ("check", "registration", "edit"),
    FAULTS,
    ids=[f"{check}-{registration}" for check, registration, _ in FAULTS],
)
def test_a_fault_is_found_and_nothing_else(
    seller: Connection,
    sold: dict[str, str],
    check: str,
    registration: str | None,
    edit: LiteralString,
) -> None:
    registration_id = sold[registration] if registration else None
    changed = seller.execute(edit, [registration_id] if registration_id else None)
    assert changed.rowcount == 1
    (row,) = integrity(seller)
    assert row["check_name"] == check
    if registration_id:
        assert str(row["registration_id"]) == registration_id
    assert str(row["function_id"]) == FUNCTION
    assert row["detail"]


def test_a_package_that_is_not_whole_is_found(seller: Connection, sold: dict[str, str]) -> None:
    seller.execute(
        """
        UPDATE ticketing.package_items SET quantity = 2
        WHERE package_id = %s AND ticket_type_id = %s
        """,
        [LADIES, CEREMONY],
    )
    # of Ines, in every registration that still has the package
    assert sorted(found(seller)) == sorted(
        ("package_contents", sold[name]) for name in ("draft", "pending", "overdue", "completed")
    )
    (detail, *_) = (row["detail"] for row in integrity(seller))
    assert (detail["package_id"], detail["package_number"]) == (LADIES, 1)
    assert (detail["tickets"][CEREMONY], detail["contents"][CEREMONY]) == (1, 2)


def test_a_ticket_that_is_gone_is_missed_everywhere(
    seller: Connection, sold: dict[str, str]
) -> None:
    seller.execute(
        "DELETE FROM ticketing.tickets WHERE registration_id = %s AND package_id IS NULL",
        [sold["completed"]],
    )
    checks = {check for check, _ in found(seller)}
    assert checks == {"pool_counters", "registration_totals", "selected_tickets", "change_feed"}


def test_every_check_is_planted_a_fault() -> None:
    assert {check for check, _, _ in FAULTS} | {"package_contents"} == {
        "pool_counters",
        "registration_totals",
        "selected_tickets",
        "package_contents",
        "registration_state",
        "payments",
        "registration_index",
        "change_feed",
        "feed_order",
    }


def test_every_check_is_documented(db: Connection) -> None:
    (row,) = rows(
        db,
        "SELECT obj_description('ticketing.check_integrity()'::regprocedure) AS text",
    )
    for check in {check for check, _, _ in FAULTS} | {"package_contents"}:
        assert check in row["text"]


def test_the_service_and_readers_check(db: Connection) -> None:
    for role in ("service_role", "ticketing_reader"):
        assert integrity(db, role) == []
    for role in ("authenticated", "anon"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            integrity(db, role)


# Repair


def repair(connection: Connection, **arguments: object) -> int:
    """Repair counters and return how many pools were wrong."""
    answer = service(connection).call("repair_capacity", **arguments)
    assert answer.keys() == {"success", "pools_repaired", "server_time"}
    assert answer["success"] is True
    repaired: int = answer["pools_repaired"]
    return repaired


def test_counters_are_put_right(seller: Connection, sold: dict[str, str]) -> None:
    right = pool_counters(seller)
    assert sold
    assert repair(seller) == 0
    seller.execute(
        "UPDATE ticketing.capacity_pools SET reserved = 0, sold = 1 WHERE capacity_pool_id = %s",
        [CEREMONY],
    )
    seller.execute(
        "UPDATE ticketing.capacity_pools SET sold = sold + 7 WHERE capacity_pool_id = %s",
        [MASONS],
    )
    assert found(seller) == [("pool_counters", None)] * 2
    assert repair(seller) == 2
    assert pool_counters(seller) == right
    assert integrity(seller) == []
    assert repair(seller, p_function_id=FUNCTION) == 0


def test_one_function_is_repaired_alone(seller: Connection, catalogue: Document) -> None:
    service(seller).call("import_catalogue", p_catalogue=other_event(catalogue))
    seller.execute("UPDATE ticketing.capacity_pools SET reserved = 5 WHERE capacity > 400")
    wrong = len(integrity(seller))
    assert wrong % 2 == 0
    assert repair(seller, p_function_id=other_id(FUNCTION)) == wrong // 2
    assert {str(row["function_id"]) for row in integrity(seller)} == {FUNCTION}
    assert repair(seller) == wrong // 2
    assert integrity(seller) == []


def test_more_tickets_than_capacity_are_refused_by_repair(
    seller: Connection, sold: dict[str, str]
) -> None:
    assert sold
    seller.execute(
        """
        UPDATE ticketing.capacity_pools SET capacity = 11, reserved = 0, sold = 0
        WHERE capacity_pool_id = %s
        """,
        [CEREMONY],
    )
    before = dump(seller)
    refusal = service(seller).refusal("repair_capacity", p_function_id=FUNCTION)
    assert refusal.sqlstate == "TK004"
    (issue,) = refusal.issues
    assert (issue["code"], issue["path"]) == ("capacity_below_use", "p_function_id")
    assert (issue["expected"], issue["actual"]) == (12, 11)
    assert issue["name"] == "Grand Proclamation Ceremony"
    assert dump(seller) == before
    seller.execute(
        "UPDATE ticketing.capacity_pools SET capacity = 12 WHERE capacity_pool_id = %s", [CEREMONY]
    )
    assert repair(seller) == 1
    assert pool_counters(seller)[CEREMONY] == (12, 9, 3)


def test_only_the_service_repairs(db: Connection, catalogue: Document) -> None:
    service(db).call("import_catalogue", p_catalogue=catalogue)
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(db).call("repair_capacity")
    refusal = service(db).refusal("repair_capacity", p_function_id=ABSENT)
    assert (refusal.sqlstate, refusal.found) == (
        "TK008",
        [("function_not_found", "p_function_id")],
    )


@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
def test_a_repair_waits_for_a_sale_and_counts_it_exactly(
    seller: Connection, connect: Connect, *, commits: bool
) -> None:
    book(seller, ONE)
    seller.execute(
        "UPDATE ticketing.capacity_pools SET reserved = 40 WHERE capacity_pool_id = %s", [CEREMONY]
    )
    buyer, repairer = connect(), connect(autocommit=True, options="-c lock_timeout=60s")
    buyer.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    book(buyer, {WALTER: selection(tickets={CEREMONY: 2, BANQUET: 1})}, STRANGER)

    late = connect(autocommit=True, options="-c lock_timeout=60s")
    with ThreadPoolExecutor() as sessions:
        repairing = sessions.submit(repair, repairer)
        await_lock(seller, repairer.info.backend_pid)
        # a sale that comes now waits its turn, and is not lost
        selling = sessions.submit(book, late, ONE, STRANGER)
        await_lock(seller, late.info.backend_pid)
        if commits:
            buyer.commit()
        else:
            buyer.rollback()
        assert repairing.result() == 1
        assert selling.result()
    assert integrity(seller) == []
    assert pool_counters(seller)[CEREMONY] == (600, 4 if commits else 2, 0)
    assert pool_counters(seller)[BANQUET] == (480, 1 if commits else 0, 0)
