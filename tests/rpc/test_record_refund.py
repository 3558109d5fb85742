"""record_refund: giving back what was paid for a cancelled registration."""

from collections.abc import Mapping
from decimal import Decimal

import psycopg
import pytest
from tests.support.bookings import book, integrity, pay, payment, stored, ticket_states
from tests.support.caller import (
    JSON_NULL,
    Connection,
    anonymous,
    owner,
    service,
    staff,
    stranger,
)
from tests.support.example import (
    ABSENT,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    selection,
)
from tests.support.stored import dump, held_tickets, pool_counters, rows

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({CEREMONY_AND_BANQUET: 1}),
    TOMAS: selection(tickets={CEREMONY: 1}),
}


TOTAL = Decimal("155.00")


@pytest.fixture
def booking(event_db: Connection) -> str:
    """Book two attendees."""
    return book(event_db, CHOSEN)


@pytest.fixture
def cancelled(event_db: Connection, booking: str) -> str:
    """Book two attendees, pay 3.50 more than is due as a fee, and cancel."""
    service(event_db).call(
        "complete_registration_payment",
        p_registration_id=booking,
        p_payment=payment("158.50", "paid", fee_amount="3.50"),
    )
    service(event_db).call("cancel_registration", p_registration_id=booking)
    return booking


def refund(db: Connection, registration_id: str, p_refund: object) -> Document:
    """Record a refund as the service."""
    return service(db).call("record_refund", p_registration_id=registration_id, p_refund=p_refund)


def refused_refund(
    db: Connection, registration_id: str, p_refund: object
) -> tuple[str | None, list[Document]]:
    """Record a refund that is refused, and return the SQLSTATE and the issues; nothing changes."""
    before = dump(db)
    refusal = service(db).refusal(
        "record_refund", p_registration_id=registration_id, p_refund=p_refund
    )
    assert dump(db) == before
    return refusal.sqlstate, refusal.issues


# What is refunded


def test_record_refund_that_names_no_ticket_refunds_all(
    event_db: Connection, cancelled: str
) -> None:
    before = stored(event_db, cancelled)
    answer = refund(event_db, cancelled, payment("158.50", "refund", provider="default"))
    (row,) = rows(event_db, "SELECT * FROM ticketing.payments WHERE kind = 'refund'")
    assert answer == {
        "success": True,
        "registration_id": cancelled,
        "payment_id": str(row["payment_id"]),
        "status": "cancelled",
        "payment_status": "Refunded",
        "revision": before["revision"] + 1,
        "amount": Decimal("158.50"),
        "currency": "AUD",
    }
    assert (row["provider"], row["reference"], row["amount"], row["currency"]) == (
        "default",
        "refund",
        Decimal("158.50"),
        "AUD",
    )
    after = stored(event_db, cancelled)
    assert (after["payment_status"], after["revision"]) == ("Refunded", answer["revision"])
    assert after["confirmation_number"] == before["confirmation_number"]
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Refunded")}
    assert {use[1:] for use in pool_counters(event_db).values()} == {(0, 0)}
    assert integrity(event_db) == []


def test_record_refund_refunds_the_tickets_named(event_db: Connection, cancelled: str) -> None:
    tickets = held_tickets(event_db, cancelled)
    answer = refund(event_db, cancelled, payment("20.00", "refund-1", ticket_ids=tickets[TOMAS]))
    assert (answer["payment_status"], answer["amount"]) == ("Paid", Decimal("20.00"))
    assert stored(event_db, cancelled)["payment_status"] == "Paid"
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Paid"), ("Cancelled", "Refunded")}
    assert [
        str(row["ticket_id"])
        for row in rows(
            event_db, "SELECT * FROM ticketing.ticket_changes WHERE change = 'refunded'"
        )
    ] == tickets[TOMAS]
    assert integrity(event_db) == []

    # with the last of its tickets the registration is refunded
    answer = refund(
        event_db, cancelled, payment("100.00", "refund-2", ticket_ids=tickets[WALTER] * 2)
    )
    assert answer["payment_status"] == "Refunded"
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Refunded")}
    assert integrity(event_db) == []


