"""A builder for the wizard's ticketSelections object."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from ticketing_client.payloads import Selection

if TYPE_CHECKING:
    from typing import Self


class TicketSelections:
    """The selection of each attendee, as persist_ticket_selections and quotes accept it.

    It checks nothing: the database decides which selections are allowed. Attendees are identified
    by either id; attendees that are not listed keep their tickets.

        TicketSelections().package(walter, weekend).ticket(tomas, ceremony).nothing(ines)
    """

    __slots__ = ("_attendees",)

    def __init__(self) -> None:
        """Start with an empty selection."""
        self._attendees: dict[str, Any] = {}

    @classmethod
    def from_json(cls, selections: Mapping[str, Any]) -> Self:
        """Make a builder from the wizard's own object, to change parts of it.

        Args:
            selections: `{attendee id: {"packages": [...], "individualTickets": [...]}}`. It is
                copied whole, unknown keys included.

        Returns:
            A builder whose to_json() returns an equal object.
        """
        builder = cls()
        builder._attendees.update(deepcopy(dict(selections)))
        return builder

    def package(self, attendee: UUID | str, package: UUID | str, quantity: int = 1) -> Self:
        """Add packages to the selection of an attendee.

        Args:
            attendee: The attendee, by either id.
            package: The package.
            quantity: The quantity.

        Returns:
            This builder.
        """
        return self._add(attendee, "packages", {"packageId": str(package), "quantity": quantity})

    def ticket(self, attendee: UUID | str, ticket_type: UUID | str, quantity: int = 1) -> Self:
        """Add individual tickets to the selection of an attendee.

        Args:
            attendee: The attendee, by either id.
            ticket_type: The ticket type.
            quantity: The quantity.

        Returns:
            This builder.
        """
        return self._add(
            attendee, "individualTickets", {"ticketId": str(ticket_type), "quantity": quantity}
        )

    def nothing(self, attendee: UUID | str) -> Self:
        """Clear the selection of an attendee; lines can be added afterwards.

        Args:
            attendee: The attendee, by either id.

        Returns:
            This builder.
        """
        self._attendees[str(attendee)] = {"packages": [], "individualTickets": []}
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the wizard's object.

        Returns:
            A copy, as plain JSON: `{attendee id: {"packages": [...], "individualTickets": [...]}}`.
        """
        return deepcopy(self._attendees)

    def __repr__(self) -> str:
        """Return an expression that makes an equal builder."""
        return f"TicketSelections.from_json({self._attendees!r})"

    def _add(self, attendee: UUID | str, kind: str, line: dict[str, Any]) -> Self:
        if self._attendees.get(str(attendee)) is None:
            self.nothing(attendee)
        selection = self._attendees[str(attendee)]
        # null means absent, as in every payload
        selection[kind] = [*(selection.get(kind) or []), line]
        return self


Selections: TypeAlias = (
    TicketSelections
    | Mapping[str, Selection]
    | Mapping[UUID, Selection]
    | Mapping[str, Any]
    | Mapping[UUID, Any]
)
"""The wizard's ticketSelections by attendee id, or a builder of it."""
