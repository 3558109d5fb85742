"""update_attendees: names, contact data and facts of attendees, before and after payment."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest
from tests.support.bookings import (
    ONE,
    book,
    import_catalogue,
    integrity,
    let_lapse,
    pay,
    start,
    stored,
    ticket_states,
)
from tests.support.caller import (
    JSON_NULL,
    Caller,
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
    COMMUNICATION,
    FUNCTION,
    HAROLD,
    INES,
    LODGE,
    MASONS,
    NEWCOMER,
    TOMAS,
    WALTER,
    part,
    selection,
)
from tests.support.stored import (
    attendee_ids,
    dump,
    everything,
    held_tickets,
    package_sums,
    pool_counters,
    rows,
    stored_selection,
)

As: TypeAlias = Callable[[Connection], Caller]

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({MASONS: 1}),
    INES: selection(),
    TOMAS: selection(tickets={CEREMONY: 2}),
}
MEMBERS = {"rules": [{"type": "attendee_type", "operator": "equals", "value": "mason"}]}


@pytest.fixture
def booking(event_db: Connection) -> str:
    """Book for Walter, a mason, with a package, for Ines, and for Tomas, a guest."""
    return book(event_db, CHOSEN)


def attendee(attendee_id: str, attendee_type: str = "guest", **values: object) -> Document:
    """Return an attendee object of the wizard."""
    return {"attendeeId": attendee_id, "attendeeType": attendee_type, **values}


def walter(**values: object) -> Document:
    return attendee(WALTER, "mason", **values)


def update(caller: Caller, registration_id: str, *attendees: Document, **more: object) -> Document:
    """Update attendees, and return the answer."""
    return caller.call(
        "update_attendees", p_registration_id=registration_id, p_attendees=[*attendees], **more
    )


def refusal(caller: Caller, registration_id: str, *attendees: Any, **more: object) -> Outcome:  # noqa: ANN401
    """Update attendees, and return the refusal."""
    return caller.refusal(
        "update_attendees", p_registration_id=registration_id, p_attendees=[*attendees], **more
    )


def row(db: Connection, registration_id: str, attendee_id: str) -> Document:
    """Return the row of an attendee, by the wizard's id."""
    (found,) = rows(
        db,
        """
        SELECT * FROM ticketing.attendees WHERE registration_id = %s AND client_attendee_id = %s
        """,
        registration_id,
        attendee_id,
    )
    return found


def changes(db: Connection, registration_id: str) -> list[Document]:
    """Return what was recorded of a registration beside its tickets."""
    return rows(
        db,
        """
        SELECT change, revision, attendee_id::text, ticket_id, old_values, new_values, reason,
            actor_id::text, actor_role
        FROM ticketing.registration_changes WHERE registration_id = %s ORDER BY change_id
        """,
        registration_id,
    )


