"""What tickets and packages cost, and in which order they come."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal

import pytest
from tests.support.caller import Connection, Document, Outcome, service
from tests.support.cases import Case, Scene, check
from tests.support.workshop import (
    FUNCTION,
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
