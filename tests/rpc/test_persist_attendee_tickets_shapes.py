"""Arguments of another shape, which persist_attendee_tickets refuses."""

from collections.abc import Sequence

import pytest
from tests.support.caller import JSON_NULL, service
from tests.support.example import (
    BANQUET,
    CEREMONY,
    CHOSEN,
    LUNCHEON,
    TICKETS,
    TOMAS,
    selection,
    ticket,
    updates_of,
)
from tests.support.refusals import BIG, Issue, Shop, persisting

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
@pytest.mark.parametrize(("amount", "code"), AMOUNTS.values(), ids=AMOUNTS)
def test_persist_attendee_tickets_refuses_a_price_that_is_no_amount(
    shop: Shop, key: str, amount: object, code: str
) -> None:
    refusal = shop.refused(
        "persist_attendee_tickets",
        persisting(p_tickets=[*TICKETS, ticket(TOMAS, LUNCHEON) | {key: amount}, *TICKETS]),
    )
    assert refusal.sqlstate == "TK001"
    assert refusal.found == [(code, f"p_tickets[13].{key}")]
    last = shop.refused(
        "persist_attendee_tickets",
        persisting(p_tickets=[ticket(TOMAS, LUNCHEON) | {key: amount}]),
    )
    assert last.found == [(code, f"p_tickets[0].{key}")]
    declared = shop.refused(
        "persist_attendee_tickets",
        persisting(
            p_tickets=[*TICKETS[:-1], TICKETS[-1] | {key: amount}],
            p_attendee_updates=updates_of(CHOSEN),
        ),
    )
    assert (declared.sqlstate, declared.found) == ("TK001", [(code, f"p_tickets[12].{key}")])


@pytest.mark.parametrize("status", ["Paid", "Refunded", "unpaid", ""])
@pytest.mark.parametrize("is_service", [False, True])
def test_persist_attendee_tickets_lets_no_caller_say_that_a_ticket_is_paid(
    shop: Shop, status: str, *, is_service: bool
) -> None:
    refusal = shop.refused(
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
    "with a number": ([*TICKETS, 7], [("invalid_type", "p_tickets[13]")]),
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


@pytest.mark.parametrize(("tickets", "issues"), TICKET_SHAPES.values(), ids=TICKET_SHAPES)
def test_persist_attendee_tickets_refuses_tickets_of_another_shape(
    shop: Shop, tickets: object, issues: list[Issue]
) -> None:
    for updates in ([], updates_of(CHOSEN)):
        refusal = shop.refused(
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


@pytest.mark.parametrize(("updates", "issues"), UPDATE_SHAPES.values(), ids=UPDATE_SHAPES)
def test_persist_attendee_tickets_refuses_updates_of_another_shape(
    shop: Shop, updates: object, issues: list[Issue]
) -> None:
    refusal = shop.refused("persist_attendee_tickets", persisting(p_attendee_updates=updates))
    assert refusal.sqlstate == "TK001"
    assert refusal.found == sorted(issues)
