"""adjust_registration: discounts, complimentary registrations, and fees that are kept."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import pytest
from tests.support.bookings import (
    ONE,
    book,
    import_catalogue,
    integrity,
    let_lapse,
    pay,
    payment,
    start,
    stored,
    ticket_states,
)
from tests.support.caller import Caller, Connection, anonymous, owner, service, staff, stranger
from tests.support.example import (
    ABSENT,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    ORGANISATION,
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
ADMIN, BOSS = (f"01974a10-0000-7000-8000-0000000000{end}" for end in ("e1", "e2"))

As: TypeAlias = Callable[[Connection], Caller]


@pytest.fixture
def booking(event_db: Connection) -> str:
    """Book two attendees."""
    return book(event_db, CHOSEN)


def _member(connection: Connection, user_id: str, role: str) -> Caller:
    connection.execute(
        """
        INSERT INTO ticketing.organisation_members (organisation_id, user_id, role)
        VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
        """,
        [ORGANISATION, user_id, role],
    )
    return Caller(connection, "authenticated", user_id)


def admin(connection: Connection) -> Caller:
    """Return an admin of the organisation."""
    return _member(connection, ADMIN, "admin")


def boss(connection: Connection) -> Caller:
    """Return an owner of the organisation."""
    return _member(connection, BOSS, "owner")


def adjust(
    caller: Caller, registration_id: str, adjustment: object, reason: object = "goodwill"
) -> Document:
    """Adjust a registration."""
    return caller.call(
        "adjust_registration",
        p_registration_id=registration_id,
        p_adjustment=adjustment,
        p_reason=reason,
    )


def changes(connection: Connection) -> list[Document]:
    """Return the recorded changes of registrations, in order."""
    return rows(
        connection,
        """
        SELECT change, revision, old_values, new_values, reason, actor_id::text, actor_role
        FROM ticketing.registration_changes ORDER BY change_id
        """,
    )


def money(connection: Connection, registration_id: str) -> dict[str, str]:
    """Return what get_registration says of the money."""
    answer = service(connection).call("get_registration", p_registration_id=registration_id)
    keys = ("subtotal", "adjustment", "total", "paid", "refunded", "amount_due", "refund_due")
    return {key: str(answer[key]) for key in keys}


# Unpaid


@pytest.mark.parametrize("who", [admin, boss, service])
def test_adjust_registration_gives_a_discount(event_db: Connection, booking: str, who: As) -> None:
    before = stored(event_db, booking)
    caller = who(event_db)
    answer = adjust(caller, booking, "-15.50", "Early bird")
    assert datetime.fromisoformat(answer.pop("server_time"))
    assert answer == {
        "success": True,
        "registration_id": booking,
        "status": "draft",
        "payment_status": "Unpaid",
        "revision": before["revision"] + 1,
        "subtotal": TOTAL,
        "adjustment": Decimal("-15.50"),
        "total": Decimal("139.50"),
        "paid": Decimal("0.00"),
        "refunded": Decimal("0.00"),
        "amount_due": Decimal("139.50"),
        "refund_due": Decimal("0.00"),
        "currency": "AUD",
    }
    after = stored(event_db, booking)
    assert after == before | {
        "adjustment": Decimal("-15.50"),
        "total": Decimal("139.50"),
        "revision": answer["revision"],
        "updated_at": after["updated_at"],
    }
    assert changes(event_db) == [
        {
            "change": "adjusted",
            "revision": answer["revision"],
            "old_values": {"adjustment": 0},
            "new_values": {"adjustment": -15.5},
            "reason": "Early bird",
            "actor_id": caller.user_id,
            "actor_role": caller.role,
        }
    ]
    assert ticket_states(event_db, booking) == {("Active", "Unpaid")}
    assert integrity(event_db) == []


def test_adjust_registration_again_changes_nothing(event_db: Connection, booking: str) -> None:
    first = adjust(service(event_db), booking, "-15.5", "Early bird")
    before = dump(event_db)
    for again in ("-15.50", "-15.500"):
        answer = adjust(service(event_db), booking, again, "Another reason")
        assert answer == first | {"server_time": answer["server_time"]}
    assert dump(event_db) == before
    # nor does no adjustment of what has none
    other = book(event_db, ONE)
    before = dump(event_db)
    assert adjust(service(event_db), other, 0)["adjustment"] == 0
    assert dump(event_db) == before


def test_adjust_registration_replaces_the_adjustment_before(
    event_db: Connection, booking: str
) -> None:
    for adjustment, total in ((-20, 135), ("10.01", "165.01"), (0, 155), ("-155.01", 0)):
        answer = adjust(service(event_db), booking, adjustment)
        assert answer["total"] == answer["amount_due"] == Decimal(total)
    recorded = [(each["old_values"], each["new_values"]) for each in changes(event_db)]
    assert recorded == [
        ({"adjustment": 0}, {"adjustment": -20}),
        ({"adjustment": -20}, {"adjustment": 10.01}),
        ({"adjustment": 10.01}, {"adjustment": 0}),
        ({"adjustment": 0}, {"adjustment": -155.01}),
    ]
    assert integrity(event_db) == []


def test_adjust_registration_makes_a_pending_one_draft_again(
    event_db: Connection, booking: str
) -> None:
    started = start(event_db, booking)
    answer = adjust(service(event_db), booking, -5)
    assert (answer["status"], answer["revision"]) == ("draft", started["revision"] + 1)
    held = service(event_db).call("get_registration", p_registration_id=booking)
    assert held["hold_expires_at"] == started["hold_expires_at"]
    # the amount told before is not taken any more, that of a new start is
    refusal = service(event_db).refusal(
        "complete_registration_payment",
        p_registration_id=booking,
        p_payment=payment(str(started["amount_due"])),
    )
    assert refusal.found == [("amount_mismatch", "p_payment.amount")]
    assert refusal.issues[0]["expected"] == Decimal("150.00")
    again = start(event_db, booking)
    assert (again["status"], again["amount_due"]) == ("pending", Decimal("150.00"))
    assert again["hold_expires_at"] >= started["hold_expires_at"]
    paid = pay(event_db, booking)
    assert (paid["status"], paid["total"]) == ("completed", Decimal("150.00"))
    assert money(event_db, booking) == {
        "subtotal": "155.00",
        "adjustment": "-5.00",
        "total": "150.00",
        "paid": "150.00",
        "refunded": "0.00",
        "amount_due": "0.00",
        "refund_due": "0.00",
    }
    assert integrity(event_db) == []


def test_adjust_registration_stays_through_a_persist(event_db: Connection, booking: str) -> None:
    adjust(service(event_db), booking, -30)
    answer = owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=booking,
        p_selections={TOMAS: selection()},
    )
    assert (answer["subtotal"], answer["total"]) == (Decimal("135.00"), Decimal("105.00"))
    assert money(event_db, booking)["amount_due"] == "105.00"
    # to which more than all of the rest is a discount
    answer = owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=booking,
        p_selections={WALTER: selection(), TOMAS: selection(tickets={CEREMONY: 1})},
    )
    assert (answer["subtotal"], answer["total"]) == (Decimal("20.00"), Decimal("0.00"))
    assert integrity(event_db) == []


@pytest.mark.parametrize("adjustment", ["-155.00", "-1000.00"])
@pytest.mark.parametrize("was_pending", [False, True])
def test_adjust_registration_to_nothing_due_lets_start_payment_complete_it(
    event_db: Connection, booking: str, adjustment: str, *, was_pending: bool
) -> None:
    if was_pending:
        start(event_db, booking)
    answer = adjust(admin(event_db), booking, adjustment, "Complimentary")
    assert (answer["status"], answer["total"], answer["amount_due"]) == ("draft", 0, 0)
    # a persist in between completes nothing
    persisted = owner(event_db).call(
        "persist_ticket_selections", p_registration_id=booking, p_selections=CHOSEN
    )
    assert (persisted["status"], persisted["total"]) == ("draft", 0)
    done = start(event_db, booking)
    assert (done["status"], done["amount_due"]) == ("completed", 0)
    assert done["confirmation_number"]
    assert ticket_states(event_db, booking) == {("Active", "Paid")}
    assert pool_counters(event_db)[CEREMONY] == (600, 0, 2)
    assert integrity(event_db) == []
    # nothing was paid, so its owner cancels it
    cancelled = owner(event_db).call("cancel_registration", p_registration_id=booking)
    assert (cancelled["payment_status"], cancelled["tickets_cancelled"]) == ("Paid", 3)
    assert integrity(event_db) == []


@pytest.mark.parametrize("is_released", [False, True])
def test_adjust_registration_leaves_an_expired_one_expired(
    event_db: Connection, booking: str, *, is_released: bool
) -> None:
    let_lapse(event_db, booking)
    if is_released:
        service(event_db).call("release_expired_holds")
    answer = adjust(service(event_db), booking, "-100.00")
    assert answer["status"] == ("expired" if is_released else "draft")
    assert answer["amount_due"] == Decimal("55.00")
    seen = service(event_db).call("get_registration", p_registration_id=booking)
    assert seen["status"] == "expired"
    # paid late, at the lower price
    assert pay(event_db, booking)["total"] == Decimal("55.00")
    assert integrity(event_db) == []


def test_adjust_registration_adds_a_fee(event_db: Connection, booking: str) -> None:
    assert adjust(service(event_db), booking, 10)["amount_due"] == Decimal("165.00")
    assert start(event_db, booking)["amount_due"] == Decimal("165.00")
    assert pay(event_db, booking)["total"] == Decimal("165.00")
    assert integrity(event_db) == []


# Completed


def test_adjust_registration_makes_a_refund_due(event_db: Connection, booking: str) -> None:
    pay(event_db, booking)
    answer = adjust(service(event_db), booking, "-35.00", "The band did not come")
    assert (answer["status"], answer["payment_status"]) == ("completed", "Paid")
    assert (answer["total"], answer["refund_due"]) == (Decimal("120.00"), Decimal("35.00"))
    assert integrity(event_db) == []
    back = service(event_db).call(
        "record_refund", p_registration_id=booking, p_refund=payment("35.00", "refund")
    )
    assert (back["status"], back["payment_status"], back["refund_due"]) == ("completed", "Paid", 0)
    assert ticket_states(event_db, booking) == {("Active", "Paid")}
    assert integrity(event_db) == []


@pytest.mark.parametrize(
    ("refunded", "adjustment", "due"),
    [(None, "0.01", "0.01"), (None, "10.00", "10.00"), ("35.00", "-34.99", "0.01")],
)
def test_payment_required_is_raised_when_a_paid_one_would_cost_more(
    event_db: Connection, booking: str, refunded: str | None, adjustment: str, due: str
) -> None:
    pay(event_db, booking)
    if refunded:
        adjust(service(event_db), booking, f"-{refunded}")
        service(event_db).call(
            "record_refund", p_registration_id=booking, p_refund=payment(refunded, "refund")
        )
    before = dump(event_db)
    refusal = admin(event_db).refusal(
        "adjust_registration",
        p_registration_id=booking,
        p_adjustment=adjustment,
        p_reason="A fee",
    )
    assert refusal.sqlstate == "TK007"
    assert refusal.found == [("payment_required", "p_adjustment")]
    assert refusal.issues[0]["expected"] == Decimal(due)
    assert {**dump(event_db), "organisation_members": []} == {**before, "organisation_members": []}


def test_adjust_registration_lowers_what_is_due_back_to_nothing(
    event_db: Connection, booking: str
) -> None:
    pay(event_db, booking)
    adjust(service(event_db), booking, -35)
    assert adjust(service(event_db), booking, -20)["refund_due"] == Decimal("20.00")
    answer = adjust(service(event_db), booking, 0)
    assert (answer["refund_due"], answer["amount_due"]) == (0, 0)
    assert integrity(event_db) == []


# Cancelled


@pytest.fixture
def cancelled(event_db: Connection, booking: str) -> str:
    """Book two attendees, pay, and cancel."""
    pay(event_db, booking)
    service(event_db).call("cancel_registration", p_registration_id=booking)
    return booking


def test_adjust_registration_keeps_a_fee_of_a_cancelled_one(
    event_db: Connection, cancelled: str
) -> None:
    answer = adjust(admin(event_db), cancelled, "15.00", "Cancellation fee")
    assert (answer["status"], answer["payment_status"]) == ("cancelled", "Paid")
    assert (answer["total"], answer["refund_due"]) == (Decimal("15.00"), Decimal("140.00"))
    refusal = service(event_db).refusal(
        "record_refund", p_registration_id=cancelled, p_refund=payment("140.01", "refund")
    )
    assert refusal.issues[0]["expected"] == Decimal("140.00")
    back = service(event_db).call(
        "record_refund", p_registration_id=cancelled, p_refund=payment("140.00", "refund")
    )
    assert (back["payment_status"], back["refund_due"]) == ("Refunded", 0)
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Refunded")}
    assert integrity(event_db) == []


def test_adjust_registration_settles_a_cancelled_one_and_opens_it_again(
    event_db: Connection, cancelled: str
) -> None:
    # a fee of all that was paid: nothing is given back, so nothing is refunded
    answer = adjust(service(event_db), cancelled, TOTAL)
    assert (answer["payment_status"], answer["refund_due"]) == ("Paid", 0)
    assert integrity(event_db) == []
    # part of it is given back, and the rest kept
    adjust(service(event_db), cancelled, "0.00")
    service(event_db).call(
        "record_refund",
        p_registration_id=cancelled,
        p_refund=payment("20.00", "r1", ticket_ids=held_tickets(event_db, cancelled)[TOMAS]),
    )
    for adjustment, status, due in (
        ("135.00", "Refunded", "0.00"),
        ("130.00", "Paid", "5.00"),
        ("135.00", "Refunded", "0.00"),
        ("0.00", "Paid", "135.00"),
    ):
        answer = adjust(service(event_db), cancelled, adjustment)
        assert (answer["payment_status"], answer["refund_due"]) == (status, Decimal(due))
        assert stored(event_db, cancelled)["payment_status"] == status
        assert integrity(event_db) == []
    back = service(event_db).call(
        "record_refund", p_registration_id=cancelled, p_refund=payment("135.00", "r2")
    )
    assert back["payment_status"] == "Refunded"
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Refunded")}
    assert integrity(event_db) == []


def test_payment_required_is_raised_above_what_was_paid_for_a_cancelled_one(
    event_db: Connection, cancelled: str
) -> None:
    refusal = service(event_db).refusal(
        "adjust_registration",
        p_registration_id=cancelled,
        p_adjustment="155.01",
        p_reason="A fee",
    )
    assert (refusal.sqlstate, refusal.found) == ("TK007", [("payment_required", "p_adjustment")])
    assert refusal.issues[0]["expected"] == Decimal("0.01")
    unpaid = book(event_db, ONE)
    owner(event_db).call("cancel_registration", p_registration_id=unpaid)
    refusal = service(event_db).refusal(
        "adjust_registration", p_registration_id=unpaid, p_adjustment=1, p_reason="A fee"
    )
    assert refusal.issues[0]["expected"] == Decimal("1.00")
    answer = adjust(service(event_db), unpaid, -1)
    assert (answer["payment_status"], answer["total"]) == ("Unpaid", 0)
    assert integrity(event_db) == []


# What is refused


@pytest.mark.parametrize("who", [owner, staff])
def test_not_allowed_is_raised_for_who_is_no_admin(
    event_db: Connection, booking: str, who: As
) -> None:
    caller = who(event_db)
    before = dump(event_db)
    # before anything else, also for what is wrong anyway
    for adjustment, reason in ((-5, "goodwill"), ("NaN", None)):
        refusal = caller.refusal(
            "adjust_registration",
            p_registration_id=booking,
            p_adjustment=adjustment,
            p_reason=reason,
        )
        assert refusal.sqlstate == "42501"
        assert refusal.found == [("not_allowed", "p_registration_id")]
        assert "owner or admin of the organisation" in refusal.message
    assert dump(event_db) == before


def test_adjust_registration_of_a_stranger_finds_none(event_db: Connection, booking: str) -> None:
    before = dump(event_db)
    named = {"p_adjustment": -5, "p_reason": "goodwill"}
    refusal = stranger(event_db).refusal("adjust_registration", p_registration_id=booking, **named)
    assert refusal.sqlstate == "TK002"
    assert refusal == stranger(event_db).refusal(
        "adjust_registration", p_registration_id=ABSENT, **named
    )
    refusal = anonymous(event_db).refusal("adjust_registration", p_registration_id=booking, **named)
    assert refusal.found == [("not_authenticated", "p_registration_id")]
    assert dump(event_db) == before


@pytest.mark.parametrize(
    ("adjustment", "code"),
    [
        (None, "missing_key"),
        ("NaN", "invalid_value"),
        ("Infinity", "invalid_value"),
        ("-Infinity", "invalid_value"),
        ("0.001", "invalid_value"),
        ("-10000000000", "invalid_value"),
        ("-9999999999.991", "invalid_value"),
        # the total would be beyond what can be paid
        ("9999999845.00", "invalid_value"),
        ("9999999999.99", "invalid_value"),
        ("1e131071", "invalid_value"),
        ("1e-16383", "invalid_value"),
    ],
)
def test_invalid_value_is_raised_for_an_adjustment_that_is_no_amount(
    event_db: Connection, booking: str, adjustment: str | None, code: str
) -> None:
    before = dump(event_db)
    refusal = service(event_db).refusal(
        "adjust_registration",
        p_registration_id=booking,
        p_adjustment=adjustment,
        p_reason="goodwill",
    )
    assert (refusal.sqlstate, refusal.found) == ("TK001", [(code, "p_adjustment")])
    assert len(str(refusal.issues)) < 1000
    assert dump(event_db) == before


@pytest.mark.parametrize("adjustment", ["9999999844.99", "-9999999999.99"])
def test_adjust_registration_takes_every_amount(
    event_db: Connection, booking: str, adjustment: str
) -> None:
    answer = adjust(service(event_db), booking, adjustment)
    assert answer["total"] == max(TOTAL + Decimal(adjustment), Decimal(0))
    assert integrity(event_db) == []


@pytest.mark.parametrize(
    ("reason", "code"),
    [(None, "missing_key"), ("", "invalid_value"), ("x" * 1001, "invalid_value")],
)
def test_invalid_value_is_raised_for_no_reason(
    event_db: Connection, booking: str, reason: str | None, code: str
) -> None:
    refusal = service(event_db).refusal(
        "adjust_registration", p_registration_id=booking, p_adjustment=-5, p_reason=reason
    )
    assert (refusal.sqlstate, refusal.found) == ("TK001", [(code, "p_reason")])
    for long in ("x", "x" * 1000):
        adjust(service(event_db), booking, -len(long), long)
    assert [len(each["reason"]) for each in changes(event_db)] == [1, 1000]


def test_adjust_registration_lists_what_is_wrong_with_both_arguments(
    event_db: Connection, booking: str
) -> None:
    refusal = service(event_db).refusal(
        "adjust_registration", p_registration_id=booking, p_adjustment="NaN", p_reason=""
    )
    assert refusal.found == [("invalid_value", "p_adjustment"), ("invalid_value", "p_reason")]


def test_adjust_registration_is_whole_in_a_currency_without_decimals(
    db: Connection, catalogue: Document
) -> None:
    catalogue["function"]["currency"] = "JPY"
    import_catalogue(db, catalogue)
    registration_id = book(db, ONE)
    refusal = service(db).refusal(
        "adjust_registration", p_registration_id=registration_id, p_adjustment="-0.5", p_reason="x"
    )
    assert refusal.found == [("invalid_value", "p_adjustment")]
    answer = adjust(service(db), registration_id, "-5.00")
    assert [str(answer[key]) for key in ("subtotal", "adjustment", "total")] == ["20", "-5", "15"]
    assert integrity(db) == []
