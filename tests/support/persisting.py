"""Persisting what attendees of the wizard select, by either RPC."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest
from tests.support.bookings import import_catalogue
from tests.support.caller import Connection, Document, owner
from tests.support.example import REGISTRATION, part, tickets_of, updates_of

Persist: TypeAlias = Callable[..., Document]
"""Persists selections of the registration: (connection, selections by attendee, more arguments)."""


def persist(connection: Connection, **arguments: object) -> Document:
    """Persist p_tickets, p_attendee_updates or both, as the owner."""
    return owner(connection).call(
        "persist_attendee_tickets",
        **{"p_registration_id": REGISTRATION, "p_tickets": []} | arguments,
    )


def persist_tickets(
    connection: Connection, selections: Mapping[str, Document], **arguments: object
) -> Document:
    """Persist by p_tickets and p_attendee_updates, as the owner."""
    return persist(
        connection,
        p_tickets=tickets_of(selections),
        p_attendee_updates=updates_of(selections),
        **arguments,
    )


def persist_selections(
    connection: Connection,
    selections: Mapping[str, Document],
    registration_id: str = REGISTRATION,
    **arguments: object,
) -> Document:
    """Persist by p_selections, as the owner."""
    return owner(connection).call(
        "persist_ticket_selections",
        p_registration_id=registration_id,
        p_selections=selections,
        **arguments,
    )


both_ways = pytest.mark.parametrize("persist_all", [persist_tickets, persist_selections])


def reprice(connection: Connection, catalogue: Document, prices: Mapping[str, str]) -> None:
    """Change the prices of packages or ticket types."""
    for element_id, price in prices.items():
        part(catalogue, element_id)["price"] = price
    import_catalogue(connection, catalogue)
