"""persist_ticket_selections: the declared selection becomes the state, as a difference.

What persist_attendee_tickets does alike is tested here for both.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from tests.support.bookings import import_catalogue
from tests.support.caller import JSON_NULL, Caller, Connection, owner
from tests.support.example import (
    ABSENT,
    BANQUET,
    BRUNCH,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    CHOSEN,
    COMMUNICATION,
    HAROLD,
    INES,
    LADIES,
    LUNCHEON,
    MASONS,
    NOTHING,
    OWNER,
    RECEPTION,
    REGISTRATION,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    part,
    selection,
    tickets_of,
    updates_of,
)
from tests.support.persisting import (
    Persist,
    both_ways,
    persist,
    persist_selections,
    persist_tickets,
    reprice,
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

pytestmark = pytest.mark.usefixtures("persisted")


def attendee_data(db: Connection) -> dict[str, str]:
    """Return what is stored of each attendee besides the selection, as text."""
    return {
        row["client_id"]: row["data"]
        for row in rows(
            db,
            """
            SELECT client_attendee_id::text AS client_id,
                (attendee_data - 'selected_tickets')::text AS data
            FROM ticketing.attendees
            """,
        )
    }


# What is answered


@both_ways
def test_persist_says_what_has_changed(
    event_db: Connection, persisted: Document, persist_all: Persist
) -> None:
    before = held_tickets(event_db, REGISTRATION)
    answer = persist_all(
        event_db, {TOMAS: selection(tickets={CEREMONY: 1, LUNCHEON: 2}), HAROLD: selection()}
    )
    ids = attendee_ids(event_db, REGISTRATION)
    assert answer == answer | {
        "success": True,
        "registration_id": REGISTRATION,
        "revision": persisted["revision"] + 1,
        "status": "draft",
        "tickets_created": 2,
        "tickets_removed": 4,
        "tickets_unchanged": 1,
        "attendees_updated": 2,
        "attendees_without_tickets": [
            {
                "attendee_id": ids[HAROLD],
                "client_attendee_id": HAROLD,
                "name": "Harold Quill",
            }
        ],
        # of all attendees: 280 + 185 + (20 + 2 * 75)
        "subtotal": Decimal("635.00"),
        "total": Decimal("635.00"),
        "currency": "AUD",
    }
    # and the tickets of those named alone
    now = held_tickets(event_db, REGISTRATION)
    assert sorted(row["ticket_id"] for row in answer["tickets"]) == now[TOMAS]
    assert {frozenset(row) for row in answer["tickets"]} == {
        frozenset({"ticket_id", "attendee_id", "ticket_type_id", "package_id", "price_paid"})
    }
    assert [
        (row["attendee_id"], row["ticket_type_id"], row["package_id"], row["price_paid"])
        for row in answer["tickets"]
    ] == [
        (ids[TOMAS], CEREMONY, None, Decimal("20.00")),
        (ids[TOMAS], LUNCHEON, None, Decimal("75.00")),
        (ids[TOMAS], LUNCHEON, None, Decimal("75.00")),
    ]
    assert len(set(now[TOMAS]) & set(before[TOMAS])) == 1


def test_persist_stores_the_totals(event_db: Connection, persisted: Document) -> None:
    persist_selections(event_db, {HAROLD: selection()})
    (row,) = rows(event_db, "SELECT * FROM ticketing.registrations")
    assert (row["subtotal"], row["total"]) == (Decimal("600.00"), Decimal("600.00"))
    assert row["revision"] == persisted["revision"] + 1


# The same again


@both_ways
def test_persist_again_changes_nothing_but_the_hold(
    event_db: Connection, persisted: Document, persist_all: Persist
) -> None:
    before = dump(event_db, without=["hold_expires_at"])
    again = persist_all(event_db, CHOSEN)
    assert dump(event_db, without=["hold_expires_at"]) == before
    assert again == persisted | {
        "tickets_created": 0,
        "tickets_removed": 0,
        "tickets_unchanged": 13,
        "attendees_updated": 0,
        "hold_expires_at": again["hold_expires_at"],
        "server_time": again["server_time"],
    }
    assert len(again["tickets"]) == 13
    assert again["server_time"] > persisted["server_time"]
    for answer in (persisted, again):
        assert datetime.fromisoformat(answer["hold_expires_at"]) - datetime.fromisoformat(
            answer["server_time"]
        ) == timedelta(minutes=30)
    (row,) = rows(event_db, "SELECT hold_expires_at FROM ticketing.registrations")
    assert row["hold_expires_at"] == datetime.fromisoformat(again["hold_expires_at"])


def test_persist_ticket_selections_accepts_the_form_of_the_wizard(
    event_db: Connection, persisted: Document, wizard_state: Document
) -> None:
    # with ids of tickets as objects
    again = persist_selections(event_db, wizard_state["ticketSelections"])
    assert (again["revision"], again["attendees_updated"]) == (persisted["revision"], 0)
    assert again["tickets"] == persisted["tickets"]


def test_persist_without_tickets_holds_nothing(event_db: Connection) -> None:
    answer = persist_selections(event_db, dict.fromkeys(CHOSEN, selection()))
    assert (answer["hold_expires_at"], answer["subtotal"]) == (None, 0)
    assert rows(event_db, "SELECT hold_expires_at FROM ticketing.registrations") == [
        {"hold_expires_at": None}
    ]
    assert {reserved for _, reserved, _ in pool_counters(event_db).values()} == {0}


# Differences


@both_ways
def test_persist_of_one_attendee_leaves_tickets_of_others_alone(
    event_db: Connection, persist_all: Persist
) -> None:
    held = held_tickets(event_db, REGISTRATION)
    data = attendee_data(event_db)
    answer = persist_all(event_db, {INES: selection(tickets={BRUNCH: 1})})
    now = held_tickets(event_db, REGISTRATION)
    assert now | {INES: []} == held | {INES: []}
    # an individual ticket is another ticket than that of the package
    assert not set(now[INES]) & set(held[INES])
    assert (answer["tickets_created"], answer["tickets_removed"]) == (1, 3)
    assert attendee_data(event_db) == data
    for attendee in (WALTER, TOMAS, HAROLD):
        assert stored_selection(event_db, REGISTRATION, attendee) == CHOSEN[attendee]
    assert stored_selection(event_db, REGISTRATION, INES) == selection(tickets={BRUNCH: 1})
    assert pool_counters(event_db)[CEREMONY] == (600, 3, 0)
    assert pool_counters(event_db)[BRUNCH] == (100, 1, 0)


@both_ways
def test_persist_keeps_ids_of_unchanged_tickets(event_db: Connection, persist_all: Persist) -> None:
    held = held_tickets(event_db, REGISTRATION)
    answer = persist_all(
        event_db, {TOMAS: selection(tickets={BANQUET: 1, CEREMONY: 3, LUNCHEON: 1})}
    )
    now = held_tickets(event_db, REGISTRATION)
    assert set(now[TOMAS]) > set(held[TOMAS])
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (3, 2)
    persist_all(event_db, {TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1})})
    # of several alike the oldest stays
    assert held_tickets(event_db, REGISTRATION) == held


def test_persist_changes_several_attendees_at_once(event_db: Connection) -> None:
    held = held_tickets(event_db, REGISTRATION)
    answer = persist_selections(
        event_db,
        {
            WALTER: selection({MASONS: 1}),
            INES: CHOSEN[INES],
            HAROLD: selection({MASONS: 1, CEREMONY_AND_BANQUET: 1}),
        },
    )
    now = held_tickets(event_db, REGISTRATION)
    assert (now[INES], now[TOMAS]) == (held[INES], held[TOMAS])
    assert set(now[HAROLD]) > set(held[HAROLD])
    assert not set(now[WALTER]) & set(held[WALTER])
    assert (
        answer["tickets_created"],
        answer["tickets_removed"],
        answer["tickets_unchanged"],
        answer["attendees_updated"],
    ) == (5, 5, 6, 2)
    assert pool_counters(event_db)[BANQUET] == (480, 5, 0)
    assert pool_counters(event_db)[COMMUNICATION] == (500, 2, 0)


def changes(db: Connection) -> list[Document]:
    """Return the record of changes, the oldest first."""
    return rows(db, "SELECT * FROM ticketing.ticket_changes ORDER BY change_id")


def test_persist_records_every_difference(event_db: Connection, persisted: Document) -> None:
    held = held_tickets(event_db, REGISTRATION)
    persist_selections(event_db, {TOMAS: selection(tickets={CEREMONY: 1, LUNCHEON: 1})})
    now = held_tickets(event_db, REGISTRATION)
    (added,) = set(now[TOMAS]) - set(held[TOMAS])
    (removed,) = set(held[TOMAS]) - set(now[TOMAS])
    recorded = changes(event_db)
    assert len(recorded) == 13 + 2
    assert {
        str(change["ticket_id"]): (change["change"], str(change["ticket_type_id"]))
        for change in recorded[13:]
    } == {added: ("added", LUNCHEON), removed: ("removed", BANQUET)}
    for change in recorded[13:]:
        assert change["revision"] == persisted["revision"] + 1
        assert (change["actor_id"], change["actor_role"]) == (UUID(OWNER), "authenticated")
        assert str(change["attendee_id"]) == attendee_ids(event_db, REGISTRATION)[TOMAS]


CLEARING: Mapping[str, Callable[[Connection], Document]] = {
    "an empty selection": lambda db: persist(
        db, p_attendee_updates=updates_of({TOMAS: dict(NOTHING)})
    ),
    "an empty object": lambda db: persist(db, p_attendee_updates=updates_of({TOMAS: {}})),
    "null and an empty array": lambda db: persist(
        db, p_attendee_updates=updates_of({TOMAS: {"packages": None, "individualTickets": []}})
    ),
    "quantities of zero": lambda db: persist(
        db, p_attendee_updates=updates_of({TOMAS: selection({LADIES: 0}, {CEREMONY: 0})})
    ),
    "an empty selection by p_selections": lambda db: persist_selections(db, {TOMAS: dict(NOTHING)}),
    "an empty object by p_selections": lambda db: persist_selections(db, {TOMAS: {}}),
}


@pytest.mark.parametrize("clear", CLEARING.values(), ids=CLEARING)
def test_persist_clears_an_attendee_with_nothing_selected(
    event_db: Connection, clear: Callable[[Connection], Document]
) -> None:
    held = held_tickets(event_db, REGISTRATION)
    answer = clear(event_db)
    assert held_tickets(event_db, REGISTRATION) == held | {TOMAS: []}
    assert stored_selection(event_db, REGISTRATION, TOMAS) == NOTHING
    assert (answer["tickets_removed"], answer["tickets"]) == (2, [])
    assert [row["name"] for row in answer["attendees_without_tickets"]] == ["Tomas Reyes"]
    assert pool_counters(event_db)[CEREMONY] == (600, 3, 0)


@pytest.mark.parametrize(
    "nothing", [[], None, JSON_NULL], ids=["an empty array", "null of SQL", "null of JSON"]
)
def test_persist_that_names_no_attendee_changes_nothing(
    event_db: Connection, persisted: Document, nothing: object
) -> None:
    before = dump(event_db, without=["hold_expires_at"])
    answer = persist(event_db, p_attendee_updates=nothing)
    assert dump(event_db, without=["hold_expires_at"]) == before
    assert (answer["revision"], answer["tickets"]) == (persisted["revision"], [])
    assert persist_selections(event_db, {})["revision"] == persisted["revision"]


def test_persist_leaves_the_rest_of_an_attendee_alone(
    event_db: Connection, wizard_state: Document
) -> None:
    registration = wizard_state["registration"] | {"registrationId": REGISTRATION}
    registration["additionalAttendees"][1] |= {
        "unknown": {"deep": [1.50, None, {"é\u2028": "\ud83d\ude00"}], "": ""},
        "bigNumber": 12345678901234567890,
    }
    owner(event_db).call("create_individual_registration_jsonb", p_registration_data=registration)
    before = attendee_data(event_db)
    columns = dump(event_db, without=["attendee_data", "updated_at"])["attendees"]
    persist_selections(event_db, {TOMAS: selection(tickets={LUNCHEON: 1}), WALTER: selection()})
    persist_tickets(event_db, CHOSEN)
    assert attendee_data(event_db) == before
    assert dump(event_db, without=["attendee_data", "updated_at"])["attendees"] == columns


def test_persist_leaves_other_registrations_alone(
    event_db: Connection, wizard_state: Document
) -> None:
    Caller(event_db, "authenticated", STRANGER).call(
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_state["registration"] | {"registrationId": ABSENT},
        p_tickets=tickets_of(CHOSEN),
    )
    held = held_tickets(event_db, ABSENT)
    persist_selections(event_db, dict.fromkeys(CHOSEN, selection()))
    assert held_tickets(event_db, ABSENT) == held
    assert pool_counters(event_db)[BANQUET] == (480, 4, 0)


# What is meant


@both_ways
def test_persist_accepts_either_id_of_an_attendee(
    event_db: Connection, persisted: Document, persist_all: Persist
) -> None:
    ids = attendee_ids(event_db, REGISTRATION)
    again = persist_all(event_db, {ids[attendee]: chosen for attendee, chosen in CHOSEN.items()})
    assert (again["revision"], again["tickets"]) == (persisted["revision"], persisted["tickets"])
    # upper-case letters make no other id
    changed = persist_all(event_db, {ids[TOMAS].upper(): selection(tickets={CEREMONY: 1})})
    assert (changed["tickets_removed"], changed["tickets_unchanged"]) == (1, 1)


@both_ways
def test_persist_of_a_package_listed_twice_makes_two(
    event_db: Connection, persist_all: Persist
) -> None:
    once = selection({LADIES: 1})
    answer = persist_all(
        event_db, {INES: {"packages": once["packages"] * 2, "individualTickets": []}}
    )
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (3, 3)
    assert stored_selection(event_db, REGISTRATION, INES) == selection({LADIES: 2})
    assert [
        (attendee, paid)
        for attendee, package, paid in package_sums(event_db, REGISTRATION)
        if package == LADIES
    ] == [(INES, Decimal("185.00"))] * 2


@both_ways
def test_persist_of_a_ticket_type_listed_twice_makes_two(
    event_db: Connection, persist_all: Persist
) -> None:
    once = selection(tickets={CEREMONY: 1})
    answer = persist_all(
        event_db, {TOMAS: {"packages": [], "individualTickets": once["individualTickets"] * 2}}
    )
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (1, 1)
    assert stored_selection(event_db, REGISTRATION, TOMAS) == selection(tickets={CEREMONY: 2})


def test_persist_ticket_selections_reads_hundreds_of_lines_like_a_few(event_db: Connection) -> None:
    """Long lists go other ways through the database than short ones."""
    nothing = [{"ticketId": kind, "quantity": 0} for kind in (RECEPTION, BANQUET) * 100]
    one = {"ticketId": CEREMONY, "quantity": 1}
    lines = [one, *nothing, one]
    many = {"packages": [], "individualTickets": lines}
    answer = owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: many, HAROLD: selection(tickets={CEREMONY: 1})},
    )
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (2, 1)
    assert stored_selection(event_db, REGISTRATION, TOMAS) == selection(tickets={CEREMONY: 2})
    strangers = [
        {"ticketId": f"00000000-0000-4000-8000-{number:012}", "quantity": 1}
        for number in range(150)
    ]
    refusal = owner(event_db).refusal(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: many | {"individualTickets": [*lines, *strangers, *strangers]}},
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.total == 300


@pytest.mark.parametrize("contents", [{}, {"tickets": None}], ids=["absent", "null"])
def test_persist_takes_the_contents_of_a_package_from_the_catalogue(
    event_db: Connection, contents: Document
) -> None:
    line = {"packageId": CEREMONY_AND_BANQUET, "quantity": 1} | contents
    answer = persist_selections(event_db, {TOMAS: {"packages": [line]}})
    assert (answer["tickets_created"], answer["tickets_removed"]) == (2, 2)
    assert stored_selection(event_db, REGISTRATION, TOMAS) == selection({CEREMONY_AND_BANQUET: 1})


def test_persist_takes_quantities_in_a_package_from_the_catalogue(event_db: Connection) -> None:
    chosen = selection({LADIES: 1})
    for line in chosen["packages"][0]["tickets"]:
        line["quantity"] = 0
    persist_selections(event_db, {INES: selection()})
    persist_selections(event_db, {INES: chosen})
    assert stored_selection(event_db, REGISTRATION, INES) == selection({LADIES: 1})


# Packages and prices


@both_ways
def test_persist_of_fewer_packages_removes_whole_ones(
    event_db: Connection, catalogue: Document, persist_all: Persist
) -> None:
    # at this price the tickets of one package differ by a cent from their exact shares
    reprice(event_db, catalogue, {LADIES: "99.99"})
    persist_selections(event_db, {INES: selection()})
    persist_all(event_db, {INES: selection({LADIES: 3})})
    held = held_tickets(event_db, REGISTRATION)
    answer = persist_all(event_db, {INES: selection({LADIES: 1})})
    now = held_tickets(event_db, REGISTRATION)
    assert (answer["tickets_removed"], answer["tickets_unchanged"]) == (6, 3)
    assert set(now[INES]) < set(held[INES])
    assert [sums for sums in package_sums(event_db, REGISTRATION) if sums[0] == INES] == [
        (INES, LADIES, Decimal("99.99"))
    ]
    assert sorted(
        row["ticket_type_id"]
        for row in rows(
            event_db,
            "SELECT ticket_type_id::text FROM ticketing.tickets WHERE ticket_id::text = ANY(%s)",
            now[INES],
        )
    ) == sorted([BRUNCH, CEREMONY, BANQUET])
    assert pool_counters(event_db)[BRUNCH] == (100, 1, 0)


@both_ways
def test_persist_of_one_more_package_costs_the_price_of_now(
    event_db: Connection, catalogue: Document, persist_all: Persist
) -> None:
    held = held_tickets(event_db, REGISTRATION)
    reprice(event_db, catalogue, {LADIES: "200.00"})
    answer = persist_all(event_db, {INES: selection({LADIES: 2})})
    assert set(held_tickets(event_db, REGISTRATION)[INES]) > set(held[INES])
    assert [
        paid for attendee, _, paid in package_sums(event_db, REGISTRATION) if attendee == INES
    ] == [
        Decimal("185.00"),
        Decimal("200.00"),
    ]
    assert answer["subtotal"] == Decimal("935.00")


# Revisions


@both_ways
def test_persist_accepts_the_stored_revision_and_a_retry(
    event_db: Connection, persisted: Document, persist_all: Persist
) -> None:
    changed = persist_all(
        event_db,
        {TOMAS: selection(tickets={LUNCHEON: 1})},
        p_expected_revision=persisted["revision"],
    )
    assert changed["revision"] == persisted["revision"] + 1
    # the reply was lost: what is sent again is what is stored
    retry = persist_all(
        event_db,
        {TOMAS: selection(tickets={LUNCHEON: 1})},
        p_expected_revision=persisted["revision"],
    )
    assert (retry["revision"], retry["tickets"]) == (changed["revision"], changed["tickets"])


# Capacity


def test_pool_counters_equal_the_tickets_after_every_persist(
    event_db: Connection, catalogue: Document
) -> None:
    catalogue["packages"][4]["capacity"] = 10
    catalogue["pools"] = [
        {
            "capacity_pool_id": ABSENT,
            "name": "The hall",
            "capacity": 50,
            "ticket_type_ids": [CEREMONY, BANQUET],
            "package_ids": [LADIES],
        }
    ]
    import_catalogue(event_db, catalogue)
    # a ticket in a package takes capacity of its type, and the package a unit of its own
    assert pool_counters(event_db)[LADIES] == (10, 1, 0)
    assert pool_counters(event_db)[ABSENT] == (50, 9, 0)
    for chosen, ladies, hall in (
        ({INES: selection({LADIES: 3})}, 3, 9 + 6),
        ({INES: selection({LADIES: 2}), TOMAS: selection()}, 2, 15 - 3 - 2),
        ({INES: selection(tickets={CEREMONY: 5})}, 0, 10 - 6 + 5),
        ({WALTER: selection(), HAROLD: selection({CEREMONY_AND_BANQUET: 2})}, 0, 9 - 2 - 2 + 4),
        (dict.fromkeys(CHOSEN, selection()), 0, 0),
        (CHOSEN, 1, 9),
    ):
        persist_selections(event_db, chosen)
        now = pool_counters(event_db)
        assert (now[LADIES][1], now[ABSENT][1]) == (ladies, hall)


@both_ways
def test_persist_takes_capacity_that_it_releases(
    event_db: Connection, catalogue: Document, persist_all: Persist
) -> None:
    part(catalogue, BRUNCH)["capacity"] = 1
    import_catalogue(event_db, catalogue)
    assert pool_counters(event_db)[BRUNCH] == (1, 1, 0)
    answer = persist_all(
        event_db,
        {
            TOMAS: selection(tickets={BRUNCH: 1}),
            INES: selection(tickets={CEREMONY: 1}),
        },
    )
    assert (answer["tickets_created"], answer["tickets_removed"]) == (2, 5)
    assert pool_counters(event_db)[BRUNCH] == (1, 1, 0)


def test_persist_takes_the_last_unit_of_capacity(event_db: Connection, catalogue: Document) -> None:
    part(catalogue, BRUNCH)["capacity"] = 3
    import_catalogue(event_db, catalogue)
    persist_selections(event_db, {TOMAS: selection(tickets={BRUNCH: 2})})
    assert pool_counters(event_db)[BRUNCH] == (3, 3, 0)
    refusal = owner(event_db).refusal(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={BRUNCH: 3})},
    )
    assert (refusal.sqlstate, refusal.issues[0]["requested"]) == ("TK005", 1)
    # a ticket that is already held takes no more capacity
    persist_selections(event_db, {TOMAS: selection(tickets={BRUNCH: 2, CEREMONY: 1})})
    assert pool_counters(event_db)[BRUNCH] == (3, 3, 0)