def allow_changes(db: Connection, until: str | None) -> None:
    """Let owners change what is paid until so long from now; None: never."""
    db.execute(
        """
        UPDATE ticketing.functions SET changes_until = now() + %s::interval WHERE function_id = %s
        """,
        [until, FUNCTION],
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


# What changes


def test_update_attendees_replaces_the_keys_given_and_keeps_all_others(
    event_db: Connection, booking: str
) -> None:
    before, registered = row(event_db, booking, WALTER), stored(event_db, booking)
    tickets = held_tickets(event_db, booking)
    others = [row(event_db, booking, other) for other in (INES, TOMAS)]
    answer = update(
        owner(event_db),
        booking,
        walter(firstName="Waldo", primaryEmail=None, dietary={"vegan": True}),
    )
    assert datetime.fromisoformat(answer.pop("server_time"))
    assert answer == {
        "success": True,
        "registration_id": booking,
        "revision": registered["revision"] + 1,
        "status": "draft",
        "attendees_added": 0,
        "attendees_updated": 1,
        "attendees": [
            {"attendee_id": str(before["attendee_id"]), "client_attendee_id": WALTER},
        ],
    }
    after = row(event_db, booking, WALTER)
    given = {"firstName": "Waldo", "primaryEmail": None, "dietary": {"vegan": True}}
    assert after == before | {
        "first_name": "Waldo",
        "email": None,
        "attendee_data": before["attendee_data"] | given,
        "updated_at": after["updated_at"],
    }
    assert [row(event_db, booking, other) for other in (INES, TOMAS)] == others
    assert held_tickets(event_db, booking) == tickets
    now = stored(event_db, booking)
    fresh = ("updated_at", "last_change_epoch", "last_change_transaction_id")
    assert now == registered | {key: now[key] for key in fresh} | {"revision": answer["revision"]}
    assert now["updated_at"] >= registered["updated_at"]
    assert integrity(event_db) == []


def test_update_attendees_finds_an_attendee_by_either_id(
    event_db: Connection, booking: str
) -> None:
    ids = attendee_ids(event_db, booking)
    answer = update(
        owner(event_db),
        booking,
        attendee(ids[TOMAS], title="Dr"),
        walter(title="Prof"),
    )
    assert answer["attendees_updated"] == 2
    assert [each["client_attendee_id"] for each in answer["attendees"]] == [TOMAS, WALTER]
    assert row(event_db, booking, TOMAS)["title"] == "Dr"
    # the wizard knows the attendee by the same id as before
    assert row(event_db, booking, TOMAS)["attendee_data"]["attendeeId"] == TOMAS
    before = everything(event_db)
    again = update(owner(event_db), booking, attendee(TOMAS, title="Dr"), walter(title="Prof"))
    assert (again["attendees_updated"], again["revision"]) == (0, answer["revision"])
    assert everything(event_db) == before


def test_update_attendees_ignores_selected_tickets(event_db: Connection, booking: str) -> None:
    before = everything(event_db)
    chosen = selection(tickets={COMMUNICATION: 1})
    assert update(owner(event_db), booking, walter(selected_tickets=chosen))["attendees"]
    assert everything(event_db) == before
    update(owner(event_db), booking, attendee(NEWCOMER, selected_tickets=chosen))
    assert stored_selection(event_db, booking, NEWCOMER) == selection()
    assert stored_selection(event_db, booking, WALTER) == CHOSEN[WALTER]
    assert integrity(event_db) == []


def test_update_attendees_adds_an_attendee_at_the_end(event_db: Connection, booking: str) -> None:
    answer = update(
        owner(event_db),
        booking,
        attendee(NEWCOMER, firstName="Nora", lastName="New", guestOfId=WALTER),
        attendee(HAROLD, partnerOf=NEWCOMER),
    )
    assert (answer["attendees_added"], answer["attendees_updated"]) == (2, 0)
    ids = attendee_ids(event_db, booking)
    assert list(ids) == [WALTER, INES, TOMAS, NEWCOMER, HAROLD]
    assert answer["attendees"] == [
        {"attendee_id": ids[each], "client_attendee_id": each} for each in (NEWCOMER, HAROLD)
    ]
    new, partner = row(event_db, booking, NEWCOMER), row(event_db, booking, HAROLD)
    assert (new["first_name"], new["is_primary"], new["is_partner"]) == ("Nora", False, False)
    assert str(new["related_attendee_id"]) == ids[WALTER]
    assert (partner["is_partner"], str(partner["related_attendee_id"])) == (True, ids[NEWCOMER])
    # the wizard gets them, can choose for them, and changes nothing by sending all of it again
    read = owner(event_db).call("get_registration", p_registration_id=booking)
    assert [each["attendeeId"] for each in read["registration"]["additionalAttendees"]] == [
        INES, TOMAS, NEWCOMER, HAROLD,
    ]  # fmt: skip
    again = owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=read["registration"]
    )
    assert again["revision"] == answer["revision"]
    owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=booking,
        p_selections={NEWCOMER: selection(tickets={CEREMONY: 1})},
    )
    assert integrity(event_db) == []


