"""persist_attendee_tickets: what its tickets say beside the selections.

What it does like persist_ticket_selections is tested there for both.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal

import psycopg
import pytest
from tests.support.bookings import import_catalogue, let_lapse
from tests.support.caller import Connection, owner
from tests.support.example import (
    ABSENT,
    BRUNCH,
    CEREMONY,
    CHOSEN,
    HAROLD,
    INES,
    LADIES,
    LUNCHEON,
    OWNER,
    RECEPTION,
    REGISTRATION,
    TOMAS,
    WALTER,
    Document,
    part,
    selection,
    ticket,
    tickets_of,
    updates_of,
)
from tests.support.persisting import persist, persist_selections
from tests.support.stored import attendee_ids, dump, rows, stored_selection

pytestmark = pytest.mark.usefixtures("persisted")

SINGLE: Mapping[str, Document] = {
    WALTER: selection(tickets={CEREMONY: 1}),
    INES: selection(),
    TOMAS: selection(tickets={LUNCHEON: 1}),
    HAROLD: selection(),
}
"""One ticket each for Walter and Tomas: rows that are sent in the order in which they are held."""

held_or_not = pytest.mark.parametrize("is_held", [True, False], ids=["held", "hold over"])
of_one = pytest.mark.parametrize("name", [WALTER, INES], ids=["with a ticket", "without one"])
"""The attendee in p_attendee_updates; p_tickets has the rows of all."""


def for_masons_only(db: Connection, catalogue: Document, ticket_type: str) -> None:
    """Import a catalogue in which only masons may have tickets of a type."""
    rule = {"type": "attendee_type", "operator": "equals", "value": "mason"}
    part(catalogue, ticket_type)["eligibility"] = {"operator": "AND", "rules": [rule]}
    import_catalogue(db, catalogue)


# Who and what is meant


def test_persist_attendee_tickets_stores_the_selection_that_tickets_amount_to(
    event_db: Connection,
) -> None:
    given = [
        *tickets_of({INES: selection({LADIES: 2})}),
        *tickets_of({TOMAS: selection(tickets={LUNCHEON: 3, RECEPTION: 1})}),
    ]
    # in any order
    answer = persist(event_db, p_tickets=given[::-1])
    assert (answer["tickets_created"], answer["tickets_removed"]) == (3 + 4, 2)
    assert stored_selection(event_db, REGISTRATION, INES) == selection({LADIES: 2})
    assert stored_selection(event_db, REGISTRATION, TOMAS) == selection(
        tickets={RECEPTION: 1, LUNCHEON: 3}
    )
    assert stored_selection(event_db, REGISTRATION, WALTER) == CHOSEN[WALTER]
    assert answer["subtotal"] == 280 + 2 * 185 + (3 * 75 + 70) + 135


def test_persist_attendee_tickets_accepts_both_ids_of_an_attendee(event_db: Connection) -> None:
    chosen = selection(tickets={LUNCHEON: 1})
    answer = persist(
        event_db,
        p_tickets=[ticket(attendee_ids(event_db, REGISTRATION)[TOMAS], LUNCHEON)],
        p_attendee_updates=updates_of({TOMAS: chosen}),
    )
    assert (answer["tickets_created"], answer["tickets_removed"]) == (1, 2)
    assert stored_selection(event_db, REGISTRATION, TOMAS) == chosen


def test_persist_attendee_tickets_accepts_every_key_that_agrees(
    event_db: Connection, persisted: Document
) -> None:
    ids = attendee_ids(event_db, REGISTRATION)
    answer = persist(
        event_db,
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
            event_db,
            """
            SELECT ticket_type_id::text, is_partner_ticket FROM ticketing.tickets
            WHERE attendee_id IN (%s, %s)
            """,
            ids[TOMAS],
            ids[INES],
        )
    } == {(LUNCHEON, False), (BRUNCH, True)}
    assert answer["revision"] == persisted["revision"] + 1


def test_persist_attendee_tickets_accepts_the_tickets_that_it_answered(
    event_db: Connection, persisted: Document
) -> None:
    again = persist(
        event_db,
        p_tickets=[
            row | {"event_id": event["event_id"]}
            for row in persisted["tickets"]
            for event in rows(
                event_db,
                "SELECT event_id::text FROM ticketing.ticket_types WHERE ticket_type_id = %s",
                row["ticket_type_id"],
            )
        ],
    )
    assert (again["revision"], again["tickets"]) == (persisted["revision"], persisted["tickets"])


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
def test_persist_attendee_tickets_accepts_the_same_in_many_forms(
    event_db: Connection,
    persisted: Document,
    say: Callable[[Document, Document], Document],
    order: int,
) -> None:
    said = [
        row | say(row, held)
        for row, held in zip(tickets_of(CHOSEN), persisted["tickets"], strict=True)
    ]
    before = dump(event_db, without=["hold_expires_at", "updated_at"])
    again = persist(event_db, p_tickets=said[::order], p_attendee_updates=updates_of(CHOSEN))
    assert (again["revision"], again["tickets"]) == (persisted["revision"], persisted["tickets"])
    assert dump(event_db, without=["hold_expires_at", "updated_at"]) == before

    some_ids = {row["attendee_id"] for row in tickets_of({INES: CHOSEN[INES]})}
    some = persist(
        event_db,
        p_tickets=[
            row
            for row, plain in zip(said, tickets_of(CHOSEN), strict=True)
            if plain["attendee_id"] in some_ids
        ][::order],
        p_attendee_updates=updates_of({INES: CHOSEN[INES]}),
    )
    assert some["tickets_unchanged"] == 3
    assert dump(event_db, without=["hold_expires_at", "updated_at"]) == before


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
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "in another order"])
def test_persist_attendee_tickets_finds_one_row_that_disagrees(
    event_db: Connection, said: Document, issue: str, order: int, *, is_new: bool
) -> None:
    if is_new:
        persist_selections(event_db, dict.fromkeys(CHOSEN, selection()))
    right = tickets_of(CHOSEN)[::order]
    (position,) = (
        position
        for position, row in enumerate(right)
        if (row["attendee_id"], row["ticket_type_id"]) == (TOMAS, CEREMONY)
    )
    code, key = issue.split()
    refusal = owner(event_db).refusal(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=[*right[:position], right[position] | said, *right[position + 1 :]],
        p_attendee_updates=updates_of(CHOSEN),
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [(code, f"p_tickets[{position}].{key}")]


# Attendees whom only tickets name


@held_or_not
@of_one
def test_persist_attendee_tickets_answers_attendees_whom_only_tickets_name(
    event_db: Connection, name: str, *, is_held: bool
) -> None:
    persist_selections(event_db, SINGLE)
    if not is_held:
        let_lapse(event_db, REGISTRATION)
    answer = persist(
        event_db, p_tickets=tickets_of(SINGLE), p_attendee_updates=updates_of({name: SINGLE[name]})
    )
    ids = attendee_ids(event_db, REGISTRATION)
    assert [row["attendee_id"] for row in answer["tickets"]] == [ids[WALTER], ids[TOMAS]]
    if is_held:
        assert answer["tickets_unchanged"] == 2


@held_or_not
@of_one
def test_not_eligible_is_raised_for_attendees_whom_only_tickets_name(
    event_db: Connection, catalogue: Document, name: str, *, is_held: bool
) -> None:
    persist_selections(event_db, SINGLE)
    for_masons_only(event_db, catalogue, LUNCHEON)
    if not is_held:
        let_lapse(event_db, REGISTRATION)
    refusal = owner(event_db).refusal(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=tickets_of(SINGLE),
        p_attendee_updates=updates_of({name: SINGLE[name]}),
    )
    assert refusal.found == [("not_eligible", "p_tickets[1]")]


@held_or_not
def test_not_eligible_is_raised_for_tickets_while_an_attendee_leaves(
    event_db: Connection, catalogue: Document, wizard_state: Document, *, is_held: bool
) -> None:
    persist_selections(event_db, SINGLE)
    for_masons_only(event_db, catalogue, LUNCHEON)
    if not is_held:
        let_lapse(event_db, REGISTRATION)
    data = wizard_state["registration"] | {"registrationId": REGISTRATION}
    attendees = data["additionalAttendees"]
    refusal = owner(event_db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=data
        | {"additionalAttendees": [row for row in attendees if row["attendeeId"] != HAROLD]},
        p_tickets=tickets_of(SINGLE),
    )
    assert refusal.found == [("not_eligible", "p_tickets[1]")]


# Amounts


def test_persist_attendee_tickets_counts_the_amounts_that_it_releases(
    event_db: Connection, catalogue: Document
) -> None:
    for type_ in catalogue["ticket_types"]:
        if type_["ticket_type_id"] in {CEREMONY, RECEPTION}:
            type_["price"] = "6000000000.00"
    import_catalogue(event_db, catalogue)
    persist_selections(
        event_db, dict.fromkeys(CHOSEN, selection()) | {TOMAS: selection(tickets={RECEPTION: 1})}
    )
    # together with what Tomas holds, it would be more than an amount can be
    chosen = selection(tickets={CEREMONY: 1})
    answer = persist(
        event_db,
        p_tickets=[ticket(TOMAS, LUNCHEON), ticket(INES, CEREMONY)],
        p_attendee_updates=updates_of({INES: chosen}),
    )
    assert answer["subtotal"] == Decimal("6000000075.00")


@pytest.mark.parametrize("key", ["price_paid", "original_price"])
def test_persist_attendee_tickets_refuses_an_amount_with_too_many_decimals(
    event_db: Connection, key: str
) -> None:
    chosen = {TOMAS: selection(tickets={CEREMONY: 1})}
    # a number, as no serializer of ours writes it
    tickets = json.dumps([row | {key: "amount"} for row in tickets_of(chosen)]).replace(
        '"amount"', f"20.{23 * '0'}"
    )
    event_db.execute(
        "SELECT set_config('role', 'authenticated', true),"
        " set_config('request.jwt.claims', %s, true)",
        [json.dumps({"sub": OWNER})],
    )
    with pytest.raises(psycopg.Error, match="p_tickets is not of the documented shape") as caught:
        event_db.execute(
            "SELECT ticketing.persist_attendee_tickets(%s, %s::jsonb, %s::jsonb)",
            [REGISTRATION, tickets, json.dumps(updates_of(chosen))],
        )
    assert caught.value.sqlstate == "TK001"
