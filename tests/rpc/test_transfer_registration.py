"""transfer_registration: another owner, such as a guest who signs in after booking."""

from datetime import datetime

import psycopg
import pytest
from tests.support.bookings import (
    ONE,
    SEVERAL,
    book,
    every_state,
    integrity,
    pay,
    start,
    stored,
)
from tests.support.caller import Caller, Connection, owner, service, staff, stranger
from tests.support.example import (
    ABSENT,
    CHOSEN,
    OWNER,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    selection,
    wizard_registration,
)
from tests.support.stored import dump, held_tickets, rows

STATES = (
    "draft",
    "pending",
    "overdue",
    "expired",
    "completed",
    "cancelled",
    "empty",
    "free",
    "refused",
    "paid and cancelled",
    "partly refunded",
    "refunded",
)


@pytest.fixture
def booking(event_db: Connection) -> str:
    """Book what the recorded wizard has selected, partners among them."""
    return book(event_db, CHOSEN)


def transfer(connection: Connection, registration_id: str, new_owner_id: str) -> Document:
    """Transfer a registration as the service."""
    return service(connection).call(
        "transfer_registration", p_registration_id=registration_id, p_new_owner_id=new_owner_id
    )


def owners(connection: Connection, registration_id: str) -> set[tuple[str, str]]:
    """Return the owners in every table that has rows of a registration."""
    return {
        (row["table"], str(row["owner_id"]))
        for row in rows(
            connection,
            """
            SELECT 'registrations' AS table, owner_id FROM ticketing.registrations
            WHERE registration_id = %s
            UNION SELECT 'attendees', owner_id FROM ticketing.attendees WHERE registration_id = %s
            UNION SELECT 'tickets', owner_id FROM ticketing.tickets WHERE registration_id = %s
            UNION SELECT 'ticket_holders', owner_id FROM ticketing.ticket_holders
            WHERE registration_id = %s
            """,
            *[registration_id] * 4,
        )
    }


def test_transfer_registration_gives_everything_to_the_new_owner(
    event_db: Connection, booking: str
) -> None:
    (ticket_id,) = held_tickets(event_db, booking)[TOMAS][:1]
    owner(event_db).call(
        "assign_tickets",
        p_registration_id=booking,
        p_holders=[{"ticket_id": ticket_id, "holder": {"firstName": "Ada", "lastName": "Byron"}}],
    )
    before = stored(event_db, booking)
    tickets = held_tickets(event_db, booking)
    mine = owner(event_db).call("get_registration", p_registration_id=booking)

    answer = transfer(event_db, booking, STRANGER)
    assert datetime.fromisoformat(answer.pop("server_time"))
    assert answer == {
        "success": True,
        "registration_id": booking,
        "owner_id": STRANGER,
        "revision": before["revision"] + 1,
    }
    assert owners(event_db, booking) == {
        (table, STRANGER) for table in ("registrations", "attendees", "tickets", "ticket_holders")
    }
    assert held_tickets(event_db, booking) == tickets
    after = stored(event_db, booking)
    assert after == before | {
        "owner_id": after["owner_id"],
        "revision": answer["revision"],
        "updated_at": after["updated_at"],
    }
    theirs = stranger(event_db).call("get_registration", p_registration_id=booking)
    assert theirs == mine | {
        "revision": answer["revision"],
        "server_time": theirs["server_time"],
    }
    assert rows(
        event_db,
        """
        SELECT change, revision, old_values, new_values, reason, actor_role
        FROM ticketing.registration_changes
        WHERE change <> 'ticket_assigned'
        """,
    ) == [
        {
            "change": "transferred",
            "revision": answer["revision"],
            "old_values": {"owner_id": OWNER},
            "new_values": {"owner_id": STRANGER},
            "reason": None,
            "actor_role": "service_role",
        }
    ]
    assert integrity(event_db) == []


def test_transfer_registration_hides_it_from_the_owner_before(
    event_db: Connection, booking: str
) -> None:
    transfer(event_db, booking, STRANGER)
    before = dump(event_db)
    on_it = {"p_registration_id": booking}
    for refusal in (
        owner(event_db).refusal("get_registration", **on_it),
        owner(event_db).refusal("persist_ticket_selections", **on_it, p_selections=CHOSEN),
        owner(event_db).refusal("persist_attendee_tickets", **on_it, p_tickets=[]),
        owner(event_db).refusal("start_payment", **on_it),
        owner(event_db).refusal("cancel_registration", **on_it),
        owner(event_db).refusal(
            "create_individual_registration_jsonb",
            p_registration_data=wizard_registration(booking, CHOSEN),
        ),
    ):
        assert refusal.sqlstate == "TK002"
    assert dump(event_db) == before
    # by row-level security, too
    for user_id, number in ((OWNER, 0), (STRANGER, 1)):
        with event_db.transaction(force_rollback=True):
            event_db.execute("SET LOCAL ROLE authenticated")
            event_db.execute(
                "SELECT set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{user_id}"}}']
            )
            assert len(rows(event_db, "SELECT * FROM ticketing.registrations")) == number
            assert bool(rows(event_db, "SELECT * FROM ticketing.tickets")) == bool(number)
            assert bool(rows(event_db, "SELECT * FROM ticketing.attendees")) == bool(number)


