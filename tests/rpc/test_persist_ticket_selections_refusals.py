"""What persist_ticket_selections refuses, and persist_attendee_tickets alike."""

from collections.abc import Sequence
from typing import LiteralString

import pytest
from tests.support.caller import JSON_NULL, Connection, owner, service
from tests.support.example import (
    ABSENT,
    ALL_EVENTS,
    BANQUET,
    BRUNCH,
    CEREMONY,
    CHOSEN,
    CONTENTS,
    HAROLD,
    INES,
    LADIES,
    LUNCHEON,
    MASONS,
    MEZZANINE,
    RECEPTION,
    REGISTRATION,
    TOMAS,
    Document,
    other_id,
    selection,
    ticket,
    tickets_of,
    updates_of,
)
from tests.support.refusals import BIG, CANCELLED, COMPLETED, OUTSIDER, Issue, Shop, persisting


def _package(**more: object) -> Document:
    return {"packages": [{"packageId": LADIES, "quantity": 1} | more]}


def _individual(**more: object) -> Document:
    return {"individualTickets": [{"ticketId": CEREMONY, "quantity": 1} | more]}


# Rules

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


@pytest.mark.parametrize(("chosen", "issues"), SELECTIONS.values(), ids=SELECTIONS)
def test_persist_ticket_selections_refuses_selections_that_break_a_rule(
    shop: Shop, chosen: Document, issues: list[Issue]
) -> None:
    refusal = shop.refused(
        "persist_ticket_selections",
        # Ines may have what is for guests only, and nothing that is for masons only
        {
            "p_registration_id": REGISTRATION,
            "p_selections": dict(CHOSEN) | {INES: chosen},
        },
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == sorted((code, f"p_selections.{INES}{path}") for code, path in issues)


@pytest.mark.parametrize("other", ["the stored id", "the same id in capitals"])
def test_attendee_named_twice_is_raised_for_two_keys_of_an_attendee(shop: Shop, other: str) -> None:
    second = {"the stored id": shop.ids[TOMAS], "the same id in capitals": TOMAS.upper()}[other]
    refusal = shop.refused(
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


# Capacity


def test_sold_out_says_what_is_requested_and_left(shop: Shop) -> None:
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
        refusal = shop.refused(rpc, {"p_registration_id": REGISTRATION} | arguments)
        assert refusal.sqlstate == "TK005"
        (issue,) = refusal.issues
        assert issue == issue | {
            "code": "sold_out",
            "path": f"p_selections.{TOMAS}.individualTickets[0]"
            if "p_selections" in arguments
            else "p_tickets[0]",
            "ticket_type_id": BRUNCH,
            "item_name": "Ladies Brunch",
            "requested": 3,
            "available": 2,
        }
        assert sorted(issue["attendee_ids"]) == sorted([shop.ids[TOMAS], shop.ids[HAROLD]])


def test_sold_out_is_an_issue_for_each_ticket_type(shop: Shop) -> None:
    refusal = shop.refused(
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
    refusal = shop.refused(
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


# What cannot be changed, and what another request has changed


@pytest.mark.parametrize("registration_id", [COMPLETED, CANCELLED], ids=["completed", "cancelled"])
def test_not_editable_is_raised_by_persist_once_completed_or_cancelled(
    shop: Shop, registration_id: str
) -> None:
    calls: tuple[tuple[LiteralString, Document], ...] = (
        ("persist_attendee_tickets", {"p_tickets": [ticket(OUTSIDER, CEREMONY)]}),
        ("persist_attendee_tickets", {"p_tickets": []}),
        ("persist_ticket_selections", {"p_selections": {OUTSIDER: selection()}}),
        ("persist_ticket_selections", {"p_selections": {}}),
    )
    for rpc, arguments in calls:
        for caller in (owner(shop.connection), service(shop.connection)):
            refusal = shop.refused(rpc, {"p_registration_id": registration_id} | arguments, caller)
            assert refusal.sqlstate == "TK003"
            assert refusal.found == [("not_editable", "p_registration_id")]
            assert refusal.issues[0]["actual"] in {"completed", "cancelled"}


@pytest.mark.parametrize("rpc", ["persist_attendee_tickets", "persist_ticket_selections"])
@pytest.mark.parametrize("seen", [0, 1, 3, -1, 2147483647])
def test_revision_conflict_is_raised_by_persist_at_another_revision(
    event_db: Connection, persisted: Document, rpc: str, seen: int
) -> None:
    assert persisted["revision"] == 2
    chosen = {TOMAS: selection(tickets={LUNCHEON: 1})}
    if rpc == "persist_attendee_tickets":
        refusal = owner(event_db).refusal(
            "persist_attendee_tickets",
            p_registration_id=REGISTRATION,
            p_tickets=tickets_of(chosen),
            p_expected_revision=seen,
        )
    else:
        refusal = owner(event_db).refusal(
            "persist_ticket_selections",
            p_registration_id=REGISTRATION,
            p_selections=chosen,
            p_expected_revision=seen,
        )
    assert refusal.sqlstate == "TK006"
    assert refusal.found == [("revision_conflict", "p_expected_revision")]
    (issue,) = refusal.issues
    assert (issue["expected"], issue["actual"]) == (seen, 2)


# Shapes

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


@pytest.mark.parametrize(("selections", "issues"), KEYED_SHAPES.values(), ids=KEYED_SHAPES)
def test_persist_ticket_selections_refuses_selections_of_another_shape(
    shop: Shop, selections: object, issues: list[Issue]
) -> None:
    refusal = shop.refused(
        "persist_ticket_selections",
        {"p_registration_id": REGISTRATION, "p_selections": selections},
    )
    assert refusal.sqlstate == "TK001"
    assert refusal.found == sorted(issues)


def _inside(**more: object) -> Document:
    return _package(tickets=[{"ticketId": BRUNCH, "quantity": 1} | more])


QUANTITIES: dict[str, tuple[object, str]] = {
    "below zero": (-1, "invalid_value"),
    "of a half": (1.5, "invalid_type"),
    "above 1,000": (1001, "invalid_value"),
    "far above 1,000": (10**9, "invalid_value"),
    "beyond all integers": (10**29, "invalid_value"),
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


@pytest.mark.parametrize(("chosen", "issues"), SELECTION_SHAPES.values(), ids=SELECTION_SHAPES)
def test_persist_refuses_a_selection_of_another_shape(
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
        refusal = shop.refused(rpc, arguments)
        assert refusal.sqlstate == "TK001"
        assert refusal.found == sorted((code, path + rest) for code, rest in issues)


TOO_MANY: dict[str, Document] = {
    "tickets": selection(tickets={CEREMONY: 1000, BANQUET: 1000, RECEPTION: 1}),
    "far too many packages": selection({LADIES: 1000, ALL_EVENTS: 1000}),
    "lines of tickets": {"individualTickets": _individual()["individualTickets"] * 2001},
    "lines of packages": {"packages": _package()["packages"] * 2001},
}


@pytest.mark.parametrize("chosen", TOO_MANY.values(), ids=TOO_MANY)
def test_persist_refuses_a_selection_of_more_than_2000_tickets(
    shop: Shop, chosen: Document
) -> None:
    calls: tuple[tuple[LiteralString, dict[str, object]], ...] = (
        ("persist_ticket_selections", {"p_selections": {INES: {}, TOMAS: chosen}}),
        (
            "persist_attendee_tickets",
            {"p_tickets": [], "p_attendee_updates": updates_of({INES: {}, TOMAS: chosen})},
        ),
    )
    for rpc, arguments in calls:
        refusal = shop.refused(rpc, {"p_registration_id": REGISTRATION} | arguments)
        assert refusal.sqlstate == "TK001"
        assert refusal.found == [("too_large", list(arguments)[-1])]
