"""create_individual_registration_jsonb: a registration without tickets, once or again."""

from decimal import Decimal
from uuid import UUID

import pytest
from tests.support.bookings import create, import_catalogue
from tests.support.caller import Caller, Connection, owner, service
from tests.support.example import (
    ABSENT,
    BANQUET,
    CEREMONY,
    CHOSEN,
    FUNCTION,
    HAROLD,
    INES,
    NOTHING,
    OWNER,
    REGISTRATION,
    STRANGER,
    TICKETS,
    TOMAS,
    WALTER,
    Document,
    other_event,
    other_id,
    ticket,
    updates_of,
)
from tests.support.stored import attendee_ids, held_tickets, pool_counters, rows, stored_selection


def test_create_jsonb_makes_a_registration_that_persist_gives_tickets(
    event_db: Connection, registration: Document
) -> None:
    answer = owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    ids = attendee_ids(event_db, REGISTRATION)
    assert answer == answer | {
        "success": True,
        "created": True,
        "registration_id": REGISTRATION,
        "registrationId": REGISTRATION,
        "confirmationNumber": None,
        "revision": 1,
        "status": "draft",
        "tickets_created": 0,
        "tickets_removed": 0,
        "tickets_unchanged": 0,
        "attendees_updated": 0,
        "subtotal": 0,
        "total": 0,
        "currency": "AUD",
        "hold_expires_at": None,
        "tickets": [],
        "attendees": [
            {"attendee_id": ids[client_id], "client_attendee_id": client_id} for client_id in CHOSEN
        ],
        "attendees_without_tickets": [
            {"attendee_id": ids[client_id], "client_attendee_id": client_id, "name": name}
            for client_id, name in (
                (WALTER, "Walter Ashby"),
                (INES, "Ines Ashby"),
                (TOMAS, "Tomas Reyes"),
                (HAROLD, "Harold Quill"),
            )
        ],
    }
    for attendee in CHOSEN:
        assert stored_selection(event_db, REGISTRATION, attendee) == NOTHING
    assert rows(event_db, "SELECT * FROM ticketing.ticket_changes") == []

    persisted = owner(event_db).call(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=TICKETS,
        p_attendee_updates=updates_of(CHOSEN),
        p_expected_revision=answer["revision"],
    )
    assert (persisted["tickets_created"], persisted["revision"]) == (13, 2)
    assert persisted["subtotal"] == Decimal("735.00")
    assert pool_counters(event_db)[BANQUET] == (480, 4, 0)


def test_create_jsonb_answers_whether_the_registration_is_new(
    event_db: Connection, registration: Document
) -> None:
    late = registration | {"notes": "We arrive late"}
    for data, is_new in ((registration, True), (registration, False), (late, False)):
        answer = owner(event_db).call(
            "create_individual_registration_jsonb", p_registration_data=data
        )
        assert (answer["registration_id"], answer["created"]) == (REGISTRATION, is_new)
    other = registration | {"registrationId": ABSENT}
    answer = owner(event_db).call("create_individual_registration_jsonb", p_registration_data=other)
    assert answer["created"] is True


@pytest.mark.parametrize(
    ("type_", "stored"),
    [
        ("individual", "individuals"),
        ("individuals", "individuals"),
        ("lodge", "lodges"),
        ("lodges", "lodges"),
        ("delegation", "delegations"),
        ("delegations", "delegations"),
        (None, "individuals"),
    ],
)
def test_create_jsonb_accepts_types_in_singular_and_plural(
    event_db: Connection, registration: Document, type_: str | None, stored: str
) -> None:
    registration["registrationType"] = type_
    owner(event_db).call("create_individual_registration_jsonb", p_registration_data=registration)
    assert rows(event_db, "SELECT registration_type FROM ticketing.registrations") == [
        {"registration_type": stored}
    ]


# Owners and functions


def test_create_jsonb_gives_the_registration_to_its_caller(
    event_db: Connection, registration: Document
) -> None:
    registration["authUserId"] = OWNER
    Caller(event_db, "authenticated", STRANGER).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert {
        row["owner_id"]
        for row in rows(
            event_db,
            "SELECT owner_id FROM ticketing.registrations"
            " UNION ALL SELECT owner_id FROM ticketing.attendees",
        )
    } == {UUID(STRANGER)}


def test_not_authenticated_is_raised_without_a_signed_in_user(
    event_db: Connection, registration: Document
) -> None:
    refusal = Caller(event_db, "authenticated").refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.sqlstate == "42501"
    assert refusal.found == [("not_authenticated", "p_registration_data")]


@pytest.mark.parametrize("status", ["draft", None])
def test_function_not_found_is_raised_for_a_draft_or_absent_function(
    event_db: Connection, registration: Document, status: str | None
) -> None:
    if status:
        event_db.execute("UPDATE ticketing.functions SET status = %s", [status])
    else:
        registration["functionId"] = ABSENT
    refusal = owner(event_db).refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.sqlstate == "TK008"
    assert refusal.found == [("function_not_found", "p_registration_data.functionId")]


