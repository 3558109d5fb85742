"""What the tests of selling are made of: bookings, payments, the passing of time, races."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import LiteralString
from uuid import uuid4

from psycopg import sql

from .calls import (
    ORGANISATION,
    OWNER,
    STRANGER,
    WALTER,
    Caller,
    Connection,
    Document,
    rows,
    tickets_of,
    updates_of,
)

STAFF = "7e9a6303-0000-4000-8000-000000000003"

PATIENCE = 30
"""Seconds after which what another session has to do is not going to happen."""

_PLAIN = frozenset({"p_reason", "p_after", "p_limit"})


@dataclass(frozen=True)
class Seller(Caller):
    """A caller of all RPCs, also of those that take texts and numbers."""

    def call(self, rpc: LiteralString, **arguments: object) -> Document:
        """Call an RPC and return its answer.

        Args:
            rpc: Its name.
            **arguments: Its arguments by name; beside a text or a number there is no jsonb.

        Returns:
            The answer, with its numbers as they were written.

        Raises:
            psycopg.Error: When the call is refused; nothing of it is left then.
        """
        if not _PLAIN & arguments.keys():
            return super().call(rpc, **arguments)
        # untyped: the function says what each is
        statement = sql.SQL("SELECT ticketing.{}({})::text").format(
            sql.Identifier(rpc),
            sql.SQL(", ").join(
                sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
                for name in arguments
            ),
        )
        with self.connection.transaction():
            self._become(self.role, json.dumps({"sub": self.user_id}) if self.user_id else "")
            row = self.connection.execute(statement, arguments).fetchone()
            self._become("none", "")
        assert row is not None
        answer: Document = json.loads(row[0], parse_float=Decimal)
        return answer


def service(connection: Connection) -> Seller:
    """Return a back end that calls over this connection."""
    return Seller(connection, "service_role")


def owner(connection: Connection) -> Seller:
    """Return the user of the wizard, calling over this connection."""
    return Seller(connection, "authenticated", OWNER)


def stranger(connection: Connection) -> Seller:
    """Return a user who owns nothing, calling over this connection."""
    return Seller(connection, "authenticated", STRANGER)


def anonymous(connection: Connection) -> Seller:
    """Return a visitor, calling over this connection."""
    return Seller(connection, "anon")


def staff(connection: Connection) -> Seller:
    """Return a member of staff of the organisation, calling over this connection."""
    connection.execute(
        """
        INSERT INTO ticketing.organisation_members (organisation_id, user_id, role)
        VALUES (%s, %s, 'staff') ON CONFLICT DO NOTHING
        """,
        [ORGANISATION, STAFF],
    )
    return Seller(connection, "authenticated", STAFF)


# Booking and paying


def book(connection: Connection, chosen: Mapping[str, Document], user_id: str = OWNER) -> str:
    """Book, in a registration of its own, what attendees of the wizard choose; return its id.

    Walter is the primary attendee of each, with or without a ticket.
    """
    registration_id = str(uuid4())
    Seller(connection, "authenticated", user_id).call(
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_registration(registration_id, set(chosen)),
        p_tickets=tickets_of(chosen),
        p_attendee_updates=updates_of(chosen),
    )
    return registration_id


def wizard_registration(registration_id: str, attendees: set[str]) -> Document:
    """Return the registration of the recorded wizard, with Walter and these attendees alone."""
    text = files("ticketing_client").joinpath("example/wizard_state.json").read_text("utf-8")
    registration: Document = json.loads(text)["registration"]
    assert registration["primaryAttendee"]["attendeeId"] == WALTER
    return registration | {
        "registrationId": registration_id,
        "additionalAttendees": [
            attendee
            for attendee in registration["additionalAttendees"]
            if attendee["attendeeId"] in attendees
        ],
    }


def payment(amount: object, reference: str = "payment-1", **more: object) -> Document:
    """Return a p_payment or p_refund with what it cannot do without, and more."""
    return {"reference": reference, "amount": amount, "currency": "AUD"} | more


def pay(connection: Connection, registration_id: str, **more: object) -> Document:
    """Pay what is due for a registration, by a reference of its own."""
    return service(connection).call(
        "complete_registration_payment",
        p_registration_id=registration_id,
        p_payment=payment(
            stored(connection, registration_id)["total"], f"payment of {registration_id}", **more
        ),
    )


def stored(connection: Connection, registration_id: str) -> Document:
    """Return the row of a registration."""
    (row,) = rows(
        connection,
        "SELECT * FROM ticketing.registrations WHERE registration_id = %s",
        registration_id,
    )
    return row


def ticket_states(connection: Connection, registration_id: str) -> set[tuple[str, str]]:
    """Return the status and payment status that tickets of a registration have."""
    return {
        (row["status"], row["payment_status"])
        for row in rows(
            connection,
            "SELECT status, payment_status FROM ticketing.tickets WHERE registration_id = %s",
            registration_id,
        )
    }


def integrity(connection: Connection, role: LiteralString = "service_role") -> list[Document]:
    """Return what check_integrity finds, called by a role."""
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        found = rows(connection, "SELECT * FROM ticketing.check_integrity()")
        connection.execute("RESET ROLE")
    return found


# Time and other sessions


def let_lapse(connection: Connection, registration_id: str) -> None:
    """Make the hold of a registration overdue, without releasing it."""
    connection.execute(
        """
        UPDATE ticketing.registrations SET hold_expires_at = now() - interval '1 minute'
        WHERE registration_id = %s
        """,
        [registration_id],
    )


def await_lock(connection: Connection, process_id: int) -> None:
    """Wait until the session with this process id waits for a lock.

    Raises:
        AssertionError: When it does not.
    """
    deadline = time.monotonic() + PATIENCE
    while not rows(
        connection,
        "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
        process_id,
    ):
        assert time.monotonic() < deadline, "it did not wait"
