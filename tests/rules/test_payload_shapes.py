"""TK001: selections and tickets that do not have the documented shape."""

from copy import deepcopy

import pytest
from tests.support.caller import Connection, service
from tests.support.cases import Case, Scene, check, issue
from tests.support.workshop import (
    FUNCTION,
    REGISTRATION,
    WORKSHOP,
    Names,
    amend,
    one,
    pack,
    selected,
)

CASES = [
    Case(
        "a negative quantity is refused",
        {"tomas": selected(one("fifty", -1))},
        issues=[
            issue(
                "invalid_value",
                ".tomas.individualTickets[0].quantity",
                expected="at least 0",
                actual=-1,
            )
        ],
        sqlstate="TK001",
    ),
    Case(
        "half a ticket is refused",
        {"tomas": selected(one("fifty", 0.5))},
        issues=[
            issue(
                "invalid_type",
                ".tomas.individualTickets[0].quantity",
                expected="a whole number",
                actual="number",
            )
        ],
        sqlstate="TK001",
    ),
    Case(
        "so is half a package, and half of what is inside one",
        {
            "tomas": {
                "packages": [
                    {
                        "packageId": "free",
                        "quantity": 1.5,
                        "tickets": [{"ticketId": "fifty", "quantity": 0.5}],
                    }
                ]
            }
        },
        issues=[
            issue(
                "invalid_type",
                f".tomas.packages[0].{where}quantity",
                expected="a whole number",
                actual="number",
            )
            for where in ("", "tickets[0].")
        ],
        sqlstate="TK001",
    ),
    Case(
        "more than 1000 of anything is refused, at every path",
        {
            "tomas": selected(one("fifty", 1001), pack("uneven", 2000), one("fifty", 10**29)),
            "ines": selected(one("fifty", 1000)),
        },
        issues=[
            issue("invalid_value", path, expected="at most 1000", actual=actual)
            for path, actual in (
                (".tomas.individualTickets[0].quantity", 1001),
                (".tomas.individualTickets[1].quantity", 10**29),
                (".tomas.packages[0].quantity", 2000),
            )
        ],
        sqlstate="TK001",
    ),
    Case(
        "a request for more than 2,000 tickets is refused, however it is put",
        {"tomas": selected(pack("two of each", 500)), "ines": selected(one("gift"))},
        issues=[issue("too_large", "", expected=2000)],
        sqlstate="TK001",
    ),
    Case(
        "a quantity is a number, and is there",
        {
            "tomas": selected(one("fifty", "2"), one("seventy", True)),
            "ines": selected(one("fifty", None), {"packageId": "free"}),
        },
        issues=[
            issue(
                "invalid_type",
                ".tomas.individualTickets[0].quantity",
                expected="a whole number",
                actual="string",
            ),
            issue(
                "invalid_type",
                ".tomas.individualTickets[1].quantity",
                expected="a whole number",
                actual="boolean",
            ),
            issue("missing_key", ".ines.individualTickets[0].quantity"),
            issue("missing_key", ".ines.packages[0].quantity"),
        ],
        sqlstate="TK001",
    ),
    Case(
        "what a selection has no use for is refused by name",
        {"tomas": selected(one("fifty") | {"price": 1}) | {"tables": []}},
        issues=[
            issue("unknown_key", ".tomas.individualTickets[0].price"),
            issue("unknown_key", ".tomas.tables"),
        ],
        sqlstate="TK001",
    ),
    Case(
        "an id that is none is refused",
        {
            "harry": selected(one("fifty")),
            "tomas": selected(pack("the package")),
            "ines": selected({"ticketId": {"event_ticket_id": "fifty"}, "quantity": 1}),
        },
        issues=[
            issue("invalid_value", ".harry", expected="a UUID", actual="harry"),
            issue(
                "invalid_value",
                ".tomas.packages[0].packageId",
                expected="a UUID",
                actual="the package",
            ),
            issue(
                "invalid_type",
                ".ines.individualTickets[0].ticketId",
                expected="a UUID",
                actual="object",
            ),
        ],
        sqlstate="TK001",
    ),
    Case(
        "lists are lists and objects are objects",
        {
            "tomas": [one("fifty")],
            "ines": {"packages": {}, "individualTickets": "fifty"},
            "walter": {"packages": [None]},
        },
        issues=[
            issue("invalid_type", ".tomas", expected="an object", actual="array"),
            issue("invalid_type", ".ines.packages", expected="an array", actual="object"),
            issue("invalid_type", ".ines.individualTickets", expected="an array", actual="string"),
            issue("invalid_type", ".walter.packages[0]", expected="an object", actual="null"),
        ],
        sqlstate="TK001",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_selection_of_another_shape_is_refused_at_each_path(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize(
    "amount", ["5e1", "0x32", "5_0", " 50 ", "+50", "50.", ".5e2", "", "NaN", "Infinity", -50, 1e10]
)
@pytest.mark.parametrize("key", ["price_paid", "original_price"])
def test_invalid_value_for_amount_that_is_no_plain_decimal(
    db: Connection, workshop: Names, key: str, amount: object
) -> None:
    row = {"attendee_id": "tomas", "event_id": "sunday", "ticket_type_id": "fifty", key: amount}
    outcome = service(db).attempt(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=workshop.ids([row]),
    )
    assert outcome.sqlstate == "TK001"
    assert [(each["code"], each["path"]) for each in outcome.issues] == [
        ("invalid_value", f"p_tickets[0].{key}")
    ]


@pytest.mark.parametrize("amount", [50, "50", "50.0", "50.00", "0050"])
def test_persist_accepts_amount_as_number_or_plain_decimal(
    db: Connection, workshop: Names, amount: object
) -> None:
    row = {"attendee_id": "tomas", "event_id": "sunday", "ticket_type_id": "fifty"}
    answer = service(db).call(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=workshop.ids([row | {"price_paid": amount, "original_price": amount}]),
    )
    assert answer["total"] == 50


def test_too_large_subtotal_is_refused_by_quote_and_persist(
    db: Connection, workshop: Names
) -> None:
    dear = deepcopy(WORKSHOP)
    amend(dear, workshop.ids({"fifty": {"price": "9999999999.99"}}))
    service(db).call("import_catalogue", p_catalogue=dear)
    selections = workshop.ids({"tomas": selected(one("fifty", 2))})
    quote = service(db).attempt(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=selections,
        p_registration_id=REGISTRATION,
    )
    outcome = service(db).attempt(
        "persist_ticket_selections", p_registration_id=REGISTRATION, p_selections=selections
    )
    refused = [each["code"] for each in outcome.issues]
    assert refused
    assert refused == [each["code"] for each in quote.issues or quote.answer["issues"]]