def test_update_attendees_links_who_named_an_attendee_that_is_added_later(
    event_db: Connection, booking: str
) -> None:
    update(owner(event_db), booking, attendee(TOMAS, guestOfId=None, partner=NEWCOMER))
    assert row(event_db, booking, TOMAS)["related_attendee_id"] is None
    answer = update(owner(event_db), booking, attendee(NEWCOMER, partner=TOMAS))
    ids = attendee_ids(event_db, booking)
    assert str(row(event_db, booking, TOMAS)["related_attendee_id"]) == ids[NEWCOMER]
    assert str(row(event_db, booking, NEWCOMER)["related_attendee_id"]) == ids[TOMAS]
    read = owner(event_db).call("get_registration", p_registration_id=booking)
    again = owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=read["registration"]
    )
    assert again["revision"] == answer["revision"]


def test_update_attendees_marks_the_tickets_of_a_partner(
    event_db: Connection, booking: str
) -> None:
    tickets = held_tickets(event_db, booking)

    def partners() -> set[str]:
        return {
            ticket["ticket_id"]
            for ticket in rows(
                event_db,
                """
                SELECT ticket_id::text FROM ticketing.tickets
                WHERE registration_id = %s AND is_partner_ticket
                """,
                booking,
            )
        }

    assert partners() == set()
    update(owner(event_db), booking, attendee(TOMAS, partnerOf=INES))
    assert partners() == set(tickets[TOMAS])
    ids = attendee_ids(event_db, booking)
    assert str(row(event_db, booking, TOMAS)["related_attendee_id"]) == ids[INES]
    update(owner(event_db), booking, attendee(TOMAS, partnerOf=None))
    assert partners() == set()
    assert held_tickets(event_db, booking) == tickets
    assert integrity(event_db) == []


def test_update_attendees_updates_the_contact_of_a_lodge(
    event_db: Connection, registration: Document
) -> None:
    data = registration | {"registrationType": "lodges", "additionalAttendees": []}
    del data["primaryAttendee"]
    registration_id = data["registrationId"]
    owner(event_db).call("create_individual_registration_jsonb", p_registration_data=data)
    owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=registration_id,
        p_selections={registration_id: selection({LODGE: 1})},
    )
    answer = update(
        owner(event_db), registration_id, attendee(registration_id, "contact", firstName="Sec")
    )
    assert answer["attendees_updated"] == 1
    assert row(event_db, registration_id, registration_id)["first_name"] == "Sec"
    # what the wizard gets says so, and changes nothing
    read = owner(event_db).call("get_registration", p_registration_id=registration_id)
    assert read["registration"]["primaryAttendee"]["firstName"] == "Sec"
    again = owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=read["registration"]
    )
    assert again["revision"] == answer["revision"]
    assert integrity(event_db) == []


# Who, when


@pytest.mark.parametrize("who", [owner, staff, service])
@pytest.mark.parametrize("status", ["draft", "pending", "overdue", "expired"])
def test_update_attendees_before_payment_leaves_the_hold(
    event_db: Connection, status: str, who: As
) -> None:
    booking = book(event_db, ONE)
    bring(event_db, booking, status)
    before, counters = stored(event_db, booking), pool_counters(event_db)
    answer = update(who(event_db), booking, walter(firstName="Waldo"))
    # a started payment has to be started again
    assert answer["status"] == ("expired" if status == "expired" else "draft")
    after = stored(event_db, booking)
    kept = ("hold_expires_at", "held_since", "held_until", "total", "payment_status")
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert after["revision"] == before["revision"] + 1
    assert pool_counters(event_db) == counters
    assert integrity(event_db) == []


