"""The workshop: a small event whose prices do not come out even, and names instead of ids.

Nothing of the workshop is limited until a test limits it. Selections, tickets and issues name
attendees, ticket types and packages by what `Names` calls them, so that a case and what comes of it
can be read. The names cover the example event as well.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from tests.support import example
from tests.support.caller import Connection, Document, dumps, service

REGISTRATION = str(UUID(int=(1 << 64) + 1))
OTHER_REGISTRATION = str(UUID(int=(1 << 64) + 2))

UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def loads(text: str | bytes) -> Any:  # noqa: ANN401 - JSON
    """Read JSON with exact amounts."""
    return json.loads(text, parse_float=Decimal)


class Names:
    """Translates whole JSON documents from names to ids and back."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        """Take the id of each name."""
        self._ids = dict(ids)
        self._names = {ident: name for name, ident in ids.items()}

    def also(self, name: str, ident: str) -> None:
        """Give an id a name that another id has already; `<name>@db` is that very id."""
        self._names[ident] = name
        self._ids[f"{name}@db"] = ident

    def ids(self, document: Any) -> Any:  # noqa: ANN401 - JSON
        """Replace the names, wherever a key or a string is one."""
        match document:
            case dict():
                return {self.ids(key): self.ids(value) for key, value in document.items()}
            case list() | tuple():
                return [self.ids(value) for value in document]
            case str():
                return self._ids.get(document, document)
            case _:
                return document

    def names(self, document: Any) -> Any:  # noqa: ANN401 - JSON
        """Replace the ids, wherever they stand, also inside paths."""
        return loads(UUIDS.sub(lambda found: self._names.get(found[0], found[0]), dumps(document)))


Ticket: TypeAlias = tuple[str, str, str | None, Decimal, Decimal]
"""Attendee, ticket type, package, price paid and list price of one ticket."""


def as_tickets(names: Names, rows: Iterable[Document]) -> list[Ticket]:
    """Read full ticket objects, in their order."""
    return [
        (
            names.names(row["attendee_id"]),
            names.names(row["ticket_type_id"]),
            names.names(row["package_id"]),
            Decimal(row["price_paid"]),
            Decimal(row["original_price"]),
        )
        for row in rows
    ]


def _ids(kind: int, *names: str) -> dict[str, str]:
    """Number things, so that their ids sort in the order in which they stand here."""
    return {name: f"0000000{kind}-0000-4000-8000-{n:012}" for n, name in enumerate(names, 1)}


IDS = {
    # attendees: of the recorded wizard state, of the other registration, and of none
    "walter": example.WALTER,
    "ines": example.INES,
    "tomas": example.TOMAS,
    "harold": example.HAROLD,
    "contact": REGISTRATION,
    "other contact": OTHER_REGISTRATION,
    "absent": "01974a10-0000-7000-8000-000000000009",
    "no such thing": "01974a10-0000-7000-8000-00000000000a",
    # the example event
    "reception": example.RECEPTION,
    "communication": example.COMMUNICATION,
    "ceremony": example.CEREMONY,
    "banquet": example.BANQUET,
    "banquet, 3rd floor": "c3d4e5f6-a7b8-4923-cdef-345678901234",
    "banquet, foyer": "a1b2c3d4-e5f6-4789-abcd-ef1234567890",
    "banquet, mezzanine": example.MEZZANINE,
    "brunch": example.BRUNCH,
    "cruise": example.LUNCHEON,
    "the banquet": example.EVENTS[example.BANQUET],
    "masons' package": example.MASONS,
    "Ceremony & Banquet": example.CEREMONY_AND_BANQUET,
    "Lodge Package": example.LODGE,
    "All Events": example.ALL_EVENTS,
    "ladies' package": example.LADIES,
    # the workshop
    **_ids(1, "saturday", "sunday"),
    **_ids(2, "third", "other third", "last third", "nothing", "fifty", "seventy", "gift"),
    **_ids(
        3,
        "thirds",
        "uneven",
        "presents",
        "surcharge",
        "trio",
        "two of each",
        "free",
        "cent",
        "sunday pass",
    ),
    **_ids(4, "shared pool"),
}

IN_ALL_EVENTS = ("reception", "communication", "ceremony", "banquet", "cruise")
LODGE_TYPES = ["UGLNSWACT", "United Grand Lodge of NSW & ACT"]
IS_MASON = {"type": "attendee_type", "operator": "equals", "value": "mason"}
IS_OURS = {"type": "grand_lodge", "operator": "in", "value": LODGE_TYPES}


def _type(name: str, event: str, price: str) -> Document:
    return {"ticket_type_id": name, "event_id": event, "name": name, "price": price}


def _package(name: str, price: str, **items: int) -> Document:
    return {
        "package_id": name,
        "name": name,
        "price": price,
        "items": [
            {"ticket_type_id": ticket_type.replace("_", " "), "quantity": quantity}
            for ticket_type, quantity in items.items()
        ],
    }


WORKSHOP: Document = Names(IDS).ids(
    {
        "organisation": {
            "organisation_id": "00000009-0000-4000-8000-000000000001",
            "slug": "workshop",
            "name": "Workshop",
        },
        "function": {
            "function_id": "00000009-0000-4000-8000-000000000002",
            "slug": "workshop-weekend",
            "name": "Workshop weekend",
            "currency": "EUR",
            "status": "published",
        },
        "events": [
            {
                "event_id": "saturday",
                "slug": "saturday",
                "title": "Saturday",
                "starts_at": "2030-06-01T09:00:00Z",
            },
            {
                "event_id": "sunday",
                "slug": "sunday",
                "title": "Sunday",
                "starts_at": "2030-06-02T09:00:00Z",
            },
        ],
        "ticket_types": [
            _type("third", "saturday", "33.33"),
            _type("other third", "saturday", "33.33"),
            _type("last third", "saturday", "33.34"),
            _type("nothing", "saturday", "0.00"),
            _type("fifty", "sunday", "50.00"),
            _type("seventy", "sunday", "70.00"),
            _type("gift", "sunday", "0.00"),
        ],
        "packages": [
            _package("thirds", "100.00", third=1, other_third=1, last_third=1),
            _package("uneven", "100.00", nothing=1, fifty=1, seventy=1),
            _package("presents", "10.00", nothing=1, gift=2),
            _package("surcharge", "200.00", fifty=1, seventy=1),
            _package("trio", "20.00", third=3),
            _package("two of each", "99.99", fifty=2, seventy=2),
            _package("free", "0.00", fifty=1),
            _package("cent", "0.01", third=1, other_third=1, last_third=1),
            _package("sunday pass", "120.00", fifty=1, seventy=1),
        ],
    }
)


FUNCTION: str = WORKSHOP["function"]["function_id"]


def one(ticket_type: str, quantity: object = 1) -> Document:
    """Select individual tickets."""
    return {"ticketId": ticket_type, "quantity": quantity}


def pack(package: str, quantity: object = 1, contents: Sequence[str] | None = None) -> Document:
    """Select packages, and say what is in one if `contents` does."""
    line: Document = {"packageId": package, "quantity": quantity}
    return line if contents is None else line | {"tickets": [one(each) for each in contents]}


def selected(*lines: Document) -> Document:
    """Put lines into the form of the wizard."""
    return {
        "packages": [line for line in lines if "packageId" in line],
        "individualTickets": [line for line in lines if "ticketId" in line],
    }


def single(attendee: str, ticket_type: str, price: str, quantity: int = 1) -> list[Ticket]:
    """Expect individual tickets."""
    return [(attendee, ticket_type, None, Decimal(price), Decimal(price))] * quantity


def packed(attendee: str, package: str, *parts: tuple[str, str, str]) -> list[Ticket]:
    """Expect the tickets of a package: ticket type, price paid and list price of each."""
    return [
        (attendee, ticket_type, package, Decimal(paid), Decimal(listed))
        for ticket_type, paid, listed in parts
    ]


LATER, EARLIER = "2999-01-01T00:00:00+00:00", "2000-01-01T00:00:00+00:00"
BY_CONTACT: Document = {"primaryAttendee": None, "additionalAttendees": []}


def rule(fact: str, operator: str, value: object) -> Document:
    """Make a rule of eligibility."""
    return {"type": fact, "operator": operator, "value": value}


def only(*rules: Document, operator: str = "AND") -> Document:
    """Make the attributes of something that is only for some."""
    return {"eligibility": {"operator": operator, "rules": list(rules)}}


GL, MM = rule("rank", "equals", "GL"), rule("rank", "equals", "MM")


def create(
    db: Connection,
    state: Mapping[str, Any],
    function: str,
    registration: str = REGISTRATION,
    **changes: object,
) -> Document:
    """Make a registration of the wizard's registration object, and return the answer."""
    data = {**state, "registrationId": registration, "functionId": function, **changes}
    return service(db).call("create_individual_registration_jsonb", p_registration_data=data)


Change: TypeAlias = Callable[[Document], None]


def amend(catalogue: Document, changes: Mapping[str, Document]) -> None:
    """Change events, ticket types and packages of a catalogue, given by id."""
    missing = set(changes)
    for section, key in (
        ("events", "event_id"),
        ("ticket_types", "ticket_type_id"),
        ("packages", "package_id"),
    ):
        for entry in catalogue[section]:
            if entry[key] in changes:
                entry.update(changes[entry[key]])
                missing.discard(entry[key])
    assert not missing, missing
