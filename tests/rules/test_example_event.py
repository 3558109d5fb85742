"""The real event: its packages, its rules and the capacity of its banquet."""

import pytest
from tests.support.cases import Case, Scene, check, issue
from tests.support.workshop import (
    BY_CONTACT,
    IN_ALL_EVENTS,
    IS_MASON,
    IS_OURS,
    Ticket,
    one,
    pack,
    packed,
    rule,
    selected,
    single,
)


def at_list(attendee: str, package: str, *parts: tuple[str, str]) -> list[Ticket]:
    """Expect the tickets of a package without discount: ticket type and price of each."""
    return packed(attendee, package, *((what, price, price) for what, price in parts))


RECORDED = [
    Case(
        "what the wizard recorded is four attendees with thirteen tickets",
        {
            "walter": selected(pack("All Events", contents=IN_ALL_EVENTS)),
            "ines": selected(pack("ladies' package", contents=("brunch", "ceremony", "banquet"))),
            "tomas": selected(one("ceremony"), one("banquet")),
            "harold": selected(pack("masons' package")),
        },
        [
            *at_list(
                "walter",
                "All Events",
                ("reception", "70.00"),
                ("communication", "0.00"),
                ("ceremony", "20.00"),
                ("banquet", "115.00"),
                ("cruise", "75.00"),
            ),
            *at_list(
                "ines",
                "ladies' package",
                ("brunch", "50.00"),
                ("ceremony", "20.00"),
                ("banquet", "115.00"),
            ),
            *single("tomas", "ceremony", "20.00"),
            *single("tomas", "banquet", "115.00"),
            *at_list(
                "harold",
                "masons' package",
                ("communication", "0.00"),
                ("ceremony", "20.00"),
                ("banquet", "115.00"),
            ),
        ],
        real=True,
    ),
    Case(
        "a guest cannot have the masons' meeting by itself",
        {"tomas": selected(one("communication"))},
        issues=[
            issue(
                "not_eligible",
                ".tomas.individualTickets[0]",
                "tomas",
                ticket_type="communication",
                expected=[IS_MASON],
                actual={"attendee_type": "guest"},
            )
        ],
        real=True,
    ),
    Case(
        "nor inside a package, where the ticket is to blame",
        {"tomas": selected(pack("All Events", contents=IN_ALL_EVENTS))},
        issues=[
            issue(
                "not_eligible",
                ".tomas.packages[0].tickets[1]",
                "tomas",
                ticket_type="communication",
                package="All Events",
                expected=[IS_MASON],
                actual={"attendee_type": "guest"},
            )
        ],
        real=True,
    ),
    Case(
        "the ticket to blame is where the caller put it",
        {"tomas": selected(pack("All Events", contents=IN_ALL_EVENTS[::-1]))},
        issues=[
            issue(
                "not_eligible",
                ".tomas.packages[0].tickets[3]",
                "tomas",
                ticket_type="communication",
                package="All Events",
                expected=[IS_MASON],
                actual={"attendee_type": "guest"},
            )
        ],
        real=True,
    ),
    Case(
        "a package whose contents are not said is to blame itself",
        {"tomas": selected(pack("All Events"))},
        issues=[
            issue(
                "not_eligible",
                ".tomas.packages[0]",
                "tomas",
                ticket_type="communication",
                package="All Events",
                expected=[IS_MASON],
                actual={"attendee_type": "guest"},
            )
        ],
        real=True,
    ),
    Case(
        "a package has rules of its own besides those of its tickets",
        {"tomas": selected(pack("masons' package"))},
        issues=[
            issue(
                "not_eligible",
                ".tomas.packages[0]",
                "tomas",
                package="masons' package",
                expected=[IS_MASON],
                actual={"attendee_type": "guest"},
            ),
            issue(
                "not_eligible",
                ".tomas.packages[0]",
                "tomas",
                ticket_type="communication",
                package="masons' package",
                expected=[IS_MASON],
                actual={"attendee_type": "guest"},
            ),
        ],
        real=True,
    ),
    Case(
        "a mason is no lady",
        {"walter": selected(pack("ladies' package"))},
        issues=[
            issue(
                "not_eligible",
                ".walter.packages[0]",
                "walter",
                package="ladies' package",
                expected=[rule("attendee_type", "equals", "guest")],
                actual={"attendee_type": "mason"},
            )
        ],
        real=True,
    ),
    Case(
        "a mason whose lodge is not known yet may still turn out to be one of ours",
        {"harold": selected(one("communication"))},
        issues=[
            issue(
                "fact_missing",
                ".harold.individualTickets[0]",
                "harold",
                ticket_type="communication",
                expected="grand_lodge",
            )
        ],
        real=True,
        facts={"harold": {"grand_lodge": None}},
    ),
    Case(
        "a mason of another lodge is not",
        {"harold": selected(one("communication"))},
        issues=[
            issue(
                "not_eligible",
                ".harold.individualTickets[0]",
                "harold",
                ticket_type="communication",
                expected=[IS_OURS],
                actual={"grand_lodge": "United Grand Lodge of Queensland"},
            )
        ],
        real=True,
        facts={"harold": {"grand_lodge": "United Grand Lodge of Queensland"}},
    ),
    Case(
        "either name of our lodge will do",
        {"harold": selected(one("communication"))},
        single("harold", "communication", "0.00"),
        real=True,
        facts={"harold": {"grand_lodge": "UGLNSWACT"}},
    ),
    Case(
        "a Lodge Package is not for individuals",
        {"walter": selected(pack("Lodge Package"))},
        issues=[
            issue(
                "registration_type_not_allowed",
                ".walter.packages[0]",
                "walter",
                package="Lodge Package",
                expected=["lodges"],
                actual="individuals",
            ),
            issue(
                "not_eligible",
                ".walter.packages[0]",
                "walter",
                package="Lodge Package",
                expected=[rule("registration_type", "equals", "lodges")],
                actual={"registration_type": "individuals"},
            ),
        ],
        real=True,
    ),
    Case(
        "the contact of a lodge holds its ten tickets for 1150.00",
        {"contact": selected(pack("Lodge Package"))},
        at_list("contact", "Lodge Package", *[("banquet", "115.00")] * 10),
        real=True,
        registration={"registrationType": "lodge"} | BY_CONTACT,
    ),
    Case(
        "two Lodge Packages are twenty tickets",
        {"contact": selected(pack("Lodge Package", 2, ["banquet"]))},
        at_list("contact", "Lodge Package", *[("banquet", "115.00")] * 20),
        real=True,
        registration={"registrationType": "lodges"} | BY_CONTACT,
    ),
    Case(
        "a lodge cannot have what is for individuals and delegations",
        {"contact": selected(pack("Ceremony & Banquet"))},
        issues=[
            issue(
                "registration_type_not_allowed",
                ".contact.packages[0]",
                "contact",
                package="Ceremony & Banquet",
                expected=["individuals", "delegations"],
                actual="lodges",
            )
        ],
        real=True,
        registration={"registrationType": "lodges"} | BY_CONTACT,
    ),
    Case(
        "packages stay together, copy by copy",
        {"contact": selected(pack("Ceremony & Banquet", 3))},
        at_list(
            "contact", "Ceremony & Banquet", *[("ceremony", "20.00"), ("banquet", "115.00")] * 3
        ),
        real=True,
        registration={"registrationType": "delegation"} | BY_CONTACT,
    ),
    Case(
        "an inactive ticket type is not on sale",
        {"tomas": selected(one("banquet, 3rd floor"))},
        issues=[
            issue(
                "inactive",
                ".tomas.individualTickets[0]",
                "tomas",
                ticket_type="banquet, 3rd floor",
            )
        ],
        real=True,
    ),
    Case(
        "nor are those of an inactive event",
        {"tomas": selected(one("ceremony"), one("banquet"))},
        issues=[issue("inactive", ".tomas.individualTickets[1]", "tomas", ticket_type="banquet")],
        real=True,
        given={"the banquet": {"is_active": False}},
    ),
    Case(
        "nor a package with such a ticket",
        {"harold": selected(pack("masons' package"))},
        issues=[
            issue(
                "inactive",
                ".harold.packages[0]",
                "harold",
                ticket_type="banquet",
                package="masons' package",
            )
        ],
        real=True,
        given={"banquet": {"is_active": False}},
    ),
    Case(
        "nor an inactive package",
        {"harold": selected(pack("masons' package"))},
        issues=[issue("inactive", ".harold.packages[0]", "harold", package="masons' package")],
        real=True,
        given={"masons' package": {"is_active": False}},
    ),
]


