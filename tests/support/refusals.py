"""A shop with registrations in every state, and calls that it must refuse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import LiteralString, TypeAlias

from tests.support.bookings import import_catalogue
from tests.support.caller import Caller, Connection, Document, Outcome, owner, service
from tests.support.example import (
    BRUNCH,
    CHOSEN,
    MEZZANINE,
    OWNER,
    REGISTRATION,
    STRANGER,
    TICKETS,
    TOMAS,
    document,
    other_event,
    part,
    ticket,
    updates_of,
)
from tests.support.stored import attendee_ids, dump

SECOND, STRANGERS, COMPLETED, CANCELLED = (
    f"01974a10-0000-7000-8000-00000000000{letter}" for letter in "bcde"
)
OUTSIDER = "01974a10-0000-7000-8000-000000000006"
"""An attendee of another registration of the same owner."""

Issue: TypeAlias = tuple[str, str]
"""Code and path of an issue."""

BIG = "x" * 10_000_000

BAD_SHAPE: Mapping[str, object] = {"p_tickets": [{}]}
BAD_RULE: Mapping[str, object] = {"p_tickets": [ticket(TOMAS, MEZZANINE)]}
BAD_CAPACITY: Mapping[str, object] = {"p_tickets": [ticket(TOMAS, BRUNCH)] * 3}
BAD_REVISION: Mapping[str, object] = {"p_expected_revision": 1}
"""Arguments, each of which is refused with a SQLSTATE of its own."""


@dataclass(frozen=True)
class Shop:
    """The database that all calls are refused by.

    Attributes:
        connection: To it.
        wizard: The recorded registration object.
        ids: The stored ids of the attendees of the registration, by the wizard's.
        stored: What is stored.
    """

    connection: Connection
    wizard: Document
    ids: dict[str, str] = field(default_factory=dict)
    stored: dict[str, list[str]] = field(default_factory=dict)

    def refused(
        self, rpc: LiteralString, arguments: Mapping[str, object], caller: Caller | None = None
    ) -> Outcome:
        """Make a call that must be refused and leave the database byte for byte as it was.

        Args:
            rpc: Its name.
            arguments: Its arguments by name.
            caller: Who calls; the owner if it is not given.

        Returns:
            The refusal.

        Raises:
            AssertionError: When the call succeeds, or writes something.
        """
        # rolled back, so that a call that succeeds fails its own test alone
        with self.connection.transaction(force_rollback=True):
            refusal = (caller or owner(self.connection)).refusal(rpc, **arguments)
            assert dump(self.connection) == self.stored
        return refusal


def open_shop(connection: Connection) -> Shop:
    """Put two functions on sale, and bring registrations into every state.

    One that the wizard has filled (at revision 2), another of its owner, a stranger's, a completed
    and a cancelled one. The brunch has a capacity of two left.

    Args:
        connection: A superuser's that commits, to a database with the example event.

    Returns:
        The shop.
    """
    catalogue, wizard = document("catalogue"), document("wizard_state")["registration"]
    part(catalogue, BRUNCH)["capacity"] = 3
    catalogue["function"]["max_held_per_owner"] = 1000
    import_catalogue(connection, catalogue)
    import_catalogue(connection, other_event(catalogue))
    alone = {
        "primaryAttendee": wizard["primaryAttendee"] | {"attendeeId": OUTSIDER},
        "additionalAttendees": [],
    }
    for user, registration_id, data in (
        (OWNER, REGISTRATION, {}),
        (OWNER, SECOND, alone),
        (STRANGER, STRANGERS, {}),
        (OWNER, COMPLETED, alone),
        (OWNER, CANCELLED, alone),
    ):
        Caller(connection, "authenticated", user).call(
            "create_individual_registration_jsonb",
            p_registration_data=wizard | {"registrationId": registration_id} | data,
        )
    owner(connection).call(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=TICKETS,
        p_attendee_updates=updates_of(CHOSEN),
    )
    connection.execute(
        """
        UPDATE ticketing.registrations
        SET status = 'completed', payment_status = 'Paid', confirmation_number = 'GP-1'
        WHERE registration_id = %s
        """,
        [COMPLETED],
    )
    connection.execute(
        "UPDATE ticketing.registrations SET status = 'cancelled' WHERE registration_id = %s",
        [CANCELLED],
    )
    # for as long as the tests may take
    connection.execute(
        "UPDATE ticketing.registrations SET hold_expires_at = now() + interval '1 day'"
        " WHERE hold_expires_at IS NOT NULL"
    )
    return Shop(connection, wizard, attendee_ids(connection, REGISTRATION), dump(connection))


def persisting(**arguments: object) -> dict[str, object]:
    """Return arguments of persist_attendee_tickets."""
    return {"p_registration_id": REGISTRATION, "p_tickets": []} | arguments


def refused_import(
    connection: Connection, catalogue: object
) -> tuple[str | None, list[tuple[str, str]]]:
    """Return the SQLSTATE and the issues of an import by the service that must be refused."""
    refusal = service(connection).refusal("import_catalogue", p_catalogue=catalogue)
    assert refusal.total == len(refusal.issues)
    return refusal.sqlstate, refusal.found
