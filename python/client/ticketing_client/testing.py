"""The passing of time, for the tests of an application: what else would take minutes or months.

The functions change rows as no call does, so they need a superuser or a member of
`ticketing_owner`. They neither commit nor roll back: a transaction that is running on the
connection goes on.
"""

from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection

__all__ = ["let_holds_lapse", "shift_sale_windows"]


def let_holds_lapse(connection: Connection[Any], registration_id: UUID | str | None = None) -> int:
    """Make holds overdue, as if their buyers had not paid in time. Nothing is released yet.

    Args:
        connection: The connection.
        registration_id: The registration; None for all.

    Returns:
        The number of registrations whose hold has ended.
    """
    return connection.execute(
        """
        UPDATE ticketing.registrations SET hold_expires_at = now() - interval '1 minute'
        WHERE status IN ('draft', 'pending') AND hold_expires_at > now() - interval '1 minute'
            AND (%(id)s::uuid IS NULL OR registration_id = %(id)s)
        """,
        {"id": registration_id},
    ).rowcount


def shift_sale_windows(
    connection: Connection[Any], by: timedelta, function_id: UUID | str | None = None
) -> None:
    """Move all dates of the catalogue, as if the sale had begun so much later, or earlier.

    Sale windows of ticket types and packages, the registration window, and the dates of events and
    of the event function move alike. What has no date stays without.

    Args:
        connection: The connection.
        by: How far into the future; negative for into the past.
        function_id: The event function; None for all.
    """
    for statement in _SHIFTS:
        connection.execute(statement, {"by": by, "id": function_id})


_SHIFTS: tuple[LiteralString, ...] = (
    """
    UPDATE ticketing.functions
    SET
        starts_at = starts_at + %(by)s, ends_at = ends_at + %(by)s,
        registration_opens_at = registration_opens_at + %(by)s,
        registration_closes_at = registration_closes_at + %(by)s
    WHERE %(id)s::uuid IS NULL OR function_id = %(id)s
    """,
    """
    UPDATE ticketing.events SET starts_at = starts_at + %(by)s, ends_at = ends_at + %(by)s
    WHERE %(id)s::uuid IS NULL OR function_id = %(id)s
    """,
    """
    UPDATE ticketing.ticket_types
    SET sale_starts_at = sale_starts_at + %(by)s, sale_ends_at = sale_ends_at + %(by)s
    WHERE %(id)s::uuid IS NULL OR function_id = %(id)s
    """,
    """
    UPDATE ticketing.packages
    SET sale_starts_at = sale_starts_at + %(by)s, sale_ends_at = sale_ends_at + %(by)s
    WHERE %(id)s::uuid IS NULL OR function_id = %(id)s
    """,
)
