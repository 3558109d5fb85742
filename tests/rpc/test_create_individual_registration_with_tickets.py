"""create_individual_registration_with_tickets: what is made of a registration and its tickets."""

from copy import deepcopy
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from tests.support.bookings import create, import_catalogue
from tests.support.caller import JSON_NULL, Connection, owner, service
from tests.support.example import (
    ABSENT,
    ALL_EVENTS,
    BANQUET,
    CEREMONY,
    CHOSEN,
    FUNCTION,
    HAROLD,
    INES,
    LADIES,
    LODGE,
    MASONS,
    NOTHING,
    OWNER,
    RECEPTION,
    REGISTRATION,
    TICKETS,
    TOMAS,
    WALTER,
    Document,
    selection,
    tickets_of,
    updates_of,
)
from tests.support.stored import (
    attendee_ids,
    dump,
    held_tickets,
    package_sums,
    pool_counters,
    rows,
    stored_selection,
)

# What is made


def test_create_with_tickets_answers_the_registration_of_the_wizard(
    event_db: Connection, wizard_state: Document
) -> None:
    answer = owner(event_db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_state["registration"],
        p_tickets=TICKETS,
        p_attendee_updates=updates_of(wizard_state["ticketSelections"]),
    )
    registration_id = answer["registration_id"]
    ids = attendee_ids(event_db, registration_id)
    server_time = datetime.fromisoformat(answer["server_time"])
    assert answer == answer | {
        "success": True,
        "registrationId": registration_id,
        "confirmationNumber": None,
        "revision": 1,
        "status": "draft",
        "tickets_created": 13,
        "tickets_removed": 0,
        "tickets_unchanged": 0,
        "attendees_updated": 4,
        "attendees_without_tickets": [],
        "subtotal": Decimal("735.00"),
        "total": Decimal("735.00"),
        "currency": "AUD",
        "attendees": [
            {"attendee_id": ids[client_id], "client_attendee_id": client_id}
            for client_id in (WALTER, INES, TOMAS, HAROLD)
        ],
    }
    assert str(answer["subtotal"]) == "735.00"
    hold = datetime.fromisoformat(answer["hold_expires_at"]) - server_time
    assert hold == timedelta(minutes=30)

    keys = {"ticket_id", "attendee_id", "ticket_type_id", "package_id", "price_paid"}
    assert {frozenset(row) for row in answer["tickets"]} == {frozenset(keys)}
    assert [
        (row["attendee_id"], row["ticket_type_id"], row["package_id"]) for row in answer["tickets"]
    ] == [
        (ids[row["attendee_id"]], row["ticket_type_id"], row.get("package_id")) for row in TICKETS
    ]
    assert sum(row["price_paid"] for row in answer["tickets"]) == Decimal("735.00")


def test_create_with_tickets_stores_what_it_answers(
    event_db: Connection, registration: Document
) -> None:
    answer = create(owner(event_db), registration)
    (row,) = rows(event_db, "SELECT * FROM ticketing.registrations")
    assert row == row | {
        "function_id": UUID(FUNCTION),
        "registration_id": UUID(REGISTRATION),
        "owner_id": UUID(OWNER),
        "registration_type": "individuals",
        "status": "draft",
        "payment_status": "Unpaid",
        "booking_contact": registration["billingDetails"],
        "subtotal": Decimal("735.00"),
        "total": Decimal("735.00"),
        "currency": "AUD",
        "confirmation_number": None,
        "hold_expires_at": datetime.fromisoformat(answer["hold_expires_at"]),
        "revision": 1,
    }
    tickets = rows(event_db, "SELECT * FROM ticketing.tickets")
    assert {str(row["ticket_id"]) for row in tickets} == {
        row["ticket_id"] for row in answer["tickets"]
    }
    ines = attendee_ids(event_db, REGISTRATION)[INES]
    for row in tickets:
        assert row["owner_id"] == UUID(OWNER)
        assert (row["status"], row["payment_status"]) == ("Active", "Unpaid")
        assert row["currency"] == "AUD"
        assert row["is_partner_ticket"] == (str(row["attendee_id"]) == ines)
    assert pool_counters(event_db)[BANQUET] == (480, 4, 0)
    assert pool_counters(event_db)[RECEPTION] == (200, 1, 0)


