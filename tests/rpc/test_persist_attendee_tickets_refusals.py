"""What persist_attendee_tickets refuses: with which SQLSTATE and issues, and nothing written."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest
from tests.support.example import (
    ABSENT,
    BANQUET,
    BRUNCH,
    CEREMONY,
    CHOSEN,
    COMMUNICATION,
    EVENTS,
    HAROLD,
    INES,
    LADIES,
    LUNCHEON,
    MEZZANINE,
    REGISTRATION,
    TICKETS,
    TOMAS,
    Document,
    other_id,
    selection,
    ticket,
    tickets_of,
    updates_of,
)
from tests.support.refusals import (
    BAD_CAPACITY,
    BAD_REVISION,
    BAD_RULE,
    BAD_SHAPE,
    COMPLETED,
    OUTSIDER,
    SECOND,
    STRANGERS,
    Issue,
    Shop,
    persisting,
)
from tests.support.stored import attendee_ids, held_tickets

BROKEN_TICKETS: dict[str, tuple[Sequence[Document], Sequence[Issue]]] = {
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


# Tickets that break a rule


@pytest.mark.parametrize(("tickets", "issues"), BROKEN_TICKETS.values(), ids=BROKEN_TICKETS)
def test_persist_attendee_tickets_refuses_tickets_that_break_a_rule(
    shop: Shop, tickets: list[Document], issues: list[Issue]
) -> None:
    refusal = shop.refused("persist_attendee_tickets", persisting(p_tickets=tickets))
    assert refusal.sqlstate == "TK004"
    assert refusal.found == sorted(issues)
    assert refusal.total == len(issues)


@pytest.mark.parametrize(("tickets", "issues"), BROKEN_TICKETS.values(), ids=BROKEN_TICKETS)
def test_persist_attendee_tickets_finds_one_bad_ticket_among_many(
    shop: Shop, tickets: list[Document], issues: list[Issue]
) -> None:
    named = {row["attendee_id"] for row in tickets}
    good = [row for row in TICKETS if row["attendee_id"] not in named]
    refusal = shop.refused("persist_attendee_tickets", persisting(p_tickets=good + tickets))
    assert refusal.sqlstate == "TK004"
    shifted = [
        (code, path.replace(f"[{n}]", f"[{n + len(good)}]"))
        for code, path in issues
        for n in [int(path.split("[")[1].split("]")[0])]
    ]
    assert refusal.found == sorted(shifted)


def test_persist_attendee_tickets_finds_no_attendees_and_tickets_of_others(shop: Shop) -> None:
    strangers = attendee_ids(shop.connection, STRANGERS)
    another = held_tickets(shop.connection, REGISTRATION)[INES][0]
    refusal = shop.refused(
        "persist_attendee_tickets",
        persisting(
            p_tickets=[
                # the wizard's ids are the same in both registrations, the stored ones are not
                ticket(strangers[TOMAS], CEREMONY),
                ticket(TOMAS, CEREMONY, ticket_id=another),
            ]
        ),
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("attendee_not_found", "p_tickets[0].attendee_id"),
        ("ticket_not_found", "p_tickets[1].ticket_id"),
    ]


def test_price_mismatch_says_what_a_screen_needs(shop: Shop) -> None:
    (issue,) = shop.refused(
        "persist_attendee_tickets",
        persisting(p_tickets=[ticket(TOMAS, CEREMONY, price_paid="19.99")]),
    ).issues
    assert issue == {
        "code": "price_mismatch",
        "path": "p_tickets[0].price_paid",
        "message": "Grand Proclamation Ceremony costs 20.00, not 19.99.",
        "attendee_id": shop.ids[TOMAS],
        "client_attendee_id": TOMAS,
        "attendee_name": "Tomas Reyes",
        "ticket_type_id": CEREMONY,
        "item_name": "Grand Proclamation Ceremony",
        "expected": Decimal("20.00"),
        "actual": Decimal("19.99"),
    }


# Selections that the tickets do not match

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


@pytest.mark.parametrize(("tickets", "selections", "issues"), UPDATES.values(), ids=UPDATES)
def test_persist_attendee_tickets_refuses_selections_unlike_their_tickets(
    shop: Shop, tickets: list[Document], selections: Mapping[str, Document], issues: list[Issue]
) -> None:
    refusal = shop.refused(
        "persist_attendee_tickets",
        persisting(p_tickets=tickets, p_attendee_updates=updates_of(selections)),
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == sorted(issues)


@pytest.mark.parametrize("other", ["the same id", "the stored id", "the same id in capitals"])
def test_attendee_named_twice_is_raised_for_two_updates_of_an_attendee(
    shop: Shop, other: str
) -> None:
    second = {
        "the same id": TOMAS,
        "the stored id": shop.ids[TOMAS],
        "the same id in capitals": TOMAS.upper(),
    }[other]
    refusal = shop.refused(
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


# Many at once


@pytest.mark.parametrize(
    ("row", "sqlstate"),
    [
        (ticket(TOMAS, CEREMONY, seat="A1"), "TK001"),
        (ticket(TOMAS, CEREMONY, event_id=ABSENT), "TK004"),
    ],
    ids=["of shape", "of rules"],
)
def test_persist_attendee_tickets_lists_a_hundred_issues_and_counts_all(
    shop: Shop, row: Document, sqlstate: str
) -> None:
    for count, listed in ((100, 100), (101, 100), (500, 100)):
        refusal = shop.refused("persist_attendee_tickets", persisting(p_tickets=[row] * count))
        assert refusal.sqlstate == sqlstate
        assert (len(refusal.issues), refusal.total) == (listed, count)
    # the first ones, each of them once
    assert {path.split(".")[0] for _, path in refusal.found} == {
        f"p_tickets[{n}]" for n in range(100)
    }


CLASSES: Mapping[str, tuple[str, Mapping[str, object], str, set[str]]] = {
    "the registration of a stranger before a bad shape": (
        STRANGERS,
        BAD_SHAPE,
        "TK002",
        {"registration_not_found"},
    ),
    "no registration before a bad shape": (ABSENT, BAD_SHAPE, "TK002", {"registration_not_found"}),
    "the registration of a stranger before a revision": (
        STRANGERS,
        {"p_tickets": [], **BAD_REVISION},
        "TK002",
        {"registration_not_found"},
    ),
    "a bad shape before a completed registration": (COMPLETED, BAD_SHAPE, "TK001", {"missing_key"}),
    "a bad shape before a revision": (
        REGISTRATION,
        {**BAD_SHAPE, **BAD_REVISION},
        "TK001",
        {"missing_key"},
    ),
    "a completed registration before a rule": (
        COMPLETED,
        {**BAD_RULE, **BAD_REVISION},
        "TK003",
        {"not_editable"},
    ),
    "a revision before a rule": (
        REGISTRATION,
        {**BAD_RULE, **BAD_REVISION},
        "TK006",
        {"revision_conflict"},
    ),
    "a revision before capacity": (
        REGISTRATION,
        {**BAD_CAPACITY, **BAD_REVISION},
        "TK006",
        {"revision_conflict"},
    ),
    "a rule beside capacity": (
        REGISTRATION,
        {"p_tickets": [ticket(TOMAS, MEZZANINE), *[ticket(TOMAS, BRUNCH)] * 3]},
        "TK004",
        {"inactive", "sold_out"},
    ),
    "capacity": (REGISTRATION, BAD_CAPACITY, "TK005", {"sold_out"}),
}


@pytest.mark.parametrize(
    ("registration_id", "arguments", "sqlstate", "codes"), CLASSES.values(), ids=CLASSES
)
def test_persist_attendee_tickets_raises_the_first_of_several_classes(
    shop: Shop,
    registration_id: str,
    arguments: Mapping[str, object],
    sqlstate: str,
    codes: set[str],
) -> None:
    refusal = shop.refused(
        "persist_attendee_tickets", {"p_registration_id": registration_id, **arguments}
    )
    assert refusal.sqlstate == sqlstate
    assert {code for code, _ in refusal.found} == codes
