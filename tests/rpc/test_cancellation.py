"""Giving up a registration, and giving back what was paid for it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import psycopg
import pytest
from tests.support.bookings import (
    book,
    integrity,
    let_lapse,
    pay,
    payment,
    stored,
    ticket_states,
)
from tests.support.caller import (
    JSON_NULL,
    Caller,
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
from tests.support.stored import (
    dump,
    held_tickets,
    pool_counters,
    rows,
)

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({CEREMONY_AND_BANQUET: 1}),
    TOMAS: selection(tickets={CEREMONY: 1}),
}
TOTAL = Decimal("155.00")

As: TypeAlias = Callable[[Connection], Caller]


@pytest.fixture(autouse=True)
def on_sale(db: Connection, catalogue: Document) -> None:
    """Put the example event on sale."""
    service(db).call("import_catalogue", p_catalogue=catalogue)


@pytest.fixture
def booking(db: Connection) -> str:
    """Book two attendees."""
    return book(db, CHOSEN)


@pytest.fixture
def cancelled(db: Connection, booking: str) -> str:
    """Book two attendees, pay 3.50 more than is due as a fee, and cancel."""
    service(db).call(
        "complete_registration_payment",
        p_registration_id=booking,
        p_payment=payment("158.50", "paid", fee_amount="3.50"),
    )
    service(db).call("cancel_registration", p_registration_id=booking)
    return booking


def cancel(caller: Caller, registration_id: str, **arguments: object) -> Document:
    """Cancel a registration."""
    return caller.call("cancel_registration", p_registration_id=registration_id, **arguments)


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


# Cancelling


@pytest.mark.parametrize("who", [owner, staff, service])
@pytest.mark.parametrize("status", ["draft", "pending", "overdue", "expired"])
def test_what_is_unpaid_is_given_up(db: Connection, booking: str, status: str, who: As) -> None:
    if status == "pending":
        owner(db).call("start_payment", p_registration_id=booking)
    if status in {"overdue", "expired"}:
        let_lapse(db, booking)
    if status == "expired":
        service(db).call("release_expired_holds")
    assert pool_counters(db)[CEREMONY] == (600, 0 if status == "expired" else 2, 0)
    before = stored(db, booking)
    tickets = held_tickets(db, booking)

    answer = cancel(who(db), booking)
    assert datetime.fromisoformat(answer.pop("server_time"))
    assert answer == {
        "success": True,
        "registration_id": booking,
        "status": "cancelled",
        "payment_status": "Unpaid",
        "revision": before["revision"] + 1,
        "tickets_cancelled": 3,
    }
    after = stored(db, booking)
    assert after == before | {
        "status": "cancelled",
        "hold_expires_at": None,
        "revision": before["revision"] + 1,
        "updated_at": after["updated_at"],
    }
    # the capacity is free at once, the history stays
    assert {use[1:] for use in pool_counters(db).values()} == {(0, 0)}
    assert held_tickets(db, booking) == tickets
    assert ticket_states(db, booking) == {("Cancelled", "Unpaid")}
    assert rows(
        db,
        """
        SELECT change, revision, count(*) FROM ticketing.ticket_changes
        GROUP BY 1, 2 ORDER BY 2, 1
        """,
    ) == [
        {"change": "added", "revision": before["revision"], "count": 3},
        {"change": "cancelled", "revision": before["revision"] + 1, "count": 3},
    ]


def test_an_owner_does_not_give_up_what_is_paid(db: Connection, booking: str) -> None:
    pay(db, booking)
    before = dump(db)
    refusal = owner(db).refusal("cancel_registration", p_registration_id=booking)
    assert refusal.sqlstate == "TK003"
    assert refusal.found == [("not_editable", "p_registration_id")]
    assert refusal.issues[0]["actual"] == "completed"
    assert dump(db) == before


@pytest.mark.parametrize("who", [staff, service])
def test_staff_and_the_service_cancel_what_is_paid(db: Connection, booking: str, who: As) -> None:
    paid = pay(db, booking)
    assert pool_counters(db)[CEREMONY] == (600, 0, 2)
    answer = cancel(who(db), booking)
    assert (answer["payment_status"], answer["tickets_cancelled"]) == ("Paid", 3)
    after = stored(db, booking)
    assert (after["status"], after["payment_status"]) == ("cancelled", "Paid")
    assert (after["confirmation_number"], after["total"]) == (paid["confirmation_number"], TOTAL)
    assert {use[1:] for use in pool_counters(db).values()} == {(0, 0)}
    assert ticket_states(db, booking) == {("Cancelled", "Paid")}
    assert integrity(db) == []


def test_a_strangers_registration_is_not_there_to_cancel(db: Connection, booking: str) -> None:
    before = dump(db)
    refusal = stranger(db).refusal("cancel_registration", p_registration_id=booking)
    assert refusal.sqlstate == "TK002"
    assert refusal == stranger(db).refusal("cancel_registration", p_registration_id=ABSENT)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        cancel(anonymous(db), booking)
    assert dump(db) == before


def test_cancelling_again_changes_nothing(db: Connection, booking: str) -> None:
    first = cancel(owner(db), booking, p_reason="We are ill")
    before = dump(db)
    for who in (owner, service):
        again = cancel(who(db), booking, p_reason="Another")
        assert again == first | {"tickets_cancelled": 0, "server_time": again["server_time"]}
    assert dump(db) == before


@pytest.mark.parametrize(
    ("reason", "kept"), [("We are ill", "We are ill"), (None, None), ("x" * 1001, "x" * 1000)]
)
def test_the_reason_is_kept(
    db: Connection, booking: str, reason: str | None, kept: str | None
) -> None:
    cancel(owner(db), booking, p_reason=reason)
    assert stored(db, booking)["cancellation_reason"] == kept


def test_the_capacity_is_for_others(db: Connection, catalogue: Document, booking: str) -> None:
    for element in catalogue["ticket_types"]:
        if element["ticket_type_id"] == CEREMONY:
            element["capacity"] = 2
    service(db).call("import_catalogue", p_catalogue=catalogue)
    rival = Caller(db, "authenticated", STRANGER)
    registration_id = book(db, {}, STRANGER)
    wanted = {WALTER: selection(tickets={CEREMONY: 1})}
    refusal = rival.refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=wanted
    )
    assert refusal.sqlstate == "TK005"
    cancel(owner(db), booking)
    rival.call("persist_ticket_selections", p_registration_id=registration_id, p_selections=wanted)
    assert pool_counters(db)[CEREMONY] == (2, 1, 0)


def test_what_is_cancelled_stays_as_it_is(db: Connection, booking: str) -> None:
    cancel(owner(db), booking)
    before = dump(db)
    for refusal in (
        owner(db).refusal(
            "persist_ticket_selections", p_registration_id=booking, p_selections=CHOSEN
        ),
        owner(db).refusal("start_payment", p_registration_id=booking),
    ):
        assert refusal.sqlstate == "TK003"
        assert refusal.issues[0]["actual"] == "cancelled"
    assert dump(db) == before


def test_a_registration_without_tickets_is_cancelled_too(db: Connection) -> None:
    registration_id = book(db, {})
    assert cancel(owner(db), registration_id)["tickets_cancelled"] == 0
    assert stored(db, registration_id)["status"] == "cancelled"
    assert integrity(db) == []


# Refunds


def test_a_full_refund_gives_everything_back(db: Connection, cancelled: str) -> None:
    before = stored(db, cancelled)
    answer = refund(db, cancelled, payment("158.50", "refund", provider="default"))
    (row,) = rows(db, "SELECT * FROM ticketing.payments WHERE kind = 'refund'")
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
    after = stored(db, cancelled)
    assert (after["payment_status"], after["revision"]) == ("Refunded", answer["revision"])
    assert after["confirmation_number"] == before["confirmation_number"]
    assert ticket_states(db, cancelled) == {("Cancelled", "Refunded")}
    assert {use[1:] for use in pool_counters(db).values()} == {(0, 0)}
    assert integrity(db) == []


def test_a_partial_refund_is_of_the_tickets_named(db: Connection, cancelled: str) -> None:
    tickets = held_tickets(db, cancelled)
    answer = refund(db, cancelled, payment("20.00", "refund-1", ticket_ids=tickets[TOMAS]))
    assert (answer["payment_status"], answer["amount"]) == ("Paid", Decimal("20.00"))
    assert stored(db, cancelled)["payment_status"] == "Paid"
    assert ticket_states(db, cancelled) == {("Cancelled", "Paid"), ("Cancelled", "Refunded")}
    assert [
        str(row["ticket_id"])
        for row in rows(db, "SELECT * FROM ticketing.ticket_changes WHERE change = 'refunded'")
    ] == tickets[TOMAS]
    assert integrity(db) == []

    # with the last of its tickets the registration is refunded
    answer = refund(db, cancelled, payment("100.00", "refund-2", ticket_ids=tickets[WALTER] * 2))
    assert answer["payment_status"] == "Refunded"
    assert ticket_states(db, cancelled) == {("Cancelled", "Refunded")}
    assert integrity(db) == []


def test_the_rest_is_refunded_without_naming_it(db: Connection, cancelled: str) -> None:
    tickets = held_tickets(db, cancelled)
    refund(db, cancelled, payment("20.00", "refund-1", ticket_ids=tickets[TOMAS]))
    answer = refund(db, cancelled, payment("135.00", "refund-2", ticket_ids=None))
    assert answer["payment_status"] == "Refunded"
    assert rows(
        db,
        """
        SELECT count(*), count(DISTINCT ticket_id) AS tickets FROM ticketing.ticket_changes
        WHERE change = 'refunded'
        """,
    ) == [{"count": 3, "tickets": 3}]


@pytest.mark.parametrize(("back", "left"), [(None, "158.50"), ("20.00", "138.50")])
def test_no_more_is_given_back_than_was_paid(
    db: Connection, cancelled: str, back: str | None, left: str
) -> None:
    if back is not None:
        ticket_ids = held_tickets(db, cancelled)[TOMAS]
        refund(db, cancelled, payment(back, "refund-1", ticket_ids=ticket_ids))
    too_much = Decimal(left) + Decimal("0.01")
    sqlstate, (issue,) = refused_refund(db, cancelled, payment(str(too_much), "refund-2"))
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "refund_too_large",
        "p_refund.amount",
    )
    assert (issue["expected"], issue["actual"]) == (Decimal(left), too_much)
    refund(db, cancelled, payment(left, "refund-2"))


def test_a_refund_is_in_the_currency_paid(db: Connection, cancelled: str) -> None:
    sqlstate, (issue,) = refused_refund(db, cancelled, payment("20.00", "refund-1", currency="NZD"))
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "currency_mismatch",
        "p_refund.currency",
    )
    assert (issue["expected"], issue["actual"]) == ("AUD", "NZD")


def test_a_refund_is_of_tickets_that_are_there_and_paid(db: Connection, cancelled: str) -> None:
    (mine, *_), other = held_tickets(db, cancelled)[TOMAS], book(db, CHOSEN, STRANGER)
    pay(db, other)
    cancel(service(db), other)
    (others, *_) = held_tickets(db, other)[TOMAS]
    sqlstate, issues = refused_refund(
        db, cancelled, payment("20.00", "refund-1", ticket_ids=[ABSENT, mine, others])
    )
    assert sqlstate == "TK004"
    assert [(issue["code"], issue["path"], issue["actual"]) for issue in issues] == [
        ("ticket_not_found", "p_refund.ticket_ids[0]", ABSENT),
        ("ticket_not_found", "p_refund.ticket_ids[2]", others),
    ]
    # nor twice
    refund(db, cancelled, payment("20.00", "refund-1", ticket_ids=[mine]))
    sqlstate, (issue,) = refused_refund(
        db, cancelled, payment("20.00", "refund-2", ticket_ids=[mine])
    )
    assert (sqlstate, issue["code"]) == ("TK004", "ticket_not_found")


def test_only_what_was_paid_and_cancelled_is_refunded(db: Connection, booking: str) -> None:
    for status in ("draft", "completed"):
        sqlstate, (issue,) = refused_refund(db, booking, payment("20.00", "refund-1"))
        assert (sqlstate, issue["code"], issue["path"]) == (
            "TK007",
            "not_refundable",
            "p_registration_id",
        )
        assert issue["actual"] == status
        if status == "draft":
            pay(db, booking)

    unpaid = book(db, CHOSEN)
    cancel(owner(db), unpaid)
    sqlstate, (issue,) = refused_refund(db, unpaid, payment("20.00", "refund-1"))
    assert (sqlstate, issue["code"]) == ("TK007", "not_refundable")


def test_the_same_refund_again_gets_the_same_answer(db: Connection, cancelled: str) -> None:
    ticket_ids = held_tickets(db, cancelled)[TOMAS]
    first = refund(db, cancelled, payment("20.00", "refund-1", ticket_ids=ticket_ids))
    before = dump(db)
    again = refund(db, cancelled, payment(20, "refund-1", ticket_ids=ticket_ids))
    assert again == first
    assert dump(db) == before

    sqlstate, (issue,) = refused_refund(db, cancelled, payment("30.00", "refund-1"))
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "amount_mismatch",
        "p_refund.amount",
    )
    assert (issue["expected"], issue["actual"]) == (Decimal("20.00"), Decimal("30.00"))


def test_a_reference_is_of_one_thing(db: Connection, cancelled: str) -> None:
    sqlstate, (issue,) = refused_refund(db, cancelled, payment("20.00", "paid"))
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "reference_used",
        "p_refund.reference",
    )

    refund(db, cancelled, payment("20.00", "refund-1"))
    other = book(db, CHOSEN, STRANGER)
    refusal = service(db).refusal(
        "complete_registration_payment",
        p_registration_id=other,
        p_payment=payment(str(TOTAL), "refund-1"),
    )
    assert (refusal.sqlstate, refusal.found) == (
        "TK007",
        [("reference_used", "p_payment.reference")],
    )
    pay(db, other)
    cancel(service(db), other)
    sqlstate, (issue,) = refused_refund(db, other, payment("20.00", "refund-1"))
    assert (sqlstate, issue["code"]) == ("TK007", "reference_used")


@pytest.mark.parametrize(
    ("reported", "found"),
    [
        (None, [("missing_key", "p_refund")]),
        (JSON_NULL, [("missing_key", "p_refund")]),
        ([], [("invalid_type", "p_refund")]),
        (
            {},
            [
                ("missing_key", "p_refund.amount"),
                ("missing_key", "p_refund.currency"),
                ("missing_key", "p_refund.reference"),
            ],
        ),
        (payment("-1"), [("invalid_value", "p_refund.amount")]),
        (payment("1.005"), [("invalid_value", "p_refund.amount")]),
        (payment("1", fee_amount="1"), [("unknown_key", "p_refund.fee_amount")]),
        (payment("1", currency="A"), [("invalid_value", "p_refund.currency")]),
        (payment("1", ""), [("invalid_value", "p_refund.reference")]),
        (payment("1", ticket_ids=[]), [("invalid_value", "p_refund.ticket_ids")]),
        (payment("1", ticket_ids=ABSENT), [("invalid_type", "p_refund.ticket_ids")]),
        (payment("1", ticket_ids=["x"]), [("invalid_value", "p_refund.ticket_ids[0]")]),
        (payment("1", ticket_ids=[None]), [("invalid_type", "p_refund.ticket_ids[0]")]),
    ],
)
def test_a_refund_has_the_documented_shape(
    db: Connection, cancelled: str, reported: object, found: list[tuple[str, str]]
) -> None:
    sqlstate, issues = refused_refund(db, cancelled, reported)
    assert sqlstate == "TK001"
    assert sorted((issue["code"], issue["path"]) for issue in issues) == found


def test_only_the_service_records_refunds(db: Connection, cancelled: str) -> None:
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(db).call(
                "record_refund", p_registration_id=cancelled, p_refund=payment("1", "refund-1")
            )
    sqlstate, _ = refused_refund(db, ABSENT, payment("1", "refund-1"))
    assert sqlstate == "TK002"