def test_create_with_tickets_records_every_change(
    event_db: Connection, registration: Document
) -> None:
    answer = create(owner(event_db), registration)
    changes = rows(event_db, "SELECT * FROM ticketing.ticket_changes ORDER BY change_id")
    assert [str(change["ticket_id"]) for change in changes] == [
        row["ticket_id"] for row in answer["tickets"]
    ]
    for change in changes:
        assert (change["change"], change["revision"]) == ("added", 1)
        assert (change["actor_id"], change["actor_role"]) == (UUID(OWNER), "authenticated")
        assert change["registration_id"] == UUID(REGISTRATION)


def test_create_with_tickets_splits_the_price_of_a_package_to_the_cent(
    event_db: Connection, registration: Document, catalogue: Document
) -> None:
    # at these prices no ticket's share is a whole number of cents
    for package in catalogue["packages"]:
        package["price"] = {ALL_EVENTS: "100.00", LADIES: "99.99"}.get(
            package["package_id"], package["price"]
        )
    import_catalogue(event_db, catalogue)
    answer = create(owner(event_db), registration)
    assert package_sums(event_db, REGISTRATION) == [
        (WALTER, ALL_EVENTS, Decimal("100.00")),
        (INES, LADIES, Decimal("99.99")),
        (HAROLD, MASONS, Decimal("135.00")),
    ]
    assert answer["subtotal"] == Decimal("100.00") + Decimal("99.99") + 135 + 135
    assert rows(
        event_db,
        """
        SELECT ticket_type_id::text, price_paid, original_price FROM ticketing.tickets
        WHERE package_id = %s ORDER BY original_price
        """,
        LADIES,
    ) == [
        # of 99.99 by 20 : 50 : 115 of 185; the two cents left go to the largest remainders
        {"ticket_type_id": type_, "price_paid": Decimal(paid), "original_price": Decimal(price)}
        for type_, paid, price in (
            (CEREMONY, "10.81", "20.00"),
            ("d4e5f6a7-b8c9-4567-def0-456789012345", "27.02", "50.00"),
            (BANQUET, "62.16", "115.00"),
        )
    ]


def test_create_with_tickets_stores_the_whole_selection_of_attendees(
    event_db: Connection, registration: Document, wizard_state: Document
) -> None:
    # the wizard says the ids of tickets inside a package also as objects
    create(
        owner(event_db),
        registration,
        p_attendee_updates=updates_of(wizard_state["ticketSelections"]),
    )
    held = held_tickets(event_db, REGISTRATION)
    for attendee, chosen in CHOSEN.items():
        assert stored_selection(event_db, REGISTRATION, attendee) == chosen
        assert len(held[attendee]) == len(tickets_of({attendee: chosen}))


def test_create_with_tickets_fills_the_columns_of_attendees(
    event_db: Connection, registration: Document
) -> None:
    create(owner(event_db), registration)
    stored = rows(event_db, "SELECT * FROM ticketing.attendees ORDER BY position")
    given = [registration["primaryAttendee"], *registration["additionalAttendees"]]
    assert len(stored) == 4
    for position, (row, attendee) in enumerate(zip(stored, given, strict=True)):
        assert row == row | {
            "function_id": UUID(FUNCTION),
            "registration_id": UUID(REGISTRATION),
            "owner_id": UUID(OWNER),
            "client_attendee_id": UUID(attendee["attendeeId"]),
            "position": position,
            "attendee_type": attendee["attendeeType"],
            "is_primary": position == 0,
            "is_partner": attendee["attendeeId"] == INES,
            "title": attendee["title"],
            "first_name": attendee["firstName"],
            "last_name": attendee["lastName"],
            "email": attendee["primaryEmail"],
            "phone": attendee["primaryPhone"],
            "attendee_data": attendee | {"selected_tickets": CHOSEN[attendee["attendeeId"]]},
        }
        assert row["attendee_id"] != row["client_attendee_id"]