BANQUET_OPEN = {
    name: {"is_active": True}
    for name in ("banquet, 3rd floor", "banquet, foyer", "banquet, mezzanine")
}
BANQUET = [
    Case(
        "all 482 tickets of the banquet can be taken, of whatever type",
        {"tomas": selected(one("banquet", 400), one("banquet, foyer", 82))},
        [
            *single("tomas", "banquet", "115.00", 400),
            *single("tomas", "banquet, foyer", "115.00", 82),
        ],
        real=True,
        given=BANQUET_OPEN,
    ),
    Case(
        "but not one more, although its types add up to 642",
        {"tomas": selected(one("banquet", 400), one("banquet, foyer", 83))},
        issues=[
            issue(
                "sold_out",
                f".tomas.individualTickets[{number}]",
                ticket_type=ticket_type,
                requested=483,
                available=482,
                attendees=["tomas"],
            )
            for number, ticket_type in enumerate(("banquet", "banquet, foyer"))
        ],
        sqlstate="TK005",
        real=True,
        given=BANQUET_OPEN,
    ),
    Case(
        "when others have taken all, a type with capacity of its own is sold out too",
        {"tomas": selected(one("banquet, mezzanine"))},
        issues=[
            issue(
                "sold_out",
                ".tomas.individualTickets[0]",
                ticket_type="banquet, mezzanine",
                requested=1,
                available=0,
                attendees=["tomas"],
            )
        ],
        sqlstate="TK005",
        real=True,
        given=BANQUET_OPEN,
        others={"other contact": selected(one("banquet", 480), one("banquet, foyer", 2))},
    ),
    Case(
        "and so is a package with the banquet",
        {"tomas": selected(pack("Ceremony & Banquet", contents=("ceremony", "banquet")))},
        issues=[
            issue(
                "sold_out",
                ".tomas.packages[0]",
                ticket_type="banquet",
                requested=1,
                available=0,
                attendees=["tomas"],
            )
        ],
        sqlstate="TK005",
        real=True,
        given=BANQUET_OPEN,
        others={"other contact": selected(one("banquet", 480), one("banquet, foyer", 2))},
    ),
    Case(
        "two attendees cannot share the last ticket",
        {
            "ines": selected(one("banquet, foyer")),
            "tomas": selected(one("banquet, foyer")),
        },
        issues=[
            issue(
                "sold_out",
                ".ines.individualTickets[0]",
                ticket_type="banquet, foyer",
                requested=2,
                available=1,
                attendees=["ines", "tomas"],
            )
        ],
        sqlstate="TK005",
        real=True,
        given=BANQUET_OPEN,
        others={"other contact": selected(one("banquet", 480), one("banquet, foyer", 1))},
    ),
    Case(
        "one attendee can have it",
        {"tomas": selected(one("banquet, foyer"))},
        single("tomas", "banquet, foyer", "115.00"),
        real=True,
        given=BANQUET_OPEN,
        others={"other contact": selected(one("banquet", 480), one("banquet, foyer", 1))},
    ),
    Case(
        "or give it to another, in one call",
        {"tomas": selected(), "ines": selected(one("banquet, mezzanine"))},
        single("ines", "banquet, mezzanine", "115.00"),
        real=True,
        given=BANQUET_OPEN,
        others={"other contact": selected(one("banquet", 480), one("banquet, foyer", 1))},
        before={"tomas": selected(one("banquet, foyer"))},
    ),
    Case(
        "or keep it: a registration does not compete with its own tickets",
        {"tomas": selected(one("banquet, foyer"))},
        single("tomas", "banquet, foyer", "115.00"),
        real=True,
        given=BANQUET_OPEN,
        others={"other contact": selected(one("banquet", 480), one("banquet, foyer", 1))},
        before={"tomas": selected(one("banquet, foyer"))},
    ),
    Case(
        "a type with little capacity of its own is sold out while its event is not",
        {"tomas": selected(one("banquet, 3rd floor", 31))},
        issues=[
            issue(
                "sold_out",
                ".tomas.individualTickets[0]",
                ticket_type="banquet, 3rd floor",
                requested=31,
                available=30,
                attendees=["tomas"],
            )
        ],
        sqlstate="TK005",
        real=True,
        given=BANQUET_OPEN,
    ),
]


@pytest.mark.parametrize(
    "case", [*RECORDED, *BANQUET], ids=[case.name for case in [*RECORDED, *BANQUET]]
)
def test_example_event_sells_exactly_what_its_catalogue_allows(scene: Scene) -> None:
    check(scene)
