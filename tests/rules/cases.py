"""Selections, and exactly what has to come of each: the data of test_selection_cases.

Everything has a name instead of an id. A case is about the example event or about the workshop.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.support.caller import Document
from tests.support.workshop import (
    BY_CONTACT,
    EARLIER,
    IDS,
    IN_ALL_EVENTS,
    IS_MASON,
    IS_OURS,
    LATER,
    WORKSHOP,
    Names,
    Ticket,
    amend,
    one,
    only,
    pack,
    packed,
    rule,
    selected,
    single,
)


def issue(code: str, path: str, attendee: str | None = None, **details: Any) -> Document:  # noqa: ANN401
    """Expect an issue; `path` starts behind `p_selections`."""
    named = {} if attendee is None else {"attendee": attendee}
    return {"code": code, "path": f"p_selections{path}"} | named | details


@dataclass(frozen=True)
class Case:
    """A selection, the circumstances in which it is made, and exactly what has to come of it."""

    name: str
    selections: Mapping[str, Any]
    tickets: Sequence[Ticket] = ()
    issues: Sequence[Document] = ()
    sqlstate: str = "TK004"
    """Of the refusal, when there are issues."""
    real: bool = False
    """Whether the example event is on sale, or the workshop."""
    given: Mapping[str, Document] = field(default_factory=dict)
    """Attributes of events, ticket types and packages that differ."""
    function: Mapping[str, Any] = field(default_factory=dict)
    pools: Sequence[Document] = ()
    facts: Mapping[str, Document] = field(default_factory=dict)
    """Facts of attendees that differ."""
    registration: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the registration object that differ."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """What the registration holds already."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """What another registration holds, for its `other contact`."""
    kept: Sequence[Ticket] = ()
    """Which tickets of attendees not named stay."""

    def catalogue(self, example: Document) -> Document:
        """Return what is on sale."""
        document = deepcopy(example if self.real else WORKSHOP)
        names = Names(IDS)
        amend(document, names.ids(dict(self.given)))
        document["function"] |= self.function
        document["pools"] = names.ids(list(self.pools))
        return document


ALL_OF_IT = ("nothing", "fifty", "seventy")


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

PRICES = [
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

NOTHING = [
    Case("an empty selection is no tickets", {"tomas": selected()}),
    Case("so is one that says nothing", {"tomas": {}, "ines": {"packages": None}}),
    Case("so is no attendee at all", {}),
    Case(
        "a quantity of 0 is none, and no mixture",
        {"tomas": selected(pack("uneven", 0), one("fifty", 0))},
    ),
    Case(
        "a quantity of 0 takes back",
        {"tomas": selected(one("fifty", 0)), "ines": selected(one("gift"))},
        single("ines", "gift", "0.00"),
        before={"tomas": selected(one("fifty", 2)), "walter": selected(one("nothing"))},
        kept=single("walter", "nothing", "0.00"),
    ),
    Case(
        "nothing can be chosen also when nothing is on sale",
        {"tomas": selected()},
        function={"status": "closed"},
    ),
]

SHAPES = [
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
            "tomas": selected(one("fifty", 1001), pack("uneven", 2000), one("fifty", 10**30)),
            "ines": selected(one("fifty", 1000)),
        },
        issues=[
            issue("invalid_value", path, expected="at most 1000", actual=actual)
            for path, actual in (
                (".tomas.individualTickets[0].quantity", 1001),
                (".tomas.individualTickets[1].quantity", 10**30),
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

REFERENCES = [
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

MIXTURES = [
    Case(
        "packages and individual tickets exclude each other",
        {"tomas": selected(pack("free"), one("gift")), "ines": selected(one("gift"))},
        issues=[issue("mixed_selection", ".tomas", "tomas")],
    ),
    Case(
        "but not of different attendees",
        {"tomas": selected(pack("free")), "ines": selected(one("gift"))},
        [*single("ines", "gift", "0.00"), *packed("tomas", "free", ("fifty", "0.00", "50.00"))],
    ),
    Case(
        "nor where the function allows both",
        {"tomas": selected(one("gift"), one("fifty"), pack("surcharge"))},
        [
            *packed(
                "tomas", "surcharge", ("fifty", "83.33", "50.00"), ("seventy", "116.67", "70.00")
            ),
            *single("tomas", "gift", "0.00"),
            *single("tomas", "fifty", "50.00"),
        ],
        function={"selection_mode": "mixed"},
    ),
    Case(
        "one kind can be exchanged for the other",
        {"tomas": selected(one("seventy"))},
        single("tomas", "seventy", "70.00"),
        before={"tomas": selected(pack("surcharge"))},
    ),
]


def too_many(
    code: str, path: str, attendee: str, expected: int, actual: int, **subject: str
) -> Document:
    """Expect an issue about a limit."""
    return issue(code, path, attendee, expected=expected, actual=actual, **subject)


LIMITS = [
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

WINDOWS = [
    Case(
        "a sale that has not begun says when it does",
        {"tomas": selected(one("fifty"))},
        issues=[
            issue(
                "not_yet_on_sale",
                ".tomas.individualTickets[0]",
                "tomas",
                ticket_type="fifty",
                expected=LATER,
            )
        ],
        given={"fifty": {"sale_starts_at": LATER}},
    ),
    Case(
        "a sale that is over says since when",
        {"tomas": selected(one("fifty"))},
        issues=[
            issue(
                "sale_ended",
                ".tomas.individualTickets[0]",
                "tomas",
                ticket_type="fifty",
                expected=EARLIER,
            )
        ],
        given={"fifty": {"sale_ends_at": EARLIER}},
    ),
    Case(
        "a sale that is on is no obstacle",
        {"tomas": selected(one("fifty"))},
        single("tomas", "fifty", "50.00"),
        given={"fifty": {"sale_starts_at": EARLIER, "sale_ends_at": LATER}},
    ),
    Case(
        "what is inside a package is on sale or the package is not",
        {"tomas": selected(pack("surcharge", contents=("fifty", "seventy")))},
        issues=[
            issue(
                "sale_ended",
                ".tomas.packages[0].tickets[1]",
                "tomas",
                ticket_type="seventy",
                package="surcharge",
                expected=EARLIER,
            )
        ],
        given={"seventy": {"sale_ends_at": EARLIER}},
    ),
    Case(
        "packages have windows of their own",
        {"tomas": selected(pack("surcharge")), "ines": selected(pack("free"))},
        issues=[
            issue(
                "not_yet_on_sale",
                ".tomas.packages[0]",
                "tomas",
                package="surcharge",
                expected=LATER,
            ),
            issue("sale_ended", ".ines.packages[0]", "ines", package="free", expected=EARLIER),
        ],
        given={"surcharge": {"sale_starts_at": LATER}, "free": {"sale_ends_at": EARLIER}},
    ),
    Case(
        "registration may not be open yet",
        {"tomas": selected(one("fifty"))},
        issues=[issue("registration_not_open", "", expected=LATER)],
        function={"registration_opens_at": LATER},
    ),
    Case(
        "registration may be over",
        {"tomas": selected(one("fifty"))},
        issues=[issue("registration_closed", "", expected=EARLIER)],
        function={"registration_closes_at": EARLIER},
    ),
    Case(
        "a closed function sells nothing",
        {"tomas": selected(pack("free"))},
        issues=[issue("function_not_published", "")],
        function={"status": "closed"},
    ),
    Case(
        "nor does a draft",
        {"tomas": selected(pack("free"))},
        issues=[issue("function_not_published", "")],
        function={"status": "draft"},
    ),
]

GL, MM = rule("rank", "equals", "GL"), rule("rank", "equals", "MM")


def refused(attendee: str, unmet: Sequence[Document], facts: Document) -> Document:
    """Expect that an attendee may not have the first ticket."""
    return issue(
        "not_eligible",
        f".{attendee}.individualTickets[0]",
        attendee,
        ticket_type="fifty",
        expected=list(unmet),
        actual=facts,
    )


def unknown(attendee: str, fact: str) -> Document:
    """Expect that it is not known whether an attendee may have the first ticket."""
    return issue(
        "fact_missing",
        f".{attendee}.individualTickets[0]",
        attendee,
        ticket_type="fifty",
        expected=fact,
    )


def for_three(name: str, rules: Document, *issues: Document, tickets: Sequence[str] = ()) -> Case:
    """Let Walter (rank GL), Tomas (of no rank) and Harold (rank MM) each choose a ticket."""
    names = ("walter", "tomas", "harold")
    return Case(
        name,
        {attendee: selected(one("fifty")) for attendee in tickets or names},
        [ticket for attendee in tickets for ticket in single(attendee, "fifty", "50.00")],
        issues=issues,
        given={"fifty": rules},
    )


ELIGIBILITY = [
    for_three(
        "equals: the fact is the value",
        only(GL),
        unknown("tomas", "rank"),
        refused("harold", [GL], {"rank": "MM"}),
    ),
    for_three("equals admits an attendee whose fact is the value", only(GL), tickets=("walter",)),
    for_three(
        "not_equals: the fact is another value, and known",
        only(rule("rank", "not_equals", "GL")),
        refused("walter", [rule("rank", "not_equals", "GL")], {"rank": "GL"}),
        unknown("tomas", "rank"),
    ),
    for_three(
        "not_equals lets others pass",
        only(rule("rank", "not_equals", "GL")),
        tickets=("harold",),
    ),
    for_three(
        "in: the fact is one of the values",
        only(rule("rank", "in", ["GL", "PM"])),
        unknown("tomas", "rank"),
        refused("harold", [rule("rank", "in", ["GL", "PM"])], {"rank": "MM"}),
    ),
    for_three(
        "in lets each of them pass",
        only(rule("rank", "in", ["GL", "MM"])),
        tickets=("walter", "harold"),
    ),
    for_three(
        "not_in: the fact is none of the values, and known",
        only(rule("rank", "not_in", ["GL", "PM"])),
        refused("walter", [rule("rank", "not_in", ["GL", "PM"])], {"rank": "GL"}),
        unknown("tomas", "rank"),
    ),
    for_three(
        "not_in admits others", only(rule("rank", "not_in", ["GL", "PM"])), tickets=("harold",)
    ),
    for_three(
        "in of an empty list admits no attendee whose fact is known",
        only(rule("rank", "in", [])),
        refused("walter", [rule("rank", "in", [])], {"rank": "GL"}),
        unknown("tomas", "rank"),
        refused("harold", [rule("rank", "in", [])], {"rank": "MM"}),
    ),
    for_three(
        "AND: one rule not met is enough to refuse, whatever else is unknown",
        only(IS_MASON, MM),
        refused("walter", [MM], {"rank": "GL"}),
        refused("tomas", [IS_MASON], {"attendee_type": "guest"}),
    ),
    for_three(
        "AND: every rule not met is said",
        only(rule("attendee_type", "equals", "guest"), rule("rank", "in", ["PM"])),
        refused(
            "walter",
            [rule("attendee_type", "equals", "guest"), rule("rank", "in", ["PM"])],
            {"attendee_type": "mason", "rank": "GL"},
        ),
        unknown("tomas", "rank"),
        refused(
            "harold",
            [rule("attendee_type", "equals", "guest"), rule("rank", "in", ["PM"])],
            {"attendee_type": "mason", "rank": "MM"},
        ),
    ),
    Case(
        "AND: every fact that is missing is said, once",
        {"tomas": selected(one("fifty"))},
        issues=[unknown("tomas", "grand_lodge"), unknown("tomas", "rank")],
        given={"fifty": only(GL, rule("rank", "not_equals", "MM"), IS_OURS)},
    ),
    Case(
        "AND is meant when nothing is said",
        {"harold": selected(one("fifty"))},
        issues=[refused("harold", [GL], {"rank": "MM"})],
        given={"fifty": {"eligibility": {"rules": [IS_MASON, GL]}}},
    ),
    for_three(
        "OR: one rule met is enough, whatever else is unknown",
        only(GL, MM, rule("attendee_type", "equals", "guest"), operator="OR"),
        tickets=("walter", "tomas", "harold"),
    ),
    for_three(
        "OR: no rule met, and nothing that could still be",
        only(rule("rank", "equals", "PM"), rule("attendee_type", "equals", "ghost"), operator="OR"),
        refused(
            "walter",
            [rule("rank", "equals", "PM"), rule("attendee_type", "equals", "ghost")],
            {"rank": "GL", "attendee_type": "mason"},
        ),
        unknown("tomas", "rank"),
        refused(
            "harold",
            [rule("rank", "equals", "PM"), rule("attendee_type", "equals", "ghost")],
            {"rank": "MM", "attendee_type": "mason"},
        ),
    ),
    for_three(
        "no rules admit every attendee, with OR as with AND",
        only(operator="OR"),
        tickets=("walter", "tomas", "harold"),
    ),
    Case(
        "the type of the registration is a fact",
        {"tomas": selected(one("fifty"))},
        issues=[
            refused(
                "tomas",
                [rule("registration_type", "in", ["lodges", "delegations"])],
                {"registration_type": "individuals"},
            )
        ],
        given={"fifty": only(rule("registration_type", "in", ["lodges", "delegations"]))},
    ),
    Case(
        "which a delegation has otherwise",
        {"tomas": selected(one("fifty"))},
        single("tomas", "fifty", "50.00"),
        given={"fifty": only(rule("registration_type", "in", ["lodges", "delegations"]))},
        registration={"registrationType": "delegation"},
    ),
    Case(
        "facts that the database keeps win over keys of the same name",
        {"tomas": selected(one("fifty"))},
        issues=[
            refused(
                "tomas",
                [IS_MASON, rule("registration_type", "equals", "lodges")],
                {"attendee_type": "guest", "registration_type": "individuals"},
            )
        ],
        given={"fifty": only(IS_MASON, rule("registration_type", "equals", "lodges"))},
        facts={"tomas": {"attendee_type": "mason", "registration_type": "lodges"}},
    ),
    Case(
        "facts are compared as JSON: numbers by value",
        {"tomas": selected(one("fifty"))},
        single("tomas", "fifty", "50.00"),
        given={
            "fifty": only(
                rule("years", "equals", 3.0),
                rule("years", "not_equals", "3"),
                rule("firstTime", "equals", False),
                rule("diet", "in", [{"fish": True, "meat": False}, None]),
            )
        },
        facts={"tomas": {"years": 3, "diet": {"meat": False, "fish": True}}},
    ),
    Case(
        "and text is no number",
        {"tomas": selected(one("fifty"))},
        issues=[refused("tomas", [rule("years", "equals", "3")], {"years": 3})],
        given={"fifty": only(rule("years", "equals", "3"))},
        facts={"tomas": {"years": 3}},
    ),
    Case(
        "a fact that is null is missing",
        {"tomas": selected(one("fifty"))},
        issues=[unknown("tomas", "years")],
        given={"fifty": only(rule("years", "in", [None]))},
        facts={"tomas": {"years": None}},
    ),
    Case(
        "what is only for some is so inside packages as well",
        {"harold": selected(pack("surcharge", contents=("seventy", "fifty")))},
        issues=[
            issue(
                "not_eligible",
                ".harold.packages[0].tickets[1]",
                "harold",
                ticket_type="fifty",
                package="surcharge",
                expected=[GL],
                actual={"rank": "MM"},
            ),
            issue(
                "fact_missing",
                ".harold.packages[0]",
                "harold",
                package="surcharge",
                expected="years",
            ),
        ],
        given={"fifty": only(GL), "surcharge": only(rule("years", "not_in", [0]))},
    ),
]


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


CAPACITY = [
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
            unknown("tomas", "rank"),
            refused("harold", [GL], {"rank": "MM"}),
            sold_out(".tomas.individualTickets[0]", 3, 1, "harold", "tomas", ticket_type="fifty"),
        ],
        given={"fifty": only(GL) | {"capacity": 1}},
    ),
]

CASES: Sequence[Case] = [
    *RECORDED,
    *BANQUET,
    *PRICES,
    *NOTHING,
    *SHAPES,
    *REFERENCES,
    *MIXTURES,
    *LIMITS,
    *WINDOWS,
    *ELIGIBILITY,
    *CAPACITY,
]
