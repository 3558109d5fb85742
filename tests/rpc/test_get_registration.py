"""get_registration: everything that a wizard needs to go on, anywhere."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import LiteralString

import pytest
from tests.support.bookings import pay, payment
from tests.support.caller import Connection, owner, service
from tests.support.example import (
    ABSENT,
    ALL_EVENTS,
    BANQUET,
    CEREMONY,
    EVENTS,
    FUNCTION,
    HAROLD,
    INES,
    LADIES,
    LODGE,
    MASONS,
    NOTHING,
    REGISTRATION,
    TOMAS,
    WALTER,
    Document,
    selection,
    tickets_of,
    updates_of,
)
from tests.support.stored import attendee_ids, dump, held_tickets, rows

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({ALL_EVENTS: 1}),
    INES: selection({LADIES: 2}),
    TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1}),
    HAROLD: selection({MASONS: 1}),
}


@pytest.fixture
def registration(wizard_state: Document) -> Document:
    """The wizard's registration object, with its id and with unknown keys."""
    document: Document = wizard_state["registration"] | {
        "registrationId": REGISTRATION,
        "nowhereDocumented": {"deep": [1.5, None, {"é": "ß"}]},
    }
    document["additionalAttendees"][0]["nowhereDocumented"] = [[], {}, ""]
    return document


@pytest.fixture(autouse=True)
def created(event_db: Connection, registration: Document) -> Document:
    """Create the registration with its tickets."""
    return owner(event_db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=tickets_of(CHOSEN),
        p_attendee_updates=updates_of(CHOSEN),
    )


def read(db: Connection) -> Document:
    """Read the registration as its owner."""
    return owner(db).call("get_registration", p_registration_id=REGISTRATION)


def test_get_registration_answers_the_whole_registration(
    event_db: Connection, created: Document, registration: Document
) -> None:
    answer = read(event_db)
    assert answer == {
        "registration_id": REGISTRATION,
        "function_id": FUNCTION,
        "registration_type": "individuals",
        "status": "draft",
        "payment_status": "Unpaid",
        "revision": 1,
        "registration": registration,
        "ticket_selections": CHOSEN,
        "attendees": answer["attendees"],
        "tickets": answer["tickets"],
        "attendees_without_tickets": [],
        "payments": [],
        "subtotal": Decimal("920.00"),
        "adjustment": Decimal("0.00"),
        "total": Decimal("920.00"),
        "paid": Decimal("0.00"),
        "refunded": Decimal("0.00"),
        "amount_due": Decimal("920.00"),
        "refund_due": Decimal("0.00"),
        "currency": "AUD",
        "confirmation_number": None,
        "hold_expires_at": created["hold_expires_at"],
        "hold_granted_until": None,
        "server_time": answer["server_time"],
    }
    assert datetime.fromisoformat(answer["server_time"]).tzinfo


def test_get_registration_answers_attendees_in_full_and_in_order(
    event_db: Connection, registration: Document
) -> None:
    ids = attendee_ids(event_db, REGISTRATION)
    related = {WALTER: ids[INES], INES: ids[WALTER], TOMAS: ids[WALTER], HAROLD: None}
    assert read(event_db)["attendees"] == [
        {
            "attendee_id": ids[attendee["attendeeId"]],
            "client_attendee_id": attendee["attendeeId"],
            "attendee_type": attendee["attendeeType"],
            "is_primary": attendee["attendeeId"] == WALTER,
            "is_partner": attendee["attendeeId"] == INES,
            "related_attendee_id": related[attendee["attendeeId"]],
            "title": attendee["title"],
            "first_name": attendee["firstName"],
            "last_name": attendee["lastName"],
            "email": attendee["primaryEmail"],
            "phone": attendee["primaryPhone"],
            "attendee_data": attendee | {"selected_tickets": CHOSEN[attendee["attendeeId"]]},
        }
        for attendee in (registration["primaryAttendee"], *registration["additionalAttendees"])
    ]


def test_get_registration_answers_tickets_in_full_and_in_order(event_db: Connection) -> None:
    ids = attendee_ids(event_db, REGISTRATION)
    answer = read(event_db)["tickets"]
    prices = {
        row["id"]: row["price"]
        for row in rows(
            event_db, "SELECT ticket_type_id::text AS id, price FROM ticketing.ticket_types"
        )
    }
    # in this catalogue no package is cheaper than its tickets, so every share is the list price
    assert [{key: row[key] for key in row if key != "ticket_id"} for row in answer] == [
        {
            "attendee_id": ids[row["attendee_id"]],
            "client_attendee_id": row["attendee_id"],
            "event_id": EVENTS[row["ticket_type_id"]],
            "ticket_type_id": row["ticket_type_id"],
            "package_id": row.get("package_id"),
            "price_paid": prices[row["ticket_type_id"]],
            "original_price": prices[row["ticket_type_id"]],
            "currency": "AUD",
            "status": "Active",
            "payment_status": "Unpaid",
            "is_partner_ticket": row["attendee_id"] == INES,
            "holder": None,
        }
        for row in tickets_of(CHOSEN)
    ]
    held = held_tickets(event_db, REGISTRATION)
    for attendee in CHOSEN:
        assert (
            sorted(row["ticket_id"] for row in answer if row["client_attendee_id"] == attendee)
            == held[attendee]
        )


