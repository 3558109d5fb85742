"""Requests: registrations prepared outside the measured time, and their payloads."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, LiteralString
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
    def baseline(self) -> list[str]:
        """The same request as parameters of bench.floor and bench.naive_loop."""
        return [
            self.function_id,
            self.registration_id,
            self.owner_id,
            json.dumps(self.tickets),
            json.dumps(self.attendee_updates),
        ]


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
        """Execute a call and return its answer as parsed JSON.

        Args:
            call: The call.

        Returns:
            The answer.
        """
        row = self._connection.execute(call.sql, call.params).fetchone()
        assert row is not None
        document: Document = json.loads(row[0])
        return document

    def registration_data(self) -> Document:
        """Return the recorded wizard's request for a new registration.

        Returns:
            p_registration_data with a new id and a new owner.
        """
        return self._registration | {"registrationId": str(uuid4()), "authUserId": str(uuid4())}

    def guests(self, tickets: int) -> Booking:
        """Prepare a booking of guests with four single tickets each, of several types.

        Args:
            tickets: Number of tickets.

        Returns:
            The booking.
        """
        row = self._connection.execute(
            "SELECT * FROM bench.make_registration(%s, %s, %s)",
            [self.function_id, math.ceil(tickets / TICKETS_EACH), Jsonb(self._guest)],
        ).fetchone()
        assert row is not None
        registration_id, owner_id, ids = row
        rows = [
            _ticket_row(str(ids[number // TICKETS_EACH]), self.types[number % len(self.types)])
            for number in range(tickets)
        ]
        return Booking(
            self.function_id, str(registration_id), str(owner_id), rows, selections_of(rows)
        )

    def wizards(self) -> Booking:
        """Prepare the booking of the recorded wizard: 4 attendees and 13 tickets.

        Returns:
            The booking.
        """
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
        """Prepare a booking of a given size.

        Args:
            tickets: Number of tickets; 13 selects the wizard's booking.

        Returns:
            The booking.
        """
        return self.wizards() if tickets == WIZARD_TICKETS else self.guests(tickets)

    def with_one_changed(self, booking: Booking) -> Booking:
        """Return a booking of guests whose first attendee replaces one ticket type.

        Args:
            booking: The original booking.

        Returns:
            The same registration with one ticket changed.
        """
        first, *others = booking.tickets
        held = {row["ticket_type_id"] for row in booking.tickets if _same_attendee(row, first)}
        other = next(kind for kind in self.types if kind["ticket_type_id"] not in held)
        rows = [_ticket_row(first["attendee_id"], other), *others]
        return Booking(
            booking.function_id,
            booking.registration_id,
            booking.owner_id,
            rows,
            selections_of(rows),
        )


def selections_of(rows: Sequence[Document]) -> list[Document]:
    """Return the p_attendee_updates that match single tickets.

    Args:
        rows: p_tickets without packages.

    Returns:
        The updates, one for each attendee.
    """
    counted: dict[str, dict[str, int]] = {}
    for row in rows:
        quantities = counted.setdefault(row["attendee_id"], {})
        quantities[row["ticket_type_id"]] = quantities.get(row["ticket_type_id"], 0) + 1
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


def encoded(call: Call[Any]) -> tuple[LiteralString, dict[str, str | int]]:
    """Encode a call, so that encoding is not part of the measured time.

    Args:
        call: The call.

    Returns:
        The statement and its parameters.
    """
    return call.sql, call.params


def _same_attendee(row: Document, other: Document) -> bool:
    same: bool = row["attendee_id"] == other["attendee_id"]
    return same


def _ticket_row(attendee_id: str, kind: Document) -> Document:
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
    """Return the wizard's selections with plain ids, in their stored form."""
    return {
        attendee: {
            "packages": [
                package
                | {
                    "tickets": [
                        {
                            "ticketId": line["ticketId"]["event_ticket_id"]
                            if isinstance(line["ticketId"], dict)
                            else line["ticketId"],
                            "quantity": line["quantity"],
                        }
                        for line in package["tickets"]
                    ]
                }
                for package in chosen["packages"]
            ],
            "individualTickets": chosen["individualTickets"],
        }
        for attendee, chosen in selections.items()
    }