def test_create_with_tickets_links_partners_and_guests(
    event_db: Connection, registration: Document
) -> None:
    create(owner(event_db), registration)
    ids = attendee_ids(event_db, REGISTRATION)
    assert {
        row["client_id"]: row["related_id"]
        for row in rows(
            event_db,
            """
            SELECT client_attendee_id::text AS client_id, related_attendee_id::text AS related_id
            FROM ticketing.attendees
            """,
        )
    } == {WALTER: ids[INES], INES: ids[WALTER], TOMAS: ids[WALTER], HAROLD: None}


def test_create_with_tickets_resolves_a_link_to_no_attendee_to_none(
    event_db: Connection, registration: Document
) -> None:
    registration["additionalAttendees"][2]["guestOfId"] = ABSENT
    create(owner(event_db), registration)
    (row,) = rows(
        event_db, "SELECT * FROM ticketing.attendees WHERE client_attendee_id = %s", HAROLD
    )
    assert row["related_attendee_id"] is None
    assert row["attendee_data"]["guestOfId"] == ABSENT


def test_create_with_tickets_keeps_unknown_keys(
    event_db: Connection, registration: Document
) -> None:
    novelty = {"newKey": {"deep": [1, "two", None, {"three": 3.50}]}, "anotherNewKey": None}
    registration |= deepcopy(novelty)
    registration["primaryAttendee"] |= deepcopy(novelty)
    registration["additionalAttendees"][0] |= deepcopy(novelty)
    registration["billingDetails"] |= deepcopy(novelty)
    create(owner(event_db), registration)
    (row,) = rows(event_db, "SELECT * FROM ticketing.registrations")
    assert row["booking_contact"] == registration["billingDetails"]
    assert row["registration_data"] == {
        key: value
        for key, value in registration.items()
        if key not in {"primaryAttendee", "additionalAttendees"}
    }
    walter, ines, *_ = rows(
        event_db, "SELECT attendee_data FROM ticketing.attendees ORDER BY position"
    )
    assert walter["attendee_data"] == walter["attendee_data"] | novelty
    assert ines["attendee_data"] == ines["attendee_data"] | novelty


def test_create_with_tickets_ignores_selected_tickets_of_the_client(
    event_db: Connection, registration: Document
) -> None:
    registration["primaryAttendee"]["selected_tickets"] = CHOSEN[WALTER]
    answer = create(owner(event_db), registration, p_tickets=[], p_attendee_updates=[])
    assert answer["tickets_created"] == 0
    assert stored_selection(event_db, REGISTRATION, WALTER) == NOTHING


def test_create_with_tickets_makes_an_id_where_none_is_given(
    event_db: Connection, wizard_state: Document
) -> None:
    first, second = (create(owner(event_db), wizard_state["registration"]) for _ in range(2))
    assert first["registration_id"] != second["registration_id"]
    assert {
        str(row["registration_id"]): row["registration_data"]["registrationId"]
        for row in rows(event_db, "SELECT * FROM ticketing.registrations")
    } == {answer["registration_id"]: answer["registration_id"] for answer in (first, second)}
    assert pool_counters(event_db)[BANQUET] == (480, 8, 0)


@pytest.mark.parametrize(
    "nothing", [None, JSON_NULL, []], ids=["null of SQL", "null of JSON", "an empty array"]
)
def test_create_with_tickets_accepts_no_tickets_in_every_form(
    event_db: Connection, registration: Document, nothing: object
) -> None:
    answer = create(owner(event_db), registration, p_tickets=nothing, p_attendee_updates=nothing)
    assert (answer["tickets_created"], len(answer["attendees_without_tickets"])) == (0, 4)


def test_create_with_tickets_accepts_attendees_in_two_registrations(
    event_db: Connection, registration: Document
) -> None:
    create(owner(event_db), registration)
    create(owner(event_db), registration | {"registrationId": ABSENT})
    assert set(attendee_ids(event_db, REGISTRATION)) == set(attendee_ids(event_db, ABSENT))
    assert not set(attendee_ids(event_db, REGISTRATION).values()) & set(
        attendee_ids(event_db, ABSENT).values()
    )
    assert not set(held_tickets(event_db, REGISTRATION)[WALTER]) & set(
        held_tickets(event_db, ABSENT)[WALTER]
    )


