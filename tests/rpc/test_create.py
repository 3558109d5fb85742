"""Creating a registration: with its tickets or without, once or again."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from tests.support.caller import (
    JSON_NULL,
    Caller,
    Connection,
    owner,
    service,
)
from tests.support.example import (
    ABSENT,
    ALL_EVENTS,
    BANQUET,
    CEREMONY,
    FUNCTION,
    HAROLD,
    INES,
    LADIES,
    LODGE,
    MASONS,
    NOTHING,
    OWNER,
    RECEPTION,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    other_event,
    other_id,
    selection,
    ticket,
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

REGISTRATION = "01974a10-0000-7000-8000-0000000000ff"
NEWCOMER = "01974a10-0000-7000-8000-000000000005"

DIGITS = int("1" * 32)
"""A number whose digits PostgreSQL would read as a UUID."""

CHOSEN: dict[str, Document] = {
    WALTER: selection({ALL_EVENTS: 1}),
    INES: selection({LADIES: 1}),
    TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1}),
    HAROLD: selection({MASONS: 1}),
}
"""What the recorded wizard has selected, in the form that is stored."""

TICKETS = tickets_of(CHOSEN)
UPDATES = updates_of(CHOSEN)


@pytest.fixture(autouse=True)
def shop(db: Connection, catalogue: Document) -> None:
    """Put the example event on sale."""
    service(db).call("import_catalogue", p_catalogue=catalogue)


@pytest.fixture
def registration(wizard_state: Document) -> Document:
    """The wizard's registration object, with an id that it has made."""
    document: Document = wizard_state["registration"] | {"registrationId": REGISTRATION}
    return document


def create(caller: Caller, registration: Document, **arguments: object) -> Document:
    """Create the registration with the tickets of the recorded wizard."""
    return caller.call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        **{"p_tickets": TICKETS, "p_attendee_updates": UPDATES} | arguments,
    )


def refused(caller: Caller, registration: object, **arguments: object) -> list[tuple[str, str]]:
    """Return the issues of a creation that the payload must not get through."""
    refusal = caller.refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        **arguments,
    )
    assert refusal.sqlstate == "TK001"
    return refusal.found


# What is made


def test_the_recorded_wizard_becomes_a_registration(db: Connection, wizard_state: Document) -> None:
    answer = owner(db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_state["registration"],
        p_tickets=TICKETS,
        p_attendee_updates=updates_of(wizard_state["ticketSelections"]),
    )
    registration_id = answer["registration_id"]
    ids = attendee_ids(db, registration_id)
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


def test_the_rows_are_what_the_answer_says(db: Connection, registration: Document) -> None:
    answer = create(owner(db), registration)
    (row,) = rows(db, "SELECT * FROM ticketing.registrations")
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
    tickets = rows(db, "SELECT * FROM ticketing.tickets")
    assert {str(row["ticket_id"]) for row in tickets} == {
        row["ticket_id"] for row in answer["tickets"]
    }
    ines = attendee_ids(db, REGISTRATION)[INES]
    for row in tickets:
        assert row["owner_id"] == UUID(OWNER)
        assert (row["status"], row["payment_status"]) == ("Active", "Unpaid")
        assert row["currency"] == "AUD"
        assert row["is_partner_ticket"] == (str(row["attendee_id"]) == ines)
    assert pool_counters(db)[BANQUET] == (480, 4, 0)
    assert pool_counters(db)[RECEPTION] == (200, 1, 0)


def test_every_change_is_recorded(db: Connection, registration: Document) -> None:
    answer = create(owner(db), registration)
    changes = rows(db, "SELECT * FROM ticketing.ticket_changes ORDER BY change_id")
    assert [str(change["ticket_id"]) for change in changes] == [
        row["ticket_id"] for row in answer["tickets"]
    ]
    for change in changes:
        assert (change["change"], change["revision"]) == ("added", 1)
        assert (change["actor_id"], change["actor_role"]) == (UUID(OWNER), "authenticated")
        assert change["registration_id"] == UUID(REGISTRATION)


