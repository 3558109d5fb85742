"""Bookings of the example event, payments, and the passing of time."""

from collections.abc import Mapping
from datetime import datetime
from typing import LiteralString
from uuid import uuid4

from psycopg import sql
from tests.support.caller import Caller, Connection, Document, anonymous, owner, service
from tests.support.example import (
    BANQUET,
    CEREMONY,
    CHOSEN,
    COMMUNICATION,
    FUNCTION,
    HAROLD,
    INES,
    LADIES,
    MASONS,
    OWNER,
    TICKETS,
    TOMAS,
    WALTER,
    document,
    part,
    selection,
    tickets_of,
    updates_of,
    wizard_registration,
)
from tests.support.stored import held_tickets, rows

from ticketing_client.testing import let_holds_lapse

# Booking and paying


def import_catalogue(connection: Connection, catalogue: Document) -> Document:
    """Import a catalogue as the service, and return the answer."""
    return service(connection).call("import_catalogue", p_catalogue=catalogue)


def create(caller: Caller, registration: Document, **arguments: object) -> Document:
    """Create a registration with what the recorded wizard has selected, and return the answer.

    Args:
        caller: Who calls.
        registration: A p_registration_data.
        **arguments: Other arguments instead.
    """
    return caller.call(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        **{"p_tickets": TICKETS, "p_attendee_updates": updates_of(CHOSEN)} | arguments,
    )


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


def start(connection: Connection, registration_id: str, **arguments: object) -> Document:
    """Start payment as the owner, and return the answer."""
    return owner(connection).call("start_payment", p_registration_id=registration_id, **arguments)


def payment(amount: object, reference: str = "payment-1", **more: object) -> Document:
    """Return a p_payment or p_refund with what it cannot do without, and more."""
    return {"reference": reference, "amount": amount, "currency": "AUD"} | more


def pay(connection: Connection, registration_id: str, **more: object) -> Document:
    """Pay what is due for a registration, by a reference of its own."""
    due = payment(stored(connection, registration_id)["total"], f"payment of {registration_id}")
    return service(connection).call(
        "complete_registration_payment", p_registration_id=registration_id, p_payment=due | more
    )


def allow_changes(
    connection: Connection,
    changes_until: str | None = "2999-01-01T00:00:00Z",
    refunds_until: str | None = "2999-01-01T00:00:00Z",
) -> None:
    """Set until when owners may change what is paid, in all functions."""
    connection.execute(
        "UPDATE ticketing.functions SET changes_until = %s, refunds_until = %s"
        " WHERE function_id IS NOT NULL",
        [changes_until, refunds_until],
    )


def stored(connection: Connection, registration_id: str) -> Document:
    """Return the row of a registration, without what the database computes from it."""
    (row,) = rows(
        connection,
        "SELECT * FROM ticketing.registrations WHERE registration_id = %s",
        registration_id,
    )
    return {key: value for key, value in row.items() if key not in {"hold_bucket", "is_open"}}


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


ONE: Mapping[str, Document] = {WALTER: selection(tickets={CEREMONY: 1})}
"""One ticket at 20.00."""

SEVERAL: Mapping[str, Document] = {
    WALTER: selection({MASONS: 1}),
    INES: selection({LADIES: 1}),
    TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 2}),
    HAROLD: selection(tickets={COMMUNICATION: 1}),
}
"""Packages and individual tickets, some several times, in every registration of every_state."""


