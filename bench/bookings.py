"""Requests: registrations prepared outside the measured time, and their payloads."""

from __future__ import annotations

import json
import math
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from psycopg.types.json import Jsonb

from bench.server import Connection, Document, example, example_guest, large_catalogue, open_types
from ticketing_client import calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ticketing_client.calls import Call

TICKETS_EACH: Final = 4
"""Tickets of one attendee, typical for the example event."""

WIZARD_TICKETS: Final = 13
"""Tickets that the recorded wizard selects for four attendees: packages and single tickets."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A registration without tickets, and the request of its wizard.

    Attributes:
        function_id: Its function.
        registration_id: Its id.
        owner_id: Its owner.
        tickets: p_tickets, prices included.
        attendee_updates: p_attendee_updates.
    """

    function_id: str
    registration_id: str
    owner_id: str
    tickets: list[Document]
    attendee_updates: list[Document]

    @property
    def call(self) -> Call[Any]:
        """The persist, as the client sends it."""
        return calls.persist_attendee_tickets(
            self.registration_id, self.tickets, self.attendee_updates
        )

    @property
    def shuffled(self) -> Call[Any]:
        """The same persist with the tickets in another order, by ticket type."""
        by_type = sorted(self.tickets, key=lambda row: str(row["ticket_type_id"]))
        return calls.persist_attendee_tickets(self.registration_id, by_type, self.attendee_updates)

    @property
    def baseline(self) -> list[str]:
        """The same request as parameters of bench.floor and bench.naive_loop."""
        return [
            self.function_id,
            self.registration_id,
            self.owner_id,
            json.dumps(self.tickets),
            json.dumps(self.attendee_updates),
        ]


@dataclass(frozen=True, slots=True)
class Newcomer:
    """The calls of a buyer of one ticket who has no registration yet."""

    quote: Call[Any]
    create: Call[Any]


