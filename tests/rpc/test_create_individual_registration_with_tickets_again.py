"""create_individual_registration_with_tickets of a registration that exists."""

import pytest
from tests.support.bookings import create, import_catalogue
from tests.support.caller import Connection, owner
from tests.support.example import (
    BANQUET,
    CEREMONY,
    CHOSEN,
    NEWCOMER,
    RECEPTION,
    REGISTRATION,
    TICKETS,
    TOMAS,
    WALTER,
    Document,
    part,
    selection,
    ticket,
    updates_of,
)
from tests.support.stored import attendee_ids, dump, held_tickets, pool_counters, rows

# What changes


def test_create_again_changes_nothing_for_the_same(
    event_db: Connection, registration: Document
) -> None:
    first = create(owner(event_db), registration)
    before = dump(event_db, without=["hold_expires_at"])
    second = create(owner(event_db), registration)
    assert dump(event_db, without=["hold_expires_at"]) == before
    assert second == first | {
        "tickets_created": 0,
        "tickets_unchanged": 13,
        "attendees_updated": 0,
        "created": False,
        "server_time": second["server_time"],
        "hold_expires_at": second["hold_expires_at"],
    }
    assert second["hold_expires_at"] > first["hold_expires_at"]


def test_create_again_makes_the_attendees_those_given(
    event_db: Connection, registration: Document
) -> None:
    create(owner(event_db), registration)
    held = held_tickets(event_db, REGISTRATION)
    ids = attendee_ids(event_db, REGISTRATION)
    walter = registration["primaryAttendee"]
    _, tomas, harold = registration["additionalAttendees"]
    newcomer = harold | {"attendeeId": NEWCOMER, "firstName": "Olive", "lastName": "Newcomer"}
    # the guest leads now, and is known by the id that the database has made
    registration["primaryAttendee"] = tomas | {"attendeeId": ids[TOMAS], "guestOfId": None}
    registration["additionalAttendees"] = [newcomer, walter | {"partner": None}]
    answer = owner(event_db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[ticket(NEWCOMER, CEREMONY)],
    )
    now = attendee_ids(event_db, REGISTRATION)
    assert list(now) == [TOMAS, NEWCOMER, WALTER]
    assert (now[TOMAS], now[WALTER]) == (ids[TOMAS], ids[WALTER])
    assert [row["client_attendee_id"] for row in answer["attendees"]] == list(now)
    assert [
        (str(row["client_attendee_id"]), row["is_primary"], row["related_attendee_id"])
        for row in rows(event_db, "SELECT * FROM ticketing.attendees ORDER BY position")
    ] == [(TOMAS, True, None), (NEWCOMER, False, None), (WALTER, False, None)]
    assert (answer["tickets_created"], answer["tickets_removed"]) == (1, 6)
    kept = held_tickets(event_db, REGISTRATION)
    assert {WALTER: kept[WALTER], TOMAS: kept[TOMAS]} == {WALTER: held[WALTER], TOMAS: held[TOMAS]}
    assert len(kept[NEWCOMER]) == 1
    assert pool_counters(event_db)[CEREMONY] == (600, 3, 0)


def test_create_again_takes_capacity_of_removed_attendees(
    event_db: Connection, registration: Document, catalogue: Document
) -> None:
    part(catalogue, RECEPTION)["capacity"] = 1
    import_catalogue(event_db, catalogue)
    create(owner(event_db), registration)
    _, tomas, harold = registration["additionalAttendees"]
    # the only attendee of the reception leaves
    registration |= {"primaryAttendee": harold, "additionalAttendees": [tomas]}
    answer = owner(event_db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_attendee_updates=updates_of({TOMAS: selection(tickets={RECEPTION: 1})}),
        p_tickets=[ticket(TOMAS, RECEPTION)],
    )
    assert (answer["tickets_created"], answer["tickets_removed"]) == (1, 10)
    assert pool_counters(event_db)[RECEPTION] == (1, 1, 0)


@pytest.mark.parametrize(
    ("status", "payment_status", "number"),
    [
        ("completed", "Paid", "GP-1"),
        ("cancelled", "Unpaid", None),
        ("cancelled", "Paid", "GP-1"),
        ("cancelled", "Refunded", "GP-1"),
    ],
)
def test_create_again_is_refused_once_completed_or_cancelled(
    event_db: Connection,
    registration: Document,
    status: str,
    payment_status: str,
    number: str | None,
) -> None:
    create(owner(event_db), registration)
    event_db.execute(
        """
        UPDATE ticketing.registrations
        SET status = %s, payment_status = %s, confirmation_number = %s, hold_expires_at = NULL
        """,
        [status, payment_status, number],
    )
    # not even what would change nothing
    for arguments in ({}, {"p_tickets": TICKETS, "p_attendee_updates": updates_of(CHOSEN)}):
        refusal = owner(event_db).refusal(
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
def test_create_again_turns_pending_or_expired_into_draft(
    event_db: Connection, registration: Document, status: str, after: str
) -> None:
    create(owner(event_db), registration)
    event_db.execute("UPDATE ticketing.registrations SET status = %s", [status])
    if status == "expired":  # an expiry returns the capacity
        event_db.execute("UPDATE ticketing.capacity_pools SET reserved = 0")
    registration["primaryAttendee"]["notes"] = "Late"
    answer = create(owner(event_db), registration)
    assert (answer["status"], answer["revision"]) == (after, 2)
    assert pool_counters(event_db)[BANQUET] == (480, 4, 0)


# Revisions


def test_create_again_is_refused_at_another_revision(
    event_db: Connection, registration: Document
) -> None:
    create(owner(event_db), registration)
    registration["primaryAttendee"]["notes"] = "Another tab"
    refusal = owner(event_db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_expected_revision=0,
    )
    assert refusal.sqlstate == "TK006"
    assert refusal.found == [("revision_conflict", "p_expected_revision")]
    assert (refusal.issues[0]["expected"], refusal.issues[0]["actual"]) == (0, 1)

    answer = create(owner(event_db), registration, p_expected_revision=1)
    assert answer["revision"] == 2


def test_create_again_accepts_the_retry_of_a_lost_reply(
    event_db: Connection, registration: Document
) -> None:
    first = create(owner(event_db), registration)
    registration["primaryAttendee"]["notes"] = "Saved, but the reply was lost"
    second = create(owner(event_db), registration, p_expected_revision=first["revision"])
    retry = create(owner(event_db), registration, p_expected_revision=first["revision"])
    assert (second["revision"], retry["revision"]) == (2, 2)
    assert retry["tickets"] == second["tickets"]
    assert (first["created"], second["created"], retry["created"]) == (True, False, False)
