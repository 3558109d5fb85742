"""Paying: what is due is checked as a whole, recorded once, and turns what is held into owned."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

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
    ALL_EVENTS,
    BANQUET,
    CEREMONY,
    COMMUNICATION,
    FUNCTION,
    HAROLD,
    INES,
    LADIES,
    LUNCHEON,
    MASONS,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    selection,
    wizard_registration,
)
from tests.support.stored import (
    dump,
    pool_counters,
    rows,
)

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({ALL_EVENTS: 1}),
    INES: selection({LADIES: 1}),
    TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1}),
    HAROLD: selection({MASONS: 1}),
}
TOTAL = Decimal("735.00")

SHORT = {WALTER: selection(tickets={CEREMONY: 1})}
SHORT_TOTAL = Decimal("20.00")

FREE = {WALTER: selection(tickets={COMMUNICATION: 1})}


@pytest.fixture(autouse=True)
def on_sale(db: Connection, catalogue: Document) -> None:
    """Put the example event on sale."""
    service(db).call("import_catalogue", p_catalogue=catalogue)


@pytest.fixture
def booking(db: Connection) -> str:
    """Book what the recorded wizard has selected."""
    return book(db, CHOSEN)


def start(db: Connection, registration_id: str, **arguments: object) -> Document:
    """Start payment as the owner."""
    return owner(db).call("start_payment", p_registration_id=registration_id, **arguments)


def complete(caller: Caller, registration_id: str, p_payment: object) -> Document:
    """Report a payment."""
    return caller.call(
        "complete_registration_payment", p_registration_id=registration_id, p_payment=p_payment
    )


def persist(db: Connection, registration_id: str, selections: Mapping[str, Document]) -> Document:
    """Persist selections as the owner."""
    return owner(db).call(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=selections
    )


def import_with(db: Connection, catalogue: Document, **capacities: int) -> None:
    """Import the catalogue with other capacities of ticket types, by their names here."""
    for element in catalogue["ticket_types"]:
        for name, capacity in capacities.items():
            if element["ticket_type_id"] == {"ceremony": CEREMONY, "luncheon": LUNCHEON}[name]:
                element["capacity"] = capacity
    service(db).call("import_catalogue", p_catalogue=catalogue)


def hold_of(answer: Document) -> datetime:
    """Return until when an answer says that the tickets are held."""
    return datetime.fromisoformat(answer["hold_expires_at"])


# Starting


def test_starting_payment_says_what_is_due(db: Connection, booking: str) -> None:
    before = stored(db, booking)
    answer = start(db, booking, p_expected_revision=before["revision"])
    now = datetime.fromisoformat(answer["server_time"])
    assert answer == {
        "success": True,
        "registration_id": booking,
        "status": "pending",
        "amount_due": TOTAL,
        "currency": "AUD",
        "confirmation_number": None,
        "revision": before["revision"],
        "hold_expires_at": answer["hold_expires_at"],
        "server_time": answer["server_time"],
    }
    # hold_minutes and payment_minutes
    assert hold_of(answer) == now + timedelta(minutes=60)
    row = stored(db, booking)
    assert (row["status"], row["payment_status"]) == ("pending", "Unpaid")
    assert row["hold_expires_at"] == hold_of(answer)
    assert ticket_states(db, booking) == {("Active", "Unpaid")}
    assert integrity(db) == []


def test_staff_and_the_service_start_payment_too(db: Connection, booking: str) -> None:
    for caller in (staff(db), service(db)):
        answer = caller.call("start_payment", p_registration_id=booking)
        assert (answer["status"], answer["amount_due"]) == ("pending", TOTAL)


def test_strangers_cannot_start_payment(db: Connection, booking: str) -> None:
    refusal = stranger(db).refusal("start_payment", p_registration_id=booking)
    absent = stranger(db).refusal("start_payment", p_registration_id=ABSENT)
    assert refusal == absent
    assert (refusal.sqlstate, refusal.found) == (
        "TK002",
        [("registration_not_found", "p_registration_id")],
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        anonymous(db).call("start_payment", p_registration_id=booking)


def test_the_hold_is_extended_once_for_each_payment(db: Connection, booking: str) -> None:
    extended = hold_of(start(db, booking))
    again = start(db, booking)
    assert hold_of(again) == extended
    assert again["amount_due"] == TOTAL

    # nor by going back and forth
    for _ in range(3):
        persist(db, booking, {TOMAS: selection(tickets={CEREMONY: 1})})
        persist(db, booking, {TOMAS: CHOSEN[TOMAS]})
        answer = start(db, booking)
    now = datetime.fromisoformat(answer["server_time"])
    assert now + timedelta(minutes=59) < hold_of(answer) <= now + timedelta(minutes=60)


def test_payment_extends_the_hold_even_at_its_limit(db: Connection, booking: str) -> None:
    db.execute(
        """
        UPDATE ticketing.registrations
        SET created_at = now() - interval '1439 minutes', hold_expires_at = now() + interval '1 min'
        """
    )
    created = stored(db, booking)["created_at"]
    assert hold_of(start(db, booking)) == created + timedelta(minutes=1440 + 30)
    # and no further
    persist(db, booking, {TOMAS: selection(tickets={CEREMONY: 1})})
    assert hold_of(start(db, booking)) == created + timedelta(minutes=1440 + 30)


def test_a_start_expects_the_stored_revision(db: Connection, booking: str) -> None:
    revision = stored(db, booking)["revision"]
    before = dump(db)
    for wrong in (revision - 1, revision + 1):
        refusal = owner(db).refusal(
            "start_payment", p_registration_id=booking, p_expected_revision=wrong
        )
        assert refusal.sqlstate == "TK006"
        (issue,) = refusal.issues
        assert (issue["code"], issue["path"]) == ("revision_conflict", "p_expected_revision")
        assert (issue["expected"], issue["actual"]) == (wrong, revision)
    assert dump(db) == before


def test_every_attendee_needs_a_ticket(db: Connection) -> None:
    registration_id = book(db, SHORT | {TOMAS: selection(), HAROLD: selection()})
    before = dump(db)
    refusal = owner(db).refusal("start_payment", p_registration_id=registration_id)
    assert refusal.sqlstate == "TK004"
    assert {(issue["code"], issue["client_attendee_id"]) for issue in refusal.issues} == {
        ("attendee_without_ticket", TOMAS),
        ("attendee_without_ticket", HAROLD),
    }
    assert "Tomas Reyes" in " ".join(issue["message"] for issue in refusal.issues)
    assert dump(db) == before


@pytest.mark.parametrize(
    "contact",
    [
        None,
        {},
        {"firstName": "Walter", "lastName": "Ashby"},
        {"firstName": "Walter", "emailAddress": " "},
        {"firstName": " ", "lastName": "", "emailAddress": "walter@example.org"},
        {"firstName": "Walter", "emailAddress": None},
    ],
)
def test_a_booking_contact_has_a_name_and_an_address(
    db: Connection, contact: Document | None
) -> None:
    registration_id = book(db, SHORT)
    data = wizard_registration(registration_id, set()) | {"billingDetails": contact}
    owner(db).call("create_individual_registration_jsonb", p_registration_data=data)
    refusal = owner(db).refusal("start_payment", p_registration_id=registration_id)
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("booking_contact_missing", "p_registration_id")]


def test_a_business_is_a_booking_contact(db: Connection) -> None:
    registration_id = book(db, SHORT)
    contact = {"businessName": "Lodge 1", "emailAddress": "lodge@example.org"}
    data = wizard_registration(registration_id, set()) | {"billingDetails": contact}
    owner(db).call("create_individual_registration_jsonb", p_registration_data=data)
    assert start(db, registration_id)["status"] == "pending"


def test_everything_that_is_wrong_is_said_at_once(db: Connection) -> None:
    registration_id = book(db, {WALTER: selection({MASONS: 1}), TOMAS: selection()})
    db.execute(
        """
        UPDATE ticketing.attendees SET attendee_data = attendee_data || '{"grand_lodge": "Another"}'
        """
    )
    db.execute("UPDATE ticketing.registrations SET booking_contact = NULL")
    refusal = owner(db).refusal("start_payment", p_registration_id=registration_id)
    assert refusal.sqlstate == "TK004"
    assert {issue["code"] for issue in refusal.issues} == {
        "not_eligible",
        "attendee_without_ticket",
        "booking_contact_missing",
    }


def test_eligibility_is_judged_again(db: Connection) -> None:
    registration_id = book(db, {WALTER: selection({MASONS: 1})})
    data = wizard_registration(registration_id, set())
    data["primaryAttendee"]["grand_lodge"] = "Another Grand Lodge"
    owner(db).call("create_individual_registration_jsonb", p_registration_data=data)
    before = dump(db)
    refusal = owner(db).refusal("start_payment", p_registration_id=registration_id)
    assert refusal.sqlstate == "TK004"
    assert {issue["code"] for issue in refusal.issues} == {"not_eligible"}
    assert {issue["client_attendee_id"] for issue in refusal.issues} == {WALTER}
    assert dump(db) == before


def test_limits_are_judged_again(db: Connection, booking: str) -> None:
    db.execute(
        "UPDATE ticketing.ticket_types SET max_per_registration = 1 WHERE ticket_type_id = %s",
        [CEREMONY],
    )
    refusal = owner(db).refusal("start_payment", p_registration_id=booking)
    assert refusal.sqlstate == "TK004"
    assert {issue["code"] for issue in refusal.issues} == {"above_registration_maximum"}


def test_what_is_held_is_paid_at_the_price_promised(
    db: Connection, catalogue: Document, booking: str
) -> None:
    for element in catalogue["ticket_types"] + catalogue["packages"]:
        element["price"] = "500.00"
        element["sale_ends_at"] = "2020-01-01T00:00:00Z"
    service(db).call("import_catalogue", p_catalogue=catalogue)
    assert start(db, booking)["amount_due"] == TOTAL


def test_a_start_after_the_hold_takes_capacity_anew(
    db: Connection, catalogue: Document, booking: str
) -> None:
    let_lapse(db, booking)
    service(db).call("release_expired_holds")
    assert pool_counters(db)[CEREMONY] == (600, 0, 0)
    answer = start(db, booking)
    assert (answer["status"], answer["amount_due"]) == ("pending", TOTAL)
    assert pool_counters(db)[CEREMONY] == (600, 4, 0)

    let_lapse(db, booking)
    service(db).call("release_expired_holds")
    import_with(db, catalogue, ceremony=3)
    before = dump(db)
    refusal = owner(db).refusal("start_payment", p_registration_id=booking)
    assert refusal.sqlstate == "TK005"
    (issue,) = refusal.issues
    assert (issue["ticket_type_id"], issue["requested"], issue["available"]) == (CEREMONY, 4, 3)
    assert dump(db) == before


def test_nothing_due_completes_at_once(db: Connection) -> None:
    registration_id = book(db, FREE)
    answer = start(db, registration_id)
    assert (answer["status"], answer["amount_due"]) == ("completed", 0)
    assert answer["confirmation_number"]
    assert answer["hold_expires_at"] is None
    row = stored(db, registration_id)
    assert (row["status"], row["payment_status"]) == ("completed", "Paid")
    assert (row["confirmation_number"], row["revision"]) == (
        answer["confirmation_number"],
        answer["revision"],
    )
    assert ticket_states(db, registration_id) == {("Active", "Paid")}
    assert pool_counters(db)[COMMUNICATION] == (500, 0, 1)
    assert integrity(db) == []


def test_a_change_while_pending_makes_it_a_draft(db: Connection, booking: str) -> None:
    started = start(db, booking)
    answer = persist(db, booking, CHOSEN)
    assert (answer["status"], answer["revision"]) == ("pending", started["revision"])
    assert stored(db, booking)["status"] == "pending"

    answer = persist(db, booking, {TOMAS: selection(tickets={CEREMONY: 1})})
    assert (answer["status"], answer["revision"]) == ("draft", started["revision"] + 1)
    assert stored(db, booking)["status"] == "draft"
    assert start(db, booking)["amount_due"] == TOTAL - 115


# Completing


def test_paying_turns_what_is_held_into_what_is_owned(db: Connection, booking: str) -> None:
    start(db, booking)
    before = stored(db, booking)
    reserved = {pool: use[1] for pool, use in pool_counters(db).items()}
    answer = complete(
        service(db),
        booking,
        payment(
            "742.35",
            "pi_1",
            fee_amount="7.35",
            provider="stripe",
            paid_at="2026-01-02T03:04:05.678901+10:00",
        ),
    )
    (row,) = rows(db, "SELECT * FROM ticketing.payments")
    assert answer == {
        "success": True,
        "registration_id": booking,
        "payment_id": str(row["payment_id"]),
        "status": "completed",
        "payment_status": "Paid",
        "confirmation_number": answer["confirmation_number"],
        "revision": before["revision"] + 1,
        "total": TOTAL,
        "currency": "AUD",
        "paid_at": answer["paid_at"],
    }
    moved_at = datetime(2026, 1, 1, 17, 4, 5, 678901, tzinfo=UTC)
    assert datetime.fromisoformat(answer["paid_at"]) == row["paid_at"] == moved_at
    assert (row["provider"], row["reference"], row["kind"]) == ("stripe", "pi_1", "payment")
    assert (row["amount"], row["fee_amount"], row["currency"]) == (
        Decimal("742.35"),
        Decimal("7.35"),
        "AUD",
    )
    after = stored(db, booking)
    assert (after["status"], after["payment_status"]) == ("completed", "Paid")
    assert after["confirmation_number"] == answer["confirmation_number"]
    assert (after["hold_expires_at"], after["revision"]) == (None, answer["revision"])
    assert ticket_states(db, booking) == {("Active", "Paid")}
    assert {pool: use[1:] for pool, use in pool_counters(db).items()} == {
        pool: (0, units) for pool, units in reserved.items()
    }
    assert integrity(db) == []


@pytest.mark.parametrize("status", ["draft", "pending", "overdue", "expired"])
def test_a_payment_completes_whatever_is_unpaid(db: Connection, booking: str, status: str) -> None:
    if status != "draft":
        start(db, booking)
    if status in {"overdue", "expired"}:
        let_lapse(db, booking)
    if status == "expired":
        service(db).call("release_expired_holds")
        assert stored(db, booking)["status"] == "expired"
        assert pool_counters(db)[CEREMONY] == (600, 0, 0)
    answer = complete(service(db), booking, payment(TOTAL))
    assert (answer["status"], answer["payment_status"]) == ("completed", "Paid")
    assert pool_counters(db)[CEREMONY] == (600, 0, 4)
    assert ticket_states(db, booking) == {("Active", "Paid")}
    assert integrity(db) == []


def test_after_expiry_the_price_promised_is_what_counts(
    db: Connection, catalogue: Document, booking: str
) -> None:
    let_lapse(db, booking)
    service(db).call("release_expired_holds")
    for element in catalogue["ticket_types"] + catalogue["packages"]:
        element["price"] = "500.00"
        element["sale_ends_at"] = "2020-01-01T00:00:00Z"
    service(db).call("import_catalogue", p_catalogue=catalogue)
    answer = complete(service(db), booking, payment(TOTAL))
    assert (answer["status"], answer["total"]) == ("completed", TOTAL)
    assert integrity(db) == []


def test_a_payment_without_capacity_left_is_refused(
    db: Connection, catalogue: Document, booking: str
) -> None:
    let_lapse(db, booking)
    import_with(db, catalogue, ceremony=4, luncheon=1)
    rival = book(db, SHORT, STRANGER)
    assert stored(db, booking)["status"] == "expired"
    before = dump(db)
    refusal = service(db).refusal(
        "complete_registration_payment", p_registration_id=booking, p_payment=payment(TOTAL)
    )
    assert refusal.sqlstate == "TK005"
    (issue,) = refusal.issues
    assert (issue["code"], issue["path"]) == ("sold_out", "p_registration_id")
    assert (issue["ticket_type_id"], issue["requested"], issue["available"]) == (CEREMONY, 4, 3)
    assert len(issue["attendee_ids"]) == 4
    assert dump(db) == before

    # and is accepted once there is capacity again
    Caller(db, "authenticated", STRANGER).call("cancel_registration", p_registration_id=rival)
    assert complete(service(db), booking, payment(TOTAL))["status"] == "completed"
    assert pool_counters(db)[CEREMONY] == (4, 0, 4)


def test_a_payment_takes_capacity_from_overdue_holds(
    db: Connection, catalogue: Document, booking: str
) -> None:
    let_lapse(db, booking)
    import_with(db, catalogue, ceremony=4)
    rival = book(db, SHORT, STRANGER)
    let_lapse(db, rival)
    assert complete(service(db), booking, payment(TOTAL))["status"] == "completed"
    assert stored(db, rival)["status"] == "expired"
    assert pool_counters(db)[CEREMONY] == (4, 0, 4)


@pytest.mark.parametrize(
    ("reported", "issues"),
    [
        (payment("19.99"), [("amount_mismatch", "amount", SHORT_TOTAL, Decimal("19.99"))]),
        (payment(20.01), [("amount_mismatch", "amount", SHORT_TOTAL, Decimal("20.01"))]),
        (payment(0), [("amount_mismatch", "amount", SHORT_TOTAL, Decimal(0))]),
        (
            payment("20.00", fee_amount="0.50"),
            [("amount_mismatch", "amount", SHORT_TOTAL, Decimal("19.50"))],
        ),
        (
            payment("10.00", fee_amount="30.00"),
            [("amount_mismatch", "amount", SHORT_TOTAL, Decimal("-20.00"))],
        ),
        (
            payment("20.00", currency="NZD"),
            [("currency_mismatch", "currency", "AUD", "NZD")],
        ),
        (
            payment("30.00", currency="USD"),
            [
                ("amount_mismatch", "amount", SHORT_TOTAL, Decimal("30.00")),
                ("currency_mismatch", "currency", "AUD", "USD"),
            ],
        ),
    ],
)
def test_money_that_does_not_fit_is_refused(
    db: Connection, reported: Document, issues: list[tuple[str, str, object, object]]
) -> None:
    registration_id = book(db, SHORT)
    before = dump(db)
    refusal = service(db).refusal(
        "complete_registration_payment", p_registration_id=registration_id, p_payment=reported
    )
    assert refusal.sqlstate == "TK007"
    assert [
        (issue["code"], issue["path"], issue["expected"], issue["actual"])
        for issue in refusal.issues
    ] == [(code, f"p_payment.{key}", expected, actual) for code, key, expected, actual in issues]
    assert dump(db) == before


def test_a_fee_is_not_part_of_the_price(db: Connection) -> None:
    registration_id = book(db, SHORT)
    answer = complete(service(db), registration_id, payment(20.9, fee_amount=0.9))
    assert answer["total"] == SHORT_TOTAL


def test_the_same_reference_again_gets_the_same_answer(db: Connection) -> None:
    registration_id = book(db, SHORT)
    reported = payment("20.00", provider="stripe")
    first = complete(service(db), registration_id, reported)
    before = dump(db)
    assert complete(service(db), registration_id, reported) == first
    # numbers and strings are the same money, and it was paid when it was first said to be
    again = payment(20, provider="stripe", fee_amount=None, paid_at="2026-01-01T00:00:00Z")
    assert complete(service(db), registration_id, again) == first
    # and so is what leaves as much, for fees are between others
    again = payment("20.60", provider="stripe", fee_amount="0.60")
    assert complete(service(db), registration_id, again) == first
    assert dump(db) == before


@pytest.mark.parametrize(
    "reported",
    [payment("20.00", "payment-2"), payment("20.00", provider="another")],
    ids=["reference", "provider"],
)
def test_a_registration_is_paid_once(db: Connection, reported: Document) -> None:
    registration_id = book(db, SHORT)
    complete(service(db), registration_id, payment("20.00"))
    before = dump(db)
    refusal = service(db).refusal(
        "complete_registration_payment", p_registration_id=registration_id, p_payment=reported
    )
    assert refusal.sqlstate == "TK007"
    assert refusal.found == [("already_paid", "p_payment.reference")]
    assert dump(db) == before


def test_a_repeated_reference_is_of_the_same_money(db: Connection) -> None:
    registration_id = book(db, SHORT)
    complete(service(db), registration_id, payment("20.50", fee_amount="0.50"))
    before = dump(db)
    for other in (
        payment("21.00", fee_amount="0.50"),
        payment("20.50"),
        payment("20.50", fee_amount="0.50", currency="NZD"),
    ):
        refusal = service(db).refusal(
            "complete_registration_payment", p_registration_id=registration_id, p_payment=other
        )
        assert refusal.sqlstate == "TK007"
        assert {code for code, _ in refusal.found} <= {"amount_mismatch", "currency_mismatch"}
    assert dump(db) == before


def test_a_reference_pays_for_one_registration(db: Connection) -> None:
    paid, unpaid = book(db, SHORT), book(db, SHORT, STRANGER)
    complete(service(db), paid, payment("20.00"))
    before = dump(db)
    refusal = service(db).refusal(
        "complete_registration_payment", p_registration_id=unpaid, p_payment=payment("20.00")
    )
    assert refusal.sqlstate == "TK007"
    assert refusal.found == [("reference_used", "p_payment.reference")]
    assert refusal.issues[0]["actual"] == "payment-1"
    assert dump(db) == before
    # another provider may use the same
    complete(service(db), unpaid, payment("20.00", provider="another"))


def test_a_cancelled_registration_is_not_paid(db: Connection) -> None:
    registration_id = book(db, SHORT)
    owner(db).call("cancel_registration", p_registration_id=registration_id)
    before = dump(db)
    refusal = service(db).refusal(
        "complete_registration_payment",
        p_registration_id=registration_id,
        p_payment=payment("20.00"),
    )
    assert refusal.sqlstate == "TK003"
    assert refusal.found == [("not_editable", "p_registration_id")]
    assert refusal.issues[0]["actual"] == "cancelled"
    assert dump(db) == before


@pytest.mark.parametrize(
    ("reported", "found"),
    [
        (None, [("missing_key", "p_payment")]),
        (JSON_NULL, [("missing_key", "p_payment")]),
        ([], [("invalid_type", "p_payment")]),
        ("20.00", [("invalid_type", "p_payment")]),
        (
            {},
            [
                ("missing_key", "p_payment.amount"),
                ("missing_key", "p_payment.currency"),
                ("missing_key", "p_payment.reference"),
            ],
        ),
        (payment(None), [("missing_key", "p_payment.amount")]),
        (payment("20.00", tip=1), [("unknown_key", "p_payment.tip")]),
        (payment(-20), [("invalid_value", "p_payment.amount")]),
        (payment("-20.00"), [("invalid_value", "p_payment.amount")]),
        (payment("20.001"), [("invalid_value", "p_payment.amount")]),
        (payment(20.001), [("invalid_value", "p_payment.amount")]),
        (payment("NaN"), [("invalid_value", "p_payment.amount")]),
        (payment("2e1"), [("invalid_value", "p_payment.amount")]),
        (payment(1e300), [("invalid_value", "p_payment.amount")]),
        (payment([20]), [("invalid_type", "p_payment.amount")]),
        (payment("20.00", fee_amount="-1"), [("invalid_value", "p_payment.fee_amount")]),
        (payment("20.00", fee_amount=True), [("invalid_type", "p_payment.fee_amount")]),
        (payment("20.00", currency="aud"), [("invalid_value", "p_payment.currency")]),
        (payment("20.00", currency=36), [("invalid_type", "p_payment.currency")]),
        (payment("20.00", ""), [("invalid_value", "p_payment.reference")]),
        (payment("20.00", "x" * 201), [("invalid_value", "p_payment.reference")]),
        (payment("20.00", provider=""), [("invalid_value", "p_payment.provider")]),
        (payment("20.00", provider="x" * 51), [("invalid_value", "p_payment.provider")]),
        (payment("20.00", paid_at="yesterday"), [("invalid_value", "p_payment.paid_at")]),
        (payment("20.00", paid_at="infinity"), [("invalid_value", "p_payment.paid_at")]),
        (payment("20.00", paid_at=1), [("invalid_type", "p_payment.paid_at")]),
        (
            payment("20.00", paid_at="2025-02-30T00:00:00Z"),
            [("invalid_value", "p_payment.paid_at")],
        ),
        (
            payment(None, paid_at="20250101"),
            [("invalid_value", "p_payment.paid_at"), ("missing_key", "p_payment.amount")],
        ),
        # two values in one, which together look right
        (payment("20.00 0"), [("invalid_value", "p_payment.amount")]),
        (
            payment(None, currency="AUD 20.00"),
            [
                ("invalid_value", "p_payment.currency"),
                ("missing_key", "p_payment.amount"),
            ],
        ),
        (
            payment("20.00", fee_amount="0 2025-01-01T00:00:00Z"),
            [("invalid_value", "p_payment.fee_amount")],
        ),
    ],
)
def test_a_payment_has_the_documented_shape(
    db: Connection, reported: object, found: list[tuple[str, str]]
) -> None:
    registration_id = book(db, SHORT)
    before = dump(db)
    refusal = service(db).refusal(
        "complete_registration_payment", p_registration_id=registration_id, p_payment=reported
    )
    assert (refusal.sqlstate, refusal.found) == ("TK001", found)
    assert dump(db) == before


def test_only_the_service_reports_payments(db: Connection) -> None:
    registration_id = book(db, SHORT)
    for caller in (owner(db), staff(db), stranger(db), anonymous(db)):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            complete(caller, registration_id, payment("20.00"))
    assert stored(db, registration_id)["status"] == "draft"
    refusal = service(db).refusal(
        "complete_registration_payment", p_registration_id=ABSENT, p_payment={}
    )
    assert refusal.sqlstate == "TK002"


def test_a_confirmation_number_is_short_random_and_issued_once(db: Connection) -> None:
    answers = [pay(db, book(db, SHORT)) for _ in range(20)]
    numbers = [answer["confirmation_number"] for answer in answers]
    assert len(set(numbers)) == 20
    # for reading aloud: neither I, L, O nor U
    characters = "[0-9A-HJKMNP-TV-Z]"
    for number in numbers:
        assert re.fullmatch(rf"{characters}{{4}}-{characters}{{4}}-{characters}{{4}}", number)
    # no part of it counts
    for column in zip(*numbers, strict=True):
        assert len(set(column)) > 1 or column[0] == "-"
    # it stays, also when it is cancelled
    registration_id = answers[0]["registration_id"]
    service(db).call("cancel_registration", p_registration_id=registration_id)
    assert stored(db, registration_id)["confirmation_number"] == numbers[0]


def test_what_is_paid_is_not_edited(db: Connection) -> None:
    registration_id = book(db, SHORT)
    pay(db, registration_id)
    callers = (owner(db), staff(db), service(db))
    before = dump(db)
    more = {WALTER: selection(tickets={CEREMONY: 2})}
    for caller in callers:
        for refusal in (
            caller.refusal(
                "persist_ticket_selections", p_registration_id=registration_id, p_selections=more
            ),
            caller.refusal(
                "persist_attendee_tickets", p_registration_id=registration_id, p_tickets=[]
            ),
            caller.refusal("start_payment", p_registration_id=registration_id),
        ):
            assert refusal.sqlstate == "TK003"
            assert refusal.found == [("not_editable", "p_registration_id")]
            assert refusal.issues[0]["actual"] == "completed"
    data = wizard_registration(registration_id, set())
    refusal = owner(db).refusal("create_individual_registration_jsonb", p_registration_data=data)
    assert refusal.sqlstate == "TK003"
    assert dump(db) == before


def test_the_wizard_sees_what_was_paid(db: Connection) -> None:
    registration_id = book(db, SHORT)
    answer = pay(db, registration_id)
    seen = owner(db).call("get_registration", p_registration_id=registration_id)
    assert (seen["status"], seen["payment_status"]) == ("completed", "Paid")
    assert seen["confirmation_number"] == answer["confirmation_number"]
    assert {row["payment_status"] for row in seen["tickets"]} == {"Paid"}
    assert rows(db, "SELECT function_id::text FROM ticketing.payments") == [
        {"function_id": FUNCTION}
    ]


def test_a_payment_is_read_in_every_documented_form(db: psycopg.Connection) -> None:
    for amount, paid_at in (
        ("20.5", "null"),
        ('"20.50"', '"2026-01-02T03:04:05Z"'),
        (f"20.5{'0' * 40}", '"2026-01-02 03:04+10"'),
    ):
        document = f"""
            {{"reference": "r", "currency": "AUD", "amount": {amount}, "fee_amount": null,
            "provider": null, "paid_at": {paid_at}}}
        """
        assert db.execute(
            "SELECT ticketing_internal.payload_issues('p_payment', %s)", [document]
        ).fetchone() == ([],)
        assert db.execute(
            "SELECT provider, amount, fee_amount FROM ticketing_internal.read_payment(%s)",
            [document],
        ).fetchone() == ("default", Decimal("20.50"), 0)