def test_transfer_registration_lets_the_new_owner_go_on(event_db: Connection, booking: str) -> None:
    transfer(event_db, booking, STRANGER)
    answer = stranger(event_db).call(
        "persist_ticket_selections",
        p_registration_id=booking,
        p_selections={WALTER: selection(), TOMAS: CHOSEN[TOMAS]},
    )
    assert answer["tickets_removed"] > 0
    stranger(event_db).call(
        "persist_ticket_selections", p_registration_id=booking, p_selections=CHOSEN
    )
    started = stranger(event_db).call("start_payment", p_registration_id=booking)
    assert started["status"] == "pending"
    assert pay(event_db, booking)["status"] == "completed"
    assert {user for _, user in owners(event_db, booking)} == {STRANGER}
    assert integrity(event_db) == []


def test_transfer_registration_to_its_owner_changes_nothing(
    event_db: Connection, booking: str
) -> None:
    first = transfer(event_db, booking, STRANGER)
    before = dump(event_db)
    again = transfer(event_db, booking, STRANGER)
    assert again == first | {"server_time": again["server_time"]}
    assert dump(event_db) == before
    # and back
    assert transfer(event_db, booking, OWNER)["revision"] == first["revision"] + 1
    owner(event_db).call("get_registration", p_registration_id=booking)


def test_transfer_registration_is_possible_in_any_state(event_db: Connection) -> None:
    states = every_state(event_db)
    assert set(STATES) == set(states)
    for name, registration_id in states.items():
        before = stored(event_db, registration_id)
        transfer(event_db, registration_id, STRANGER)
        after = stored(event_db, registration_id)
        for key in ("status", "payment_status", "total", "hold_expires_at"):
            assert after[key] == before[key], name
        assert {user for _, user in owners(event_db, registration_id)} == {STRANGER}
    assert integrity(event_db) == []


def test_transfer_registration_counts_for_the_limits_of_the_new_owner(
    event_db: Connection, booking: str
) -> None:
    event_db.execute("UPDATE ticketing.functions SET max_open_registrations_per_owner = 1")
    transfer(event_db, booking, STRANGER)
    # the first owner may begin another, the new one may not
    book(event_db, ONE, OWNER)
    registration_id = book(event_db, {}, STRANGER)
    refusal = stranger(event_db).refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=ONE
    )
    assert [code for code, _ in refusal.found] == ["too_many_open_registrations"]


# What is refused


def test_transfer_registration_is_for_the_service(event_db: Connection, booking: str) -> None:
    callers = (owner(event_db), staff(event_db), Caller(event_db, "anon"))
    before = dump(event_db)
    for caller in callers:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.call("transfer_registration", p_registration_id=booking, p_new_owner_id=STRANGER)
    assert dump(event_db) == before


def test_missing_key_is_raised_for_a_transfer_to_nobody(event_db: Connection, booking: str) -> None:
    before = dump(event_db)
    refusal = service(event_db).refusal(
        "transfer_registration", p_registration_id=booking, p_new_owner_id=None
    )
    assert (refusal.sqlstate, refusal.found) == ("TK001", [("missing_key", "p_new_owner_id")])
    for nothing in (ABSENT, None):
        refusal = service(event_db).refusal(
            "transfer_registration", p_registration_id=nothing, p_new_owner_id=None
        )
        assert refusal.sqlstate == "TK002"
    assert dump(event_db) == before


def test_transfer_registration_keeps_the_tickets_sold(event_db: Connection) -> None:
    registration_id = book(event_db, SEVERAL)
    start(event_db, registration_id)
    pay(event_db, registration_id)
    transfer(event_db, registration_id, STRANGER)
    answer = stranger(event_db).call("get_registration", p_registration_id=registration_id)
    assert (answer["status"], answer["payment_status"]) == ("completed", "Paid")
    assert {ticket["payment_status"] for ticket in answer["tickets"]} == {"Paid"}
    assert integrity(event_db) == []
