"""TK005: capacity of ticket types, packages, events and shared pools."""

from collections.abc import Sequence

import pytest
from tests.support.caller import Document
from tests.support.cases import Case, Scene, check, fact_missing, issue, not_eligible
from tests.support.workshop import GL, one, only, pack, packed, selected, single


def sold_out(
    path: str, requested: int, available: int, *attendees: str, **subject: str
) -> Document:
    """Expect too little capacity."""
    return issue(
        "sold_out",
        path,
        requested=requested,
        available=available,
        attendees=list(attendees),
        **subject,
    )


def shared_pool(
    capacity: int, *, types: Sequence[str] = (), packages: Sequence[str] = ()
) -> Document:
    """Make a pool shared by ticket types and packages."""
    return {
        "capacity_pool_id": "shared pool",
        "name": "Shared",
        "capacity": capacity,
        "ticket_type_ids": list(types),
        "package_ids": list(packages),
    }


CASES = [
    Case(
        "ticket types can share capacity",
        {"tomas": selected(one("fifty", 2), one("seventy", 2))},
        issues=[
            sold_out(".tomas.individualTickets[0]", 4, 3, "tomas", ticket_type="fifty"),
            sold_out(".tomas.individualTickets[1]", 4, 3, "tomas", ticket_type="seventy"),
        ],
        sqlstate="TK005",
        pools=[shared_pool(3, types=("fifty", "seventy"))],
    ),
    Case(
        "which suffices to the last ticket",
        {"tomas": selected(one("fifty", 2), one("seventy"))},
        single("tomas", "fifty", "50.00", 2) + single("tomas", "seventy", "70.00"),
        pools=[shared_pool(3, types=("fifty", "seventy"))],
    ),
    Case(
        "capacity of others is taken",
        {"tomas": selected(one("fifty", 2))},
        issues=[sold_out(".tomas.individualTickets[0]", 2, 1, "tomas", ticket_type="fifty")],
        sqlstate="TK005",
        pools=[shared_pool(3, types=("fifty", "seventy"))],
        others={"other contact": selected(one("seventy", 2))},
    ),
    Case(
        "a package can have capacity of its own",
        {
            "tomas": selected(pack("surcharge", contents=("fifty", "seventy"))),
            "ines": selected(pack("surcharge")),
        },
        issues=[sold_out(".ines.packages[0]", 2, 1, "ines", "tomas", package="surcharge")],
        sqlstate="TK005",
        given={"surcharge": {"capacity": 1}},
    ),
    Case(
        "which do not limit its tickets",
        {"tomas": selected(pack("surcharge")), "ines": selected(one("fifty", 5))},
        [
            *single("ines", "fifty", "50.00", 5),
            *packed(
                "tomas", "surcharge", ("fifty", "83.33", "50.00"), ("seventy", "116.67", "70.00")
            ),
        ],
        given={"surcharge": {"capacity": 1}},
    ),
    Case(
        "a package and its ticket can take capacity from the same pool",
        {"tomas": selected(pack("free", 2))},
        issues=[
            sold_out(".tomas.packages[0]", 4, 3, "tomas", ticket_type="fifty"),
            sold_out(".tomas.packages[0]", 4, 3, "tomas", package="free"),
        ],
        sqlstate="TK005",
        pools=[shared_pool(3, types=["fifty"], packages=["free"])],
    ),
    Case(
        "of several pools the tightest is told",
        {"tomas": selected(one("fifty", 6))},
        issues=[sold_out(".tomas.individualTickets[0]", 6, 1, "tomas", ticket_type="fifty")],
        sqlstate="TK005",
        given={"fifty": {"capacity": 5}, "sunday": {"capacity": 4}},
        pools=[shared_pool(1, types=["fifty"])],
    ),
    Case(
        "no capacity at all is sold out",
        {"tomas": selected(one("fifty"))},
        issues=[sold_out(".tomas.individualTickets[0]", 1, 0, "tomas", ticket_type="fifty")],
        sqlstate="TK005",
        given={"sunday": {"capacity": 0}},
    ),
    Case(
        "only what is added needs capacity",
        {"tomas": selected(one("fifty", 4))},
        issues=[sold_out(".tomas.individualTickets[0]", 2, 1, "tomas", ticket_type="fifty")],
        sqlstate="TK005",
        given={"fifty": {"capacity": 3}},
        before={"tomas": selected(one("fifty", 2))},
    ),
    Case(
        "capacity is released and taken in one call",
        {"tomas": selected(one("fifty", 2)), "ines": selected(one("fifty"), one("seventy"))},
        [
            *single("ines", "fifty", "50.00"),
            *single("ines", "seventy", "70.00"),
            *single("tomas", "fifty", "50.00", 2),
        ],
        given={"fifty": {"capacity": 3}, "sunday": {"capacity": 4}},
        before={"tomas": selected(one("fifty", 3)), "ines": selected(one("seventy"))},
    ),
    Case(
        "too little capacity is an issue beside others",
        {"tomas": selected(one("fifty", 2)), "harold": selected(one("fifty"))},
        issues=[
            fact_missing("tomas", "rank"),
            not_eligible("harold", [GL], {"rank": "MM"}),
            sold_out(".tomas.individualTickets[0]", 3, 1, "harold", "tomas", ticket_type="fifty"),
        ],
        given={"fifty": only(GL) | {"capacity": 1}},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_sold_out_is_raised_beyond_the_capacity_and_not_before(scene: Scene) -> None:
    check(scene)