def test_record_refund_that_names_no_ticket_refunds_the_rest(
    event_db: Connection, cancelled: str
) -> None:
    tickets = held_tickets(event_db, cancelled)
    refund(event_db, cancelled, payment("20.00", "refund-1", ticket_ids=tickets[TOMAS]))
    answer = refund(event_db, cancelled, payment("135.00", "refund-2", ticket_ids=None))
    assert answer["payment_status"] == "Refunded"
    assert rows(
        event_db,
        """
        SELECT count(*), count(DISTINCT ticket_id) AS tickets FROM ticketing.ticket_changes
        WHERE change = 'refunded'
        """,
    ) == [{"count": 3, "tickets": 3}]


def test_record_refund_again_gets_the_same_answer(event_db: Connection, cancelled: str) -> None:
    ticket_ids = held_tickets(event_db, cancelled)[TOMAS]
    first = refund(event_db, cancelled, payment("20.00", "refund-1", ticket_ids=ticket_ids))
    before = dump(event_db)
    again = refund(event_db, cancelled, payment(20, "refund-1", ticket_ids=ticket_ids))
    assert again == first
    assert dump(event_db) == before

    sqlstate, (issue,) = refused_refund(event_db, cancelled, payment("30.00", "refund-1"))
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "amount_mismatch",
        "p_refund.amount",
    )
    assert (issue["expected"], issue["actual"]) == (Decimal("20.00"), Decimal("30.00"))


# What is refused


@pytest.mark.parametrize(("back", "left"), [(None, "158.50"), ("20.00", "138.50")])
def test_refund_too_large_is_raised_above_what_was_paid(
    event_db: Connection, cancelled: str, back: str | None, left: str
) -> None:
    if back is not None:
        ticket_ids = held_tickets(event_db, cancelled)[TOMAS]
        refund(event_db, cancelled, payment(back, "refund-1", ticket_ids=ticket_ids))
    too_much = Decimal(left) + Decimal("0.01")
    sqlstate, (issue,) = refused_refund(event_db, cancelled, payment(str(too_much), "refund-2"))
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "refund_too_large",
        "p_refund.amount",
    )
    assert (issue["expected"], issue["actual"]) == (Decimal(left), too_much)
    refund(event_db, cancelled, payment(left, "refund-2"))


def test_record_refund_refuses_another_currency(event_db: Connection, cancelled: str) -> None:
    sqlstate, (issue,) = refused_refund(
        event_db, cancelled, payment("20.00", "refund-1", currency="NZD")
    )
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "currency_mismatch",
        "p_refund.currency",
    )
    assert (issue["expected"], issue["actual"]) == ("AUD", "NZD")


def test_record_refund_refuses_tickets_of_others_and_refunded_ones(
    event_db: Connection, cancelled: str
) -> None:
    (mine, *_), other = held_tickets(event_db, cancelled)[TOMAS], book(event_db, CHOSEN, STRANGER)
    pay(event_db, other)
    service(event_db).call("cancel_registration", p_registration_id=other)
    (others, *_) = held_tickets(event_db, other)[TOMAS]
    sqlstate, issues = refused_refund(
        event_db, cancelled, payment("20.00", "refund-1", ticket_ids=[ABSENT, mine, others])
    )
    assert sqlstate == "TK004"
    assert [(issue["code"], issue["path"], issue["actual"]) for issue in issues] == [
        ("ticket_not_found", "p_refund.ticket_ids[0]", ABSENT),
        ("ticket_not_found", "p_refund.ticket_ids[2]", others),
    ]
    # nor twice
    refund(event_db, cancelled, payment("20.00", "refund-1", ticket_ids=[mine]))
    sqlstate, (issue,) = refused_refund(
        event_db, cancelled, payment("20.00", "refund-2", ticket_ids=[mine])
    )
    assert (sqlstate, issue["code"]) == ("TK004", "ticket_not_found")