def test_the_tickets_of_every_package_add_up_to_its_price(
    db: Connection, registration: Document, catalogue: Document
) -> None:
    # at these prices no ticket's share is a whole number of cents
    for package in catalogue["packages"]:
        package["price"] = {ALL_EVENTS: "100.00", LADIES: "99.99"}.get(
            package["package_id"], package["price"]
        )
    service(db).call("import_catalogue", p_catalogue=catalogue)
    answer = create(owner(db), registration)
    assert package_sums(db, REGISTRATION) == [
        (WALTER, ALL_EVENTS, Decimal("100.00")),
        (INES, LADIES, Decimal("99.99")),
        (HAROLD, MASONS, Decimal("135.00")),
    ]
    assert answer["subtotal"] == Decimal("100.00") + Decimal("99.99") + 135 + 135
    assert rows(
        db,
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


def test_every_attendee_stores_the_whole_selection(
    db: Connection, registration: Document, wizard_state: Document
) -> None:
    # the wizard says the ids of tickets inside a package also as objects
    create(
        owner(db),
        registration,
        p_attendee_updates=updates_of(wizard_state["ticketSelections"]),
    )
    held = held_tickets(db, REGISTRATION)
    for attendee, chosen in CHOSEN.items():
        assert stored_selection(db, REGISTRATION, attendee) == chosen
        assert len(held[attendee]) == len(tickets_of({attendee: chosen}))


def test_the_columns_of_attendees_are_filled(db: Connection, registration: Document) -> None:
    create(owner(db), registration)
    stored = rows(db, "SELECT * FROM ticketing.attendees ORDER BY position")
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


def test_partners_and_guests_point_at_their_attendee(
    db: Connection, registration: Document
) -> None:
    create(owner(db), registration)
    ids = attendee_ids(db, REGISTRATION)
    assert {
        row["client_id"]: row["related_id"]
        for row in rows(
            db,
            """
            SELECT client_attendee_id::text AS client_id, related_attendee_id::text AS related_id
            FROM ticketing.attendees
            """,
        )
    } == {WALTER: ids[INES], INES: ids[WALTER], TOMAS: ids[WALTER], HAROLD: None}


def test_a_link_to_no_attendee_is_kept_and_resolves_to_none(
    db: Connection, registration: Document
) -> None:
    registration["additionalAttendees"][2]["guestOfId"] = ABSENT
    create(owner(db), registration)
    (row,) = rows(db, "SELECT * FROM ticketing.attendees WHERE client_attendee_id = %s", HAROLD)
    assert row["related_attendee_id"] is None
    assert row["attendee_data"]["guestOfId"] == ABSENT


def test_unknown_keys_are_kept(db: Connection, registration: Document) -> None:
    novelty = {"newKey": {"deep": [1, "two", None, {"three": 3.50}]}, "anotherNewKey": None}
    registration |= deepcopy(novelty)
    registration["primaryAttendee"] |= deepcopy(novelty)
    registration["additionalAttendees"][0] |= deepcopy(novelty)
    registration["billingDetails"] |= deepcopy(novelty)
    create(owner(db), registration)
    (row,) = rows(db, "SELECT * FROM ticketing.registrations")
    assert row["booking_contact"] == registration["billingDetails"]
    assert row["registration_data"] == {
        key: value
        for key, value in registration.items()
        if key not in {"primaryAttendee", "additionalAttendees"}
    }
    walter, ines, *_ = rows(db, "SELECT attendee_data FROM ticketing.attendees ORDER BY position")
    assert walter["attendee_data"] == walter["attendee_data"] | novelty
    assert ines["attendee_data"] == ines["attendee_data"] | novelty


def test_what_the_client_calls_selected_tickets_is_not_taken_for_a_selection(
    db: Connection, registration: Document
) -> None:
    registration["primaryAttendee"]["selected_tickets"] = CHOSEN[WALTER]
    answer = create(owner(db), registration, p_tickets=[], p_attendee_updates=[])
    assert answer["tickets_created"] == 0
    assert stored_selection(db, REGISTRATION, WALTER) == NOTHING


def test_a_registration_without_an_id_gets_one_each_time(
    db: Connection, wizard_state: Document
) -> None:
    first, second = (create(owner(db), wizard_state["registration"]) for _ in range(2))
    assert first["registration_id"] != second["registration_id"]
    assert {
        str(row["registration_id"]): row["registration_data"]["registrationId"]
        for row in rows(db, "SELECT * FROM ticketing.registrations")
    } == {answer["registration_id"]: answer["registration_id"] for answer in (first, second)}
    assert pool_counters(db)[BANQUET] == (480, 8, 0)


# Without tickets


def test_the_flow_without_tickets_is_unaffected(db: Connection, registration: Document) -> None:
    answer = owner(db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    ids = attendee_ids(db, REGISTRATION)
    assert answer == answer | {
        "success": True,
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
        assert stored_selection(db, REGISTRATION, attendee) == NOTHING
    assert rows(db, "SELECT * FROM ticketing.ticket_changes") == []

    persisted = owner(db).call(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=TICKETS,
        p_attendee_updates=UPDATES,
        p_expected_revision=answer["revision"],
    )
    assert (persisted["tickets_created"], persisted["revision"]) == (13, 2)
    assert persisted["subtotal"] == Decimal("735.00")
    assert pool_counters(db)[BANQUET] == (480, 4, 0)


@pytest.mark.parametrize("nothing", [None, JSON_NULL, []])
def test_no_tickets_can_be_said_in_several_ways(
    db: Connection, registration: Document, nothing: object
) -> None:
    answer = create(owner(db), registration, p_tickets=nothing, p_attendee_updates=nothing)
    assert (answer["tickets_created"], len(answer["attendees_without_tickets"])) == (0, 4)


# Again


def test_the_same_again_changes_nothing(db: Connection, registration: Document) -> None:
    first = create(owner(db), registration)
    before = dump(db, without=["hold_expires_at"])
    second = create(owner(db), registration)
    assert dump(db, without=["hold_expires_at"]) == before
    assert second == first | {
        "tickets_created": 0,
        "tickets_unchanged": 13,
        "attendees_updated": 0,
        "server_time": second["server_time"],
        "hold_expires_at": second["hold_expires_at"],
    }
    assert second["hold_expires_at"] > first["hold_expires_at"]


def test_selections_not_mentioned_stay(db: Connection, registration: Document) -> None:
    first = create(owner(db), registration)
    held = held_tickets(db, REGISTRATION)
    registration["primaryAttendee"]["dietaryRequirements"] = "Vegan"
    second = owner(db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert held_tickets(db, REGISTRATION) == held
    assert (second["revision"], second["subtotal"]) == (2, Decimal("735.00"))
    assert second["attendees"] == first["attendees"]
    for attendee, chosen in CHOSEN.items():
        assert stored_selection(db, REGISTRATION, attendee) == chosen

    third = owner(db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_attendee_updates=[{"attendee_id": TOMAS, "selected_tickets": NOTHING}],
    )
    assert (third["tickets_removed"], third["revision"]) == (2, 3)
    assert held_tickets(db, REGISTRATION) == held | {TOMAS: []}


@pytest.mark.parametrize("left_out", [INES, TOMAS, HAROLD])
def test_an_attendee_left_out_goes_with_tickets_and_capacity(
    db: Connection, registration: Document, left_out: str
) -> None:
    create(owner(db), registration)
    held = held_tickets(db, REGISTRATION)
    ids = attendee_ids(db, REGISTRATION)
    registration["additionalAttendees"] = [
        attendee
        for attendee in registration["additionalAttendees"]
        if attendee["attendeeId"] != left_out
    ]
    answer = owner(db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    gone = held.pop(left_out)
    assert (answer["tickets_removed"], answer["revision"]) == (len(gone), 2)
    assert answer["attendees_without_tickets"] == []
    assert held_tickets(db, REGISTRATION) == held
    assert list(attendee_ids(db, REGISTRATION).items()) == [
        (client_id, attendee_id) for client_id, attendee_id in ids.items() if client_id != left_out
    ]
    assert pool_counters(db)[BANQUET] == (480, 3, 0)
    assert {
        str(row["ticket_id"])
        for row in rows(db, "SELECT * FROM ticketing.ticket_changes WHERE change = 'removed'")
    } == set(gone)
    (walter,) = rows(
        db,
        "SELECT related_attendee_id::text FROM ticketing.attendees WHERE client_attendee_id = %s",
        WALTER,
    )
    assert walter["related_attendee_id"] == (None if left_out == INES else ids[INES])
    assert answer["subtotal"] == sum(
        row["price_paid"] for row in rows(db, "SELECT price_paid FROM ticketing.tickets")
    )


def test_attendees_become_exactly_those_given(db: Connection, registration: Document) -> None:
    create(owner(db), registration)
    held = held_tickets(db, REGISTRATION)
    ids = attendee_ids(db, REGISTRATION)
    walter = registration["primaryAttendee"]
    _, tomas, harold = registration["additionalAttendees"]
    newcomer = harold | {"attendeeId": NEWCOMER, "firstName": "Olive", "lastName": "Newcomer"}
    # the guest leads now, and is known by the id that the database has made
    registration["primaryAttendee"] = tomas | {"attendeeId": ids[TOMAS], "guestOfId": None}
    registration["additionalAttendees"] = [newcomer, walter | {"partner": None}]
    answer = owner(db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[ticket(NEWCOMER, CEREMONY)],
    )
    now = attendee_ids(db, REGISTRATION)
    assert list(now) == [TOMAS, NEWCOMER, WALTER]
    assert (now[TOMAS], now[WALTER]) == (ids[TOMAS], ids[WALTER])
    assert [row["client_attendee_id"] for row in answer["attendees"]] == list(now)
    assert [
        (str(row["client_attendee_id"]), row["is_primary"], row["related_attendee_id"])
        for row in rows(db, "SELECT * FROM ticketing.attendees ORDER BY position")
    ] == [(TOMAS, True, None), (NEWCOMER, False, None), (WALTER, False, None)]
    assert (answer["tickets_created"], answer["tickets_removed"]) == (1, 6)
    kept = held_tickets(db, REGISTRATION)
    assert {WALTER: kept[WALTER], TOMAS: kept[TOMAS]} == {WALTER: held[WALTER], TOMAS: held[TOMAS]}
    assert len(kept[NEWCOMER]) == 1
    assert pool_counters(db)[CEREMONY] == (600, 3, 0)


def test_capacity_of_removed_attendees_can_be_taken_in_the_same_call(
    db: Connection, registration: Document, catalogue: Document
) -> None:
    (reception,) = (
        type_ for type_ in catalogue["ticket_types"] if type_["ticket_type_id"] == RECEPTION
    )
    reception["capacity"] = 1
    service(db).call("import_catalogue", p_catalogue=catalogue)
    create(owner(db), registration)
    _, tomas, harold = registration["additionalAttendees"]
    # the only attendee of the reception leaves
    registration |= {"primaryAttendee": harold, "additionalAttendees": [tomas]}
    answer = owner(db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_attendee_updates=updates_of({TOMAS: selection(tickets={RECEPTION: 1})}),
        p_tickets=[ticket(TOMAS, RECEPTION)],
    )
    assert (answer["tickets_created"], answer["tickets_removed"]) == (1, 10)
    assert pool_counters(db)[RECEPTION] == (1, 1, 0)


def test_the_id_of_another_owners_registration_is_refused(
    db: Connection, registration: Document
) -> None:
    create(owner(db), registration)
    for caller in (Caller(db, "authenticated", STRANGER), service(db)):
        refusal = caller.refusal(
            "create_individual_registration_jsonb",
            p_registration_data=registration | {"authUserId": STRANGER},
        )
        assert refusal.sqlstate == "TK002"
        assert refusal.found == [("registration_not_found", "p_registration_data.registrationId")]


def test_a_registration_stays_with_its_function(
    db: Connection, registration: Document, catalogue: Document
) -> None:
    service(db).call("import_catalogue", p_catalogue=other_event(catalogue))
    create(owner(db), registration)
    refusal = owner(db).refusal(
        "create_individual_registration_jsonb",
        p_registration_data=registration | {"functionId": other_id(FUNCTION)},
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("function_mismatch", "p_registration_data.functionId")]
    (issue,) = refusal.issues
    assert (issue["expected"], issue["actual"]) == (FUNCTION, other_id(FUNCTION))


@pytest.mark.parametrize(
    ("status", "payment_status", "number"),
    [
        ("completed", "Paid", "GP-1"),
        ("cancelled", "Unpaid", None),
        ("cancelled", "Paid", "GP-1"),
        ("cancelled", "Refunded", "GP-1"),
    ],
)
def test_what_is_completed_or_cancelled_stays_as_it_is(
    db: Connection, registration: Document, status: str, payment_status: str, number: str | None
) -> None:
    create(owner(db), registration)
    db.execute(
        """
        UPDATE ticketing.registrations
        SET status = %s, payment_status = %s, confirmation_number = %s, hold_expires_at = NULL
        """,
        [status, payment_status, number],
    )
    # not even what would change nothing
    for arguments in ({}, {"p_tickets": TICKETS, "p_attendee_updates": UPDATES}):
        refusal = owner(db).refusal(
            "create_individual_registration_with_tickets",
            p_registration_data=registration,
            **arguments,
        )
        assert (refusal.sqlstate, [code for code, _ in refusal.found]) == (
            "TK003",
            ["not_editable"],
        )
        assert refusal.issues[0]["actual"] == status


@pytest.mark.parametrize(("status", "after"), [("pending", "draft"), ("expired", "draft")])
def test_what_is_pending_or_expired_becomes_a_draft_again_by_a_change(
    db: Connection, registration: Document, status: str, after: str
) -> None:
    create(owner(db), registration)
    db.execute("UPDATE ticketing.registrations SET status = %s", [status])
    if status == "expired":  # an expiry returns the capacity
        db.execute("UPDATE ticketing.capacity_pools SET reserved = 0")
    registration["primaryAttendee"]["notes"] = "Late"
    answer = create(owner(db), registration)
    assert (answer["status"], answer["revision"]) == (after, 2)
    assert pool_counters(db)[BANQUET] == (480, 4, 0)


# Revisions


def test_a_revision_that_is_not_the_stored_one_is_refused(
    db: Connection, registration: Document
) -> None:
    create(owner(db), registration)
    registration["primaryAttendee"]["notes"] = "Another tab"
    refusal = owner(db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_expected_revision=0,
    )
    assert refusal.sqlstate == "TK006"
    assert refusal.found == [("revision_conflict", "p_expected_revision")]
    assert (refusal.issues[0]["expected"], refusal.issues[0]["actual"]) == (0, 1)

    answer = create(owner(db), registration, p_expected_revision=1)
    assert answer["revision"] == 2


def test_the_retry_of_a_lost_reply_succeeds(db: Connection, registration: Document) -> None:
    first = create(owner(db), registration)
    registration["primaryAttendee"]["notes"] = "Saved, but the reply was lost"
    second = create(owner(db), registration, p_expected_revision=first["revision"])
    retry = create(owner(db), registration, p_expected_revision=first["revision"])
    assert (second["revision"], retry["revision"]) == (2, 2)
    assert retry["tickets"] == second["tickets"]


# Money


@pytest.mark.parametrize("subtotal", [735, 735.0, "735.00", "735", 0, "0.00", None])
def test_a_subtotal_that_agrees_is_accepted(
    db: Connection, registration: Document, subtotal: object
) -> None:
    registration |= {"subtotal": subtotal, "totalAmount": 1, "stripeFee": 2}
    answer = create(owner(db), registration)
    assert (answer["subtotal"], answer["total"]) == (Decimal("735.00"), Decimal("735.00"))


def test_a_subtotal_that_disagrees_is_refused(db: Connection, registration: Document) -> None:
    registration["subtotal"] = "734.99"
    refusal = owner(db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=TICKETS,
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("subtotal_mismatch", "p_registration_data.subtotal")]
    (issue,) = refusal.issues
    assert (issue["expected"], issue["actual"]) == (Decimal("735.00"), Decimal("734.99"))


def test_a_subtotal_is_compared_with_the_tickets_that_are_left(
    db: Connection, registration: Document
) -> None:
    registration["subtotal"] = 600
    # nothing to compare it with
    create(owner(db), registration, p_tickets=[], p_attendee_updates=[])
    registration["subtotal"] = 735
    create(owner(db), registration)
    registration["subtotal"] = 600
    refusal = owner(db).refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.found == [("subtotal_mismatch", "p_registration_data.subtotal")]
    answer = create(
        owner(db), registration, p_tickets=[], p_attendee_updates=updates_of({TOMAS: selection()})
    )
    assert answer["subtotal"] == 600


# Lodges


def test_a_lodge_books_through_its_contact(db: Connection, registration: Document) -> None:
    del registration["primaryAttendee"], registration["additionalAttendees"]
    registration["registrationType"] = "lodge"
    registration["billingDetails"] |= {"title": "W Bro"}
    answer = owner(db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_attendee_updates=updates_of({REGISTRATION: selection({LODGE: 2})}),
        p_tickets=tickets_of({REGISTRATION: selection({LODGE: 2})}),
    )
    assert (answer["tickets_created"], answer["subtotal"]) == (20, Decimal("2300.00"))
    assert package_sums(db, REGISTRATION) == [(REGISTRATION, LODGE, Decimal("1150.00"))] * 2
    (contact,) = rows(db, "SELECT * FROM ticketing.attendees")
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
    assert pool_counters(db)[BANQUET] == (480, 20, 0)

    before = dump(db, without=["hold_expires_at"])
    again = owner(db).call("create_individual_registration_jsonb", p_registration_data=registration)
    assert again["revision"] == answer["revision"]
    assert dump(db, without=["hold_expires_at"]) == before


@pytest.mark.parametrize("type_", ["lodge", "lodges", "delegation", "delegations"])
def test_a_lodge_without_a_contact_is_refused(
    db: Connection, registration: Document, type_: str
) -> None:
    del registration["primaryAttendee"], registration["billingDetails"]
    registration["registrationType"] = type_
    assert refused(owner(db), registration) == [
        ("missing_key", "p_registration_data.billingDetails")
    ]


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
def test_the_type_of_a_registration_is_singular_or_plural(
    db: Connection, registration: Document, type_: str | None, stored: str
) -> None:
    registration["registrationType"] = type_
    owner(db).call("create_individual_registration_jsonb", p_registration_data=registration)
    assert rows(db, "SELECT registration_type FROM ticketing.registrations") == [
        {"registration_type": stored}
    ]


# Owners


def test_a_registration_belongs_to_its_caller_whatever_it_says(
    db: Connection, registration: Document
) -> None:
    registration["authUserId"] = OWNER
    Caller(db, "authenticated", STRANGER).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert {
        row["owner_id"]
        for row in rows(
            db,
            "SELECT owner_id FROM ticketing.registrations"
            " UNION ALL SELECT owner_id FROM ticketing.attendees",
        )
    } == {UUID(STRANGER)}


def test_a_user_need_not_send_a_user_id(db: Connection, registration: Document) -> None:
    del registration["authUserId"]
    create(owner(db), registration)
    assert rows(db, "SELECT owner_id::text FROM ticketing.registrations") == [{"owner_id": OWNER}]


def test_the_service_says_whose_registration_it_makes(
    db: Connection, registration: Document
) -> None:
    create(service(db), registration)
    assert {
        str(row["owner_id"])
        for row in rows(
            db,
            "SELECT owner_id FROM ticketing.registrations"
            " UNION ALL SELECT owner_id FROM ticketing.attendees"
            " UNION ALL SELECT owner_id FROM ticketing.tickets",
        )
    } == {OWNER}
    (actor,) = rows(db, "SELECT DISTINCT actor_id, actor_role FROM ticketing.ticket_changes")
    assert actor == {"actor_id": None, "actor_role": "service_role"}
    # the owner goes on with it
    answer = create(owner(db), registration)
    assert (answer["tickets_unchanged"], answer["revision"]) == (13, 1)


@pytest.mark.parametrize("absent", [None, ...])
def test_the_service_must_say_whose_registration_it_makes(
    db: Connection, registration: Document, absent: object
) -> None:
    if absent is None:
        registration["authUserId"] = None
    else:
        del registration["authUserId"]
    assert refused(service(db), registration) == [("missing_key", "p_registration_data.authUserId")]


def test_a_registration_needs_a_signed_in_user(db: Connection, registration: Document) -> None:
    refusal = Caller(db, "authenticated").refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.sqlstate == "42501"
    assert refusal.found == [("not_authenticated", "p_registration_data")]


# Functions


@pytest.mark.parametrize("status", ["draft", None])
def test_a_function_that_the_user_cannot_see_does_not_exist(
    db: Connection, registration: Document, status: str | None
) -> None:
    if status:
        db.execute("UPDATE ticketing.functions SET status = %s", [status])
    else:
        registration["functionId"] = ABSENT
    refusal = owner(db).refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.sqlstate == "TK008"
    assert refusal.found == [("function_not_found", "p_registration_data.functionId")]


def test_the_service_can_prepare_a_registration_for_a_draft(
    db: Connection, registration: Document
) -> None:
    db.execute("UPDATE ticketing.functions SET status = 'draft'")
    answer = service(db).call(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert answer["registration_id"] == REGISTRATION
    refusal = service(db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[ticket(TOMAS, CEREMONY)],
    )
    assert refusal.found == [("function_not_published", "p_tickets")]


def test_function_not_published_names_the_first_argument_that_selects(
    db: Connection, registration: Document
) -> None:
    # Walter, who comes first, is named only by tickets.
    db.execute("UPDATE ticketing.functions SET status = 'closed'")
    refusal = service(db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[ticket(WALTER, CEREMONY), ticket(TOMAS, CEREMONY)],
        p_attendee_updates=updates_of({TOMAS: selection(tickets={CEREMONY: 1})}),
    )
    assert refusal.found == [("function_not_published", "p_attendee_updates")]


# Attendees that cannot be


@pytest.mark.parametrize("twice", [WALTER, INES])
def test_two_attendees_cannot_have_the_same_id(
    db: Connection, registration: Document, twice: str
) -> None:
    registration["additionalAttendees"][2]["attendeeId"] = twice.upper()
    refusal = owner(db).refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("attendee_named_twice", "p_registration_data.additionalAttendees[2].attendeeId")
    ]


def test_an_attendee_cannot_be_listed_by_both_ids(db: Connection, registration: Document) -> None:
    create(owner(db), registration)
    tomas = registration["additionalAttendees"][1]
    registration["additionalAttendees"].append(
        tomas | {"attendeeId": attendee_ids(db, REGISTRATION)[TOMAS]}
    )
    refusal = owner(db).refusal(
        "create_individual_registration_jsonb", p_registration_data=registration
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("attendee_named_twice", "p_registration_data.additionalAttendees[3].attendeeId")
    ]


def test_the_same_attendees_can_be_in_two_registrations(
    db: Connection, registration: Document
) -> None:
    create(owner(db), registration)
    create(owner(db), registration | {"registrationId": ABSENT})
    assert set(attendee_ids(db, REGISTRATION)) == set(attendee_ids(db, ABSENT))
    assert not set(attendee_ids(db, REGISTRATION).values()) & set(attendee_ids(db, ABSENT).values())
    assert not set(held_tickets(db, REGISTRATION)[WALTER]) & set(held_tickets(db, ABSENT)[WALTER])


def test_tickets_need_an_attendee_of_the_registration(
    db: Connection, registration: Document
) -> None:
    refusal = owner(db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[ticket(TOMAS, CEREMONY), ticket(NEWCOMER, CEREMONY)],
        p_attendee_updates=updates_of({ABSENT: selection()}),
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("attendee_not_found", "p_attendee_updates[0].attendee_id"),
        ("attendee_not_found", "p_tickets[1].attendee_id"),
    ]


# Shapes


@pytest.mark.parametrize(
    ("path", "value", "issues"),
    [
        ("functionId", ..., ["missing_key functionId"]),
        ("functionId", None, ["missing_key functionId"]),
        ("functionId", "x", ["invalid_value functionId"]),
        ("functionId", 1, ["invalid_type functionId"]),
        ("functionId", DIGITS, ["invalid_type functionId"]),
        ("registrationId", "x", ["invalid_value registrationId"]),
        ("registrationId", 1, ["invalid_type registrationId"]),
        ("registrationId", DIGITS, ["invalid_type registrationId"]),
        ("registrationType", "party", ["invalid_value registrationType"]),
        ("registrationType", ["lodge"], ["invalid_type registrationType"]),
        ("authUserId", 7, ["invalid_type authUserId"]),
        ("authUserId", DIGITS, ["invalid_type authUserId"]),
        ("authUserId", "x", ["invalid_value authUserId"]),
        ("subtotal", "a lot", ["invalid_value subtotal"]),
        ("subtotal", "NaN", ["invalid_value subtotal"]),
        ("subtotal", "-1", ["invalid_value subtotal"]),
        ("subtotal", -1, ["invalid_value subtotal"]),
        ("subtotal", 0.001, ["invalid_value subtotal"]),
        ("subtotal", 10**400, ["invalid_value subtotal"]),
        ("subtotal", True, ["invalid_type subtotal"]),
        ("subtotal", [], ["invalid_type subtotal"]),
        ("primaryAttendee", ..., ["missing_key primaryAttendee"]),
        ("primaryAttendee", None, ["missing_key primaryAttendee"]),
        ("primaryAttendee", [], ["invalid_type primaryAttendee"]),
        (
            "primaryAttendee",
            {},
            [
                "missing_key primaryAttendee.attendeeId",
                "missing_key primaryAttendee.attendeeType",
            ],
        ),
        ("additionalAttendees", {}, ["invalid_type additionalAttendees"]),
        ("additionalAttendees", [None], ["invalid_type additionalAttendees[0]"]),
        (
            "additionalAttendees",
            [{"attendeeId": "x", "attendeeType": "", "firstName": 1, "isPrimary": "yes"}],
            [
                "invalid_type additionalAttendees[0].firstName",
                "invalid_type additionalAttendees[0].isPrimary",
                "invalid_value additionalAttendees[0].attendeeId",
                "invalid_value additionalAttendees[0].attendeeType",
            ],
        ),
        (
            "additionalAttendees",
            [{"attendeeId": TOMAS, "attendeeType": "guest"}] * 500,
            ["too_large additionalAttendees"],
        ),
        ("billingDetails", [], ["invalid_type billingDetails"]),
        ("billingDetails", {"firstName": 1}, ["invalid_type billingDetails.firstName"]),
    ],
)
def test_a_registration_object_of_another_shape_is_refused(
    db: Connection, registration: Document, path: str, value: object, issues: list[str]
) -> None:
    if value is ...:
        del registration[path]
    else:
        registration[path] = value
    assert refused(owner(db), registration) == sorted(
        (code, f"p_registration_data.{where}")
        for code, where in (issue.split(" ") for issue in issues)
    )


ATTENDEE_SHAPES: Mapping[str, tuple[object, str]] = {
    "attendeeId": (DIGITS, "invalid_type"),
    "attendeeId in words": ("x", "invalid_value"),
    "attendeeType": ("", "invalid_value"),
    "attendeeType of one space": (" ", "invalid_value"),
    "attendeeType with a space before it": (" guest", "invalid_value"),
    "attendeeType with a space behind it": ("guest ", "invalid_value"),
    "attendeeType of two words": ("guest mason", "invalid_value"),
    "attendeeType of two lines": ("guest\n", "invalid_value"),
    "attendeeType without end": ("g" * 51, "invalid_value"),
    "attendeeType as a number": (5, "invalid_type"),
    "attendeeType as a flag": (True, "invalid_type"),
    "attendeeType as an array": (["guest"], "invalid_type"),
    "attendeeType as an object": ({}, "invalid_type"),
    "isPrimary": ("true", "invalid_type"),
    "title": (1, "invalid_type"),
    "firstName": ([], "invalid_type"),
    "lastName": ({}, "invalid_type"),
    "primaryEmail": (False, "invalid_type"),
    "primaryPhone": (0, "invalid_type"),
    "partner": (DIGITS, "invalid_type"),
    "partner in words": ("Walter", "invalid_value"),
    "partnerOf": (DIGITS, "invalid_type"),
    "partnerOf in words": ("", "invalid_value"),
    "guestOfId": (DIGITS, "invalid_type"),
    "guestOfId in words": ("x", "invalid_value"),
}
"""What is wrong with one key of an attendee, and its issue."""


@pytest.mark.parametrize("order", ["only", "first", "last"])
@pytest.mark.parametrize("name", ATTENDEE_SHAPES)
def test_an_attendee_of_another_shape_is_refused(
    db: Connection, registration: Document, name: str, order: str
) -> None:
    value, code = ATTENDEE_SHAPES[name]
    key = name.split(maxsplit=1)[0]
    right: Document = {"attendeeId": TOMAS, "attendeeType": "guest"}
    wrong: Document = {"attendeeId": WALTER, "attendeeType": "guest"} | {key: value}
    attendees = {"only": [wrong], "first": [wrong, right], "last": [right, wrong]}[order]
    position = attendees.index(wrong)
    registration |= {"primaryAttendee": attendees[0], "additionalAttendees": attendees[1:]}
    where = f"additionalAttendees[{position - 1}]" if position else "primaryAttendee"
    assert refused(owner(db), registration) == [(code, f"p_registration_data.{where}.{key}")]
    quote = owner(db).refusal(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections={},
        p_attendees=attendees,
    )
    assert (quote.sqlstate, quote.found) == ("TK001", [(code, f"p_attendees[{position}].{key}")])


@pytest.mark.parametrize(
    ("value", "issue"),
    [
        (None, "missing_key"),
        (JSON_NULL, "missing_key"),
        ([], "invalid_type"),
        ("x", "invalid_type"),
        (7, "invalid_type"),
        (True, "invalid_type"),
    ],
)
@pytest.mark.parametrize("is_service", [True, False])
def test_what_is_no_registration_object_is_refused(
    db: Connection, value: object, issue: str, *, is_service: bool
) -> None:
    caller = service(db) if is_service else owner(db)
    assert refused(caller, value) == [(issue, "p_registration_data")]


def test_a_registration_object_has_its_limits(db: Connection, registration: Document) -> None:
    registration["notes"] = "x" * 10_000_000
    assert refused(owner(db), registration) == [("too_large", "p_registration_data")]
    registration["notes"] = "x" * 900_000
    answer = create(owner(db), registration)
    assert answer["tickets_created"] == 13


def test_issues_of_all_arguments_come_together(db: Connection, registration: Document) -> None:
    registration["primaryAttendee"]["attendeeType"] = 1
    refusal = owner(db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[{}, 5],
        p_attendee_updates=[{"attendee_id": TOMAS, "selected_tickets": []}],
    )
    assert refusal.sqlstate == "TK001"
    assert refusal.found == [
        ("invalid_type", "p_attendee_updates[0].selected_tickets"),
        ("invalid_type", "p_registration_data.primaryAttendee.attendeeType"),
        ("invalid_type", "p_tickets[1]"),
        ("missing_key", "p_tickets[0].attendee_id"),
        ("missing_key", "p_tickets[0].event_id"),
        ("missing_key", "p_tickets[0].ticket_type_id"),
    ]
