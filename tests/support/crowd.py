"""The hot catalogue, and bookings from it.

It is made for contention: little capacity, and every ticket takes it from several pools.
"""

import json
from collections.abc import Iterable, Mapping
from uuid import UUID

from tests.support.caller import Connection, Document, service
from tests.support.example import OWNER


def uid(number: int) -> str:
    """Return an id that sorts like its number, as pools are locked in the order of their ids."""
    return str(UUID(int=number))


ORGANISATION, FUNCTION = uid(1), uid(2)

# Types' pools come before those of events, these before shared ones.
SEAT, STAND, WALK, BOAT = uid(0x11), uid(0x12), uid(0x13), uid(0x14)
DAY, FAMILY = uid(0x21), uid(0x22)
HALL, GARDEN = uid(0x31), uid(0x32)
SHARED = uid(0x41)

EVENTS: Mapping[str, str] = {SEAT: HALL, STAND: HALL, WALK: GARDEN, BOAT: GARDEN}
PRICES: Mapping[str, str] = {
    SEAT: "20.00",
    STAND: "10.00",
    WALK: "0.00",
    BOAT: "35.50",
    DAY: "18.00",
    FAMILY: "50.00",
}
CONTENTS: Mapping[str, Mapping[str, int]] = {
    DAY: {SEAT: 1, WALK: 1},
    FAMILY: {STAND: 2, BOAT: 1},
}


def catalogue(
    capacities: Mapping[str, int] | None = None,
    *,
    shared: Iterable[str] = (),
    slug: str = "hot-function",
    function: int = 0,
) -> Document:
    """Return the document of the hot catalogue.

    Args:
        capacities: By the id of an event, ticket type, package or SHARED; the others are
            unlimited.
        shared: The ticket types and packages that take capacity from the shared pool, which exists
            when SHARED has a capacity.
        slug: The slug of the function.
        function: 0 for FUNCTION; another number for a further function, whose ids are those of
            the first and so many times 2**64.

    Returns:
        A p_catalogue.
    """
    limits = capacities or {}
    members = set(shared)
    document = {
        "organisation": {"organisation_id": ORGANISATION, "slug": "hot", "name": "Hot"},
        "function": {
            "function_id": FUNCTION,
            "slug": slug,
            "name": "Hot function",
            "currency": "AUD",
            "status": "published",
            "selection_mode": "mixed",
            # few owners stand for a crowd
            "max_held_per_owner": 1_000_000,
            "max_open_registrations_per_owner": 1_000_000,
        },
        "events": [
            {"event_id": event, "slug": name, "title": name, "capacity": limits.get(event)}
            for event, name in ((HALL, "hall"), (GARDEN, "garden"))
        ],
        "ticket_types": [
            {
                "ticket_type_id": ticket_type,
                "event_id": EVENTS[ticket_type],
                "name": name,
                "price": PRICES[ticket_type],
                "capacity": limits.get(ticket_type),
            }
            for ticket_type, name in (
                (SEAT, "Seat"),
                (STAND, "Stand"),
                (WALK, "Walk"),
                (BOAT, "Boat"),
            )
        ],
        "packages": [
            {
                "package_id": package,
                "name": name,
                "price": PRICES[package],
                "capacity": limits.get(package),
                "items": [
                    {"ticket_type_id": ticket_type, "quantity": quantity}
                    for ticket_type, quantity in CONTENTS[package].items()
                ],
            }
            for package, name in ((DAY, "Day"), (FAMILY, "Family"))
        ],
        "pools": [
            {
                "capacity_pool_id": SHARED,
                "name": "Shared",
                "capacity": limits[SHARED],
                "ticket_type_ids": sorted(members & set(EVENTS)),
                "package_ids": sorted(members & set(CONTENTS)),
            }
        ]
        if SHARED in limits
        else [],
    }
    return _moved(document, function)


def _moved(document: Document, function: int) -> Document:
    """Give every id but the organisation's the function's number in its upper half."""
    text = json.dumps(document)
    for name in (FUNCTION, *EVENTS, *CONTENTS, HALL, GARDEN, SHARED):
        text = text.replace(name, uid((function << 64) + UUID(name).int))
    moved: Document = json.loads(text)
    return moved


def selection(**chosen: int) -> Document:
    """Return a selected_tickets of so many of each, by lower-case name (seat, day and so on)."""
    named = {"day": DAY, "family": FAMILY, "seat": SEAT, "stand": STAND, "walk": WALK, "boat": BOAT}
    by_id = {named[name]: quantity for name, quantity in chosen.items()}
    return {
        "packages": [
            {"packageId": package, "quantity": quantity}
            for package, quantity in by_id.items()
            if package in CONTENTS
        ],
        "individualTickets": [
            {"ticketId": ticket_type, "quantity": quantity}
            for ticket_type, quantity in by_id.items()
            if ticket_type in EVENTS
        ],
    }