def test_get_registration_names_attendees_without_tickets(event_db: Connection) -> None:
    owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={INES: selection(), HAROLD: selection()},
    )
    answer = read(event_db)
    ids = attendee_ids(event_db, REGISTRATION)
    assert answer["attendees_without_tickets"] == [
        {"attendee_id": ids[INES], "client_attendee_id": INES, "name": "Ines Ashby"},
        {"attendee_id": ids[HAROLD], "client_attendee_id": HAROLD, "name": "Harold Quill"},
    ]
    assert answer["ticket_selections"] == {**CHOSEN, INES: NOTHING, HAROLD: NOTHING}
    assert answer["revision"] == 2


def test_get_registration_answers_a_registration_without_tickets(event_db: Connection) -> None:
    owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections=dict.fromkeys(CHOSEN, selection()),
    )
    answer = read(event_db)
    assert (answer["tickets"], answer["subtotal"], answer["hold_expires_at"]) == ([], 0, None)
    assert len(answer["attendees_without_tickets"]) == 4


@pytest.mark.parametrize(
    ("stored", "seconds", "now"),
    [
        ("draft", 60, "draft"),
        ("draft", -1, "expired"),
        ("pending", 60, "pending"),
        ("pending", -1, "expired"),
        ("expired", -1, "expired"),
    ],
)
def test_get_registration_answers_the_status_of_now(
    event_db: Connection, stored: str, seconds: int, now: str
) -> None:
    event_db.execute(
        """
        UPDATE ticketing.registrations
        SET status = %s, hold_expires_at = statement_timestamp() + make_interval(secs => %s)
        """,
        [stored, seconds],
    )
    before = dump(event_db)
    assert read(event_db)["status"] == now
    assert dump(event_db) == before


def test_get_registration_answers_what_was_paid(event_db: Connection) -> None:
    paid = pay(event_db, REGISTRATION)
    answer = read(event_db)
    assert answer == answer | {
        "status": "completed",
        "payment_status": "Paid",
        "confirmation_number": paid["confirmation_number"],
        "hold_expires_at": None,
    }
    assert {row["payment_status"] for row in answer["tickets"]} == {"Paid"}
    assert rows(event_db, "SELECT function_id::text FROM ticketing.payments") == [
        {"function_id": FUNCTION}
    ]


def test_get_registration_answers_payments_and_refunds_in_order(event_db: Connection) -> None:
    money = ("reference", "provider", "kind", "amount", "surcharge_amount", "currency")
    pay(
        event_db,
        REGISTRATION,
        reference="pi_1",
        provider="Stripe",
        amount="923.50",
        surcharge_amount="3.50",
        paid_at="2025-07-01T09:30:00+10:00",
    )
    back = service(event_db)
    back.call("cancel_registration", p_registration_id=REGISTRATION)
    tickets = sorted(held_tickets(event_db, REGISTRATION)[TOMAS])
    for number, named in enumerate([tickets, None]):
        back.call(
            "record_refund",
            p_registration_id=REGISTRATION,
            p_refund=payment("50.00", f"re_{number}", ticket_ids=named),
        )
    answer = read(event_db)
    assert [[each[key] for key in money] for each in answer["payments"]] == [
        ["pi_1", "stripe", "payment", Decimal("923.50"), Decimal("3.50"), "AUD"],
        ["re_0", "default", "refund", Decimal("50.00"), Decimal("0.00"), "AUD"],
        ["re_1", "default", "refund", Decimal("50.00"), Decimal("0.00"), "AUD"],
    ]
    assert [each["ticket_ids"] for each in answer["payments"]] == [None, tickets, None]
    assert datetime.fromisoformat(answer["payments"][0]["paid_at"]) == datetime(
        2025, 6, 30, 23, 30, tzinfo=UTC
    )
    assert {each["payment_id"] for each in answer["payments"]} == {
        str(row["payment_id"]) for row in rows(event_db, "SELECT * FROM ticketing.payments")
    }


