"""A builder for the wizard's ticketSelections object."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self
    from uuid import UUID


class TicketSelections:
    """What each attendee should hold, as persist_ticket_selections and quotes take it.

    It decides nothing: whether a choice is allowed is the database's to say. Attendees are named by
    either of their ids; those named nowhere keep what they hold.

        TicketSelections().package(walter, weekend).ticket(tomas, ceremony).nothing(ines)
    """

    __slots__ = ("_attendees",)

    def __init__(self) -> None:
        """Start with no attendee named."""
        self._attendees: dict[str, Any] = {}

    @classmethod
    def from_json(cls, selections: Mapping[str, Any]) -> Self:
        """Take over the wizard's own object, to change some of it.

        Args:
            selections: `{attendee id: {"packages": [...], "individualTickets": [...]}}`. It is
                copied whole, keys that nobody here knows included.

        Returns:
            A builder whose to_json() gives the same object back.
        """
        taken = cls()
        taken._attendees.update(deepcopy(dict(selections)))
        return taken

    def package(self, attendee: UUID | str, package: UUID | str, quantity: int = 1) -> Self:
        """Add packages to what an attendee should hold.

        Args:
            attendee: The attendee, by either id.
            package: The package.
            quantity: How many of it.

        Returns:
            This builder.
        """
        return self._add(attendee, "packages", {"packageId": str(package), "quantity": quantity})

    def ticket(self, attendee: UUID | str, ticket_type: UUID | str, quantity: int = 1) -> Self:
        """Add individual tickets to what an attendee should hold.

        Args:
            attendee: The attendee, by either id.
            ticket_type: The ticket type.
            quantity: How many of it.

        Returns:
            This builder.
        """
        return self._add(
            attendee, "individualTickets", {"ticketId": str(ticket_type), "quantity": quantity}
        )

    def nothing(self, attendee: UUID | str) -> Self:
        """Clear what an attendee should hold; choices added afterwards count.

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
        """Show what is selected."""
        return f"TicketSelections.from_json({self._attendees!r})"

    def _add(self, attendee: UUID | str, kind: str, choice: dict[str, Any]) -> Self:
        if self._attendees.get(str(attendee)) is None:
            self.nothing(attendee)
        chosen = self._attendees[str(attendee)]
        # null means absent, here as everywhere
        chosen[kind] = [*(chosen.get(kind) or []), choice]
        return self
