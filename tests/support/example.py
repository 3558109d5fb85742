"""The example event: its ids by readable names, its documents, and selections of its tickets."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from importlib.resources import files
from typing import Any, TypeAlias
from uuid import NAMESPACE_OID, uuid5

Document: TypeAlias = dict[str, Any]

ABSENT = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has."""

OWNER = "7e9a6303-0000-4000-8000-000000000001"
STRANGER = "7e9a6303-0000-4000-8000-000000000002"
STAFF = "7e9a6303-0000-4000-8000-000000000003"

ORGANISATION = "3e893fa6-2cc2-448c-be9c-e3858cc90e11"
FUNCTION = "eebddef5-6833-43e3-8d32-700508b1c089"

REGISTRATION = "01974a10-0000-7000-8000-0000000000ff"
"""The registration of the wizard, by an id of its own."""

WALTER, INES, TOMAS, HAROLD = (f"01974a10-0000-7000-8000-00000000000{n}" for n in range(1, 5))
"""The attendees of the wizard, by its own ids: a mason, a partner, a guest, another mason."""

NEWCOMER = "01974a10-0000-7000-8000-000000000005"
"""An attendee that the wizard has not made yet."""

RECEPTION = "d586ecc1-e410-4ef3-a59c-4a53a866bc33"
COMMUNICATION = "be94ef03-6647-48d5-97ea-f98c862e30e6"
CEREMONY = "7196514b-d4b8-4fe0-93ac-deb4c205dd09"
BANQUET = "fd12d7f0-f346-49bf-b1eb-0682ad226216"
MEZZANINE = "b2c3d4e5-f6a7-4891-bcde-f23456789012"
BRUNCH = "d4e5f6a7-b8c9-4567-def0-456789012345"
LUNCHEON = "bce41292-3662-44a7-85da-eeb1a1e89d8a"

HALL = "01974a10-0000-7000-8000-0000000000e1"
"""A pool that is not in the catalogue."""

EVENTS: Mapping[str, str] = {
    RECEPTION: "e842bdb2-aff8-46d8-a347-bf50840fff13",
    COMMUNICATION: "d19d0c78-bf04-48a3-b8c5-7b9724079451",
    CEREMONY: "6c12952b-7cf3-4d6a-81bd-1ac3b7ff7076",
    BANQUET: "03a51924-1606-47c9-838d-9dc32657cd59",
    MEZZANINE: "03a51924-1606-47c9-838d-9dc32657cd59",
    BRUNCH: "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    LUNCHEON: "567fa008-40de-4f87-89f5-900933f898b2",
}
"""To which event a ticket type admits."""

MASONS = "08c77893-85a3-46a5-a04a-99e5fa896662"
CEREMONY_AND_BANQUET = "46c2dbe0-708e-47be-9046-a4ff597a8158"
LODGE = "794841e4-5f04-4899-96e2-c0afece4d5f2"
ALL_EVENTS = "88567b9c-9675-4ee2-b572-eace1c580eb4"
LADIES = "e7f8a9b0-c1d2-4e5f-9876-543210fedcba"

CONTENTS: Mapping[str, Sequence[str]] = {
    MASONS: (COMMUNICATION, CEREMONY, BANQUET),
    CEREMONY_AND_BANQUET: (CEREMONY, BANQUET),
    LODGE: (BANQUET,) * 10,
    ALL_EVENTS: (RECEPTION, COMMUNICATION, CEREMONY, BANQUET, LUNCHEON),
    LADIES: (BRUNCH, CEREMONY, BANQUET),
}
"""The tickets in one of each package, in the order of their events."""

NOTHING: Mapping[str, Sequence[Document]] = {"packages": [], "individualTickets": []}


def document(name: str) -> Document:
    """Return a document of the example event, for the caller to change at will.

    Args:
        name: catalogue, or wizard_state: a recorded state of the registration wizard.

    Returns:
        The document.
    """
    path = files("ticketing_client").joinpath(f"example/{name}.json")
    found: Document = json.loads(path.read_text(encoding="utf-8"))
    return found


def wizard_registration(registration_id: str, attendees: Iterable[str]) -> Document:
    """Return the registration of the recorded wizard, with Walter and these attendees alone."""
    registration: Document = document("wizard_state")["registration"]
    assert registration["primaryAttendee"]["attendeeId"] == WALTER
    wanted = set(attendees)
    return registration | {
        "registrationId": registration_id,
        "additionalAttendees": [
            attendee
            for attendee in registration["additionalAttendees"]
            if attendee["attendeeId"] in wanted
        ],
    }