def test_get_registration_answers_what_staff_have_granted(event_db: Connection) -> None:
    until = datetime.now(UTC) + timedelta(days=14)
    service(event_db).call("extend_hold", p_registration_id=REGISTRATION, p_until=until)
    service(event_db).call(
        "adjust_registration",
        p_registration_id=REGISTRATION,
        p_adjustment="-20.5",
        p_reason="goodwill",
    )
    answer = read(event_db)
    assert datetime.fromisoformat(answer["hold_granted_until"]) == until
    assert datetime.fromisoformat(answer["hold_expires_at"]) == until
    assert [str(answer[key]) for key in ("subtotal", "adjustment", "total", "amount_due")] == [
        "920.00",
        "-20.50",
        "899.50",
        "899.50",
    ]


def test_get_registration_writes_nothing_and_runs_read_only(event_db: Connection) -> None:
    before = dump(event_db)
    with event_db.transaction():
        event_db.execute("SET LOCAL transaction_read_only = on")
        read(event_db)
    assert dump(event_db) == before


# What was read can be sent back


def created_again(answer: Document) -> Document:
    return {"p_registration_data": answer["registration"]}


def selected_again(answer: Document) -> Document:
    return {
        "p_registration_id": REGISTRATION,
        "p_selections": answer["ticket_selections"],
        "p_expected_revision": answer["revision"],
    }


def submitted_again(answer: Document) -> Document:
    return {"p_registration_id": REGISTRATION, "p_tickets": answer["tickets"]}


def submitted_and_selected_again(answer: Document) -> Document:
    return submitted_again(answer) | {"p_attendee_updates": updates_of(answer["ticket_selections"])}


def everything_again(answer: Document) -> Document:
    return {
        "p_registration_data": answer["registration"],
        "p_tickets": answer["tickets"],
        "p_attendee_updates": updates_of(answer["ticket_selections"]),
        "p_expected_revision": answer["revision"],
    }


@pytest.mark.parametrize(
    ("rpc", "arguments"),
    [
        ("create_individual_registration_jsonb", created_again),
        ("create_individual_registration_with_tickets", created_again),
        ("create_individual_registration_with_tickets", everything_again),
        ("persist_ticket_selections", selected_again),
        ("persist_attendee_tickets", submitted_again),
        ("persist_attendee_tickets", submitted_and_selected_again),
    ],
)
def test_get_registration_answers_what_can_be_sent_back(
    event_db: Connection, rpc: LiteralString, arguments: Callable[[Document], Document]
) -> None:
    answer = read(event_db)
    before = dump(event_db, without=["hold_expires_at"])
    again = owner(event_db).call(rpc, **arguments(answer))
    assert again["revision"] == answer["revision"]
    assert (again["tickets_created"], again["tickets_removed"]) == (0, 0)
    assert dump(event_db, without=["hold_expires_at"]) == before
    now = read(event_db)
    assert now == answer | {key: now[key] for key in ("server_time", "hold_expires_at")}


def test_get_registration_of_a_lodge_answers_what_can_be_sent_back(
    event_db: Connection, registration: Document
) -> None:
    del registration["primaryAttendee"], registration["additionalAttendees"]
    lodge = "01974a10-0000-7000-8000-0000000000fe"
    registration |= {"registrationId": lodge, "registrationType": "lodge"}
    owner(event_db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=tickets_of({lodge: selection({LODGE: 1})}),
    )
    answer = owner(event_db).call("get_registration", p_registration_id=lodge)
    assert answer["registration"] == registration | {"additionalAttendees": []}
    assert answer["registration_type"] == "lodges"
    assert answer["ticket_selections"] == {lodge: selection({LODGE: 1})}
    assert [attendee["attendee_type"] for attendee in answer["attendees"]] == ["contact"]
    before = dump(event_db, without=["hold_expires_at"])
    owner(event_db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=answer["registration"],
        p_tickets=answer["tickets"],
        p_attendee_updates=updates_of(answer["ticket_selections"]),
    )
    assert dump(event_db, without=["hold_expires_at"]) == before


@pytest.mark.parametrize("kind", ["individuals", "lodges"])
@pytest.mark.parametrize("place", ["primaryAttendee", "additionalAttendees"])
def test_get_registration_answers_attendee_with_the_id_of_the_registration(
    event_db: Connection, registration: Document, kind: str, place: str
) -> None:
    registration |= {"registrationId": WALTER, "registrationType": kind}
    if place == "additionalAttendees":
        registration["primaryAttendee"]["attendeeId"] = ABSENT
        registration["additionalAttendees"][0]["attendeeId"] = WALTER
    created = owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    answer = owner(event_db).call("get_registration", p_registration_id=WALTER)
    assert answer["registration"] == registration
    again = owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=answer["registration"]
    )
    assert again["attendees"] == created["attendees"]
    assert again["revision"] == created["revision"]