def test_create_with_tickets_books_a_lodge_through_its_contact(
    event_db: Connection, registration: Document
) -> None:
    del registration["primaryAttendee"], registration["additionalAttendees"]
    registration["registrationType"] = "lodge"
    registration["billingDetails"] |= {"title": "W Bro"}
    answer = owner(event_db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_attendee_updates=updates_of({REGISTRATION: selection({LODGE: 2})}),
        p_tickets=tickets_of({REGISTRATION: selection({LODGE: 2})}),
    )
    assert (answer["tickets_created"], answer["subtotal"]) == (20, Decimal("2300.00"))
    assert package_sums(event_db, REGISTRATION) == [(REGISTRATION, LODGE, Decimal("1150.00"))] * 2
    (contact,) = rows(event_db, "SELECT * FROM ticketing.attendees")
    assert contact == contact | {
        "client_attendee_id": UUID(REGISTRATION),
        "attendee_type": "contact",
        "is_primary": True,
        "title": "W Bro",
        "first_name": "Walter",
        "last_name": "Ashby",
        "email": "walter.ashby@example.org",
        "phone": "0400 000 000",
    }
    assert answer["attendees"] == [
        {"attendee_id": str(contact["attendee_id"]), "client_attendee_id": REGISTRATION}
    ]
    assert pool_counters(event_db)[BANQUET] == (480, 20, 0)

    before = dump(event_db, without=["hold_expires_at"])
    again = owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert again["revision"] == answer["revision"]
    assert dump(event_db, without=["hold_expires_at"]) == before


# Owners


def test_create_with_tickets_needs_no_user_id_of_a_user(
    event_db: Connection, registration: Document
) -> None:
    del registration["authUserId"]
    create(owner(event_db), registration)
    assert rows(event_db, "SELECT owner_id::text FROM ticketing.registrations") == [
        {"owner_id": OWNER}
    ]


def test_create_with_tickets_of_the_service_is_for_the_user_named(
    event_db: Connection, registration: Document
) -> None:
    create(service(event_db), registration)
    assert {
        str(row["owner_id"])
        for row in rows(
            event_db,
            "SELECT owner_id FROM ticketing.registrations"
            " UNION ALL SELECT owner_id FROM ticketing.attendees"
            " UNION ALL SELECT owner_id FROM ticketing.tickets",
        )
    } == {OWNER}
    (actor,) = rows(event_db, "SELECT DISTINCT actor_id, actor_role FROM ticketing.ticket_changes")
    assert actor == {"actor_id": None, "actor_role": "service_role"}
    # the owner goes on with it
    answer = create(owner(event_db), registration)
    assert (answer["tickets_unchanged"], answer["revision"]) == (13, 1)


# Money


@pytest.mark.parametrize("subtotal", [735, 735.0, "735.00", "735", 0, "0.00", None])
def test_create_with_tickets_accepts_a_subtotal_that_agrees(
    event_db: Connection, registration: Document, subtotal: object
) -> None:
    registration |= {"subtotal": subtotal, "totalAmount": 1, "stripeFee": 2}
    answer = create(owner(event_db), registration)
    assert (answer["subtotal"], answer["total"]) == (Decimal("735.00"), Decimal("735.00"))


def test_subtotal_mismatch_is_raised_for_another_subtotal(
    event_db: Connection, registration: Document
) -> None:
    registration["subtotal"] = "734.99"
    refusal = owner(event_db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=TICKETS,
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("subtotal_mismatch", "p_registration_data.subtotal")]
    (issue,) = refusal.issues
    assert (issue["expected"], issue["actual"]) == (Decimal("735.00"), Decimal("734.99"))


def test_subtotal_mismatch_is_about_the_tickets_that_are_left(
    event_db: Connection, registration: Document
) -> None:
    registration["subtotal"] = 600
    # nothing to compare it with
    create(owner(event_db), registration, p_tickets=[], p_attendee_updates=[])
    registration["subtotal"] = 735
    create(owner(event_db), registration)
    registration["subtotal"] = 600
    refusal = owner(event_db).refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.found == [("subtotal_mismatch", "p_registration_data.subtotal")]
    answer = create(
        owner(event_db),
        registration,
        p_tickets=[],
        p_attendee_updates=updates_of({TOMAS: selection()}),
    )
    assert answer["subtotal"] == 600