@pytest.mark.parametrize("until", ["1 hour", "-1 second", None])
def test_update_attendees_of_a_paid_registration_is_for_its_owner_until_changes_until(
    event_db: Connection, booking: str, until: str | None
) -> None:
    owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=booking,
        p_selections={INES: selection(tickets={CEREMONY: 1})},
    )
    bring(event_db, booking, "completed")
    allow_changes(event_db, until)
    before = dump(event_db)
    tickets, sums = held_tickets(event_db, booking), package_sums(event_db, booking)
    if until == "1 hour":
        assert update(owner(event_db), booking, walter(title="Dr"))["status"] == "completed"
    else:
        refused = refusal(owner(event_db), booking, walter(title="Dr"))
        assert refused.sqlstate == "TK003"
        assert refused.found == [("changes_ended", "p_registration_id")]
        assert (refused.issues[0].get("expected") is None) == (until is None)
        assert dump(event_db) == before
    for number, who in enumerate((staff, service)):
        answer = update(who(event_db), booking, walter(title=str(number)))
        assert (answer["status"], answer["attendees_updated"]) == ("completed", 1)
    assert held_tickets(event_db, booking) == tickets
    assert package_sums(event_db, booking) == sums
    assert ticket_states(event_db, booking) == {("Active", "Paid")}
    assert integrity(event_db) == []


@pytest.mark.parametrize("who", [owner, staff, service])
def test_update_attendees_of_a_cancelled_registration_is_refused(
    event_db: Connection, booking: str, who: As
) -> None:
    owner(event_db).call("cancel_registration", p_registration_id=booking)
    caller = who(event_db)
    before = dump(event_db)
    refused = refusal(caller, booking, walter(title="Dr"))
    assert refused.sqlstate == "TK003"
    assert refused.found == [("not_editable", "p_registration_id")]
    assert dump(event_db) == before


