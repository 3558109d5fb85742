"""start_payment: what is due is checked as a whole, and the hold is extended."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.bookings import (
    ONE,
    age,
    book,
    hold_of,
    import_catalogue,
    integrity,
    let_lapse,
    start,
    stored,
    ticket_states,
)
from tests.support.caller import Connection, anonymous, owner, service, staff, stranger
from tests.support.example import (
    ABSENT,
    CEREMONY,
    CHOSEN,
    COMMUNICATION,
    HAROLD,
    MASONS,
    TOMAS,
    TOTAL,
    WALTER,
    Document,
    part,
    selection,
    wizard_registration,
)
from tests.support.persisting import persist_selections
from tests.support.stored import dump, pool_counters

# What is due


def test_start_payment_says_what_is_due(event_db: Connection, booking: str) -> None:
    before = stored(event_db, booking)
    answer = start(event_db, booking, p_expected_revision=before["revision"])
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
    row = stored(event_db, booking)
    assert (row["status"], row["payment_status"]) == ("pending", "Unpaid")
    assert row["hold_expires_at"] == hold_of(answer)
    assert ticket_states(event_db, booking) == {("Active", "Unpaid")}
    assert integrity(event_db) == []


def test_start_payment_is_for_staff_and_the_service_too(event_db: Connection, booking: str) -> None:
    for caller in (staff(event_db), service(event_db)):
        answer = caller.call("start_payment", p_registration_id=booking)
        assert (answer["status"], answer["amount_due"]) == ("pending", TOTAL)


def test_start_payment_of_a_stranger_finds_no_registration(
    event_db: Connection, booking: str
) -> None:
    refusal = stranger(event_db).refusal("start_payment", p_registration_id=booking)
    absent = stranger(event_db).refusal("start_payment", p_registration_id=ABSENT)
    assert refusal == absent
    assert (refusal.sqlstate, refusal.found) == (
        "TK002",
        [("registration_not_found", "p_registration_id")],
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        anonymous(event_db).call("start_payment", p_registration_id=booking)


def test_start_payment_is_refused_at_another_revision(event_db: Connection, booking: str) -> None:
    revision = stored(event_db, booking)["revision"]
    before = dump(event_db)
    for wrong in (revision - 1, revision + 1):
        refusal = owner(event_db).refusal(
            "start_payment", p_registration_id=booking, p_expected_revision=wrong
        )
        assert refusal.sqlstate == "TK006"
        (issue,) = refusal.issues
        assert (issue["code"], issue["path"]) == ("revision_conflict", "p_expected_revision")
        assert (issue["expected"], issue["actual"]) == (wrong, revision)
    assert dump(event_db) == before


def test_start_payment_with_nothing_due_completes_at_once(event_db: Connection) -> None:
    registration_id = book(event_db, {WALTER: selection(tickets={COMMUNICATION: 1})})
    answer = start(event_db, registration_id)
    assert (answer["status"], answer["amount_due"]) == ("completed", 0)
    assert answer["confirmation_number"]
    assert answer["hold_expires_at"] is None
    row = stored(event_db, registration_id)
    assert (row["status"], row["payment_status"]) == ("completed", "Paid")
    assert (row["confirmation_number"], row["revision"]) == (
        answer["confirmation_number"],
        answer["revision"],
    )
    assert ticket_states(event_db, registration_id) == {("Active", "Paid")}
    assert pool_counters(event_db)[COMMUNICATION] == (500, 0, 1)
    assert integrity(event_db) == []


@pytest.mark.parametrize("released", [False, True], ids=["overdue", "expired"])
def test_start_payment_of_a_free_one_after_expiry_is_one_revision(
    event_db: Connection, released: bool
) -> None:
    registration_id = book(event_db, {WALTER: selection(tickets={COMMUNICATION: 1})})
    let_lapse(event_db, registration_id)
    if released:
        service(event_db).call("release_expired_holds")
    before = stored(event_db, registration_id)["revision"]
    answer = start(event_db, registration_id)
    assert (answer["status"], answer["revision"]) == ("completed", before + 1)
    assert stored(event_db, registration_id)["revision"] == before + 1
    assert integrity(event_db) == []


def test_start_payment_is_undone_by_a_change(event_db: Connection, booking: str) -> None:
    started = start(event_db, booking)
    answer = persist_selections(event_db, CHOSEN, booking)
    assert (answer["status"], answer["revision"]) == ("pending", started["revision"])
    assert stored(event_db, booking)["status"] == "pending"

    answer = persist_selections(event_db, {TOMAS: selection(tickets={CEREMONY: 1})}, booking)
    assert (answer["status"], answer["revision"]) == ("draft", started["revision"] + 1)
    assert stored(event_db, booking)["status"] == "draft"
    assert start(event_db, booking)["amount_due"] == TOTAL - 115


# The hold


def test_start_payment_extends_the_hold_once(event_db: Connection, booking: str) -> None:
    extended = hold_of(start(event_db, booking))
    again = start(event_db, booking)
    assert hold_of(again) == extended
    assert again["amount_due"] == TOTAL

    # nor by going back and forth
    for _ in range(3):
        persist_selections(event_db, {TOMAS: selection(tickets={CEREMONY: 1})}, booking)
        persist_selections(event_db, {TOMAS: CHOSEN[TOMAS]}, booking)
        answer = start(event_db, booking)
    now = datetime.fromisoformat(answer["server_time"])
    assert now + timedelta(minutes=59) < hold_of(answer) <= now + timedelta(minutes=60)


def test_start_payment_extends_a_hold_at_its_limit(event_db: Connection, booking: str) -> None:
    event_db.execute(
        """
        UPDATE ticketing.registrations
        SET held_since = now() - interval '1439 minutes', hold_expires_at = now() + interval '1 min'
        """
    )
    began_at = stored(event_db, booking)["held_since"]
    assert hold_of(start(event_db, booking)) == began_at + timedelta(minutes=1440 + 30)
    # and no further
    persist_selections(event_db, {TOMAS: selection(tickets={CEREMONY: 1})}, booking)
    assert hold_of(start(event_db, booking)) == began_at + timedelta(minutes=1440 + 30)


@pytest.mark.parametrize("days", [2, 400])
def test_start_payment_of_an_old_registration_extends_its_hold(
    event_db: Connection, days: int
) -> None:
    registration_id = book(event_db, {})
    age(event_db, registration_id, days * 24 * 60)
    persist_selections(event_db, ONE, registration_id)
    answer = start(event_db, registration_id)
    now = datetime.fromisoformat(answer["server_time"])
    assert now + timedelta(minutes=59) < hold_of(answer) <= now + timedelta(minutes=60)


def test_start_payment_again_and_again_does_not_hold_without_end(event_db: Connection) -> None:
    registration_id = book(event_db, ONE)
    began_at = stored(event_db, registration_id)["held_since"]
    passed = 0
    while passed < 2000:
        age(event_db, registration_id, 25)
        passed += 25
        outcome = owner(event_db).attempt(
            "persist_ticket_selections",
            p_registration_id=registration_id,
            p_selections={WALTER: selection(tickets={CEREMONY: 1 + passed // 25 % 2})},
        )
        if outcome.sqlstate:
            break
        answer = start(event_db, registration_id)
        most = began_at + timedelta(minutes=1440 + 30 - passed)
        assert hold_of(answer) <= most + timedelta(seconds=1)
    assert [issue["code"] for issue in outcome.issues] == ["hold_used_up"]
    assert passed <= 1440 + 30 + 25


def test_start_payment_after_expiry_takes_capacity_anew(
    event_db: Connection, catalogue: Document, booking: str
) -> None:
    let_lapse(event_db, booking)
    service(event_db).call("release_expired_holds")
    assert pool_counters(event_db)[CEREMONY] == (600, 0, 0)
    answer = start(event_db, booking)
    assert (answer["status"], answer["amount_due"]) == ("pending", TOTAL)
    assert pool_counters(event_db)[CEREMONY] == (600, 4, 0)

    let_lapse(event_db, booking)
    service(event_db).call("release_expired_holds")
    part(catalogue, CEREMONY)["capacity"] = 3
    import_catalogue(event_db, catalogue)
    before = dump(event_db)
    refusal = owner(event_db).refusal("start_payment", p_registration_id=booking)
    assert refusal.sqlstate == "TK005"
    (issue,) = refusal.issues
    assert (issue["ticket_type_id"], issue["requested"], issue["available"]) == (CEREMONY, 4, 3)
    assert dump(event_db) == before


# What is checked


def test_attendee_without_ticket_is_raised_for_each_attendee(event_db: Connection) -> None:
    registration_id = book(event_db, {**ONE, TOMAS: selection(), HAROLD: selection()})
    before = dump(event_db)
    refusal = owner(event_db).refusal("start_payment", p_registration_id=registration_id)
    assert refusal.sqlstate == "TK004"
    assert {(issue["code"], issue["client_attendee_id"]) for issue in refusal.issues} == {
        ("attendee_without_ticket", TOMAS),
        ("attendee_without_ticket", HAROLD),
    }
    assert "Tomas Reyes" in " ".join(issue["message"] for issue in refusal.issues)
    assert dump(event_db) == before


CONTACTS: Mapping[str, Document | None] = {
    "none": None,
    "empty": {},
    "without an address": {"firstName": "Walter", "lastName": "Ashby"},
    "with a blank address": {"firstName": "Walter", "emailAddress": " "},
    "with blank names": {"firstName": " ", "lastName": "", "emailAddress": "walter@example.org"},
    "with null for an address": {"firstName": "Walter", "emailAddress": None},
}


@pytest.mark.parametrize("contact", CONTACTS.values(), ids=CONTACTS)
def test_booking_contact_missing_is_raised_without_a_name_or_an_address(
    event_db: Connection, contact: Document | None
) -> None:
    registration_id = book(event_db, ONE)
    data = wizard_registration(registration_id, set()) | {"billingDetails": contact}
    owner(event_db).call("create_individual_registration_jsonb", p_registration_data=data)
    refusal = owner(event_db).refusal("start_payment", p_registration_id=registration_id)
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("booking_contact_missing", "p_registration_id")]


def test_start_payment_accepts_a_business_as_booking_contact(event_db: Connection) -> None:
    registration_id = book(event_db, ONE)
    contact = {"businessName": "Lodge 1", "emailAddress": "lodge@example.org"}
    data = wizard_registration(registration_id, set()) | {"billingDetails": contact}
    owner(event_db).call("create_individual_registration_jsonb", p_registration_data=data)
    assert start(event_db, registration_id)["status"] == "pending"


def test_start_payment_says_everything_that_is_wrong_at_once(event_db: Connection) -> None:
    registration_id = book(event_db, {WALTER: selection({MASONS: 1}), TOMAS: selection()})
    event_db.execute(
        """
        UPDATE ticketing.attendees SET attendee_data = attendee_data || '{"grand_lodge": "Another"}'
        """
    )
    event_db.execute("UPDATE ticketing.registrations SET booking_contact = NULL")
    refusal = owner(event_db).refusal("start_payment", p_registration_id=registration_id)
    assert refusal.sqlstate == "TK004"
    assert {issue["code"] for issue in refusal.issues} == {
        "not_eligible",
        "attendee_without_ticket",
        "booking_contact_missing",
    }


def test_start_payment_judges_eligibility_again(event_db: Connection) -> None:
    registration_id = book(event_db, {WALTER: selection({MASONS: 1})})
    event_db.execute(
        "UPDATE ticketing.attendees SET attendee_data = attendee_data || %s",
        [Jsonb({"grand_lodge": "Another Grand Lodge"})],
    )
    before = dump(event_db)
    refusal = owner(event_db).refusal("start_payment", p_registration_id=registration_id)
    assert refusal.sqlstate == "TK004"
    assert {issue["code"] for issue in refusal.issues} == {"not_eligible"}
    assert {issue["client_attendee_id"] for issue in refusal.issues} == {WALTER}
    assert dump(event_db) == before


def test_start_payment_judges_limits_again(event_db: Connection, booking: str) -> None:
    event_db.execute(
        "UPDATE ticketing.ticket_types SET max_per_registration = 1 WHERE ticket_type_id = %s",
        [CEREMONY],
    )
    refusal = owner(event_db).refusal("start_payment", p_registration_id=booking)
    assert refusal.sqlstate == "TK004"
    assert {issue["code"] for issue in refusal.issues} == {"above_registration_maximum"}


def test_start_payment_keeps_the_price_of_held_tickets(
    event_db: Connection, catalogue: Document, booking: str
) -> None:
    for element in catalogue["ticket_types"] + catalogue["packages"]:
        element["price"] = "500.00"
        element["sale_ends_at"] = "2020-01-01T00:00:00Z"
    import_catalogue(event_db, catalogue)
    assert start(event_db, booking)["amount_due"] == TOTAL
