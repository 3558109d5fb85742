"""What the RPCs refuse: with which SQLSTATE, which issues, and nothing written.

All tests share one database, over a connection that commits: none of the calls may leave a trace.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any, LiteralString

import psycopg
import pytest
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.janitor import DatabaseJanitor
from tests.support.caller import (
    JSON_NULL,
    Caller,
    Connection,
    Outcome,
    owner,
    service,
)
from tests.support.example import (
    ABSENT,
    ALL_EVENTS,
    BANQUET,
    BRUNCH,
    CEREMONY,
    COMMUNICATION,
    CONTENTS,
    EVENTS,
    FUNCTION,
    HAROLD,
    INES,
    LADIES,
    LUNCHEON,
    MASONS,
    MEZZANINE,
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
)

from ticketing_client.embedded import Server

REGISTRATION, SECOND, STRANGERS, COMPLETED, CANCELLED = (
    f"01974a10-0000-7000-8000-00000000000{letter}" for letter in "abcde"
)
OUTSIDER = "01974a10-0000-7000-8000-000000000006"
"""An attendee of another registration of the same owner."""

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({ALL_EVENTS: 1}),
    INES: selection({LADIES: 1}),
    TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1}),
    HAROLD: selection({MASONS: 1}),
}

RIGHT = tickets_of(CHOSEN)
"""Rows that nothing is wrong with: the tickets that are held."""

BIG = "x" * 10_000_000

Issue = tuple[str, str]


@dataclass(frozen=True)
class Shop:
    """The database that all calls are refused by.

    Attributes:
        connection: To it; every call is a transaction.
        ids: The stored ids of the attendees of the registration, by the wizard's.
        wizard: The recorded registration object.
    """

    connection: Connection
    ids: dict[str, str]
    wizard: Document


@pytest.fixture(scope="module")
def shop(server: Server, migrated: NoopExecutor) -> Iterator[Shop]:
    """Two functions on sale, and registrations in every state.

    One that the wizard has filled (at revision 2), another of its owner, a stranger's, a completed
    and a cancelled one. The brunch has a capacity of two left.
    """
    catalogue, wizard_state = (
        json.loads(
            files("ticketing_client").joinpath(f"example/{name}.json").read_text(encoding="utf-8")
        )
        for name in ("catalogue", "wizard_state")
    )
    wizard = wizard_state["registration"]
    for type_ in catalogue["ticket_types"]:
        if type_["ticket_type_id"] == BRUNCH:
            type_["capacity"] = 3
    with (
        DatabaseJanitor(
            host=server.host,
            port=server.port,
            user=server.user,
            dbname="refusals",
            template_dbname=migrated.template_dbname,
        ),
        psycopg.connect(server.url("refusals"), autocommit=True) as connection,
    ):
        service(connection).call("import_catalogue", p_catalogue=catalogue)
        service(connection).call("import_catalogue", p_catalogue=other_event(catalogue))
        alone = {
            "primaryAttendee": wizard["primaryAttendee"] | {"attendeeId": OUTSIDER},
            "additionalAttendees": [],
        }
        for user, registration_id, data in (
            (OWNER, REGISTRATION, {}),
            (OWNER, SECOND, alone),
            (STRANGER, STRANGERS, {}),
            (OWNER, COMPLETED, alone),
            (OWNER, CANCELLED, alone),
        ):
            Caller(connection, "authenticated", user).call(
                "create_individual_registration_jsonb",
                p_registration_data=wizard | {"registrationId": registration_id} | data,
            )
        owner(connection).call(
            "persist_attendee_tickets",
            p_registration_id=REGISTRATION,
            p_tickets=RIGHT,
            p_attendee_updates=updates_of(CHOSEN),
        )
        connection.execute(
            """
            UPDATE ticketing.registrations
            SET status = 'completed', payment_status = 'Paid', confirmation_number = 'GP-1'
            WHERE registration_id = %s
            """,
            [COMPLETED],
        )
        connection.execute(
            "UPDATE ticketing.registrations SET status = 'cancelled' WHERE registration_id = %s",
            [CANCELLED],
        )
        yield Shop(connection, attendee_ids(connection, REGISTRATION), wizard)


def refused(
    shop: Shop, rpc: LiteralString, arguments: Mapping[str, object], caller: Caller | None = None
) -> Outcome:
    """Make a call that must be refused and leave the database byte for byte as it was."""
    before = dump(shop.connection)
    refusal = (caller or owner(shop.connection)).refusal(rpc, **arguments)
    assert dump(shop.connection) == before
    return refusal


def persisting(**arguments: object) -> dict[str, object]:
    """Return arguments of persist_attendee_tickets."""
    return {"p_registration_id": REGISTRATION, "p_tickets": []} | arguments


def cases(table: Mapping[str, Any]) -> Any:  # noqa: ANN401 - pytest's own parameter sets
    """Return the rows of a table as test cases, called by their names."""
    return [pytest.param(*row, id=name) for name, row in table.items()]


# Tickets that break a rule

TICKETS: dict[str, tuple[Sequence[Document], Sequence[Issue]]] = {
    "of an event that the type does not admit to": (
        [ticket(TOMAS, CEREMONY, event_id=EVENTS[BANQUET])],
        [("event_mismatch", "p_tickets[0].event_id")],
    ),
    "of an event of another function": (
        [ticket(TOMAS, CEREMONY, event_id=other_id(EVENTS[CEREMONY]))],
        [("event_mismatch", "p_tickets[0].event_id")],
    ),
    "of a type of another function": (
        [ticket(TOMAS, other_id(CEREMONY), event_id=other_id(EVENTS[CEREMONY]))],
        [("ticket_type_not_found", "p_tickets[0].ticket_type_id")],
    ),
    "of no type at all": (
        [ticket(TOMAS, ABSENT)],
        [("ticket_type_not_found", "p_tickets[0].ticket_type_id")],
    ),
    "of an inactive type": (
        [ticket(TOMAS, MEZZANINE)],
        [("inactive", "p_tickets[0]")],
    ),
    "for an attendee of another registration of the same user": (
        [ticket(OUTSIDER, CEREMONY)],
        [("attendee_not_found", "p_tickets[0].attendee_id")],
    ),
    "for an attendee that does not exist": (
        [ticket(ABSENT, CEREMONY)],
        [("attendee_not_found", "p_tickets[0].attendee_id")],
    ),
    "in a package of another function": (
        [ticket(TOMAS, CEREMONY, other_id(LADIES))],
        [("package_not_found", "p_tickets[0].package_id")],
    ),
    "that is not in its package": (
        [*tickets_of({INES: selection({LADIES: 1})}), ticket(INES, LUNCHEON, LADIES)],
        [("not_in_package", "p_tickets[3].ticket_type_id")],
    ),
    "of a package without one of its tickets": (
        tickets_of({INES: selection({LADIES: 1})})[:2],
        [("package_incomplete", "p_tickets[0]")],
    ),
    "of a package with one ticket too many": (
        [*tickets_of({INES: selection({LADIES: 1})}), ticket(INES, CEREMONY, LADIES)],
        # as of two packages, with these missing
        [("package_incomplete", "p_tickets[0]"), ("package_incomplete", "p_tickets[2]")],
    ),
    "at a price of one's own": (
        [ticket(TOMAS, CEREMONY, price_paid=0)],
        [("price_mismatch", "p_tickets[0].price_paid")],
    ),
    "at a price that is a cent too high": (
        [ticket(TOMAS, CEREMONY, price_paid="20.01")],
        [("price_mismatch", "p_tickets[0].price_paid")],
    ),
    "at another list price": (
        [ticket(TOMAS, CEREMONY, original_price="19.99", price_paid=20)],
        [("original_price_mismatch", "p_tickets[0].original_price")],
    ),
    "of a package at the price of the package": (
        [row | {"price_paid": 185} for row in tickets_of({INES: selection({LADIES: 1})})],
        [("price_mismatch", f"p_tickets[{n}].price_paid") for n in range(3)],
    ),
    "in another currency": (
        [ticket(TOMAS, CEREMONY, currency="NZD")],
        [("currency_mismatch", "p_tickets[0].currency")],
    ),
    "of another registration": (
        [ticket(TOMAS, CEREMONY, registration_id=SECOND)],
        [("registration_mismatch", "p_tickets[0].registration_id")],
    ),
    "of two attendees at once": (
        [ticket(TOMAS, CEREMONY, client_attendee_id=INES)],
        [("attendee_mismatch", "p_tickets[0].client_attendee_id")],
    ),
    "with an id that no ticket has": (
        [ticket(TOMAS, CEREMONY, ticket_id=ABSENT)],
        [("ticket_not_found", "p_tickets[0].ticket_id")],
    ),
    "as well as a package": (
        [*tickets_of({INES: selection({LADIES: 1})}), ticket(INES, LUNCHEON)],
        [("mixed_selection", "p_tickets[0]")],
    ),
    "for an attendee who may not have it": (
        [ticket(TOMAS, COMMUNICATION)],
        [("not_eligible", "p_tickets[0]")],
    ),
    "several of which are wrong": (
        [
            ticket(HAROLD, CEREMONY, price_paid=1, currency="NZD"),
            ticket(TOMAS, CEREMONY, event_id=ABSENT, registration_id=ABSENT),
            ticket(TOMAS, ABSENT),
            ticket(ABSENT, MEZZANINE),
        ],
        [
            ("price_mismatch", "p_tickets[0].price_paid"),
            ("currency_mismatch", "p_tickets[0].currency"),
            ("event_mismatch", "p_tickets[1].event_id"),
            ("registration_mismatch", "p_tickets[1].registration_id"),
            ("ticket_type_not_found", "p_tickets[2].ticket_type_id"),
            ("attendee_not_found", "p_tickets[3].attendee_id"),
        ],
    ),
}


@pytest.mark.parametrize(("tickets", "issues"), cases(TICKETS))
def test_tickets_that_break_a_rule_are_refused(
    shop: Shop, tickets: list[Document], issues: list[Issue]
) -> None:
    refusal = refused(shop, "persist_attendee_tickets", persisting(p_tickets=tickets))
    assert refusal.sqlstate == "TK004"
    assert refusal.found == sorted(issues)
    assert refusal.total == len(issues)


@pytest.mark.parametrize(("tickets", "issues"), cases(TICKETS))
def test_one_bad_row_among_many_is_found(
    shop: Shop, tickets: list[Document], issues: list[Issue]
) -> None:
    named = {row["attendee_id"] for row in tickets}
    good = [row for row in RIGHT if row["attendee_id"] not in named]
    refusal = refused(shop, "persist_attendee_tickets", persisting(p_tickets=good + tickets))
    assert refusal.sqlstate == "TK004"
    shifted = [
        (code, path.replace(f"[{n}]", f"[{n + len(good)}]"))
        for code, path in issues
        for n in [int(path.split("[")[1].split("]")[0])]
    ]
    assert refusal.found == sorted(shifted)


def test_attendees_and_tickets_of_others_are_not_found(shop: Shop) -> None:
    strangers = attendee_ids(shop.connection, STRANGERS)
    hers = held_tickets(shop.connection, REGISTRATION)[INES][0]
    refusal = refused(
        shop,
        "persist_attendee_tickets",
        persisting(
            p_tickets=[
                # the wizard's ids are the same in both registrations, the stored ones are not
                ticket(strangers[TOMAS], CEREMONY),
                ticket(TOMAS, CEREMONY, ticket_id=hers),
            ]
        ),
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("attendee_not_found", "p_tickets[0].attendee_id"),
        ("ticket_not_found", "p_tickets[1].ticket_id"),
    ]


def test_an_issue_says_what_a_screen_needs(shop: Shop) -> None:
    (issue,) = refused(
        shop,
        "persist_attendee_tickets",
        persisting(p_tickets=[ticket(TOMAS, CEREMONY, price_paid="19.99")]),
    ).issues
    assert issue == {
        "code": "price_mismatch",
        "path": "p_tickets[0].price_paid",
        "message": "Grand Proclamation Ceremony costs 20.00, not 19.99.",
        "attendee_id": shop.ids[TOMAS],
        "client_attendee_id": TOMAS,
        "ticket_type_id": CEREMONY,
        "name": "Grand Proclamation Ceremony",
        "expected": Decimal("20.00"),
        "actual": Decimal("19.99"),
    }


# Selections that break a rule, or that the tickets do not match

SELECTED = "p_attendee_updates[0].selected_tickets"

UPDATES: dict[str, tuple[Sequence[Document], Mapping[str, Document], Sequence[Issue]]] = {
    "with a ticket that is not selected": (
        [ticket(TOMAS, CEREMONY), ticket(TOMAS, BANQUET)],
        {TOMAS: selection(tickets={CEREMONY: 1})},
        [("selection_mismatch", SELECTED)],
    ),
    "without a ticket that is selected": (
        [ticket(TOMAS, CEREMONY)],
        {TOMAS: selection(tickets={CEREMONY: 2})},
        [("selection_mismatch", f"{SELECTED}.individualTickets[0]")],
    ),
    "without any ticket": (
        [],
        {TOMAS: CHOSEN[TOMAS]},
        [("selection_mismatch", f"{SELECTED}.individualTickets[{n}]") for n in (0, 1)],
    ),
    "with tickets for an attendee who is to have none": (
        [ticket(TOMAS, CEREMONY)],
        {TOMAS: selection()},
        [("selection_mismatch", SELECTED)],
    ),
    "with other tickets than selected": (
        [ticket(TOMAS, LUNCHEON)],
        {TOMAS: selection(tickets={CEREMONY: 1})},
        [
            ("selection_mismatch", SELECTED),
            ("selection_mismatch", f"{SELECTED}.individualTickets[0]"),
        ],
    ),
    "with fewer packages than selected": (
        tickets_of({INES: selection({LADIES: 1})}),
        {INES: selection({LADIES: 2})},
        [("selection_mismatch", f"{SELECTED}.packages[0]")],
    ),
    "with more packages than selected": (
        tickets_of({INES: selection({LADIES: 2})}),
        {INES: selection({LADIES: 1})},
        [("selection_mismatch", f"{SELECTED}.packages[0]")],
    ),
    "with a package that is not whole": (
        tickets_of({INES: selection({LADIES: 2})})[:5],
        {INES: selection({LADIES: 2})},
        [("package_incomplete", "p_tickets[2]")],
    ),
    "for an attendee that does not exist": (
        [],
        {ABSENT: selection()},
        [("attendee_not_found", "p_attendee_updates[0].attendee_id")],
    ),
    "for an attendee of another registration": (
        [],
        {OUTSIDER: selection()},
        [("attendee_not_found", "p_attendee_updates[0].attendee_id")],
    ),
}


@pytest.mark.parametrize(("tickets", "selections", "issues"), cases(UPDATES))
def test_a_selection_must_match_its_tickets(
    shop: Shop, tickets: list[Document], selections: Mapping[str, Document], issues: list[Issue]
) -> None:
    refusal = refused(
        shop,
        "persist_attendee_tickets",
        persisting(p_tickets=tickets, p_attendee_updates=updates_of(selections)),
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == sorted(issues)


@pytest.mark.parametrize("other", ["the same id", "the stored id", "the same id in capitals"])
def test_an_attendee_cannot_be_named_twice(shop: Shop, other: str) -> None:
    second = {
        "the same id": TOMAS,
        "the stored id": shop.ids[TOMAS],
        "the same id in capitals": TOMAS.upper(),
    }[other]
    refusal = refused(
        shop,
        "persist_attendee_tickets",
        persisting(
            p_tickets=tickets_of({TOMAS: CHOSEN[TOMAS]}),
            p_attendee_updates=[
                *updates_of({TOMAS: CHOSEN[TOMAS]}),
                *updates_of({second: selection()}),
            ],
        ),
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("attendee_named_twice", "p_attendee_updates[1].attendee_id")]


@pytest.mark.parametrize("other", ["the stored id", "the same id in capitals"])
def test_an_attendee_cannot_be_a_key_twice(shop: Shop, other: str) -> None:
    second = {"the stored id": shop.ids[TOMAS], "the same id in capitals": TOMAS.upper()}[other]
    refusal = refused(
        shop,
        "persist_ticket_selections",
        {
            "p_registration_id": REGISTRATION,
            "p_selections": {TOMAS: CHOSEN[TOMAS], second: CHOSEN[TOMAS]},
        },
    )
    assert refusal.sqlstate == "TK004"
    ((code, path),) = refusal.found
    assert code == "attendee_named_twice"
    assert path in {f"p_selections.{TOMAS}", f"p_selections.{second}"}


# The path of an issue goes on from that of the selection, which is another in each RPC.
SELECTIONS: dict[str, tuple[Document, Sequence[Issue]]] = {
    "of a package that there is not": (
        {"packages": [{"packageId": ABSENT, "quantity": 1}]},
        [("package_not_found", ".packages[0].packageId")],
    ),
    "of a package of another function": (
        {"packages": [{"packageId": other_id(LADIES), "quantity": 1}]},
        [("package_not_found", ".packages[0].packageId")],
    ),
    "of a ticket type of another function": (
        selection(tickets={CEREMONY: 1, other_id(BANQUET): 1}),
        [("ticket_type_not_found", ".individualTickets[1].ticketId")],
    ),
    "of an inactive type": (
        selection(tickets={MEZZANINE: 1}),
        [("inactive", ".individualTickets[0]")],
    ),
    "of a package that says it has one thing less": (
        {
            "packages": [
                {
                    "packageId": LADIES,
                    "quantity": 1,
                    "tickets": [{"ticketId": type_, "quantity": 1} for type_ in (BRUNCH, CEREMONY)],
                }
            ]
        },
        [("package_contents_mismatch", ".packages[0].tickets")],
    ),
    "of a package that says it has one thing more": (
        {
            "packages": [
                {
                    "packageId": LADIES,
                    "quantity": 1,
                    "tickets": [
                        {"ticketId": type_, "quantity": 1}
                        for type_ in (*CONTENTS[LADIES], LUNCHEON)
                    ],
                }
            ]
        },
        [("package_contents_mismatch", ".packages[0].tickets")],
    ),
    "of a package that says it has nothing": (
        {"packages": [{"packageId": LADIES, "quantity": 1, "tickets": []}]},
        [("package_contents_mismatch", ".packages[0].tickets")],
    ),
    "of a package and of tickets": (
        selection({LADIES: 1}, {CEREMONY: 1}),
        [("mixed_selection", "")],
    ),
    "of a package and its ticket that the attendee may not have": (
        selection({MASONS: 1}),
        [("not_eligible", ".packages[0]"), ("not_eligible", ".packages[0].tickets[0]")],
    ),
    "of a package that is for other registrations": (
        {"packages": [{"packageId": "794841e4-5f04-4899-96e2-c0afece4d5f2", "quantity": 1}]},
        [
            ("registration_type_not_allowed", ".packages[0]"),
            ("not_eligible", ".packages[0]"),
        ],
    ),
}


@pytest.mark.parametrize(("chosen", "issues"), cases(SELECTIONS))
def test_selections_that_break_a_rule_are_refused(
    shop: Shop, chosen: Document, issues: list[Issue]
) -> None:
    refusal = refused(
        shop,
        "persist_ticket_selections",
        # Ines may have what is for guests only, and nothing that is for masons only
        {
            "p_registration_id": REGISTRATION,
            "p_selections": dict(CHOSEN) | {INES: chosen},
        },
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == sorted((code, f"p_selections.{INES}{path}") for code, path in issues)


# Capacity


def test_more_than_there_is_is_sold_out(shop: Shop) -> None:
    calls: tuple[tuple[LiteralString, Document], ...] = (
        (
            "persist_ticket_selections",
            {
                "p_selections": {
                    TOMAS: selection(tickets={BRUNCH: 2}),
                    HAROLD: selection(tickets={BRUNCH: 1, CEREMONY: 1}),
                }
            },
        ),
        (
            "persist_attendee_tickets",
            {
                "p_tickets": [
                    ticket(TOMAS, BRUNCH),
                    ticket(TOMAS, BRUNCH),
                    ticket(HAROLD, BRUNCH),
                    ticket(HAROLD, CEREMONY),
                ]
            },
        ),
    )
    for rpc, arguments in calls:
        refusal = refused(shop, rpc, {"p_registration_id": REGISTRATION} | arguments)
        assert refusal.sqlstate == "TK005"
        (issue,) = refusal.issues
        assert issue == issue | {
            "code": "sold_out",
            "path": f"p_selections.{TOMAS}.individualTickets[0]"
            if "p_selections" in arguments
            else "p_tickets[0]",
            "ticket_type_id": BRUNCH,
            "name": "Ladies Brunch",
            "requested": 3,
            "available": 2,
        }
        assert sorted(issue["attendee_ids"]) == sorted([shop.ids[TOMAS], shop.ids[HAROLD]])


def test_each_thing_that_is_sold_out_is_an_issue(shop: Shop) -> None:
    refusal = refused(
        shop,
        "persist_ticket_selections",
        {
            "p_registration_id": REGISTRATION,
            "p_selections": {
                # the brunches of these packages, and of the luncheon 150 less the one held
                INES: selection({LADIES: 4}),
                TOMAS: selection(tickets={CEREMONY: 1, LUNCHEON: 150}),
            },
        },
    )
    assert refusal.sqlstate == "TK005"
    assert {
        issue["ticket_type_id"]: (issue["path"], issue["requested"], issue["available"])
        for issue in refusal.issues
    } == {
        BRUNCH: (f"p_selections.{INES}.packages[0]", 3, 2),
        LUNCHEON: (f"p_selections.{TOMAS}.individualTickets[1]", 150, 149),
    }


def test_sold_out_stands_beside_other_issues(shop: Shop) -> None:
    refusal = refused(
        shop,
        "persist_ticket_selections",
        {
            "p_registration_id": REGISTRATION,
            "p_selections": {
                TOMAS: selection(tickets={BRUNCH: 3, MEZZANINE: 1}),
                ABSENT: selection(),
            },
        },
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("attendee_not_found", f"p_selections.{ABSENT}"),
        ("inactive", f"p_selections.{TOMAS}.individualTickets[1]"),
        ("sold_out", f"p_selections.{TOMAS}.individualTickets[0]"),
    ]


def test_a_new_registration_can_be_sold_out(shop: Shop) -> None:
    refusal = refused(
        shop,
        "create_individual_registration_with_tickets",
        {
            "p_registration_data": shop.wizard,
            "p_tickets": [ticket(attendee, BRUNCH) for attendee in (WALTER, INES, TOMAS)],
        },
    )
    assert refusal.sqlstate == "TK005"
    (issue,) = refusal.issues
    assert (issue["requested"], issue["available"]) == (3, 2)


# What cannot be changed, and what another request has changed


@pytest.mark.parametrize("registration_id", [COMPLETED, CANCELLED])
def test_what_is_completed_or_cancelled_is_refused(shop: Shop, registration_id: str) -> None:
    calls: tuple[tuple[LiteralString, Document], ...] = (
        ("persist_attendee_tickets", {"p_tickets": [ticket(OUTSIDER, CEREMONY)]}),
        ("persist_attendee_tickets", {"p_tickets": []}),
        ("persist_ticket_selections", {"p_selections": {OUTSIDER: selection()}}),
        ("persist_ticket_selections", {"p_selections": {}}),
    )
    for rpc, arguments in calls:
        for caller in (owner(shop.connection), service(shop.connection)):
            refusal = refused(shop, rpc, {"p_registration_id": registration_id} | arguments, caller)
            assert refusal.sqlstate == "TK003"
            assert refusal.found == [("not_editable", "p_registration_id")]
            assert refusal.issues[0]["actual"] in {"completed", "cancelled"}


def test_another_revision_is_refused(shop: Shop) -> None:
    refusal = refused(
        shop,
        "persist_attendee_tickets",
        persisting(p_tickets=[ticket(TOMAS, LUNCHEON)], p_expected_revision=1),
    )
    assert refusal.sqlstate == "TK006"
    (issue,) = refusal.issues
    assert (issue["code"], issue["path"]) == ("revision_conflict", "p_expected_revision")
    assert (issue["expected"], issue["actual"]) == (1, 2)


# Shapes

AMOUNTS: dict[str, tuple[object, str]] = {
    "words": ("a lot", "invalid_value"),
    "nothing": ("", "invalid_value"),
    "a space": (" ", "invalid_value"),
    "a space before it": (" 20", "invalid_value"),
    "a space behind it": ("20 ", "invalid_value"),
    "two of them": ("20 20", "invalid_value"),
    "a line end behind it": ("20\n", "invalid_value"),
    "NaN": ("NaN", "invalid_value"),
    "infinity": ("Infinity", "invalid_value"),
    "a minus": (-1, "invalid_value"),
    "a minus in a string": ("-20.00", "invalid_value"),
    "1e400": (10**400, "invalid_value"),
    "too much": (10**10, "invalid_value"),
    "true": (True, "invalid_type"),
    "an array": ([], "invalid_type"),
    "an object": ({}, "invalid_type"),
}


@pytest.mark.parametrize("key", ["price_paid", "original_price"])
@pytest.mark.parametrize(("amount", "code"), cases(AMOUNTS))
def test_a_price_must_be_an_amount(shop: Shop, key: str, amount: object, code: str) -> None:
    refusal = refused(
        shop,
        "persist_attendee_tickets",
        persisting(p_tickets=[*RIGHT, ticket(TOMAS, LUNCHEON) | {key: amount}, *RIGHT]),
    )
    assert refusal.sqlstate == "TK001"
    assert refusal.found == [(code, f"p_tickets[13].{key}")]
    last = refused(
        shop,
        "persist_attendee_tickets",
        persisting(p_tickets=[ticket(TOMAS, LUNCHEON) | {key: amount}]),
    )
    assert last.found == [(code, f"p_tickets[0].{key}")]
    declared = refused(
        shop,
        "persist_attendee_tickets",
        persisting(
            p_tickets=[*RIGHT[:-1], RIGHT[-1] | {key: amount}],
            p_attendee_updates=updates_of(CHOSEN),
        ),
    )
    assert (declared.sqlstate, declared.found) == ("TK001", [(code, f"p_tickets[12].{key}")])


@pytest.mark.parametrize("status", ["Paid", "Refunded", "unpaid", ""])
@pytest.mark.parametrize("is_service", [False, True])
def test_no_caller_says_that_a_ticket_is_paid(shop: Shop, status: str, *, is_service: bool) -> None:
    refusal = refused(
        shop,
        "persist_attendee_tickets",
        persisting(p_tickets=[ticket(TOMAS, LUNCHEON, payment_status=status)]),
        service(shop.connection) if is_service else None,
    )
    assert refusal.sqlstate == "TK001"
    assert refusal.found == [("invalid_value", "p_tickets[0].payment_status")]


TICKET_SHAPES: dict[str, tuple[object, Sequence[Issue]]] = {
    "null of SQL": (None, [("missing_key", "p_tickets")]),
    "null of JSON": (JSON_NULL, [("missing_key", "p_tickets")]),
    "an object": (ticket(TOMAS, CEREMONY), [("invalid_type", "p_tickets")]),
    "an empty object": ({}, [("invalid_type", "p_tickets")]),
    "a string": ("[]", [("invalid_type", "p_tickets")]),
    "a number": (0, [("invalid_type", "p_tickets")]),
    "true": (True, [("invalid_type", "p_tickets")]),
    "with null": ([None], [("invalid_type", "p_tickets[0]")]),
    "with a number": ([*RIGHT, 7], [("invalid_type", "p_tickets[13]")]),
    "with an array": ([[]], [("invalid_type", "p_tickets[0]")]),
    "with an array of arrays": ([[["attendee_id", TOMAS]]], [("invalid_type", "p_tickets[0]")]),
    "with a string": ([TOMAS], [("invalid_type", "p_tickets[0]")]),
    "with an empty object": (
        [{}],
        [
            ("missing_key", f"p_tickets[0].{key}")
            for key in ("attendee_id", "event_id", "ticket_type_id")
        ],
    ),
    "with nulls": (
        [{"attendee_id": None, "event_id": None, "ticket_type_id": None}],
        [
            ("missing_key", f"p_tickets[0].{key}")
            for key in ("attendee_id", "event_id", "ticket_type_id")
        ],
    ),
    "with an unknown key": (
        [ticket(TOMAS, CEREMONY, seat="A1")],
        [("unknown_key", "p_tickets[0].seat")],
    ),
    "with a key in capitals": (
        [ticket(TOMAS, CEREMONY, Price_Paid=20)],
        [("unknown_key", "p_tickets[0].Price_Paid")],
    ),
    "with the status Cancelled": (
        [ticket(TOMAS, CEREMONY, status="Cancelled")],
        [("invalid_value", "p_tickets[0].status")],
    ),
    "with a status in lower case": (
        [ticket(TOMAS, CEREMONY, status="active")],
        [("invalid_value", "p_tickets[0].status")],
    ),
    "with a status that is no string": (
        [ticket(TOMAS, CEREMONY, status=["Active"], payment_status=7)],
        [("invalid_type", "p_tickets[0].status"), ("invalid_type", "p_tickets[0].payment_status")],
    ),
    "with a currency that is no string": (
        [ticket(TOMAS, CEREMONY, currency=["AUD"])],
        [("invalid_type", "p_tickets[0].currency")],
    ),
    "with a flag that is none": (
        [
            ticket(TOMAS, CEREMONY, is_partner_ticket="true"),
            ticket(TOMAS, BANQUET, is_partner_ticket=1),
        ],
        [("invalid_type", f"p_tickets[{n}].is_partner_ticket") for n in (0, 1)],
    ),
    "with ids that are none": (
        [
            {
                "attendee_id": TOMAS[:-1],
                "event_id": "",
                "ticket_type_id": CEREMONY + "0",
                "package_id": "null",
                "ticket_id": "'; DROP TABLE ticketing.tickets; --",
                "registration_id": "01974a10-0000-7000-8000-00000000000g",
                "client_attendee_id": " ",
            }
        ],
        [
            ("invalid_value", f"p_tickets[0].{key}")
            for key in (
                "attendee_id",
                "event_id",
                "ticket_type_id",
                "package_id",
                "ticket_id",
                "registration_id",
                "client_attendee_id",
            )
        ],
    ),
    "with ids that are no strings": (
        [{"attendee_id": 1, "event_id": [], "ticket_type_id": {}, "package_id": False}],
        [
            ("invalid_type", f"p_tickets[0].{key}")
            for key in ("attendee_id", "event_id", "ticket_type_id", "package_id")
        ],
    ),
    "of 2,001 tickets": (
        [ticket(TOMAS, CEREMONY)] * 2001,
        [("too_large", "p_tickets")],
    ),
    "of 10 MB": (
        [ticket(TOMAS, CEREMONY, currency=BIG)],
        [("too_large", "p_tickets")],
    ),
    "of 10 MB in a key": (
        [ticket(TOMAS, CEREMONY) | {BIG: 1}],
        [("too_large", "p_tickets")],
    ),
}


@pytest.mark.parametrize(("tickets", "issues"), cases(TICKET_SHAPES))
def test_tickets_of_another_shape_are_refused(
    shop: Shop, tickets: object, issues: list[Issue]
) -> None:
    for updates in ([], updates_of(CHOSEN)):
        refusal = refused(
            shop,
            "persist_attendee_tickets",
            persisting(p_tickets=tickets, p_attendee_updates=updates),
        )
        assert refusal.sqlstate == "TK001"
        assert refusal.found == sorted(issues)


UPDATE_SHAPES: dict[str, tuple[object, Sequence[Issue]]] = {
    "an object": (dict(CHOSEN), [("invalid_type", "p_attendee_updates")]),
    "a string": ("x", [("invalid_type", "p_attendee_updates")]),
    "true": (True, [("invalid_type", "p_attendee_updates")]),
    "with null": ([None], [("invalid_type", "p_attendee_updates[0]")]),
    "with an array": ([[]], [("invalid_type", "p_attendee_updates[0]")]),
    "with a number": ([7], [("invalid_type", "p_attendee_updates[0]")]),
    "with an empty object": (
        [{}],
        [
            ("missing_key", "p_attendee_updates[0].attendee_id"),
            ("missing_key", "p_attendee_updates[0].selected_tickets"),
        ],
    ),
    "with nulls": (
        [{"attendee_id": None, "selected_tickets": None}],
        [
            ("missing_key", "p_attendee_updates[0].attendee_id"),
            ("missing_key", "p_attendee_updates[0].selected_tickets"),
        ],
    ),
    "with an unknown key": (
        [{"attendee_id": TOMAS, "selected_tickets": {}, "firstName": "Tomas"}],
        [("unknown_key", "p_attendee_updates[0].firstName")],
    ),
    "with an id that is none": (
        [{"attendee_id": "Tomas", "selected_tickets": {}}],
        [("invalid_value", "p_attendee_updates[0].attendee_id")],
    ),
    "with an id that is no string": (
        [{"attendee_id": {}, "selected_tickets": {}}],
        [("invalid_type", "p_attendee_updates[0].attendee_id")],
    ),
    "of 501 attendees": (
        updates_of({TOMAS: selection()}) * 501,
        [("too_large", "p_attendee_updates")],
    ),
    "of 10 MB": (
        [{"attendee_id": BIG, "selected_tickets": {}}],
        [("too_large", "p_attendee_updates")],
    ),
}


@pytest.mark.parametrize(("updates", "issues"), cases(UPDATE_SHAPES))
def test_attendee_updates_of_another_shape_are_refused(
    shop: Shop, updates: object, issues: list[Issue]
) -> None:
    refusal = refused(shop, "persist_attendee_tickets", persisting(p_attendee_updates=updates))
    assert refusal.sqlstate == "TK001"
    assert refusal.found == sorted(issues)


KEYED_SHAPES: dict[str, tuple[object, Sequence[Issue]]] = {
    "null of SQL": (None, [("missing_key", "p_selections")]),
    "null of JSON": (JSON_NULL, [("missing_key", "p_selections")]),
    "an array": (updates_of(CHOSEN), [("invalid_type", "p_selections")]),
    "a string": ("{}", [("invalid_type", "p_selections")]),
    "a number": (1, [("invalid_type", "p_selections")]),
    "with a key that is no id": ({"Tomas": {}}, [("invalid_value", "p_selections.Tomas")]),
    "with an empty key": ({"": {}}, [("invalid_value", "p_selections.")]),
    "with null": ({TOMAS: None}, [("invalid_type", f"p_selections.{TOMAS}")]),
    "of 501 attendees": (
        {f"01974a10-0000-7000-8000-{n:012}": {} for n in range(501)},
        [("too_large", "p_selections")],
    ),
    "of 10 MB": ({BIG: {}}, [("too_large", "p_selections")]),
}


@pytest.mark.parametrize(("selections", "issues"), cases(KEYED_SHAPES))
def test_ticket_selections_of_another_shape_are_refused(
    shop: Shop, selections: object, issues: list[Issue]
) -> None:
    refusal = refused(
        shop,
        "persist_ticket_selections",
        {"p_registration_id": REGISTRATION, "p_selections": selections},
    )
    assert refusal.sqlstate == "TK001"
    assert refusal.found == sorted(issues)


def _package(**more: object) -> Document:
    return {"packages": [{"packageId": LADIES, "quantity": 1} | more]}


def _inside(**more: object) -> Document:
    return _package(tickets=[{"ticketId": BRUNCH, "quantity": 1} | more])


def _individual(**more: object) -> Document:
    return {"individualTickets": [{"ticketId": CEREMONY, "quantity": 1} | more]}


QUANTITIES: dict[str, tuple[object, str]] = {
    "below zero": (-1, "invalid_value"),
    "of a half": (1.5, "invalid_type"),
    "above 1,000": (1001, "invalid_value"),
    "far above 1,000": (10**9, "invalid_value"),
    "beyond all integers": (10**400, "invalid_value"),
    "as a string": ("2", "invalid_type"),
    "true": (True, "invalid_type"),
    "an array": ([1], "invalid_type"),
    "null": (None, "missing_key"),
}

# The path of an issue goes on from that of the selection, which is another in each RPC.
SELECTION_SHAPES: dict[str, tuple[object, Sequence[Issue]]] = {
    "an array": ([], [("invalid_type", "")]),
    "a string": ("", [("invalid_type", "")]),
    "a number": (0, [("invalid_type", "")]),
    "false": (False, [("invalid_type", "")]),
    "with an unknown key": ({"tickets": []}, [("unknown_key", ".tickets")]),
    "with objects for arrays": (
        {"packages": {}, "individualTickets": {}},
        [("invalid_type", ".packages"), ("invalid_type", ".individualTickets")],
    ),
    "with strings for arrays": (
        {"packages": "", "individualTickets": "[]"},
        [("invalid_type", ".packages"), ("invalid_type", ".individualTickets")],
    ),
    "with null elements": (
        {"packages": [None], "individualTickets": [None]},
        [("invalid_type", ".packages[0]"), ("invalid_type", ".individualTickets[0]")],
    ),
    "with arrays for elements": (
        {"packages": [[]], "individualTickets": [[]]},
        [("invalid_type", ".packages[0]"), ("invalid_type", ".individualTickets[0]")],
    ),
    "with ids for elements": (
        {"packages": [LADIES], "individualTickets": [CEREMONY]},
        [("invalid_type", ".packages[0]"), ("invalid_type", ".individualTickets[0]")],
    ),
    "with empty elements": (
        {"packages": [{}], "individualTickets": [{}]},
        [
            ("missing_key", ".packages[0].packageId"),
            ("missing_key", ".packages[0].quantity"),
            ("missing_key", ".individualTickets[0].ticketId"),
            ("missing_key", ".individualTickets[0].quantity"),
        ],
    ),
    "with unknown keys in elements": (
        _package(price=185) | _individual(price=20),
        [("unknown_key", ".packages[0].price"), ("unknown_key", ".individualTickets[0].price")],
    ),
    "with ids that are none": (
        _package(packageId="ladies") | _individual(ticketId=CEREMONY[:-1]),
        [
            ("invalid_value", ".packages[0].packageId"),
            ("invalid_value", ".individualTickets[0].ticketId"),
        ],
    ),
    "with ids that are no strings": (
        _package(packageId=7) | _individual(ticketId={"event_ticket_id": CEREMONY}),
        [
            ("invalid_type", ".packages[0].packageId"),
            ("invalid_type", ".individualTickets[0].ticketId"),
        ],
    ),
    "with an object for the tickets of a package": (
        _package(tickets={}),
        [("invalid_type", ".packages[0].tickets")],
    ),
    "with null in a package": (
        _package(tickets=[None]),
        [("invalid_type", ".packages[0].tickets[0]")],
    ),
    "with an empty object in a package": (
        _package(tickets=[{}]),
        [
            ("missing_key", ".packages[0].tickets[0].ticketId"),
            ("missing_key", ".packages[0].tickets[0].quantity"),
        ],
    ),
    "with an unknown key in a package": (
        _inside(price=50),
        [("unknown_key", ".packages[0].tickets[0].price")],
    ),
    "with an id that is none in a package": (
        _inside(ticketId="brunch"),
        [("invalid_value", ".packages[0].tickets[0].ticketId")],
    ),
    "with an array for an id in a package": (
        _inside(ticketId=[BRUNCH]),
        [("invalid_type", ".packages[0].tickets[0].ticketId")],
    ),
    "with an empty object for an id in a package": (
        _inside(ticketId={}),
        [("missing_key", ".packages[0].tickets[0].ticketId.event_ticket_id")],
    ),
    "with an object for an id that holds none": (
        _inside(ticketId={"event_ticket_id": "brunch"}),
        [("invalid_value", ".packages[0].tickets[0].ticketId.event_ticket_id")],
    ),
    "with an object for an id that holds a number": (
        _inside(ticketId={"event_ticket_id": 7}),
        [("invalid_type", ".packages[0].tickets[0].ticketId.event_ticket_id")],
    ),
    "with an object for an id that has an unknown key": (
        _inside(ticketId={"event_ticket_id": BRUNCH, "price": 50}),
        [("unknown_key", ".packages[0].tickets[0].ticketId.price")],
    ),
    **{
        f"with a quantity {name}": (
            _package(quantity=quantity)
            | {"individualTickets": _individual(quantity=quantity)["individualTickets"]},
            [(code, ".packages[0].quantity"), (code, ".individualTickets[0].quantity")],
        )
        for name, (quantity, code) in QUANTITIES.items()
    },
    **{
        f"with a quantity {name} in a package": (
            _inside(quantity=quantity),
            [(code, ".packages[0].tickets[0].quantity")],
        )
        for name, (quantity, code) in QUANTITIES.items()
    },
    **{
        f"with a quantity {name} in an object for an id": (
            _inside(ticketId={"event_ticket_id": BRUNCH, "quantity": quantity}),
            [(code, ".packages[0].tickets[0].ticketId.quantity")],
        )
        for name, (quantity, code) in QUANTITIES.items()
        if quantity is not None
    },
}


@pytest.mark.parametrize(("chosen", "issues"), cases(SELECTION_SHAPES))
def test_a_selection_of_another_shape_is_refused(
    shop: Shop, chosen: object, issues: list[Issue]
) -> None:
    for rpc, arguments, path in (
        (
            "persist_attendee_tickets",
            persisting(
                p_attendee_updates=[
                    {"attendee_id": INES, "selected_tickets": {}},
                    {"attendee_id": TOMAS, "selected_tickets": chosen},
                ]
            ),
            "p_attendee_updates[1].selected_tickets",
        ),
        (
            "persist_ticket_selections",
            {"p_registration_id": REGISTRATION, "p_selections": {INES: {}, TOMAS: chosen}},
            f"p_selections.{TOMAS}",
        ),
    ):
        refusal = refused(shop, rpc, arguments)
        assert refusal.sqlstate == "TK001"
        assert refusal.found == sorted((code, path + rest) for code, rest in issues)


TOO_MANY: dict[str, tuple[Document]] = {
    "tickets": (selection(tickets={CEREMONY: 1000, BANQUET: 1000, RECEPTION: 1}),),
    "far too many packages": (selection({LADIES: 1000, ALL_EVENTS: 1000}),),
    "lines of tickets": ({"individualTickets": _individual()["individualTickets"] * 2001},),
    "lines of packages": ({"packages": _package()["packages"] * 2001},),
}


@pytest.mark.parametrize("chosen", cases(TOO_MANY))
def test_a_selection_of_more_than_2000_tickets_is_refused(shop: Shop, chosen: Document) -> None:
    calls: tuple[tuple[LiteralString, dict[str, object]], ...] = (
        ("persist_ticket_selections", {"p_selections": {INES: {}, TOMAS: chosen}}),
        (
            "persist_attendee_tickets",
            {"p_tickets": [], "p_attendee_updates": updates_of({INES: {}, TOMAS: chosen})},
        ),
    )
    for rpc, arguments in calls:
        refusal = refused(shop, rpc, {"p_registration_id": REGISTRATION} | arguments)
        assert refusal.sqlstate == "TK001"
        assert refusal.found == [("too_large", list(arguments)[-1])]


def test_a_catalogue_has_its_limit(shop: Shop) -> None:
    refusal = refused(
        shop, "import_catalogue", {"p_catalogue": {"events": BIG}}, service(shop.connection)
    )
    assert refusal.sqlstate == "TK001"
    assert refusal.found == [("too_large", "p_catalogue")]


# Many at once


@pytest.mark.parametrize(
    ("row", "sqlstate"),
    [
        (ticket(TOMAS, CEREMONY, seat="A1"), "TK001"),
        (ticket(TOMAS, CEREMONY, event_id=ABSENT), "TK004"),
    ],
)
def test_a_hundred_issues_are_listed_and_all_are_counted(
    shop: Shop, row: Document, sqlstate: str
) -> None:
    for count, listed in ((100, 100), (101, 100), (500, 100)):
        refusal = refused(shop, "persist_attendee_tickets", persisting(p_tickets=[row] * count))
        assert refusal.sqlstate == sqlstate
        assert (len(refusal.issues), refusal.total) == (listed, count)
    # the first ones, each of them once
    assert {path.split(".")[0] for _, path in refusal.found} == {
        f"p_tickets[{n}]" for n in range(100)
    }


BAD_SHAPE: Mapping[str, object] = {"p_tickets": [{}]}
BAD_RULE: Mapping[str, object] = {"p_tickets": [ticket(TOMAS, MEZZANINE)]}
BAD_CAPACITY: Mapping[str, object] = {"p_tickets": [ticket(TOMAS, BRUNCH)] * 3}
BAD_REVISION: Mapping[str, object] = {"p_expected_revision": 1}


@pytest.mark.parametrize(
    ("registration_id", "arguments", "sqlstate", "codes"),
    [
        (STRANGERS, BAD_SHAPE, "TK002", {"registration_not_found"}),
        (ABSENT, BAD_SHAPE, "TK002", {"registration_not_found"}),
        (STRANGERS, {"p_tickets": [], **BAD_REVISION}, "TK002", {"registration_not_found"}),
        (COMPLETED, BAD_SHAPE, "TK001", {"missing_key"}),
        (REGISTRATION, {**BAD_SHAPE, **BAD_REVISION}, "TK001", {"missing_key"}),
        (COMPLETED, {**BAD_RULE, **BAD_REVISION}, "TK003", {"not_editable"}),
        (REGISTRATION, {**BAD_RULE, **BAD_REVISION}, "TK006", {"revision_conflict"}),
        (REGISTRATION, {**BAD_CAPACITY, **BAD_REVISION}, "TK006", {"revision_conflict"}),
        (
            REGISTRATION,
            {"p_tickets": [ticket(TOMAS, MEZZANINE), *[ticket(TOMAS, BRUNCH)] * 3]},
            "TK004",
            {"inactive", "sold_out"},
        ),
        (REGISTRATION, BAD_CAPACITY, "TK005", {"sold_out"}),
    ],
)
def test_of_several_classes_the_first_is_raised(
    shop: Shop,
    registration_id: str,
    arguments: Mapping[str, object],
    sqlstate: str,
    codes: set[str],
) -> None:
    refusal = refused(
        shop, "persist_attendee_tickets", {"p_registration_id": registration_id, **arguments}
    )
    assert refusal.sqlstate == sqlstate
    assert {code for code, _ in refusal.found} == codes


@pytest.mark.parametrize(
    ("user", "data", "arguments", "sqlstate"),
    [
        (None, {"functionId": ABSENT}, BAD_SHAPE, "42501"),
        (OWNER, {"functionId": ABSENT, "registrationId": STRANGERS}, BAD_SHAPE, "TK008"),
        (OWNER, {"registrationId": STRANGERS, "subtotal": "a lot"}, BAD_SHAPE, "TK002"),
        (OWNER, {"registrationId": STRANGERS}, BAD_RULE, "TK002"),
        (OWNER, {"registrationId": COMPLETED, "subtotal": "a lot"}, {}, "TK001"),
        (OWNER, {"registrationId": COMPLETED}, BAD_SHAPE, "TK001"),
        (OWNER, {"registrationId": COMPLETED}, {**BAD_RULE, **BAD_REVISION}, "TK003"),
        (
            OWNER,
            {"registrationId": REGISTRATION, "functionId": other_id(FUNCTION)},
            BAD_RULE,
            "TK004",
        ),
        (OWNER, {"registrationId": REGISTRATION}, {**BAD_RULE, **BAD_REVISION}, "TK006"),
        (OWNER, {"registrationId": REGISTRATION, "subtotal": 1}, BAD_CAPACITY, "TK004"),
        (OWNER, {"registrationId": REGISTRATION}, BAD_CAPACITY, "TK005"),
    ],
)
def test_of_several_classes_the_first_is_raised_by_a_creation(
    shop: Shop,
    user: str | None,
    data: Document,
    arguments: Mapping[str, object],
    sqlstate: str,
) -> None:
    refusal = refused(
        shop,
        "create_individual_registration_with_tickets",
        {"p_registration_data": shop.wizard | data, **arguments},
        Caller(shop.connection, "authenticated", user),
    )
    assert refusal.sqlstate == sqlstate