def attendee_of(registration: str, number: int = 0) -> str:
    """Return the client's id of an attendee of a registration."""
    return uid(UUID(registration).int + ((number + 1) << 120))


def ticket_arguments(registration: str, chosen: Mapping[int, Document]) -> dict[str, object]:
    """Return p_tickets and p_attendee_updates for selections by the number of the attendee."""
    return {
        "p_tickets": [
            {
                "attendee_id": attendee_of(registration, number),
                "event_id": EVENTS[ticket_type],
                "ticket_type_id": ticket_type,
            }
            | ({"package_id": package} if package else {})
            for number, one in chosen.items()
            for package, ticket_type, quantity in _tickets_in(one)
            for _ in range(quantity)
        ],
        "p_attendee_updates": [
            {"attendee_id": attendee_of(registration, number), "selected_tickets": one}
            for number, one in chosen.items()
        ],
    }


def _tickets_in(chosen: Document) -> Iterable[tuple[str | None, str, int]]:
    for line in chosen["packages"]:
        for ticket_type, quantity in CONTENTS[line["packageId"]].items():
            yield line["packageId"], ticket_type, quantity * line["quantity"]
    for line in chosen["individualTickets"]:
        yield None, line["ticketId"], line["quantity"]


def booking(registration: str, *, attendees: int = 1, owner: str = OWNER) -> Document:
    """Return the registration data of a booking that can be paid."""
    guests = [
        {
            "attendeeId": attendee_of(registration, number),
            "attendeeType": "guest",
            "isPrimary": number == 0,
            "firstName": "Guest",
            "lastName": str(number),
        }
        for number in range(attendees)
    ]
    return {
        "registrationId": registration,
        "registrationType": "individuals",
        "functionId": FUNCTION,
        "authUserId": owner,
        "primaryAttendee": guests[0],
        "additionalAttendees": guests[1:],
        "billingDetails": {"firstName": "Guest", "emailAddress": "guest@example.org"},
    }


def buy(connection: Connection, registration: str, *chosen: Document) -> Document:
    """Book as the service: a selection for each attendee."""
    tickets = ticket_arguments(registration, dict(enumerate(chosen)))
    return service(connection).call(
        "create_individual_registration_with_tickets",
        p_registration_data=booking(registration, attendees=len(chosen)),
        p_tickets=tickets["p_tickets"],
        p_attendee_updates=tickets["p_attendee_updates"],
    )


def select(connection: Connection, registration: str, *chosen: Document) -> Document:
    """Persist as the service: a selection for each of the first attendees."""
    return service(connection).call(
        "persist_ticket_selections",
        p_registration_id=registration,
        p_selections={attendee_of(registration, number): one for number, one in enumerate(chosen)},
    )


def pool(connection: Connection, pool_id: str) -> tuple[int, int, int]:
    """Return capacity, reserved and sold of a pool; what is in allotments counts as free."""
    row = connection.execute(
        """
        SELECT pool.capacity, pool.reserved, pool.sold
        FROM ticketing.functions AS function
        CROSS JOIN LATERAL ticketing_internal.pool_availability(function.function_id) AS pool
        WHERE pool.capacity_pool_id = %s
        """,
        [pool_id],
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def enter(connection: Connection, pool_id: str) -> None:
    """Enter the queue for a pool, which precedes every change of its counters."""
    connection.execute(
        """
        SELECT pg_advisory_xact_lock(
            ticketing_internal.lock_key('pool', function_id, capacity_pool_id)
        )
        FROM ticketing.capacity_pools WHERE capacity_pool_id = %s
        """,
        [pool_id],
    )


def is_free(connection: Connection, pool_id: str) -> bool:
    """Tell whether no session holds a pool: neither the head of its queue nor its row."""
    return (
        connection.execute(
            "SELECT FROM ticketing.capacity_pools WHERE capacity_pool_id = %s "
            "AND pg_try_advisory_xact_lock("
            "ticketing_internal.lock_key('pool', function_id, capacity_pool_id)) "
            "FOR UPDATE SKIP LOCKED",
            [pool_id],
        ).rowcount
        == 1
    )


def allow_allotments_of_small_pools(connection: Connection) -> None:
    """Let pools with a capacity of ten have allotments too: three, each a sixth of what is left."""
    row = connection.execute(
        "SELECT pg_get_functiondef('ticketing_internal.fill_allotments'::regproc)"
    ).fetchone()
    assert row is not None
    definition: str = row[0]
    number = "c_max_allotments CONSTANT integer := "
    usual, fewer = f"{number}64", f"{number}3"
    definition = definition.replace(usual, fewer)
    assert definition.count(fewer) == 1, "their number has moved: name it anew"
    connection.execute(definition.encode())
