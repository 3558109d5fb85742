"""Bookings of the example event, payments, and the passing of time."""

from collections.abc import Mapping
from typing import LiteralString
from uuid import uuid4

from psycopg import sql
from tests.support.caller import Caller, Connection, Document, service
from tests.support.example import OWNER, tickets_of, updates_of, wizard_registration
from tests.support.sessions import PATIENCE as PATIENCE  # noqa: PLC0414 - for tests/rpc
from tests.support.sessions import await_lock as await_lock  # noqa: PLC0414 - for tests/rpc
from tests.support.stored import rows

# Booking and paying


def book(connection: Connection, chosen: Mapping[str, Document], user_id: str = OWNER) -> str:
    """Book, in a registration of its own, what attendees of the wizard choose; return its id.

    Walter is the primary attendee of each, with or without a ticket.
    """
    registration_id = str(uuid4())
    Caller(connection, "authenticated", user_id).call(
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_registration(registration_id, set(chosen)),
        p_tickets=tickets_of(chosen),
        p_attendee_updates=updates_of(chosen),
    )
    return registration_id


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


# The passing of time


def let_lapse(connection: Connection, registration_id: str) -> None:
    """Make the hold of a registration overdue, without releasing it; if it has no hold, nothing."""
    connection.execute(
        """
        UPDATE ticketing.registrations SET hold_expires_at = now() - interval '1 minute'
        WHERE registration_id = %s AND status IN ('draft', 'pending')
            AND hold_expires_at IS NOT NULL
        """,
        [registration_id],
    )