def every_state(connection: Connection) -> dict[str, str]:
    """Bring registrations of the example event into every state there is.

    Args:
        connection: A superuser's, to a database with the example event. One that commits makes
            each change a transaction, as in the change feed.

    Returns:
        The id of a registration, by its state.
    """
    catalogue = document("catalogue")
    part(catalogue, MASONS)["capacity"] = 50
    import_catalogue(connection, catalogue)
    states = {
        name: book(connection, SEVERAL)
        for name in ("draft", "pending", "overdue", "completed", "cancelled")
    }
    states["expired"] = book(connection, ONE)
    let_lapse(connection, states["expired"])
    service(connection).call("release_expired_holds")
    let_lapse(connection, states["overdue"])
    owner(connection).call("start_payment", p_registration_id=states["pending"])
    pay(connection, states["completed"])
    owner(connection).call("cancel_registration", p_registration_id=states["cancelled"])

    states["empty"] = book(connection, {})
    states["free"] = book(connection, {WALTER: selection(tickets={COMMUNICATION: 1})})
    owner(connection).call("start_payment", p_registration_id=states["free"])
    states["refused"] = book(connection, ONE)
    owner(connection).call(
        "persist_ticket_selections",
        p_registration_id=states["refused"],
        p_selections={WALTER: selection()},
    )
    for name in ("paid and cancelled", "partly refunded", "refunded"):
        states[name] = book(connection, SEVERAL)
        paid = pay(connection, states[name], surcharge_amount=None)
        service(connection).call("cancel_registration", p_registration_id=states[name])
    for name, amount, tickets in (
        ("partly refunded", "100.00", held_tickets(connection, states["partly refunded"])[TOMAS]),
        ("refunded", str(paid["total"]), None),
    ):
        service(connection).call(
            "record_refund",
            p_registration_id=states[name],
            p_refund=payment(amount, name, ticket_ids=tickets),
        )
    return states


def hand_out(connection: Connection) -> None:
    """Name a holder for every ticket, and record it, where no test is about how that is done."""
    connection.execute(
        """
        INSERT INTO ticketing.ticket_holders (
            function_id, ticket_id, registration_id, owner_id, attendee_id, first_name, last_name,
            email, phone, holder_data
        )
        SELECT
            ticket.function_id, ticket.ticket_id, ticket.registration_id, ticket.owner_id,
            ticket.attendee_id, 'Nora', 'Lind', 'nora.lind@example.org', '0400 000 000',
            '{"firstName": "Nora", "lastName": "Lind"}'
        FROM ticketing.tickets AS ticket
        """
    )
    connection.execute(
        """
        INSERT INTO ticketing.registration_changes (
            function_id, registration_id, epoch, transaction_id, change, revision, ticket_id,
            new_values, reason, actor_id, actor_role, changed_at
        )
        SELECT
            holder.function_id, holder.registration_id, 1, pg_current_xact_id(), 'ticket_assigned',
            1, holder.ticket_id, holder.holder_data, 'by telephone', holder.owner_id,
            'authenticated', now()
        FROM ticketing.ticket_holders AS holder
        """
    )


def integrity(connection: Connection, role: LiteralString = "service_role") -> list[Document]:
    """Return what check_integrity finds, called by a role."""
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        found = rows(connection, "SELECT * FROM ticketing.check_integrity()")
        connection.execute("RESET ROLE")
    return found


def left(connection: Connection, element_id: str) -> int | None:
    """Return how many of an event, ticket type or package of the example event are left."""
    answer = anonymous(connection).call("get_ticket_availability", p_function_id=FUNCTION)
    available: int | None = part(answer, element_id)["available"]
    return available


# The passing of time


def hold_of(answer: Document) -> datetime:
    """Return until when an answer says that the tickets are held."""
    return datetime.fromisoformat(answer["hold_expires_at"])


def let_lapse(connection: Connection, registration_id: str) -> None:
    """Make the hold of a registration overdue, without releasing it; if it has no hold, nothing."""
    let_holds_lapse(connection, registration_id)


def age(connection: Connection, registration_id: str, minutes: float) -> None:
    """Let so many minutes pass for a registration: all of its times move into the past."""
    connection.execute(
        """
        UPDATE ticketing.registrations AS registration
        SET
            hold_expires_at = registration.hold_expires_at - passed.minutes,
            held_since = registration.held_since - passed.minutes,
            held_until = registration.held_until - passed.minutes,
            hold_granted_until = registration.hold_granted_until - passed.minutes,
            created_at = registration.created_at - passed.minutes,
            updated_at = registration.updated_at - passed.minutes
        FROM (SELECT make_interval(secs => 60 * %s)) AS passed (minutes)
        WHERE registration.registration_id = %s
        """,
        [minutes, registration_id],
    )