def test_not_refundable_is_raised_unless_paid_and_cancelled(
    event_db: Connection, booking: str
) -> None:
    for status in ("draft", "completed"):
        sqlstate, (issue,) = refused_refund(event_db, booking, payment("20.00", "refund-1"))
        assert (sqlstate, issue["code"], issue["path"]) == (
            "TK007",
            "not_refundable",
            "p_registration_id",
        )
        assert issue["actual"] == status
        if status == "draft":
            pay(event_db, booking)

    unpaid = book(event_db, CHOSEN)
    owner(event_db).call("cancel_registration", p_registration_id=unpaid)
    sqlstate, (issue,) = refused_refund(event_db, unpaid, payment("20.00", "refund-1"))
    assert (sqlstate, issue["code"]) == ("TK007", "not_refundable")


def test_reference_used_is_raised_for_payments_and_refunds_alike(
    event_db: Connection, cancelled: str
) -> None:
    sqlstate, (issue,) = refused_refund(event_db, cancelled, payment("20.00", "paid"))
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "reference_used",
        "p_refund.reference",
    )

    refund(event_db, cancelled, payment("20.00", "refund-1"))
    other = book(event_db, CHOSEN, STRANGER)
    refusal = service(event_db).refusal(
        "complete_registration_payment",
        p_registration_id=other,
        p_payment=payment(str(TOTAL), "refund-1"),
    )
    assert (refusal.sqlstate, refusal.found) == (
        "TK007",
        [("reference_used", "p_payment.reference")],
    )
    pay(event_db, other)
    service(event_db).call("cancel_registration", p_registration_id=other)
    sqlstate, (issue,) = refused_refund(event_db, other, payment("20.00", "refund-1"))
    assert (sqlstate, issue["code"]) == ("TK007", "reference_used")


SHAPES: Mapping[str, tuple[object, list[tuple[str, str]]]] = {
    "null of SQL": (None, [("missing_key", "p_refund")]),
    "null of JSON": (JSON_NULL, [("missing_key", "p_refund")]),
    "an array": ([], [("invalid_type", "p_refund")]),
    "an empty object": (
        {},
        [
            ("missing_key", "p_refund.amount"),
            ("missing_key", "p_refund.currency"),
            ("missing_key", "p_refund.reference"),
        ],
    ),
    "with an amount below zero": (payment("-1"), [("invalid_value", "p_refund.amount")]),
    "with half a cent": (payment("1.005"), [("invalid_value", "p_refund.amount")]),
    "with a fee": (payment("1", fee_amount="1"), [("unknown_key", "p_refund.fee_amount")]),
    "with a currency of one letter": (
        payment("1", currency="A"),
        [("invalid_value", "p_refund.currency")],
    ),
    "with an empty reference": (payment("1", ""), [("invalid_value", "p_refund.reference")]),
    "with no ticket": (payment("1", ticket_ids=[]), [("invalid_value", "p_refund.ticket_ids")]),
    "with a string for ids": (
        payment("1", ticket_ids=ABSENT),
        [("invalid_type", "p_refund.ticket_ids")],
    ),
    "with an id that is none": (
        payment("1", ticket_ids=["x"]),
        [("invalid_value", "p_refund.ticket_ids[0]")],
    ),
    "with null for an id": (
        payment("1", ticket_ids=[None]),
        [("invalid_type", "p_refund.ticket_ids[0]")],
    ),
}


@pytest.mark.parametrize(("reported", "found"), SHAPES.values(), ids=SHAPES)
def test_record_refund_refuses_a_refund_of_another_shape(
    event_db: Connection, cancelled: str, reported: object, found: list[tuple[str, str]]
) -> None:
    sqlstate, issues = refused_refund(event_db, cancelled, reported)
    assert sqlstate == "TK001"
    assert sorted((issue["code"], issue["path"]) for issue in issues) == found


def test_record_refund_is_for_the_service_alone(event_db: Connection, cancelled: str) -> None:
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(event_db).call(
                "record_refund", p_registration_id=cancelled, p_refund=payment("1", "refund-1")
            )
    sqlstate, _ = refused_refund(event_db, ABSENT, payment("1", "refund-1"))
    assert sqlstate == "TK002"