def test_update_attendees_of_a_stranger_finds_none(event_db: Connection, booking: str) -> None:
    before = dump(event_db)
    refused = refusal(stranger(event_db), booking, walter(title="Dr"))
    assert refused.sqlstate == "TK002"
    assert refused == refusal(stranger(event_db), ABSENT, walter(title="Dr"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        update(anonymous(event_db), booking, walter(title="Dr"))
    assert dump(event_db) == before


# Revisions and records


def test_update_attendees_conflicts_with_another_revision_unless_nothing_changes(
    event_db: Connection, booking: str
) -> None:
    revision = stored(event_db, booking)["revision"]
    changed = walter(title="Dr")
    answer = update(owner(event_db), booking, changed, p_expected_revision=revision)
    assert answer["revision"] == revision + 1
    before = everything(event_db)
    again = update(owner(event_db), booking, changed, p_expected_revision=revision)
    assert again == answer | {"attendees_updated": 0, "server_time": again["server_time"]}
    refused = refusal(owner(event_db), booking, walter(title="Prof"), p_expected_revision=revision)
    assert refused.sqlstate == "TK006"
    assert (refused.issues[0]["expected"], refused.issues[0]["actual"]) == (revision, revision + 1)
    # what is wrong beside it is said once the caller knows the revision
    twice = [attendee(TOMAS), attendee(TOMAS)]
    assert (
        refusal(owner(event_db), booking, *twice, p_expected_revision=revision).sqlstate == "TK006"
    )
    assert everything(event_db) == before


def test_update_attendees_records_the_values_that_differ(
    event_db: Connection, booking: str
) -> None:
    bring(event_db, booking, "draft")
    caller = staff(event_db)
    ids, revision = attendee_ids(event_db, booking), stored(event_db, booking)["revision"]
    title = row(event_db, booking, WALTER)["title"]
    update(
        caller,
        booking,
        walter(title="Dr", badge=1),
        attendee(TOMAS, "mason"),
        attendee(NEWCOMER, firstName="Nora"),
    )
    new = attendee_ids(event_db, booking)[NEWCOMER]
    who = {"actor_id": caller.user_id, "actor_role": "authenticated", "reason": None}
    common = who | {"revision": revision + 1, "ticket_id": None}
    assert changes(event_db, booking) == [
        {
            "change": "attendee_updated",
            "attendee_id": ids[WALTER],
            "old_values": {"title": title},
            "new_values": {"title": "Dr", "badge": 1},
        }
        | common,
        {
            "change": "attendee_updated",
            "attendee_id": ids[TOMAS],
            "old_values": {"attendeeType": "guest"},
            "new_values": {"attendeeType": "mason"},
        }
        | common,
        {
            "change": "attendee_added",
            "attendee_id": new,
            "old_values": None,
            "new_values": attendee(NEWCOMER, firstName="Nora"),
        }
        | common,
    ]
    # a key that was not there before has no old value
    update(caller, booking, attendee(NEWCOMER, badge=2))
    assert changes(event_db, booking)[-1]["old_values"] is None
    # the feed is about tickets
    assert rows(event_db, "SELECT DISTINCT change FROM ticketing.ticket_changes") == [
        {"change": "added"}
    ]


# Facts


@pytest.mark.parametrize("status", ["draft", "pending", "expired", "completed"])
def test_update_attendees_refuses_facts_that_tickets_held_do_not_allow(
    event_db: Connection, catalogue: Document, status: str
) -> None:
    part(catalogue, CEREMONY)["eligibility"] = MEMBERS
    import_catalogue(event_db, catalogue)
    booking = book(event_db, ONE)
    bring(event_db, booking, status)
    before = dump(event_db)
    refused = refusal(service(event_db), booking, attendee(NEWCOMER), attendee(WALTER, "guest"))
    assert refused.sqlstate == "TK004"
    assert refused.found == [("not_eligible", "p_attendees[1]")]
    assert refused.issues[0]["client_attendee_id"] == WALTER
    assert dump(event_db) == before
    # other values of the same attendee, and other attendees, may change
    update(service(event_db), booking, walter(title="Dr"), attendee(NEWCOMER, "guest"))
    assert integrity(event_db) == []


def test_update_attendees_misses_a_fact_that_is_cleared(
    event_db: Connection, catalogue: Document
) -> None:
    rule = {"type": "rank", "operator": "equals", "value": "GL"}
    part(catalogue, MASONS)["eligibility"] = {"rules": [rule]}
    import_catalogue(event_db, catalogue)
    booking = book(event_db, {WALTER: selection({MASONS: 1})})
    refused = refusal(owner(event_db), booking, walter(rank=None))
    assert set(refused.found) == {("fact_missing", "p_attendees[0]")}
    refused = refusal(owner(event_db), booking, walter(rank="MM"))
    assert set(refused.found) == {("not_eligible", "p_attendees[0]")}


@pytest.mark.parametrize("status", ["draft", "completed"])
def test_update_attendees_overlooks_a_breach_from_before_once_paid(
    event_db: Connection, catalogue: Document, status: str
) -> None:
    booking = book(event_db, {WALTER: selection(tickets={CEREMONY: 1, BANQUET: 1})})
    bring(event_db, booking, status)
    # the organiser tightens a rule after the sale: neither a mason nor a guest may have it
    only_friends = {"rules": [{"type": "attendee_type", "operator": "equals", "value": "friend"}]}
    part(catalogue, CEREMONY)["eligibility"] = only_friends
    import_catalogue(event_db, catalogue)
    changed = attendee(WALTER, "guest")
    if status == "draft":
        refused = refusal(service(event_db), booking, changed)
        assert refused.found == [("not_eligible", "p_attendees[0]")]
        return
    assert update(service(event_db), booking, changed)["attendees_updated"] == 1
    # one that was not there before is none of those
    part(catalogue, BANQUET)["eligibility"] = {
        "rules": [{"type": "attendee_type", "operator": "equals", "value": "guest"}]
    }
    import_catalogue(event_db, catalogue)
    refused = refusal(service(event_db), booking, walter())
    assert [(issue["code"], issue["ticket_type_id"]) for issue in refused.issues] == [
        ("not_eligible", BANQUET)
    ]
    assert integrity(event_db) == []


# Refusals


@pytest.mark.parametrize("other", [False, True], ids=["by the same id", "by both ids"])
def test_attendee_named_twice_is_one_issue_for_each_repetition(
    event_db: Connection, booking: str, other: bool
) -> None:
    again = attendee_ids(event_db, booking)[TOMAS] if other else TOMAS
    before = dump(event_db)
    refused = refusal(
        owner(event_db),
        booking,
        attendee(TOMAS, title="Dr"),
        attendee(NEWCOMER),
        attendee(again, title="Prof"),
        attendee(NEWCOMER),
    )
    assert refused.sqlstate == "TK004"
    assert refused.found == [
        ("attendee_named_twice", "p_attendees[2].attendeeId"),
        ("attendee_named_twice", "p_attendees[3].attendeeId"),
    ]
    assert refused.issues[0]["client_attendee_id"] == TOMAS
    assert refused.issues[1]["actual"] == NEWCOMER
    assert dump(event_db) == before


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, [("missing_key", "p_attendees")]),
        (JSON_NULL, [("missing_key", "p_attendees")]),
        ({}, [("invalid_type", "p_attendees")]),
        ([], [("invalid_value", "p_attendees")]),
        (
            [{}],
            [
                ("missing_key", "p_attendees[0].attendeeId"),
                ("missing_key", "p_attendees[0].attendeeType"),
            ],
        ),
        ([attendee("x")], [("invalid_value", "p_attendees[0].attendeeId")]),
        ([attendee(WALTER, "7")], [("invalid_value", "p_attendees[0].attendeeType")]),
        ([walter(firstName=7)], [("invalid_type", "p_attendees[0].firstName")]),
        ([walter(partner="x")], [("invalid_value", "p_attendees[0].partner")]),
        ([walter()] * 501, [("too_large", "p_attendees")]),
    ],
)
def test_update_attendees_refuses_what_are_no_attendees(
    event_db: Connection, booking: str, value: object, found: Sequence[tuple[str, str]]
) -> None:
    before = dump(event_db)
    refused = owner(event_db).refusal(
        "update_attendees", p_registration_id=booking, p_attendees=value
    )
    assert refused.sqlstate == "TK001"
    assert refused.found == [*found]
    assert dump(event_db) == before


