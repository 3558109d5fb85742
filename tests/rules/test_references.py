"""Ids of attendees, ticket types, packages, their contents and tickets."""

import pytest
from tests.support.caller import Connection, Document, service
from tests.support.cases import Case, Scene, check, issue
from tests.support.workshop import REGISTRATION, Names, one, pack, packed, selected

ALL_OF_IT = ("nothing", "fifty", "seventy")


CASES = [
    Case(
        "an unknown ticket type is not found",
        {"tomas": selected(one("fifty"), one("no such thing"))},
        issues=[
            issue(
                "ticket_type_not_found",
                ".tomas.individualTickets[1].ticketId",
                "tomas",
                ticket_type="no such thing",
                actual="no such thing",
            )
        ],
    ),
    Case(
        "nor is one of another function, nor a package taken for one",
        {"tomas": selected(one("banquet")), "ines": selected(one("uneven"))},
        issues=[
            issue(
                "ticket_type_not_found",
                f".{attendee}.individualTickets[0].ticketId",
                attendee,
                ticket_type=what,
                actual=what,
            )
            for attendee, what in (("tomas", "banquet"), ("ines", "uneven"))
        ],
    ),
    Case(
        "an unknown package is not found",
        {"tomas": selected(pack("no such thing", contents=["fifty"])), "ines": selected()},
        issues=[
            issue(
                "package_not_found",
                ".tomas.packages[0].packageId",
                "tomas",
                package="no such thing",
                actual="no such thing",
            )
        ],
    ),
    Case(
        "nor is one of another function, also when none of it is wanted",
        {"tomas": selected(pack("All Events", 0)), "ines": selected(pack("fifty"))},
        issues=[
            issue(
                "package_not_found",
                f".{attendee}.packages[0].packageId",
                attendee,
                package=what,
                actual=what,
            )
            for attendee, what in (("tomas", "All Events"), ("ines", "fifty"))
        ],
    ),
    Case(
        "an attendee of no registration is not found",
        {"absent": selected(one("fifty")), "tomas": selected(one("fifty"))},
        issues=[issue("attendee_not_found", ".absent", actual="absent")],
    ),
    Case(
        "a package with a ticket type left out is another package",
        {"tomas": selected(pack("uneven", contents=("seventy", "fifty")))},
        issues=[
            issue(
                "package_contents_mismatch",
                ".tomas.packages[0].tickets",
                "tomas",
                package="uneven",
                expected=list(ALL_OF_IT),
                actual=["seventy", "fifty"],
            )
        ],
    ),
    Case(
        "so is one with a ticket type too many",
        {"tomas": selected(pack("free"), pack("uneven", contents=(*ALL_OF_IT, "gift")))},
        issues=[
            issue(
                "package_contents_mismatch",
                ".tomas.packages[1].tickets",
                "tomas",
                package="uneven",
                expected=list(ALL_OF_IT),
                actual=[*ALL_OF_IT, "gift"],
            )
        ],
    ),
    Case(
        "so is an empty one",
        {"tomas": selected(pack("uneven", contents=()))},
        issues=[
            issue(
                "package_contents_mismatch",
                ".tomas.packages[0].tickets",
                "tomas",
                package="uneven",
                expected=list(ALL_OF_IT),
                actual=[],
            )
        ],
    ),
    Case(
        "how many tickets are in a package is for the catalogue to say",
        {
            "tomas": {
                "packages": [
                    {
                        "packageId": "presents",
                        "quantity": 1,
                        "tickets": [one("gift", 1), one("nothing", 5)],
                    }
                ]
            }
        },
        packed(
            "tomas",
            "presents",
            ("nothing", "3.34", "0.00"),
            ("gift", "3.33", "0.00"),
            ("gift", "3.33", "0.00"),
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_reference_to_what_is_not_there_is_refused(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize(
    "rows",
    [
        [{}, {}],
        [{"package_id": "free"}],
        [{"ticket_type_id": "gift"}],
        [{"attendee_id": "ines"}],
    ],
    ids=["twice", "in a package", "of another type", "of another attendee"],
)
def test_persist_refuses_ticket_id_of_another_ticket(
    db: Connection, workshop: Names, rows: list[Document]
) -> None:
    row = workshop.ids({"attendee_id": "tomas", "event_id": "sunday", "ticket_type_id": "fifty"})
    held = service(db).call(
        "persist_attendee_tickets", p_registration_id=REGISTRATION, p_tickets=[row]
    )["tickets"]
    row["ticket_id"] = held[0]["ticket_id"]
    assert (
        service(db).call(
            "persist_attendee_tickets", p_registration_id=REGISTRATION, p_tickets=[row]
        )["tickets_unchanged"]
        == 1
    )
    outcome = service(db).attempt(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=[row | workshop.ids(each) for each in rows],
    )
    assert outcome.sqlstate == "TK004"
    assert [each["path"] for each in outcome.issues] == [f"p_tickets[{len(rows) - 1}].ticket_id"]
