"""What tickets and packages cost, and in which order they come."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from decimal import Decimal

import pytest
from tests.support import example
from tests.support.caller import Connection, Document, Outcome, service
from tests.support.cases import Case, Scene, check
from tests.support.example import other_event, updates_of
from tests.support.workshop import (
    FUNCTION,
    IDS,
    REGISTRATION,
    WORKSHOP,
    Names,
    amend,
    one,
    pack,
    packed,
    selected,
    single,
)

CASES = [
    Case(
        "an individual ticket costs its list price",
        {"tomas": selected(one("fifty"))},
        single("tomas", "fifty", "50.00"),
    ),
    Case(
        "100.00 over three thirds is what they are",
        {"tomas": selected(pack("thirds"))},
        packed(
            "tomas",
            "thirds",
            ("third", "33.33", "33.33"),
            ("other third", "33.33", "33.33"),
            ("last third", "33.34", "33.34"),
        ),
    ),
    Case(
        "100.00 over nothing, fifty and seventy gives the odd cent to fifty",
        {"tomas": selected(pack("uneven"))},
        packed(
            "tomas",
            "uneven",
            ("nothing", "0.00", "0.00"),
            ("fifty", "41.67", "50.00"),
            ("seventy", "58.33", "70.00"),
        ),
    ),
    Case(
        "what has no list price at all is split evenly",
        {"tomas": selected(pack("presents"))},
        packed(
            "tomas",
            "presents",
            ("nothing", "3.34", "0.00"),
            ("gift", "3.33", "0.00"),
            ("gift", "3.33", "0.00"),
        ),
    ),
    Case(
        "a package may cost more than its tickets",
        {"tomas": selected(pack("surcharge"))},
        packed("tomas", "surcharge", ("fifty", "83.33", "50.00"), ("seventy", "116.67", "70.00")),
    ),
    Case(
        "odd cents go to the first of several tickets of a type",
        {"tomas": selected(pack("trio"))},
        packed(
            "tomas",
            "trio",
            ("third", "6.67", "33.33"),
            ("third", "6.67", "33.33"),
            ("third", "6.66", "33.33"),
        ),
    ),
    Case(
        "99.99 over two of each adds up",
        {"tomas": selected(pack("two of each"))},
        packed(
            "tomas",
            "two of each",
            ("fifty", "20.83", "50.00"),
            ("fifty", "20.83", "50.00"),
            ("seventy", "29.17", "70.00"),
            ("seventy", "29.16", "70.00"),
        ),
    ),
    Case(
        "a package may be free",
        {"tomas": selected(pack("free"))},
        packed("tomas", "free", ("fifty", "0.00", "50.00")),
    ),
    Case(
        "a single cent goes to the dearest",
        {"tomas": selected(pack("cent"))},
        packed(
            "tomas",
            "cent",
            ("third", "0.00", "33.33"),
            ("other third", "0.00", "33.33"),
            ("last third", "0.01", "33.34"),
        ),
    ),
    Case(
        "every copy of a package is split alike",
        {"tomas": selected(pack("uneven", 2))},
        packed(
            "tomas",
            "uneven",
            *[
                ("nothing", "0.00", "0.00"),
                ("fifty", "41.67", "50.00"),
                ("seventy", "58.33", "70.00"),
            ]
            * 2,
        ),
    ),
    Case(
        "a package listed twice is two of it",
        {"tomas": selected(pack("surcharge"), pack("surcharge"))},
        packed(
            "tomas",
            "surcharge",
            *[("fifty", "83.33", "50.00"), ("seventy", "116.67", "70.00")] * 2,
        ),
    ),
    Case(
        "a ticket type listed twice is the sum of both",
        {"tomas": selected(one("fifty", 2), one("seventy"), one("fifty"))},
        single("tomas", "fifty", "50.00", 3) + single("tomas", "seventy", "70.00"),
    ),
    Case(
        "tickets come by attendee, in the order of the wizard, then as chosen",
        {
            "harold": selected(one("nothing")),
            "ines": selected(one("seventy"), one("fifty")),
            "walter": selected(pack("free"), pack("surcharge")),
        },
        [
            *packed("walter", "free", ("fifty", "0.00", "50.00")),
            *packed(
                "walter", "surcharge", ("fifty", "83.33", "50.00"), ("seventy", "116.67", "70.00")
            ),
            *single("ines", "seventy", "70.00"),
            *single("ines", "fifty", "50.00"),
            *single("harold", "nothing", "0.00"),
        ],
    ),
    Case(
        "an attendee may be named by the id that the database made",
        {"tomas@db": selected(one("fifty", 2))},
        single("tomas", "fifty", "50.00", 2),
    ),
    Case(
        "two thousand tickets are not too many",
        {"tomas": selected(one("fifty", 1000)), "ines": selected(one("gift", 1000))},
        single("ines", "gift", "0.00", 1000) + single("tomas", "fifty", "50.00", 1000),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_prices_come_from_the_catalogue_and_add_up(scene: Scene) -> None:
    check(scene)


@pytest.fixture
def subtotal_of(
    db: Connection, wizard_state: Document, workshop: Names
) -> Callable[[str, int, object], Outcome]:
    """A function that books so many gifts at a price, with a subtotal, and returns the outcome."""

    def booked(price: str, quantity: int, subtotal: object) -> Outcome:
        document = deepcopy(WORKSHOP)
        amend(document, workshop.ids({"gift": {"price": price}}))
        service(db).call("import_catalogue", p_catalogue=document)
        service(db).call(
            "persist_ticket_selections",
            p_registration_id=REGISTRATION,
            p_selections=workshop.ids({"tomas": selected(one("gift", quantity))}),
        )
        return service(db).attempt(
            "create_individual_registration_with_tickets",
            p_registration_data=wizard_state["registration"]
            | {"registrationId": REGISTRATION, "functionId": FUNCTION, "subtotal": subtotal},
        )

    return booked


@pytest.mark.parametrize(
    ("price", "quantity", "subtotal"),
    [
        ("19.90", 3, 19.9 + 19.9 + 19.9),
        ("0.10", 3, 0.1 + 0.1 + 0.1),
        ("1.10", 3, 3.3000000000000003),
        ("19.90", 3, "59.699999999999996"),
        ("19.90", 3, "59.7"),
        ("19.90", 3, 59.704),
    ],
)
def test_create_compares_subtotal_to_the_cent(
    subtotal_of: Callable[[str, int, object], Outcome],
    price: str,
    quantity: int,
    subtotal: object,
) -> None:
    assert subtotal_of(price, quantity, subtotal).answer["subtotal"] == Decimal(price) * quantity


@pytest.mark.parametrize("subtotal", [59.69, 59.71, 59.705, "59.694", 0.01])
def test_subtotal_mismatch_from_half_a_cent_on(
    subtotal_of: Callable[[str, int, object], Outcome], subtotal: object
) -> None:
    refusal = subtotal_of("19.90", 3, subtotal)
    assert refusal.found == [("subtotal_mismatch", "p_registration_data.subtotal")]


@pytest.mark.parametrize(
    "subtotal", [-0.01, 1e10, 1e300, "1e1", "-1", "1.", "", "NaN", "59,70", " 59.7", True, []]
)
def test_invalid_payload_for_subtotal_that_is_no_amount(
    subtotal_of: Callable[[str, int, object], Outcome], subtotal: object
) -> None:
    refusal = subtotal_of("19.90", 3, subtotal)
    assert refusal.sqlstate == "TK001"
    assert {path for _, path in refusal.found} == {"p_registration_data.subtotal"}


# Currencies


def of_currency(currency: str, prices: Mapping[str, object]) -> Document:
    """Return another function, with a package of three types that costs so much, in a currency."""
    document = other_event(WORKSHOP)
    document["function"]["currency"] = currency
    document["ticket_types"] = [
        document["ticket_types"][n] | {"price": prices.get(f"type {n}", 500)} for n in range(3)
    ]
    document["packages"] = [document["packages"][0] | {"price": prices.get("package", 1000)}]
    return document


def parts(db: Connection, document: Document) -> list[Decimal]:
    """Import a function, and return the prices in a quote of its package."""
    service(db).call("import_catalogue", p_catalogue=document)
    package = {"packageId": document["packages"][0]["package_id"], "quantity": 1}
    quote = service(db).call(
        "quote_ticket_selections",
        p_function_id=document["function"]["function_id"],
        p_selections={IDS["tomas"]: {"packages": [package]}},
        p_attendees=[{"attendeeId": IDS["tomas"], "attendeeType": "guest"}],
    )
    assert quote["valid"], quote["issues"]
    assert quote["subtotal"] == sum(ticket["price_paid"] for ticket in quote["tickets"])
    return [ticket["price_paid"] for ticket in quote["tickets"]]


@pytest.mark.parametrize("currency", ["JPY", "XPF", "KRW", "CLP", "ISK"])
def test_package_price_is_split_into_whole_units_of_currency_without_decimals(
    db: Connection, currency: str
) -> None:
    assert parts(db, of_currency(currency, {})) == [334, 333, 333]
    assert parts(db, of_currency(currency, {"package": 2})) == [1, 1, 0]
    free = {"type 0": 0, "type 1": 0, "type 2": 0, "package": 1000}
    assert parts(db, of_currency(currency, free)) == [334, 333, 333]


@pytest.mark.parametrize("currency", ["AUD", "EUR", "HUF", "TWD"])
def test_package_price_is_split_to_the_cent_of_currency_with_two_decimals(
    db: Connection, currency: str
) -> None:
    third = Decimal("333.33")
    assert parts(db, of_currency(currency, {})) == [third + Decimal("0.01"), third, third]


@pytest.mark.parametrize(
    "currency", ["KWD", "BHD", "TND", "CLF", "UYW", "ABC", "XAU", "XXX", "HRK"]
)
def test_unknown_currency_for_other_decimals_or_no_iso_code(db: Connection, currency: str) -> None:
    refusal = service(db).refusal("import_catalogue", p_catalogue=of_currency(currency, {}))
    assert refusal.found == [("unknown_currency", "p_catalogue.function.currency")]


@pytest.mark.parametrize("price", [99.5, "99.50", "0.01"])
def test_price_not_whole_names_each_price_with_decimals(db: Connection, price: object) -> None:
    prices = {"type 1": price, "package": price}
    refusal = service(db).refusal("import_catalogue", p_catalogue=of_currency("XPF", prices))
    assert refusal.found == [
        ("price_not_whole", "p_catalogue.packages[0].price"),
        ("price_not_whole", "p_catalogue.ticket_types[1].price"),
    ]
    whole = {"type 1": "99.00", "package": 99.0}
    service(db).call("import_catalogue", p_catalogue=of_currency("XPF", whole))


PARTS = [("1000.50", "0.50"), ("1000.5", 0), (1000, "0.5")]


def book_for_1000_yen(db: Connection) -> None:
    """Book two tickets in a currency without decimals."""
    document = of_currency("JPY", {})
    service(db).call("import_catalogue", p_catalogue=document)
    chosen = {"individualTickets": [one(document["ticket_types"][0]["ticket_type_id"], 2)]}
    answer = service(db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=example.wizard_registration(REGISTRATION, ())
        | {"functionId": document["function"]["function_id"]},
        p_tickets=[
            {
                "attendee_id": example.WALTER,
                "event_id": document["ticket_types"][0]["event_id"],
                "ticket_type_id": document["ticket_types"][0]["ticket_type_id"],
            }
        ]
        * 2,
        p_attendee_updates=updates_of({example.WALTER: chosen}),
    )
    assert answer["total"] == 1000


def yen(amount: object, surcharge: object, reference: str = "1") -> Document:
    """Return a p_payment or p_refund in a currency without decimals."""
    return {
        "reference": reference,
        "amount": amount,
        "surcharge_amount": surcharge,
        "currency": "JPY",
    }


@pytest.mark.parametrize(("amount", "surcharge"), PARTS)
def test_amount_mismatch_for_payment_of_part_of_a_whole_unit(
    db: Connection, amount: object, surcharge: object
) -> None:
    book_for_1000_yen(db)
    refusal = service(db).refusal(
        "complete_registration_payment",
        p_registration_id=REGISTRATION,
        p_payment=yen(amount, surcharge),
    )
    assert refusal.sqlstate == "TK007"
    assert {code for code, _ in refusal.found} == {"amount_mismatch"}


@pytest.mark.parametrize(("amount", "surcharge"), [("0.5", 0), ("500.50", 0), (500, "0.5")])
def test_amount_mismatch_for_refund_of_part_of_a_whole_unit(
    db: Connection, amount: object, surcharge: object
) -> None:
    book_for_1000_yen(db)
    service(db).call(
        "complete_registration_payment", p_registration_id=REGISTRATION, p_payment=yen(1010, 10)
    )
    service(db).call("cancel_registration", p_registration_id=REGISTRATION)
    refusal = service(db).refusal(
        "record_refund",
        p_registration_id=REGISTRATION,
        p_refund=yen(amount, surcharge, "2"),
    )
    assert refusal.sqlstate == "TK007"
    assert refusal.found == [("amount_mismatch", "p_refund.amount")]
    answer = service(db).call(
        "record_refund", p_registration_id=REGISTRATION, p_refund=yen("510.00", "10.0", "2")
    )
    assert (str(answer["amount"]), str(answer["refund_due"])) == ("510", "500")


def test_amounts_of_refused_money_have_the_decimals_of_the_currency(db: Connection) -> None:
    book_for_1000_yen(db)
    refusal = service(db).refusal(
        "complete_registration_payment", p_registration_id=REGISTRATION, p_payment=yen("999.00", 0)
    )
    (issue,) = refusal.issues
    assert (str(issue["expected"]), str(issue["actual"])) == ("1000", "999")
    service(db).call(
        "complete_registration_payment", p_registration_id=REGISTRATION, p_payment=yen(1010, 10)
    )
    service(db).call("cancel_registration", p_registration_id=REGISTRATION)
    refusal = service(db).refusal(
        "record_refund", p_registration_id=REGISTRATION, p_refund=yen("1012.00", "11.0", "2")
    )
    assert [
        (issue["path"], str(issue["expected"]), str(issue["actual"])) for issue in refusal.issues
    ] == [("p_refund.amount", "1000", "1001"), ("p_refund.surcharge_amount", "10", "11")]