def selection(
    packages: Mapping[str, int] | None = None, tickets: Mapping[str, int] | None = None
) -> Document:
    """Return a selection of so many packages and individual tickets, in the form that is stored."""
    return {
        "packages": [
            {
                "packageId": package,
                "quantity": quantity,
                "tickets": [
                    {"ticketId": type_, "quantity": CONTENTS[package].count(type_)}
                    for type_ in dict.fromkeys(CONTENTS[package])
                ],
            }
            for package, quantity in (packages or {}).items()
        ],
        "individualTickets": [
            {"ticketId": type_, "quantity": quantity} for type_, quantity in (tickets or {}).items()
        ],
    }


def ticket(attendee: str, ticket_type: str, package: str | None = None, **more: object) -> Document:
    """Return an element of p_tickets with what it cannot do without, and more."""
    row: Document = {
        "attendee_id": attendee,
        "event_id": EVENTS.get(ticket_type, ABSENT),
        "ticket_type_id": ticket_type,
    }
    return row | ({"package_id": package} if package else {}) | more


def tickets_of(selections: Mapping[str, Document]) -> list[Document]:
    """Return the p_tickets that selections amount to, by the catalogue of the example event."""
    return [row for attendee, chosen in selections.items() for row in _tickets(attendee, chosen)]


def _tickets(attendee: str, chosen: Document) -> Iterator[Document]:
    for package in chosen["packages"]:
        for type_ in CONTENTS[package["packageId"]] * package["quantity"]:
            yield ticket(attendee, type_, package["packageId"])
    for line in chosen["individualTickets"]:
        for _ in range(line["quantity"]):
            yield ticket(attendee, line["ticketId"])


def updates_of(selections: Mapping[str, Document]) -> list[Document]:
    """Return selections as p_attendee_updates."""
    return [
        {"attendee_id": attendee, "selected_tickets": chosen}
        for attendee, chosen in selections.items()
    ]


CHOSEN: Mapping[str, Document] = {
    WALTER: selection({ALL_EVENTS: 1}),
    INES: selection({LADIES: 1}),
    TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1}),
    HAROLD: selection({MASONS: 1}),
}
"""What the recorded wizard has selected, in the form that is stored."""

TICKETS: Sequence[Document] = tickets_of(CHOSEN)
"""The p_tickets that this amounts to."""

TOTAL = Decimal("735.00")
"""What this costs."""


def part(catalogue: Document, element_id: str) -> Document:
    """Return the event, ticket type, package or pool of a catalogue with that id."""
    (found,) = (
        element
        for section, key in (
            ("events", "event_id"),
            ("ticket_types", "ticket_type_id"),
            ("packages", "package_id"),
            ("pools", "capacity_pool_id"),
        )
        for element in catalogue.get(section) or []
        if element[key] == element_id
    )
    named: Document = found
    return named


def drop(catalogue: Document, *element_ids: str) -> None:
    """Leave events, ticket types and packages out of a catalogue."""
    for section, key in (
        ("events", "event_id"),
        ("ticket_types", "ticket_type_id"),
        ("packages", "package_id"),
    ):
        catalogue[section] = [
            element for element in catalogue[section] if element[key] not in element_ids
        ]


def pool(pool_id: str, capacity: int, types: Sequence[str], packages: Sequence[str]) -> Document:
    """Return a shared pool of a catalogue."""
    return {
        "capacity_pool_id": pool_id,
        "name": "Shared",
        "capacity": capacity,
        "ticket_type_ids": list(types),
        "package_ids": list(packages),
    }


def other_event(catalogue: Document) -> Document:
    """Return the catalogue of another function of another organisation, alike in all but ids."""
    text = json.dumps(catalogue)
    for element in _ids(catalogue):
        text = text.replace(element, other_id(element))
    other: Document = json.loads(text)
    other["organisation"]["slug"] = "other-organisation"
    other["function"]["slug"] = "other-function"
    return other


def other_id(example_id: str) -> str:
    """Return the id that something of the example event has in the other event."""
    return str(uuid5(NAMESPACE_OID, example_id))


def _ids(catalogue: Document) -> Iterable[str]:
    yield catalogue["organisation"]["organisation_id"]
    yield catalogue["function"]["function_id"]
    for section, key in (
        ("events", "event_id"),
        ("ticket_types", "ticket_type_id"),
        ("packages", "package_id"),
    ):
        yield from (element[key] for element in catalogue[section])
