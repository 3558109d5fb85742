"""Persisting a selection: the declared selection becomes the state, as a difference."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

import psycopg
import pytest
from tests.support.bookings import (
    let_lapse,
)
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
    BRUNCH,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    COMMUNICATION,
    HAROLD,
    INES,
    LADIES,
    LUNCHEON,
    MASONS,
    NOTHING,
    OWNER,
    RECEPTION,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
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

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({ALL_EVENTS: 1}),
    INES: selection({LADIES: 1}),
    TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1}),
    HAROLD: selection({MASONS: 1}),
}
"""What the recorded wizard has selected, in the form that is stored."""

Persist: TypeAlias = Callable[..., Document]
"""Persists selections of the registration: (connection, selections by attendee, more arguments)."""


def persist(db: Connection, **arguments: object) -> Document:
    """Persist p_tickets, p_attendee_updates or both."""
    return owner(db).call(
        "persist_attendee_tickets",
        **{"p_registration_id": REGISTRATION, "p_tickets": []} | arguments,
    )


def persist_tickets(
    db: Connection, selections: Mapping[str, Document], **arguments: object
) -> Document:
    """Persist by p_tickets and p_attendee_updates."""
    return persist(
        db, p_tickets=tickets_of(selections), p_attendee_updates=updates_of(selections), **arguments
    )


def persist_selections(
    db: Connection, selections: Mapping[str, Document], **arguments: object
) -> Document:
    """Persist by p_selections."""
    return owner(db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections=selections,
        **arguments,
    )


both_ways = pytest.mark.parametrize("persist_all", [persist_tickets, persist_selections])


@pytest.fixture(autouse=True)
def first(db: Connection, catalogue: Document, wizard_state: Document) -> Document:
    """Put the example event on sale, and persist what the recorded wizard has selected."""
    service(db).call("import_catalogue", p_catalogue=catalogue)
    owner(db).call(
        "create_individual_registration_jsonb",
        p_registration_data=wizard_state["registration"] | {"registrationId": REGISTRATION},
    )
    return persist_tickets(db, CHOSEN)


def reprice(db: Connection, catalogue: Document, prices: Mapping[str, str]) -> None:
    """Change the prices of packages."""
    for package in catalogue["packages"]:
        package["price"] = prices.get(package["package_id"], package["price"])
    service(db).call("import_catalogue", p_catalogue=catalogue)


def changes(db: Connection) -> list[Document]:
    """Return the record of changes, the oldest first."""
    return rows(db, "SELECT * FROM ticketing.ticket_changes ORDER BY change_id")


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
def test_the_answer_says_what_has_changed(
    db: Connection, first: Document, persist_all: Persist
) -> None:
    before = held_tickets(db, REGISTRATION)
    answer = persist_all(
        db, {TOMAS: selection(tickets={CEREMONY: 1, LUNCHEON: 2}), HAROLD: selection()}
    )
    ids = attendee_ids(db, REGISTRATION)
    assert answer == answer | {
        "success": True,
        "registration_id": REGISTRATION,
        "revision": first["revision"] + 1,
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
    now = held_tickets(db, REGISTRATION)
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


def test_the_registration_keeps_the_totals(db: Connection, first: Document) -> None:
    persist_selections(db, {HAROLD: selection()})
    (row,) = rows(db, "SELECT * FROM ticketing.registrations")
    assert (row["subtotal"], row["total"]) == (Decimal("600.00"), Decimal("600.00"))
    assert row["revision"] == first["revision"] + 1


# The same again


@both_ways
def test_the_same_again_changes_nothing_but_the_hold(
    db: Connection, first: Document, persist_all: Persist
) -> None:
    before = dump(db, without=["hold_expires_at"])
    again = persist_all(db, CHOSEN)
    assert dump(db, without=["hold_expires_at"]) == before
    assert again == first | {
        "tickets_created": 0,
        "tickets_removed": 0,
        "tickets_unchanged": 13,
        "attendees_updated": 0,
        "hold_expires_at": again["hold_expires_at"],
        "server_time": again["server_time"],
    }
    assert len(again["tickets"]) == 13
    assert again["server_time"] > first["server_time"]
    for answer in (first, again):
        assert datetime.fromisoformat(answer["hold_expires_at"]) - datetime.fromisoformat(
            answer["server_time"]
        ) == timedelta(minutes=30)
    (row,) = rows(db, "SELECT hold_expires_at FROM ticketing.registrations")
    assert row["hold_expires_at"] == datetime.fromisoformat(again["hold_expires_at"])


def test_the_wizards_own_form_is_the_same_selection(
    db: Connection, first: Document, wizard_state: Document
) -> None:
    # with ids of tickets as objects
    again = persist_selections(db, wizard_state["ticketSelections"])
    assert (again["revision"], again["attendees_updated"]) == (first["revision"], 0)
    assert again["tickets"] == first["tickets"]


def test_a_hold_is_renewed_up_to_its_limit(db: Connection) -> None:
    db.execute("UPDATE ticketing.functions SET hold_minutes = 60, max_hold_minutes = 61")
    db.execute(
        "UPDATE ticketing.registrations SET created_at = created_at - make_interval(mins => 10)"
    )
    answer = persist_tickets(db, CHOSEN)
    (row,) = rows(db, "SELECT created_at, hold_expires_at FROM ticketing.registrations")
    assert row["hold_expires_at"] == row["created_at"] + timedelta(minutes=61)
    assert row["hold_expires_at"] == datetime.fromisoformat(answer["hold_expires_at"])

    # a hold beyond the limit, of a payment say, is not shortened
    later = row["hold_expires_at"] + timedelta(hours=1)
    db.execute("UPDATE ticketing.registrations SET hold_expires_at = %s", [later])
    answer = persist_tickets(db, CHOSEN)
    assert datetime.fromisoformat(answer["hold_expires_at"]) == later


def test_a_registration_without_tickets_holds_nothing(db: Connection) -> None:
    answer = persist_selections(db, dict.fromkeys(CHOSEN, selection()))
    assert (answer["hold_expires_at"], answer["subtotal"]) == (None, 0)
    assert rows(db, "SELECT hold_expires_at FROM ticketing.registrations") == [
        {"hold_expires_at": None}
    ]
    assert {reserved for _, reserved, _ in pool_counters(db).values()} == {0}


# Differences


@both_ways
def test_changing_one_attendee_changes_no_tickets_of_others(
    db: Connection, persist_all: Persist
) -> None:
    held = held_tickets(db, REGISTRATION)
    data = attendee_data(db)
    answer = persist_all(db, {INES: selection(tickets={BRUNCH: 1})})
    now = held_tickets(db, REGISTRATION)
    assert now | {INES: []} == held | {INES: []}
    # an individual ticket is another ticket than that of the package
    assert not set(now[INES]) & set(held[INES])
    assert (answer["tickets_created"], answer["tickets_removed"]) == (1, 3)
    assert attendee_data(db) == data
    for attendee in (WALTER, TOMAS, HAROLD):
        assert stored_selection(db, REGISTRATION, attendee) == CHOSEN[attendee]
    assert stored_selection(db, REGISTRATION, INES) == selection(tickets={BRUNCH: 1})
    assert pool_counters(db)[CEREMONY] == (600, 3, 0)
    assert pool_counters(db)[BRUNCH] == (100, 1, 0)


@both_ways
def test_unchanged_tickets_keep_their_ids_while_others_change(
    db: Connection, persist_all: Persist
) -> None:
    held = held_tickets(db, REGISTRATION)
    answer = persist_all(db, {TOMAS: selection(tickets={BANQUET: 1, CEREMONY: 3, LUNCHEON: 1})})
    now = held_tickets(db, REGISTRATION)
    assert set(now[TOMAS]) > set(held[TOMAS])
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (3, 2)
    persist_all(db, {TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1})})
    # of several alike the oldest stays
    assert held_tickets(db, REGISTRATION) == held


def test_several_attendees_change_at_once(db: Connection) -> None:
    held = held_tickets(db, REGISTRATION)
    answer = persist_selections(
        db,
        {
            WALTER: selection({MASONS: 1}),
            INES: CHOSEN[INES],
            HAROLD: selection({MASONS: 1, CEREMONY_AND_BANQUET: 1}),
        },
    )
    now = held_tickets(db, REGISTRATION)
    assert (now[INES], now[TOMAS]) == (held[INES], held[TOMAS])
    assert set(now[HAROLD]) > set(held[HAROLD])
    assert not set(now[WALTER]) & set(held[WALTER])
    assert (
        answer["tickets_created"],
        answer["tickets_removed"],
        answer["tickets_unchanged"],
        answer["attendees_updated"],
    ) == (5, 5, 6, 2)
    assert pool_counters(db)[BANQUET] == (480, 5, 0)
    assert pool_counters(db)[COMMUNICATION] == (500, 2, 0)


def test_every_difference_is_recorded(db: Connection, first: Document) -> None:
    held = held_tickets(db, REGISTRATION)
    persist_selections(db, {TOMAS: selection(tickets={CEREMONY: 1, LUNCHEON: 1})})
    now = held_tickets(db, REGISTRATION)
    (added,) = set(now[TOMAS]) - set(held[TOMAS])
    (removed,) = set(held[TOMAS]) - set(now[TOMAS])
    recorded = changes(db)
    assert len(recorded) == 13 + 2
    assert {
        str(change["ticket_id"]): (change["change"], str(change["ticket_type_id"]))
        for change in recorded[13:]
    } == {added: ("added", LUNCHEON), removed: ("removed", BANQUET)}
    for change in recorded[13:]:
        assert change["revision"] == first["revision"] + 1
        assert (change["actor_id"], change["actor_role"]) == (UUID(OWNER), "authenticated")
        assert str(change["attendee_id"]) == attendee_ids(db, REGISTRATION)[TOMAS]


@pytest.mark.parametrize(
    "clear",
    [
        lambda db: persist(db, p_attendee_updates=updates_of({TOMAS: dict(NOTHING)})),
        lambda db: persist(db, p_attendee_updates=updates_of({TOMAS: {}})),
        lambda db: persist(
            db, p_attendee_updates=updates_of({TOMAS: {"packages": None, "individualTickets": []}})
        ),
        lambda db: persist(
            db, p_attendee_updates=updates_of({TOMAS: selection({LADIES: 0}, {CEREMONY: 0})})
        ),
        lambda db: persist_selections(db, {TOMAS: dict(NOTHING)}),
        lambda db: persist_selections(db, {TOMAS: {}}),
    ],
)
def test_an_attendee_with_nothing_selected_is_cleared(
    db: Connection, clear: Callable[[Connection], Document]
) -> None:
    held = held_tickets(db, REGISTRATION)
    answer = clear(db)
    assert held_tickets(db, REGISTRATION) == held | {TOMAS: []}
    assert stored_selection(db, REGISTRATION, TOMAS) == NOTHING
    assert (answer["tickets_removed"], answer["tickets"]) == (2, [])
    assert [row["name"] for row in answer["attendees_without_tickets"]] == ["Tomas Reyes"]
    assert pool_counters(db)[CEREMONY] == (600, 3, 0)


@pytest.mark.parametrize("nothing", [[], None, JSON_NULL])
def test_a_call_that_names_no_attendee_changes_nothing(
    db: Connection, first: Document, nothing: object
) -> None:
    before = dump(db, without=["hold_expires_at"])
    answer = persist(db, p_attendee_updates=nothing)
    assert dump(db, without=["hold_expires_at"]) == before
    assert (answer["revision"], answer["tickets"]) == (first["revision"], [])
    assert persist_selections(db, {})["revision"] == first["revision"]


# Who and what is meant


def test_an_attendee_named_only_by_tickets_gets_the_selection_they_amount_to(
    db: Connection,
) -> None:
    given = [
        *tickets_of({INES: selection({LADIES: 2})}),
        *tickets_of({TOMAS: selection(tickets={LUNCHEON: 3, RECEPTION: 1})}),
    ]
    # in any order
    answer = persist(db, p_tickets=given[::-1])
    assert (answer["tickets_created"], answer["tickets_removed"]) == (3 + 4, 2)
    assert stored_selection(db, REGISTRATION, INES) == selection({LADIES: 2})
    assert stored_selection(db, REGISTRATION, TOMAS) == selection(
        tickets={RECEPTION: 1, LUNCHEON: 3}
    )
    assert stored_selection(db, REGISTRATION, WALTER) == CHOSEN[WALTER]
    assert answer["subtotal"] == 280 + 2 * 185 + (3 * 75 + 70) + 135


@both_ways
def test_an_attendee_can_be_named_by_either_id(
    db: Connection, first: Document, persist_all: Persist
) -> None:
    ids = attendee_ids(db, REGISTRATION)
    again = persist_all(db, {ids[attendee]: chosen for attendee, chosen in CHOSEN.items()})
    assert (again["revision"], again["tickets"]) == (first["revision"], first["tickets"])
    # upper-case letters make no other id
    changed = persist_all(db, {ids[TOMAS].upper(): selection(tickets={CEREMONY: 1})})
    assert (changed["tickets_removed"], changed["tickets_unchanged"]) == (1, 1)


def test_tickets_and_selection_can_name_an_attendee_by_different_ids(db: Connection) -> None:
    chosen = selection(tickets={LUNCHEON: 1})
    answer = persist(
        db,
        p_tickets=[ticket(attendee_ids(db, REGISTRATION)[TOMAS], LUNCHEON)],
        p_attendee_updates=updates_of({TOMAS: chosen}),
    )
    assert (answer["tickets_created"], answer["tickets_removed"]) == (1, 2)
    assert stored_selection(db, REGISTRATION, TOMAS) == chosen


@both_ways
def test_a_package_listed_twice_is_two_packages(db: Connection, persist_all: Persist) -> None:
    once = selection({LADIES: 1})
    answer = persist_all(db, {INES: {"packages": once["packages"] * 2, "individualTickets": []}})
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (3, 3)
    assert stored_selection(db, REGISTRATION, INES) == selection({LADIES: 2})
    assert [
        (attendee, paid)
        for attendee, package, paid in package_sums(db, REGISTRATION)
        if package == LADIES
    ] == [(INES, Decimal("185.00"))] * 2


@both_ways
def test_a_ticket_type_listed_twice_is_two_tickets(db: Connection, persist_all: Persist) -> None:
    once = selection(tickets={CEREMONY: 1})
    answer = persist_all(
        db, {TOMAS: {"packages": [], "individualTickets": once["individualTickets"] * 2}}
    )
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (1, 1)
    assert stored_selection(db, REGISTRATION, TOMAS) == selection(tickets={CEREMONY: 2})


def test_hundreds_of_lines_are_read_like_a_few(db: Connection) -> None:
    """Long lists go other ways through the database than short ones."""
    nothing = [{"ticketId": kind, "quantity": 0} for kind in (RECEPTION, BANQUET) * 100]
    one = {"ticketId": CEREMONY, "quantity": 1}
    lines = [one, *nothing, one]
    many = {"packages": [], "individualTickets": lines}
    answer = owner(db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: many, HAROLD: selection(tickets={CEREMONY: 1})},
    )
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (2, 1)
    assert stored_selection(db, REGISTRATION, TOMAS) == selection(tickets={CEREMONY: 2})
    strangers = [
        {"ticketId": f"00000000-0000-4000-8000-{number:012}", "quantity": 1}
        for number in range(150)
    ]
    refusal = owner(db).refusal(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: many | {"individualTickets": [*lines, *strangers, *strangers]}},
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.total == 300


@pytest.mark.parametrize("contents", [{}, {"tickets": None}])
def test_the_catalogue_says_what_is_in_a_package(db: Connection, contents: Document) -> None:
    line = {"packageId": CEREMONY_AND_BANQUET, "quantity": 1} | contents
    answer = persist_selections(db, {TOMAS: {"packages": [line]}})
    assert (answer["tickets_created"], answer["tickets_removed"]) == (2, 2)
    assert stored_selection(db, REGISTRATION, TOMAS) == selection({CEREMONY_AND_BANQUET: 1})


def test_quantities_inside_a_package_are_the_catalogues(db: Connection) -> None:
    chosen = selection({LADIES: 1})
    for line in chosen["packages"][0]["tickets"]:
        line["quantity"] = 0
    persist_selections(db, {INES: selection()})
    persist_selections(db, {INES: chosen})
    assert stored_selection(db, REGISTRATION, INES) == selection({LADIES: 1})


# Packages and prices


@both_ways
def test_fewer_packages_take_one_away_whole(
    db: Connection, catalogue: Document, persist_all: Persist
) -> None:
    # at this price the tickets of one package differ by a cent from their exact shares
    reprice(db, catalogue, {LADIES: "99.99"})
    persist_selections(db, {INES: selection()})
    persist_all(db, {INES: selection({LADIES: 3})})
    held = held_tickets(db, REGISTRATION)
    answer = persist_all(db, {INES: selection({LADIES: 1})})
    now = held_tickets(db, REGISTRATION)
    assert (answer["tickets_removed"], answer["tickets_unchanged"]) == (6, 3)
    assert set(now[INES]) < set(held[INES])
    assert [sums for sums in package_sums(db, REGISTRATION) if sums[0] == INES] == [
        (INES, LADIES, Decimal("99.99"))
    ]
    assert sorted(
        row["ticket_type_id"]
        for row in rows(
            db,
            "SELECT ticket_type_id::text FROM ticketing.tickets WHERE ticket_id::text = ANY(%s)",
            now[INES],
        )
    ) == sorted([BRUNCH, CEREMONY, BANQUET])
    assert pool_counters(db)[BRUNCH] == (100, 1, 0)


@both_ways
def test_a_package_bought_later_costs_what_it_costs_then(
    db: Connection, catalogue: Document, persist_all: Persist
) -> None:
    held = held_tickets(db, REGISTRATION)
    reprice(db, catalogue, {LADIES: "200.00"})
    answer = persist_all(db, {INES: selection({LADIES: 2})})
    assert set(held_tickets(db, REGISTRATION)[INES]) > set(held[INES])
    assert [paid for attendee, _, paid in package_sums(db, REGISTRATION) if attendee == INES] == [
        Decimal("185.00"),
        Decimal("200.00"),
    ]
    assert answer["subtotal"] == Decimal("935.00")


def test_what_is_said_of_a_ticket_may_agree(db: Connection, first: Document) -> None:
    ids = attendee_ids(db, REGISTRATION)
    answer = persist(
        db,
        p_tickets=[
            ticket(
                TOMAS,
                LUNCHEON,
                price_paid=75,
                original_price="75.00",
                currency="AUD",
                registration_id=REGISTRATION,
                client_attendee_id=TOMAS,
                status="Active",
                payment_status="Unpaid",
                is_partner_ticket=True,
                ticket_id=None,
                package_id=None,
            ),
            ticket(ids[INES], BRUNCH, price_paid=50.00, is_partner_ticket=False),
        ],
    )
    assert answer["tickets_created"] == 2
    # who is a partner is for the registration to say
    assert {
        (row["ticket_type_id"], row["is_partner_ticket"])
        for row in rows(
            db,
            """
            SELECT ticket_type_id::text, is_partner_ticket FROM ticketing.tickets
            WHERE attendee_id IN (%s, %s)
            """,
            ids[TOMAS],
            ids[INES],
        )
    } == {(LUNCHEON, False), (BRUNCH, True)}
    assert answer["revision"] == first["revision"] + 1


def test_the_tickets_answered_can_be_sent_again(db: Connection, first: Document) -> None:
    again = persist(
        db,
        p_tickets=[
            row | {"event_id": event["event_id"]}
            for row in first["tickets"]
            for event in rows(
                db,
                "SELECT event_id::text FROM ticketing.ticket_types WHERE ticket_type_id = %s",
                row["ticket_type_id"],
            )
        ],
    )
    assert (again["revision"], again["tickets"]) == (first["revision"], first["tickets"])


SPELLINGS: Mapping[str, Callable[[Document, Document], Document]] = {
    "as they are": lambda _, __: {},
    "by the stored id of the attendee": lambda _, held: {"attendee_id": held["attendee_id"]},
    "by both ids of the attendee": lambda row, held: {
        "attendee_id": held["attendee_id"],
        "client_attendee_id": row["attendee_id"],
    },
    "by the wizard's id twice": lambda row, _: {"client_attendee_id": row["attendee_id"]},
    "with the id of the ticket": lambda _, held: {"ticket_id": held["ticket_id"]},
    "with prices as numbers": lambda _, held: {"price_paid": held["price_paid"]},
    "with prices as strings": lambda _, held: {"price_paid": str(held["price_paid"])},
    "with prices to ever smaller parts": lambda _, held: {"price_paid": f"{held['price_paid']}00"},
    "with ids in capitals": lambda row, _: {
        key: row[key].upper() for key in ("attendee_id", "event_id", "ticket_type_id")
    },
    "with everything that may be said": lambda row, held: {
        "ticket_id": held["ticket_id"],
        "registration_id": REGISTRATION,
        "client_attendee_id": row["attendee_id"],
        "package_id": held["package_id"],
        "price_paid": held["price_paid"],
        "currency": "AUD",
        "status": "Active",
        "payment_status": "Unpaid",
        "is_partner_ticket": True,
    },
    "with nulls for what may be absent": lambda row, _: (
        dict.fromkeys(
            (
                "ticket_id",
                "registration_id",
                "client_attendee_id",
                "price_paid",
                "original_price",
                "currency",
                "status",
                "payment_status",
                "is_partner_ticket",
            )
        )
        | {"package_id": row.get("package_id")}
    ),
}
"""What to say of a ticket besides the least: (the row that says that, the ticket answered)."""


@pytest.mark.parametrize("say", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "in another order"])
def test_rows_say_the_same_in_many_ways(
    db: Connection, first: Document, say: Callable[[Document, Document], Document], order: int
) -> None:
    said = [
        row | say(row, held) for row, held in zip(tickets_of(CHOSEN), first["tickets"], strict=True)
    ]
    before = dump(db, without=["hold_expires_at", "updated_at"])
    again = persist(db, p_tickets=said[::order], p_attendee_updates=updates_of(CHOSEN))
    assert (again["revision"], again["tickets"]) == (first["revision"], first["tickets"])
    assert dump(db, without=["hold_expires_at", "updated_at"]) == before

    part = {row["attendee_id"] for row in tickets_of({INES: CHOSEN[INES]})}
    some = persist(
        db,
        p_tickets=[
            row
            for row, plain in zip(said, tickets_of(CHOSEN), strict=True)
            if plain["attendee_id"] in part
        ][::order],
        p_attendee_updates=updates_of({INES: CHOSEN[INES]}),
    )
    assert some["tickets_unchanged"] == 3
    assert dump(db, without=["hold_expires_at", "updated_at"]) == before


OBJECTIONS: Mapping[str, tuple[Document, str]] = {
    "another price": ({"price_paid": 20.01}, "price_mismatch price_paid"),
    "another price, as a string": ({"price_paid": "20.01"}, "price_mismatch price_paid"),
    "another list price": ({"original_price": 19.99}, "original_price_mismatch original_price"),
    "another event": ({"event_id": ABSENT}, "event_mismatch event_id"),
    "another currency": ({"currency": "NZD"}, "currency_mismatch currency"),
    "another registration": ({"registration_id": ABSENT}, "registration_mismatch registration_id"),
    "another attendee": ({"client_attendee_id": INES}, "attendee_mismatch client_attendee_id"),
    "a ticket that does not exist": ({"ticket_id": ABSENT}, "ticket_not_found ticket_id"),
}
"""What one row says, and the code and key of the issue; the row is of a single ticket at 20.00."""


@pytest.mark.parametrize(("said", "issue"), OBJECTIONS.values(), ids=OBJECTIONS.keys())
@pytest.mark.parametrize("is_new", [False, True], ids=["of a held ticket", "of a new ticket"])
def test_one_row_that_says_something_else_is_found(
    db: Connection, said: Document, issue: str, *, is_new: bool
) -> None:
    if is_new:
        persist_selections(db, dict.fromkeys(CHOSEN, selection()))
    right = tickets_of(CHOSEN)
    (position,) = (
        position
        for position, row in enumerate(right)
        if (row["attendee_id"], row["ticket_type_id"]) == (TOMAS, CEREMONY)
    )
    code, key = issue.split()
    refusal = owner(db).refusal(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=[*right[:position], right[position] | said, *right[position + 1 :]],
        p_attendee_updates=updates_of(CHOSEN),
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [(code, f"p_tickets[{position}].{key}")]


def for_masons_only(db: Connection, catalogue: Document, ticket_type: str) -> None:
    """Import a catalogue in which only masons may have tickets of a type."""
    rule = {"type": "attendee_type", "operator": "equals", "value": "mason"}
    for element in catalogue["ticket_types"]:
        if element["ticket_type_id"] == ticket_type:
            element["eligibility"] = {"operator": "AND", "rules": [rule]}
    service(db).call("import_catalogue", p_catalogue=catalogue)


SINGLE: Mapping[str, Document] = {
    WALTER: selection(tickets={CEREMONY: 1}),
    INES: selection(),
    TOMAS: selection(tickets={LUNCHEON: 1}),
    HAROLD: selection(),
}
"""One ticket each for Walter and Tomas: rows that are sent in the order in which they are held."""


@pytest.fixture
def single(db: Connection) -> None:
    """Persist these."""
    persist_selections(db, SINGLE)


held_or_not = pytest.mark.parametrize("is_held", [True, False], ids=["held", "hold over"])
of_one = pytest.mark.parametrize("name", [WALTER, INES], ids=["with a ticket", "without one"])
"""The attendee in p_attendee_updates; p_tickets has the rows of all."""


@held_or_not
@of_one
@pytest.mark.usefixtures("single")
def test_who_has_only_rows_is_named_too(db: Connection, name: str, *, is_held: bool) -> None:
    if not is_held:
        let_lapse(db, REGISTRATION)
    answer = persist(
        db, p_tickets=tickets_of(SINGLE), p_attendee_updates=updates_of({name: SINGLE[name]})
    )
    ids = attendee_ids(db, REGISTRATION)
    assert [row["attendee_id"] for row in answer["tickets"]] == [ids[WALTER], ids[TOMAS]]
    if is_held:
        assert answer["tickets_unchanged"] == 2


@held_or_not
@of_one
@pytest.mark.usefixtures("single")
def test_who_has_only_rows_is_judged_too(
    db: Connection, catalogue: Document, name: str, *, is_held: bool
) -> None:
    for_masons_only(db, catalogue, LUNCHEON)
    if not is_held:
        let_lapse(db, REGISTRATION)
    refusal = owner(db).refusal(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=tickets_of(SINGLE),
        p_attendee_updates=updates_of({name: SINGLE[name]}),
    )
    assert refusal.found == [("not_eligible", "p_tickets[1]")]


@held_or_not
@pytest.mark.usefixtures("single")
def test_who_has_only_rows_is_judged_too_while_an_attendee_leaves(
    db: Connection, catalogue: Document, wizard_state: Document, *, is_held: bool
) -> None:
    for_masons_only(db, catalogue, LUNCHEON)
    if not is_held:
        let_lapse(db, REGISTRATION)
    data = wizard_state["registration"] | {"registrationId": REGISTRATION}
    attendees = data["additionalAttendees"]
    refusal = owner(db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=data
        | {"additionalAttendees": [row for row in attendees if row["attendeeId"] != HAROLD]},
        p_tickets=tickets_of(SINGLE),
    )
    assert refusal.found == [("not_eligible", "p_tickets[1]")]


def test_rows_can_release_amounts_for_what_is_selected(db: Connection, catalogue: Document) -> None:
    for type_ in catalogue["ticket_types"]:
        if type_["ticket_type_id"] in {CEREMONY, RECEPTION}:
            type_["price"] = "6000000000.00"
    service(db).call("import_catalogue", p_catalogue=catalogue)
    persist_selections(
        db, dict.fromkeys(CHOSEN, selection()) | {TOMAS: selection(tickets={RECEPTION: 1})}
    )
    # together with what Tomas holds, it would be more than an amount can be
    chosen = selection(tickets={CEREMONY: 1})
    answer = persist(
        db,
        p_tickets=[ticket(TOMAS, LUNCHEON), ticket(INES, CEREMONY)],
        p_attendee_updates=updates_of({INES: chosen}),
    )
    assert answer["subtotal"] == Decimal("6000000075.00")


@pytest.mark.parametrize("key", ["price_paid", "original_price"])
def test_an_amount_with_too_many_decimals_is_none(db: Connection, key: str) -> None:
    chosen = {TOMAS: selection(tickets={CEREMONY: 1})}
    # a number, as no serializer of ours writes it
    tickets = json.dumps([row | {key: "amount"} for row in tickets_of(chosen)]).replace(
        '"amount"', f"20.{23 * '0'}"
    )
    db.execute(
        "SELECT set_config('role', 'authenticated', true),"
        " set_config('request.jwt.claims', %s, true)",
        [json.dumps({"sub": OWNER})],
    )
    with pytest.raises(psycopg.Error, match="p_tickets is not of the documented shape") as caught:
        db.execute(
            "SELECT ticketing.persist_attendee_tickets(%s, %s::jsonb, %s::jsonb)",
            [REGISTRATION, tickets, json.dumps(updates_of(chosen))],
        )
    assert caught.value.sqlstate == "TK001"


# What else an attendee is


def test_the_rest_of_an_attendee_stays_byte_for_byte(
    db: Connection, wizard_state: Document
) -> None:
    registration = wizard_state["registration"] | {"registrationId": REGISTRATION}
    registration["additionalAttendees"][1] |= {
        "unknown": {"deep": [1.50, None, {"é\u2028": "\ud83d\ude00"}], "": ""},
        "bigNumber": 12345678901234567890,
    }
    owner(db).call("create_individual_registration_jsonb", p_registration_data=registration)
    before = attendee_data(db)
    columns = dump(db, without=["attendee_data", "updated_at"])["attendees"]
    persist_selections(db, {TOMAS: selection(tickets={LUNCHEON: 1}), WALTER: selection()})
    persist_tickets(db, CHOSEN)
    assert attendee_data(db) == before
    assert dump(db, without=["attendee_data", "updated_at"])["attendees"] == columns


def test_other_registrations_are_untouched(db: Connection, wizard_state: Document) -> None:
    Caller(db, "authenticated", STRANGER).call(
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_state["registration"] | {"registrationId": ABSENT},
        p_tickets=tickets_of(CHOSEN),
    )
    held = held_tickets(db, ABSENT)
    persist_selections(db, dict.fromkeys(CHOSEN, selection()))
    assert held_tickets(db, ABSENT) == held
    assert pool_counters(db)[BANQUET] == (480, 4, 0)


# Revisions


@both_ways
def test_the_revision_that_was_seen_may_be_said(
    db: Connection, first: Document, persist_all: Persist
) -> None:
    changed = persist_all(
        db,
        {TOMAS: selection(tickets={LUNCHEON: 1})},
        p_expected_revision=first["revision"],
    )
    assert changed["revision"] == first["revision"] + 1
    # the reply was lost: what is sent again is what is stored
    retry = persist_all(
        db,
        {TOMAS: selection(tickets={LUNCHEON: 1})},
        p_expected_revision=first["revision"],
    )
    assert (retry["revision"], retry["tickets"]) == (changed["revision"], changed["tickets"])


@pytest.mark.parametrize("rpc", ["persist_attendee_tickets", "persist_ticket_selections"])
@pytest.mark.parametrize("seen", [0, 1, 3, -1, 2147483647])
def test_another_revision_than_the_stored_one_is_refused(
    db: Connection, first: Document, rpc: str, seen: int
) -> None:
    assert first["revision"] == 2
    chosen = {TOMAS: selection(tickets={LUNCHEON: 1})}
    if rpc == "persist_attendee_tickets":
        refusal = owner(db).refusal(
            "persist_attendee_tickets",
            p_registration_id=REGISTRATION,
            p_tickets=tickets_of(chosen),
            p_expected_revision=seen,
        )
    else:
        refusal = owner(db).refusal(
            "persist_ticket_selections",
            p_registration_id=REGISTRATION,
            p_selections=chosen,
            p_expected_revision=seen,
        )
    assert refusal.sqlstate == "TK006"
    assert refusal.found == [("revision_conflict", "p_expected_revision")]
    (issue,) = refusal.issues
    assert (issue["expected"], issue["actual"]) == (seen, 2)


# Capacity


def test_the_counters_always_equal_the_tickets(db: Connection, catalogue: Document) -> None:
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
    service(db).call("import_catalogue", p_catalogue=catalogue)
    # a ticket in a package takes capacity of its type, and the package a unit of its own
    assert pool_counters(db)[LADIES] == (10, 1, 0)
    assert pool_counters(db)[ABSENT] == (50, 9, 0)
    for chosen, ladies, hall in (
        ({INES: selection({LADIES: 3})}, 3, 9 + 6),
        ({INES: selection({LADIES: 2}), TOMAS: selection()}, 2, 15 - 3 - 2),
        ({INES: selection(tickets={CEREMONY: 5})}, 0, 10 - 6 + 5),
        ({WALTER: selection(), HAROLD: selection({CEREMONY_AND_BANQUET: 2})}, 0, 9 - 2 - 2 + 4),
        (dict.fromkeys(CHOSEN, selection()), 0, 0),
        (CHOSEN, 1, 9),
    ):
        persist_selections(db, chosen)
        now = pool_counters(db)
        assert (now[LADIES][1], now[ABSENT][1]) == (ladies, hall)


@both_ways
def test_released_capacity_can_be_taken_in_the_same_call(
    db: Connection, catalogue: Document, persist_all: Persist
) -> None:
    for type_ in catalogue["ticket_types"]:
        if type_["ticket_type_id"] == BRUNCH:
            type_["capacity"] = 1
    service(db).call("import_catalogue", p_catalogue=catalogue)
    assert pool_counters(db)[BRUNCH] == (1, 1, 0)
    answer = persist_all(
        db,
        {
            TOMAS: selection(tickets={BRUNCH: 1}),
            INES: selection(tickets={CEREMONY: 1}),
        },
    )
    assert (answer["tickets_created"], answer["tickets_removed"]) == (2, 5)
    assert pool_counters(db)[BRUNCH] == (1, 1, 0)


def test_the_last_unit_of_capacity_can_be_taken(db: Connection, catalogue: Document) -> None:
    for type_ in catalogue["ticket_types"]:
        if type_["ticket_type_id"] == BRUNCH:
            type_["capacity"] = 3
    service(db).call("import_catalogue", p_catalogue=catalogue)
    persist_selections(db, {TOMAS: selection(tickets={BRUNCH: 2})})
    assert pool_counters(db)[BRUNCH] == (3, 3, 0)
    refusal = owner(db).refusal(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={BRUNCH: 3})},
    )
    assert (refusal.sqlstate, refusal.issues[0]["requested"]) == ("TK005", 1)
    # a ticket that is already held takes no more capacity
    persist_selections(db, {TOMAS: selection(tickets={BRUNCH: 2, CEREMONY: 1})})
    assert pool_counters(db)[BRUNCH] == (3, 3, 0)
