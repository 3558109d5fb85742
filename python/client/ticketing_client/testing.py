"""For the tests of an application: databases of their own, and the passing of time.

The fixtures of `pytest_ticketing` are made of these functions; docs/testing.md shows them.

What lets time pass changes rows as no call does, so it needs a superuser or a member of
`ticketing_owner`. It neither commits nor rolls back: a transaction that is running on the
connection goes on.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, LiteralString
from urllib.parse import quote
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

__all__ = ["SETTINGS", "database", "let_holds_lapse", "shift_sale_windows", "template"]

SETTINGS: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
"""Of a server that no power cut will meet, and whose tables stay small."""

_TEMPLATE_LOCK: Final = 7_468_526_111  # any number that other programs do not use


@contextmanager
def database(server_url: str, name: str, template: str | None = None) -> Generator[str]:
    """Create a database, yield its URL and drop it, even with sessions connected.

    Args:
        server_url: URL of an existing database of the server, as a role that may create databases.
        name: What the new one is called.
        template: The database that it is a copy of, to which nothing may be connected; None for an
            empty one.

    Yields:
        Its URL: that of the server with another name of the database.
    """
    with psycopg.connect(server_url, autocommit=True) as server:
        copied = SQL("") if template is None else SQL(" TEMPLATE {}").format(Identifier(template))
        server.execute(SQL("CREATE DATABASE {}{}").format(Identifier(name), copied))
    try:
        yield _with_database(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def template(server_url: str, name: str) -> Generator[str]:
    """Create a database with the package installed, to make copies of, and drop it at the end.

    Args:
        server_url: As for `database`.
        name: What it is called.

    Yields:
        Its URL. It can be copied while nothing is connected to it.
    """
    from ticketing_client.migrate import migrate  # noqa: PLC0415 - needs extra packages

    with database(server_url, name) as url:
        with psycopg.connect(server_url, autocommit=True) as server:
            # roles belong to the whole server, and others may install at the same time
            server.execute("SELECT pg_advisory_lock(%s)", [_TEMPLATE_LOCK])
            migrate(url)
        yield url


def _with_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    if "://" not in url:
        return make_conninfo(url, dbname=name)
    changed = re.sub(r"^(\w+://[^/?]*)(/[^?]*)?", rf"\1/{quote(name, safe='')}", url, count=1)
    if conninfo_to_dict(changed)["dbname"] != name:
        message = "Name the database in the path of the server's URL, not as a parameter."
        raise ValueError(message)
    return changed


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
        UPDATE ticketing.registrations
        SET
            hold_expires_at = now() - interval '1 minute',
            hold_granted_until = CASE
                WHEN hold_granted_until IS NOT NULL
                    THEN least(hold_granted_until, now() - interval '1 minute')
            END
        WHERE status IN ('draft', 'pending') AND hold_expires_at > now() - interval '1 minute'
            AND (%(id)s::uuid IS NULL OR registration_id = %(id)s)
        """,
        {"id": registration_id},
    ).rowcount


def shift_sale_windows(
    connection: Connection[Any], by: timedelta, function_id: UUID | str | None = None
) -> None:
    """Move all dates of the catalogue, as if the sale had begun so much later, or earlier.

    Sale windows of ticket types and packages, the registration window, the deadlines for changes
    and refunds, and the dates of events and of the event function move alike. What has no date
    stays without.

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
        registration_closes_at = registration_closes_at + %(by)s,
        changes_until = changes_until + %(by)s, refunds_until = refunds_until + %(by)s
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