def test_too_large_is_more_than_500_attendees_of_a_registration(
    event_db: Connection, booking: str
) -> None:
    many = [attendee(str(uuid4())) for _ in range(498)]
    before = dump(event_db)
    refused = refusal(owner(event_db), booking, *many)
    assert refused.sqlstate == "TK001"
    assert refused.found == [("too_large", "p_attendees[497]")]
    assert dump(event_db) == before
    answer = update(owner(event_db), booking, *many[1:])
    assert answer["attendees_added"] == 497
    assert len(attendee_ids(event_db, booking)) == 500
    assert update(owner(event_db), booking, *many[1:], walter(title="Dr"))["attendees_added"] == 0


def test_too_large_is_what_an_attendee_grows_to_in_several_calls(
    event_db: Connection, booking: str
) -> None:
    pad = "x" * 600_000
    update(owner(event_db), booking, walter(one=pad))
    before = dump(event_db)
    refused = refusal(owner(event_db), booking, walter(two=pad))
    assert refused.sqlstate == "TK001"
    assert refused.found == [("too_large", "p_attendees[0]")]
    assert dump(event_db) == before
    # and what all attendees grow to
    for each in (INES, TOMAS):
        kind = row(event_db, booking, each)["attendee_type"]
        update(owner(event_db), booking, attendee(each, kind, one=pad))
    before = dump(event_db)
    refused = refusal(owner(event_db), booking, attendee(NEWCOMER, one=pad))
    assert refused.found == [("too_large", "p_attendees")]
    assert dump(event_db) == before
    assert update(owner(event_db), booking, walter(one=None))["attendees_updated"] == 1