class BookingOffice:
    """Prepares bookings in one database."""

    def __init__(self, connection: Connection) -> None:
        """Use a connection in autocommit mode.

        Args:
            connection: A connection to a database made by create_database.
        """
        catalogue = large_catalogue()
        self._connection = connection
        self.function_id: str = catalogue["function"]["function_id"]
        self.types = open_types(catalogue)
        self._guest = example_guest()
        wizard = example("wizard_state")
        self._registration: Document = wizard["registration"]
        self.selections = _canonical(wizard["ticketSelections"])
        self.attendees: list[Document] = [
            self._registration["primaryAttendee"],
            *self._registration["additionalAttendees"],
        ]
        quote = self.answer(
            calls.quote_ticket_selections(self.function_id, self.selections, self.attendees)
        )
        self._wizard_tickets: list[Document] = quote["tickets"]

    def answer(self, call: Call[Any]) -> Document:
        """Execute a call and return its answer as parsed JSON."""
        row = self._connection.execute(call.sql, call.params).fetchone()
        assert row is not None
        document: Document = json.loads(row[0])
        return document

    def registration_data(self) -> Document:
        """Return the wizard's p_registration_data with a new id and a new owner."""
        return self._registration | {"registrationId": str(uuid4()), "authUserId": str(uuid4())}

    def guests(self, tickets: int) -> Booking:
        """Prepare a booking of guests with four single tickets each, of several types."""
        row = self._connection.execute(
            "SELECT * FROM bench.make_registration(%s, %s, %s)",
            [self.function_id, math.ceil(tickets / TICKETS_EACH), Jsonb(self._guest)],
        ).fetchone()
        assert row is not None
        registration_id, owner_id, ids = row
        rows = [
            ticket_row(str(ids[number // TICKETS_EACH]), self.types[number % len(self.types)])
            for number in range(tickets)
        ]
        return Booking(
            self.function_id, str(registration_id), str(owner_id), rows, selections_of(rows)
        )

    def single(self, kind: Document) -> Booking:
        """Prepare a booking of one guest with one ticket of a type."""
        booking = self.guests(1)
        rows = [ticket_row(booking.tickets[0]["attendee_id"], kind)]
        return replace(booking, tickets=rows, attendee_updates=selections_of(rows))

    def newcomer(self) -> Newcomer:
        """Prepare the requests of a buyer who has no registration yet: one guest, one ticket."""
        attendee_id = str(uuid4())
        guest = self._guest | {"attendeeId": attendee_id, "isPrimary": True, "guestOfId": None}
        rows = [ticket_row(attendee_id, self.types[0])]
        (update,) = selections_of(rows)
        data = self.registration_data()
        data |= {"primaryAttendee": guest, "additionalAttendees": []}
        return Newcomer(
            quote=calls.quote_ticket_selections(
                self.function_id, {attendee_id: update["selected_tickets"]}, [guest]
            ),
            create=calls.create_individual_registration_with_tickets(data, rows),
        )

    def wizards(self) -> Booking:
        """Prepare the booking of the recorded wizard: 4 attendees and 13 tickets."""
        data = self.registration_data()
        answer = self.answer(calls.create_individual_registration_jsonb(data))
        stored = {
            attendee["client_attendee_id"]: attendee["attendee_id"]
            for attendee in answer["attendees"]
        }
        rows = [
            _row_of_quote(ticket) | {"attendee_id": stored[ticket["client_attendee_id"]]}
            for ticket in self._wizard_tickets
        ]
        chosen = [
            {"attendee_id": stored[attendee], "selected_tickets": selection}
            for attendee, selection in self.selections.items()
        ]
        return Booking(self.function_id, data["registrationId"], data["authUserId"], rows, chosen)

    def of_size(self, tickets: int) -> Booking:
        """Prepare a booking of so many tickets; of 13, the wizard's."""
        return self.wizards() if tickets == WIZARD_TICKETS else self.guests(tickets)

    def by_client_id(self, booking: Booking) -> list[Document]:
        """Return a wizard's tickets with its own attendee ids, as sent before a creation."""
        stored = dict(
            zip(
                dict.fromkeys(update["attendee_id"] for update in booking.attendee_updates),
                self.selections,
                strict=True,
            )
        )
        assert len(booking.tickets) == WIZARD_TICKETS
        return [row | {"attendee_id": stored[row["attendee_id"]]} for row in booking.tickets]

    def with_one_changed(self, booking: Booking) -> Booking:
        """Return the same booking of guests with one ticket of another type."""
        first, *others = booking.tickets
        held = {
            row["ticket_type_id"]
            for row in booking.tickets
            if row["attendee_id"] == first["attendee_id"]
        }
        other = next(kind for kind in self.types if kind["ticket_type_id"] not in held)
        rows = [ticket_row(first["attendee_id"], other), *others]
        return replace(booking, tickets=rows, attendee_updates=selections_of(rows))


def selections_of(rows: Sequence[Document]) -> list[Document]:
    """Return the p_attendee_updates that match p_tickets without packages."""
    counted: dict[str, Counter[str]] = {}
    for row in rows:
        counted.setdefault(row["attendee_id"], Counter())[row["ticket_type_id"]] += 1
    return [
        {
            "attendee_id": attendee,
            "selected_tickets": {
                "packages": [],
                "individualTickets": [
                    {"ticketId": kind, "quantity": quantity}
                    for kind, quantity in quantities.items()
                ],
            },
        }
        for attendee, quantities in counted.items()
    ]


def ticket_row(attendee_id: str, kind: Document) -> Document:
    """Return the element of p_tickets for a ticket of a type."""
    price = float(Decimal(kind["price"]))
    return {
        "attendee_id": attendee_id,
        "event_id": kind["event_id"],
        "ticket_type_id": kind["ticket_type_id"],
        "price_paid": price,
        "original_price": price,
    }


def _row_of_quote(ticket: Document) -> Document:
    names = ("event_id", "ticket_type_id", "package_id", "price_paid", "original_price")
    return {name: ticket[name] for name in names}


def _canonical(selections: Mapping[str, Any]) -> Document:
    """Return the wizard's selections in their stored form: only ids in the contents of packages."""
    canonical: Document = deepcopy(dict(selections))
    for chosen in canonical.values():
        for package in chosen["packages"]:
            for line in package["tickets"]:
                if isinstance(line["ticketId"], dict):
                    line["ticketId"] = line["ticketId"]["event_ticket_id"]
    return canonical
