"""Minimum and maximum per attendee, maximum per registration."""

import pytest
from tests.support.caller import Document
from tests.support.cases import Case, Scene, check, issue
from tests.support.workshop import one, pack, packed, selected, single


def too_many(
    code: str, path: str, attendee: str, expected: int, actual: int, **subject: str
) -> Document:
    """Expect an issue about a limit."""
    return issue(code, path, attendee, expected=expected, actual=actual, **subject)


CASES = [
    Case(
        "fewer than the minimum are refused",
        {"tomas": selected(one("fifty")), "ines": selected(one("fifty", 2))},
        issues=[
            too_many(
                "below_minimum", ".tomas.individualTickets[0]", "tomas", 2, 1, ticket_type="fifty"
            )
        ],
        given={"fifty": {"min_per_attendee": 2}},
    ),
    Case(
        "the minimum binds only those who hold any",
        {"tomas": selected(one("gift"), one("fifty", 0)), "ines": selected(one("fifty", 2))},
        single("ines", "fifty", "50.00", 2) + single("tomas", "gift", "0.00"),
        given={"fifty": {"min_per_attendee": 2}},
    ),
    Case(
        "a package can have too few of a ticket type",
        {"tomas": selected(pack("free", contents=["fifty"]))},
        issues=[
            too_many(
                "below_minimum",
                ".tomas.packages[0].tickets[0]",
                "tomas",
                2,
                1,
                ticket_type="fifty",
                package="free",
            )
        ],
        given={"fifty": {"min_per_attendee": 2}},
    ),
    Case(
        "a package can have a minimum itself",
        {"tomas": selected(pack("free", 2)), "ines": selected(pack("free"))},
        issues=[too_many("below_minimum", ".ines.packages[0]", "ines", 2, 1, package="free")],
        given={"free": {"min_per_attendee": 2}},
    ),
    Case(
        "more than the maximum of an attendee are refused",
        {"tomas": selected(one("fifty", 2), one("fifty")), "ines": selected(one("fifty", 2))},
        issues=[
            too_many(
                "above_maximum", ".tomas.individualTickets[0]", "tomas", 2, 3, ticket_type="fifty"
            )
        ],
        given={"fifty": {"max_per_attendee": 2}},
    ),
    Case(
        "as many as every limit allows are fine",
        {"tomas": selected(one("fifty", 2)), "ines": selected(pack("free"), pack("uneven"))},
        [
            *packed("ines", "free", ("fifty", "0.00", "50.00")),
            *packed(
                "ines",
                "uneven",
                ("nothing", "0.00", "0.00"),
                ("fifty", "41.67", "50.00"),
                ("seventy", "58.33", "70.00"),
            ),
            *single("tomas", "fifty", "50.00", 2),
        ],
        given={
            "fifty": {"min_per_attendee": 2, "max_per_attendee": 2, "max_per_registration": 4},
            "free": {"min_per_attendee": 1, "max_per_attendee": 1, "max_per_registration": 1},
        },
    ),
    Case(
        "tickets inside packages count, too",
        {"tomas": selected(one("fifty"), pack("uneven"))},
        issues=[
            too_many(
                "above_maximum",
                ".tomas.packages[0]",
                "tomas",
                1,
                2,
                ticket_type="fifty",
                package="uneven",
            )
        ],
        function={"selection_mode": "mixed"},
        given={"fifty": {"max_per_attendee": 1}},
    ),
    Case(
        "a package can have a maximum itself",
        {"tomas": selected(pack("free", 3)), "ines": selected(pack("free", 2))},
        issues=[too_many("above_maximum", ".tomas.packages[0]", "tomas", 2, 3, package="free")],
        given={"free": {"max_per_attendee": 2}},
    ),
    Case(
        "attendees together can have too many",
        {"walter": selected(one("fifty", 2)), "tomas": selected(one("gift"), one("fifty", 2))},
        issues=[
            too_many(
                "above_registration_maximum",
                ".walter.individualTickets[0]",
                "walter",
                3,
                4,
                ticket_type="fifty",
            )
        ],
        given={"fifty": {"max_per_registration": 3}},
    ),
    Case(
        "those not named count, too",
        {"tomas": selected(one("fifty", 2))},
        issues=[
            too_many(
                "above_registration_maximum",
                ".tomas.individualTickets[0]",
                "tomas",
                3,
                4,
                ticket_type="fifty",
            )
        ],
        given={"fifty": {"max_per_registration": 3}},
        before={"walter": selected(one("fifty", 2))},
    ),
    Case(
        "those of other registrations do not",
        {"tomas": selected(one("fifty", 3))},
        single("tomas", "fifty", "50.00", 3),
        given={"fifty": {"max_per_registration": 3}},
        others={"other contact": selected(one("fifty", 3))},
    ),
    Case(
        "packages can be too many together",
        {"ines": selected(pack("free")), "tomas": selected(pack("free"))},
        issues=[
            too_many(
                "above_registration_maximum", ".ines.packages[0]", "ines", 1, 2, package="free"
            )
        ],
        given={"free": {"max_per_registration": 1}},
    ),
    Case(
        "every limit that is broken is said",
        {"tomas": selected(one("fifty", 5), one("seventy"))},
        issues=[
            too_many(
                "above_maximum", ".tomas.individualTickets[0]", "tomas", 3, 5, ticket_type="fifty"
            ),
            too_many(
                "above_registration_maximum",
                ".tomas.individualTickets[0]",
                "tomas",
                4,
                5,
                ticket_type="fifty",
            ),
            too_many(
                "below_minimum", ".tomas.individualTickets[1]", "tomas", 2, 1, ticket_type="seventy"
            ),
        ],
        given={
            "fifty": {"max_per_attendee": 3, "max_per_registration": 4},
            "seventy": {"min_per_attendee": 2},
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_limits_bind_exactly_those_they_are_about(scene: Scene) -> None:
    check(scene)
