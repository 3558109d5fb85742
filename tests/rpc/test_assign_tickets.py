"""assign_tickets: whom tickets admit, before and after payment."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import TypeAlias

import psycopg
import pytest
from tests.support.bookings import ONE, book, integrity, let_lapse, pay, start, stored
from tests.support.caller import (
    JSON_NULL,
    Caller,
    Connect,
    Connection,
    Document,
    Outcome,
    anonymous,
    owner,
    service,
    staff,
    stranger,
)
from tests.support.example import (
    ABSENT,
    BANQUET,
    CEREMONY,
    FUNCTION,
    LODGE,
    MASONS,
    TOMAS,
    WALTER,
    selection,
)
from tests.support.stored import (
    dump,
    everything,
    held_tickets,
    package_sums,
    pool_counters,
    rows,
)

As: TypeAlias = Callable[[Connection], Caller]

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({MASONS: 1}),
    TOMAS: selection(tickets={CEREMONY: 2}),
}
OLGA: Document = {
    "firstName": "Olga",
    "lastName": "Brandt",
    "title": "Dr",
    "email": "olga@example.org",
    "phone": "+61 400 000 000",
    "table": {"number": 4},
}
PETER: Document = {"firstName": "Peter", "lastName": "Lang"}


@pytest.fixture
def booking(event_db: Connection) -> str:
    """Book a package for Walter and two tickets for Tomas."""
    return book(event_db, CHOSEN)


def holders(named: Mapping[str, object]) -> list[Document]:
    """Return p_holders that give each ticket its holder."""
    return [{"ticket_id": ticket_id, "holder": holder} for ticket_id, holder in named.items()]


def assign(
    caller: Caller, registration_id: str, named: Mapping[str, object], **more: object
) -> Document:
    """Assign tickets, and return the answer."""
    return caller.call(
        "assign_tickets", p_registration_id=registration_id, p_holders=holders(named), **more
    )


def refusal(caller: Caller, registration_id: str, value: object, **more: object) -> Outcome:
    """Assign tickets, and return the refusal."""
    return caller.refusal(
        "assign_tickets", p_registration_id=registration_id, p_holders=value, **more
    )


def admitted(db: Connection, registration_id: str) -> dict[str, Document]:
    """Return the holders that get_registration answers, by ticket."""
    read = service(db).call("get_registration", p_registration_id=registration_id)
    return {each["ticket_id"]: each["holder"] for each in read["tickets"] if each["holder"]}


def holder_rows(db: Connection) -> list[Document]:
    """Return whom tickets admit, as stored."""
    return rows(
        db,
        """
        SELECT ticket_id::text, title, first_name, last_name, email, phone, holder_data
        FROM ticketing.ticket_holders ORDER BY first_name, ticket_id
        """,
    )


def changes(db: Connection, registration_id: str) -> list[Document]:
    """Return what was recorded of a registration beside its tickets."""
    return rows(
        db,
        """
        SELECT change, revision, ticket_id::text, old_values, new_values, actor_role
        FROM ticketing.registration_changes WHERE registration_id = %s ORDER BY change_id
        """,
        registration_id,
    )


def bring(db: Connection, registration_id: str, status: str) -> None:
    """Bring a booking into a state."""
    if status == "pending":
        start(db, registration_id)
    if status in {"overdue", "expired"}:
        let_lapse(db, registration_id)
    if status == "expired":
        service(db).call("release_expired_holds")
    if status == "completed":
        pay(db, registration_id)


def allow_changes(db: Connection, until: str | None) -> None:
    """Let owners change what is paid until so long from now; None: never."""
    db.execute(
        """
        UPDATE ticketing.functions SET changes_until = now() + %s::interval WHERE function_id = %s
        """,
        [until, FUNCTION],
    )


# What changes


def test_assign_tickets_names_whom_a_ticket_admits(event_db: Connection, booking: str) -> None:
    held, sums = held_tickets(event_db, booking), package_sums(event_db, booking)
    first, second = held[TOMAS]
    before, counters = stored(event_db, booking), pool_counters(event_db)
    answer = assign(owner(event_db), booking, {second: PETER, first: OLGA})
    assert datetime.fromisoformat(answer.pop("server_time"))
    assert answer == {
        "success": True,
        "registration_id": booking,
        "revision": before["revision"] + 1,
        "status": "draft",
        "tickets_assigned": 2,
    }
    assert holder_rows(event_db) == [
        {
            "ticket_id": first,
            "title": "Dr",
            "first_name": "Olga",
            "last_name": "Brandt",
            "email": "olga@example.org",
            "phone": "+61 400 000 000",
            "holder_data": OLGA,
        },
        {
            "ticket_id": second,
            "title": None,
            "first_name": "Peter",
            "last_name": "Lang",
            "email": None,
            "phone": None,
            "holder_data": PETER,
        },
    ]
    assert admitted(event_db, booking) == {first: OLGA, second: PETER}
    # nothing else has changed
    assert held_tickets(event_db, booking) == held
    assert package_sums(event_db, booking) == sums
    assert pool_counters(event_db) == counters
    after = stored(event_db, booking)
    fresh = ("updated_at", "last_change_epoch", "last_change_transaction_id")
    assert after == before | {key: after[key] for key in fresh} | {"revision": answer["revision"]}
    assert integrity(event_db) == []


def test_assign_tickets_writes_only_what_differs(event_db: Connection, booking: str) -> None:
    first, second = held_tickets(event_db, booking)[TOMAS]
    revision = assign(owner(event_db), booking, {first: OLGA, second: PETER})["revision"]
    read = owner(event_db).call("get_registration", p_registration_id=booking)
    before = everything(event_db)
    # what is read, sent back unchanged
    again = assign(
        owner(event_db),
        booking,
        {each["ticket_id"]: each["holder"] for each in read["tickets"]},
        p_expected_revision=0,
    )
    assert (again["tickets_assigned"], again["revision"]) == (0, revision)
    assert everything(event_db) == before
    written = "SELECT updated_at FROM ticketing.ticket_holders WHERE ticket_id = %s"
    of_first = rows(event_db, written, first)
    answer = assign(owner(event_db), booking, {first: OLGA, second: OLGA})
    assert (answer["tickets_assigned"], answer["revision"]) == (1, revision + 1)
    assert rows(event_db, written, first) == of_first
    assert changes(event_db, booking)[-1]["ticket_id"] == second
    # keys that are not sent again are gone
    assign(owner(event_db), booking, {second: PETER})
    assert admitted(event_db, booking)[second] == PETER


@pytest.mark.parametrize("gone", [None, "absent"])
def test_assign_tickets_without_a_holder_admits_the_attendee_again(
    event_db: Connection, booking: str, gone: str | None
) -> None:
    first, second = held_tickets(event_db, booking)[TOMAS]
    assign(owner(event_db), booking, {first: OLGA, second: PETER})
    entry = {"ticket_id": first} | ({} if gone else {"holder": None})
    answer = owner(event_db).call("assign_tickets", p_registration_id=booking, p_holders=[entry])
    assert answer["tickets_assigned"] == 1
    assert admitted(event_db, booking) == {second: PETER}
    before = everything(event_db)
    again = owner(event_db).call("assign_tickets", p_registration_id=booking, p_holders=[entry])
    assert (again["tickets_assigned"], again["revision"]) == (0, answer["revision"])
    assert everything(event_db) == before


def test_assign_tickets_is_undone_with_a_ticket_removed_before_payment(
    event_db: Connection, booking: str
) -> None:
    first, second = held_tickets(event_db, booking)[TOMAS]
    assign(owner(event_db), booking, {first: OLGA, second: PETER})
    owner(event_db).call(
        "persist_ticket_selections", p_registration_id=booking, p_selections={TOMAS: selection()}
    )
    assert holder_rows(event_db) == []
    assert integrity(event_db) == []


def test_assign_tickets_stays_with_a_ticket_that_is_cancelled(
    event_db: Connection, booking: str
) -> None:
    first, _ = held_tickets(event_db, booking)[TOMAS]
    assign(owner(event_db), booking, {first: OLGA})
    pay(event_db, booking)
    service(event_db).call("cancel_registration", p_registration_id=booking)
    assert admitted(event_db, booking) == {first: OLGA}
    assert integrity(event_db) == []


def test_assign_tickets_story_of_a_lodge(event_connect: Connect, registration: Document) -> None:
    """A contact pays for ten, names them weeks later, changes two and takes one back."""
    db = event_connect(autocommit=True)
    data = registration | {"registrationType": "lodges", "additionalAttendees": []}
    del data["primaryAttendee"]
    lodge = data["registrationId"]
    owner(db).call("create_individual_registration_jsonb", p_registration_data=data)
    owner(db).call(
        "persist_ticket_selections",
        p_registration_id=lodge,
        p_selections={lodge: selection({LODGE: 1})},
    )
    pay(db, lodge)
    allow_changes(db, "30 days")
    tickets = held_tickets(db, lodge)[lodge]
    assert len(tickets) == 10
    sums = package_sums(db, lodge)
    names = {
        ticket: {"firstName": f"Guest {n}", "lastName": "X"} for n, ticket in enumerate(tickets)
    }
    assert assign(owner(db), lodge, names)["tickets_assigned"] == 10
    assert admitted(db, lodge) == names
    names |= {tickets[3]: OLGA, tickets[4]: PETER}
    assert assign(owner(db), lodge, names)["tickets_assigned"] == 2
    answer = assign(owner(db), lodge, {tickets[5]: None})
    assert (answer["tickets_assigned"], answer["status"]) == (1, "completed")
    del names[tickets[5]]
    assert admitted(db, lodge) == names
    assert held_tickets(db, lodge)[lodge] == tickets
    assert package_sums(db, lodge) == sums
    assert pool_counters(db)[BANQUET][1:] == (0, 10)

    # the feed says of which tickets, and nothing of the people
    feed = service(db).call("get_ticket_changes")["changes"]
    assigned = [change for change in feed if change["change"] == "assigned"]
    assert [change["ticket_id"] for change in assigned] == [
        *tickets, tickets[3], tickets[4], tickets[5],
    ]  # fmt: skip
    assert {change["revision"] for change in assigned} == {
        answer["revision"] - 2, answer["revision"] - 1, answer["revision"],
    }  # fmt: skip
    assert "Guest" not in str(feed)
    assert integrity(db) == []

    # one of the ten is not coming: the package stays whole
    refusal = owner(db).refusal(
        "cancel_tickets", p_registration_id=lodge, p_ticket_ids=[tickets[6]]
    )
    assert (refusal.sqlstate, refusal.found) == (
        "TK004",
        [("package_incomplete", "p_ticket_ids[0]")],
    )
    assert refusal.issues[0]["expected"] == sorted(tickets)
    assert held_tickets(db, lodge)[lodge] == tickets
    assert admitted(db, lodge) == names

    # a later change of the tickets comes after it
    service(db).call("cancel_registration", p_registration_id=lodge)
    assert {
        change["change"] for change in service(db).call("get_ticket_changes")["changes"][-10:]
    } == {"cancelled"}
    assert integrity(db) == []


def test_assign_tickets_story_of_a_lodge_without_a_package(
    event_connect: Connect, registration: Document
) -> None:
    """A contact pays for ten single tickets and names them; then one is not coming."""
    db = event_connect(autocommit=True)
    data = registration | {"registrationType": "lodges", "additionalAttendees": []}
    del data["primaryAttendee"]
    lodge = data["registrationId"]
    owner(db).call("create_individual_registration_jsonb", p_registration_data=data)
    owner(db).call(
        "persist_ticket_selections",
        p_registration_id=lodge,
        p_selections={lodge: selection(tickets={BANQUET: 10})},
    )
    pay(db, lodge)
    allow_changes(db, "30 days")
    tickets = held_tickets(db, lodge)[lodge]
    names = {
        ticket: {"firstName": f"Guest {n}", "lastName": "X"} for n, ticket in enumerate(tickets)
    }
    assign(owner(db), lodge, names)
    answer = service(db).call("cancel_tickets", p_registration_id=lodge, p_ticket_ids=[tickets[2]])
    assert (answer["tickets_cancelled"], answer["refund_due"]) == (1, answer["total"] / 9)
    found = owner(db).call("get_registration", p_registration_id=lodge)["tickets"]
    in_force = [ticket["ticket_id"] for ticket in found if ticket["status"] == "Active"]
    assert sorted(in_force) == [*tickets[:2], *tickets[3:]]
    # the name stays with the ticket that is cancelled, too
    assert admitted(db, lodge) == names
    assert pool_counters(db)[BANQUET][1:] == (0, 9)
    assert integrity(db) == []


# Who, when


@pytest.mark.parametrize("who", [owner, staff, service])
@pytest.mark.parametrize("status", ["draft", "pending", "overdue", "expired"])
def test_assign_tickets_before_payment_leaves_status_and_hold(
    event_db: Connection, status: str, who: As
) -> None:
    booking = book(event_db, ONE)
    bring(event_db, booking, status)
    before = stored(event_db, booking)
    (ticket,) = held_tickets(event_db, booking)[WALTER]
    answer = assign(who(event_db), booking, {ticket: OLGA})
    assert answer["status"] == before["status"] == ("draft" if status == "overdue" else status)
    after = stored(event_db, booking)
    assert after["hold_expires_at"] == before["hold_expires_at"]
    assert after["revision"] == before["revision"] + 1
    assert integrity(event_db) == []


@pytest.mark.parametrize("until", ["1 hour", "-1 second", None])
def test_assign_tickets_of_a_paid_registration_is_for_its_owner_until_changes_until(
    event_db: Connection, booking: str, until: str | None
) -> None:
    bring(event_db, booking, "completed")
    allow_changes(event_db, until)
    first, _ = held_tickets(event_db, booking)[TOMAS]
    before = dump(event_db)
    if until == "1 hour":
        assert assign(owner(event_db), booking, {first: OLGA})["status"] == "completed"
    else:
        refused = refusal(owner(event_db), booking, holders({first: OLGA}))
        assert refused.sqlstate == "TK003"
        assert refused.found == [("changes_ended", "p_registration_id")]
        assert dump(event_db) == before
    for number, who in enumerate((staff, service)):
        answer = assign(who(event_db), booking, {first: PETER | {"title": str(number)}})
        assert (answer["status"], answer["tickets_assigned"]) == ("completed", 1)
    assert integrity(event_db) == []


@pytest.mark.parametrize("who", [owner, staff, service])
def test_assign_tickets_of_a_cancelled_registration_is_refused(
    event_db: Connection, booking: str, who: As
) -> None:
    first, _ = held_tickets(event_db, booking)[TOMAS]
    owner(event_db).call("cancel_registration", p_registration_id=booking)
    caller = who(event_db)
    before = dump(event_db)
    refused = refusal(caller, booking, holders({first: OLGA}))
    assert refused.sqlstate == "TK003"
    assert refused.found == [("not_editable", "p_registration_id")]
    assert dump(event_db) == before


def test_assign_tickets_of_a_stranger_finds_none(event_db: Connection, booking: str) -> None:
    first, _ = held_tickets(event_db, booking)[TOMAS]
    before = dump(event_db)
    refused = refusal(stranger(event_db), booking, holders({first: OLGA}))
    assert refused.sqlstate == "TK002"
    assert refused == refusal(stranger(event_db), ABSENT, holders({first: OLGA}))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        assign(anonymous(event_db), booking, {first: OLGA})
    assert dump(event_db) == before


def test_ticket_holders_are_read_by_their_owner_and_staff_alone(
    event_db: Connection, booking: str
) -> None:
    first, _ = held_tickets(event_db, booking)[TOMAS]
    assign(owner(event_db), booking, {first: OLGA})
    for who, names in ((owner, ["Olga"]), (staff, ["Olga"]), (stranger, [])):
        caller = who(event_db)
        with event_db.transaction(force_rollback=True):
            event_db.execute(
                """
                SELECT set_config('role', %s, true), set_config(
                    'request.jwt.claims', jsonb_build_object('sub', %s::text)::text, true
                )
                """,
                [caller.role, caller.user_id],
            )
            found = rows(event_db, "SELECT first_name FROM ticketing.ticket_holders")
        assert [each["first_name"] for each in found] == names


# Revisions and records


def test_assign_tickets_conflicts_with_another_revision_unless_nothing_changes(
    event_db: Connection, booking: str
) -> None:
    first, second = held_tickets(event_db, booking)[TOMAS]
    revision = stored(event_db, booking)["revision"]
    answer = assign(owner(event_db), booking, {first: OLGA}, p_expected_revision=revision)
    assert answer["revision"] == revision + 1
    before = everything(event_db)
    again = assign(owner(event_db), booking, {first: OLGA}, p_expected_revision=revision)
    assert again == answer | {"tickets_assigned": 0, "server_time": again["server_time"]}
    for named in ({first: PETER}, {second: OLGA}, {first: None}, {ABSENT: OLGA}):
        refused = refusal(owner(event_db), booking, holders(named), p_expected_revision=revision)
        assert refused.sqlstate == "TK006"
        assert refused.issues[0]["actual"] == revision + 1
    assert everything(event_db) == before


def test_assign_tickets_records_old_and_new_holder(event_db: Connection, booking: str) -> None:
    first, second = held_tickets(event_db, booking)[TOMAS]
    revision = stored(event_db, booking)["revision"]
    assign(owner(event_db), booking, {first: OLGA, second: PETER})
    assign(service(event_db), booking, {first: PETER, second: None})
    assert changes(event_db, booking) == [
        {
            "change": "ticket_assigned",
            "revision": revision + number,
            "ticket_id": ticket,
            "old_values": old,
            "new_values": new,
            "actor_role": role,
        }
        for number, ticket, old, new, role in (
            (1, first, None, OLGA, "authenticated"),
            (1, second, None, PETER, "authenticated"),
            (2, first, OLGA, PETER, "service_role"),
            (2, second, PETER, None, "service_role"),
        )
    ]
    assert rows(
        event_db,
        """
        SELECT change, revision, count(*) FROM ticketing.ticket_changes
        WHERE change <> 'added' GROUP BY 1, 2 ORDER BY 2
        """,
    ) == [
        {"change": "assigned", "revision": revision + 1, "count": 2},
        {"change": "assigned", "revision": revision + 2, "count": 2},
    ]
    assert integrity(event_db) == []


# Refusals


def test_ticket_not_found_is_one_of_no_or_another_registration(
    event_db: Connection, booking: str
) -> None:
    other = book(event_db, ONE)
    (others,) = held_tickets(event_db, other)[WALTER]
    first, _ = held_tickets(event_db, booking)[TOMAS]
    before = dump(event_db)
    refused = refusal(owner(event_db), booking, holders({first: OLGA, others: OLGA, ABSENT: None}))
    assert refused.sqlstate == "TK004"
    assert refused.found == [
        ("ticket_not_found", "p_holders[1].ticket_id"),
        ("ticket_not_found", "p_holders[2].ticket_id"),
    ]
    assert [issue["actual"] for issue in refused.issues] == [others, ABSENT]
    assert dump(event_db) == before


def test_ticket_named_twice_is_an_issue_of_each_repetition(
    event_db: Connection, booking: str
) -> None:
    first, second = held_tickets(event_db, booking)[TOMAS]
    named = holders({first: OLGA, second: OLGA}) + holders({first: OLGA})
    before = dump(event_db)
    refused = refusal(owner(event_db), booking, named)
    assert refused.sqlstate == "TK004"
    assert refused.found == [("ticket_named_twice", "p_holders[2].ticket_id")]
    assert dump(event_db) == before


def test_ticket_cancelled_admits_nobody(event_db: Connection, booking: str) -> None:
    first, _ = held_tickets(event_db, booking)[TOMAS]
    pay(event_db, booking)
    event_db.execute(
        "UPDATE ticketing.tickets SET status = 'Cancelled' WHERE ticket_id = %s", [first]
    )
    before = dump(event_db)
    refused = refusal(service(event_db), booking, holders({first: OLGA}))
    assert refused.sqlstate == "TK004"
    assert refused.found == [("ticket_cancelled", "p_holders[0].ticket_id")]
    assert dump(event_db) == before


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, [("missing_key", "p_holders")]),
        (JSON_NULL, [("missing_key", "p_holders")]),
        ({}, [("invalid_type", "p_holders")]),
        ([], [("invalid_value", "p_holders")]),
        ([{}], [("missing_key", "p_holders[0].ticket_id")]),
        ([7], [("invalid_type", "p_holders[0]")]),
        ([{"ticket_id": "x"}], [("invalid_value", "p_holders[0].ticket_id")]),
        ([{"ticket_id": ABSENT, "name": "x"}], [("unknown_key", "p_holders[0].name")]),
        (holders({ABSENT: "Olga"}), [("invalid_type", "p_holders[0].holder")]),
        (
            holders({ABSENT: {}}),
            [
                ("missing_key", "p_holders[0].holder.firstName"),
                ("missing_key", "p_holders[0].holder.lastName"),
            ],
        ),
        (
            holders({ABSENT: OLGA | {"firstName": "", "lastName": "x" * 201}}),
            [
                ("invalid_value", "p_holders[0].holder.firstName"),
                ("invalid_value", "p_holders[0].holder.lastName"),
            ],
        ),
        (
            holders({ABSENT: OLGA | {"email": 7, "phone": [], "title": {}}}),
            [
                ("invalid_type", "p_holders[0].holder.email"),
                ("invalid_type", "p_holders[0].holder.phone"),
                ("invalid_type", "p_holders[0].holder.title"),
            ],
        ),
        ([{"ticket_id": ABSENT}] * 2001, [("too_large", "p_holders")]),
    ],
)
def test_assign_tickets_refuses_what_are_no_holders(
    event_db: Connection, booking: str, value: object, found: Sequence[tuple[str, str]]
) -> None:
    before = dump(event_db)
    refused = refusal(owner(event_db), booking, value)
    assert refused.sqlstate == "TK001"
    assert refused.found == [*found]
    assert dump(event_db) == before


def test_too_large_is_what_holders_grow_to_in_several_calls(
    event_db: Connection, booking: str
) -> None:
    first, second, third, *_ = chain(*held_tickets(event_db, booking).values())
    large = OLGA | {"notes": "x" * 900_000}
    assign(owner(event_db), booking, {first: large})
    assign(owner(event_db), booking, {second: large})
    before = dump(event_db)
    refused = refusal(owner(event_db), booking, holders({third: large}))
    assert refused.sqlstate == "TK001"
    assert refused.found == [("too_large", "p_holders")]
    assert dump(event_db) == before
    assert assign(owner(event_db), booking, {first: None, third: large})["tickets_assigned"] == 2