def test_create_jsonb_of_the_service_prepares_a_registration_for_a_draft(
    event_db: Connection, registration: Document
) -> None:
    event_db.execute("UPDATE ticketing.functions SET status = 'draft'")
    answer = service(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert answer["registration_id"] == REGISTRATION
    refusal = service(event_db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[ticket(TOMAS, CEREMONY)],
    )
    assert refusal.found == [("function_not_published", "p_tickets")]


@pytest.mark.parametrize("twice", [WALTER, INES], ids=["Walter", "Ines"])
def test_attendee_named_twice_is_raised_for_two_attendees_with_one_id(
    event_db: Connection, registration: Document, twice: str
) -> None:
    registration["additionalAttendees"][2]["attendeeId"] = twice.upper()
    refusal = owner(event_db).refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("attendee_named_twice", "p_registration_data.additionalAttendees[2].attendeeId")
    ]


# Again, for a registration with tickets


def test_create_jsonb_again_keeps_selections_not_mentioned(
    event_db: Connection, registration: Document
) -> None:
    first = create(owner(event_db), registration)
    held = held_tickets(event_db, REGISTRATION)
    registration["primaryAttendee"]["dietaryRequirements"] = "Vegan"
    second = owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert held_tickets(event_db, REGISTRATION) == held
    assert (second["revision"], second["subtotal"]) == (2, Decimal("735.00"))
    assert second["attendees"] == first["attendees"]
    for attendee, chosen in CHOSEN.items():
        assert stored_selection(event_db, REGISTRATION, attendee) == chosen

    third = owner(event_db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_attendee_updates=[{"attendee_id": TOMAS, "selected_tickets": NOTHING}],
    )
    assert (third["tickets_removed"], third["revision"]) == (2, 3)
    assert held_tickets(event_db, REGISTRATION) == held | {TOMAS: []}


@pytest.mark.parametrize("left_out", [INES, TOMAS, HAROLD], ids=["Ines", "Tomas", "Harold"])
def test_create_jsonb_again_removes_tickets_of_an_attendee_left_out(
    event_db: Connection, registration: Document, left_out: str
) -> None:
    create(owner(event_db), registration)
    held = held_tickets(event_db, REGISTRATION)
    ids = attendee_ids(event_db, REGISTRATION)
    registration["additionalAttendees"] = [
        attendee
        for attendee in registration["additionalAttendees"]
        if attendee["attendeeId"] != left_out
    ]
    answer = owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    gone = held.pop(left_out)
    assert (answer["tickets_removed"], answer["revision"]) == (len(gone), 2)
    assert answer["attendees_without_tickets"] == []
    assert held_tickets(event_db, REGISTRATION) == held
    assert list(attendee_ids(event_db, REGISTRATION).items()) == [
        (client_id, attendee_id) for client_id, attendee_id in ids.items() if client_id != left_out
    ]
    assert pool_counters(event_db)[BANQUET] == (480, 3, 0)
    assert {
        str(row["ticket_id"])
        for row in rows(event_db, "SELECT * FROM ticketing.ticket_changes WHERE change = 'removed'")
    } == set(gone)
    (walter,) = rows(
        event_db,
        "SELECT related_attendee_id::text FROM ticketing.attendees WHERE client_attendee_id = %s",
        WALTER,
    )
    assert walter["related_attendee_id"] == (None if left_out == INES else ids[INES])
    assert answer["subtotal"] == sum(
        row["price_paid"] for row in rows(event_db, "SELECT price_paid FROM ticketing.tickets")
    )


def test_registration_not_found_is_raised_for_the_id_of_another_owner(
    event_db: Connection, registration: Document
) -> None:
    create(owner(event_db), registration)
    for caller in (Caller(event_db, "authenticated", STRANGER), service(event_db)):
        refusal = caller.refusal(
            "create_individual_registration_jsonb",
            p_registration_data=registration | {"authUserId": STRANGER},
        )
        assert refusal.sqlstate == "TK002"
        assert refusal.found == [("registration_not_found", "p_registration_data.registrationId")]


def test_function_mismatch_is_raised_for_another_function(
    event_db: Connection, registration: Document, catalogue: Document
) -> None:
    import_catalogue(event_db, other_event(catalogue))
    create(owner(event_db), registration)
    refusal = owner(event_db).refusal(
        "create_individual_registration_jsonb",
        p_registration_data=registration | {"functionId": other_id(FUNCTION)},
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("function_mismatch", "p_registration_data.functionId")]
    (issue,) = refusal.issues
    assert (issue["expected"], issue["actual"]) == (FUNCTION, other_id(FUNCTION))


def test_attendee_named_twice_is_raised_for_both_ids_of_an_attendee(
    event_db: Connection, registration: Document
) -> None:
    create(owner(event_db), registration)
    tomas = registration["additionalAttendees"][1]
    registration["additionalAttendees"].append(
        tomas | {"attendeeId": attendee_ids(event_db, REGISTRATION)[TOMAS]}
    )
    refusal = owner(event_db).refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("attendee_named_twice", "p_registration_data.additionalAttendees[3].attendeeId")
    ]
