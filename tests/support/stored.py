"""What the database has stored."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, LiteralString, TypeAlias
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from tests.support.example import FUNCTION

Connection: TypeAlias = psycopg.Connection[Any]
Document: TypeAlias = dict[str, Any]


def rows(connection: Connection, query: LiteralString, *values: object) -> list[Document]:
    """Return the rows of a query, by column."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def attendee_ids(connection: Connection, registration_id: str) -> dict[str, str]:
    """Return the stored id of each attendee of a registration, by the wizard's."""
    return {
        row["client_attendee_id"]: row["attendee_id"]
        for row in rows(
            connection,
            """
            SELECT client_attendee_id::text, attendee_id::text FROM ticketing.attendees
            WHERE registration_id = %s ORDER BY position
            """,
            registration_id,
        )
    }


def held_tickets(connection: Connection, registration_id: str) -> dict[str, list[str]]:
    """Return the ids of the tickets of each attendee of a registration, by the wizard's id."""
    return {
        row["client_attendee_id"]: row["ticket_ids"]
        for row in rows(
            connection,
            """
            SELECT attendee.client_attendee_id::text,
                coalesce(array_agg(ticket.ticket_id::text ORDER BY ticket.ticket_id)
                    FILTER (WHERE ticket.ticket_id IS NOT NULL), '{}') AS ticket_ids
            FROM ticketing.attendees AS attendee
            LEFT JOIN ticketing.tickets AS ticket USING (function_id, attendee_id)
            WHERE attendee.registration_id = %s
            GROUP BY attendee.attendee_id, attendee.client_attendee_id
            """,
            registration_id,
        )
    }


def stored_selection(connection: Connection, registration_id: str, attendee: str) -> Document:
    """Return the selected_tickets of an attendee, by the wizard's id."""
    (row,) = rows(
        connection,
        """
        SELECT attendee_data -> 'selected_tickets' AS selected_tickets FROM ticketing.attendees
        WHERE registration_id = %s AND client_attendee_id = %s
        """,
        registration_id,
        attendee,
    )
    chosen: Document = row["selected_tickets"]
    return chosen


def package_sums(connection: Connection, registration_id: str) -> list[tuple[str, str, Decimal]]:
    """Return what the tickets of each single package of a registration add up to.

    Returns:
        The wizard's id of the attendee, the package and the sum.
    """
    return [
        (row["client_attendee_id"], row["package_id"], row["paid"])
        for row in rows(
            connection,
            """
            SELECT attendee.client_attendee_id::text, ticket.package_id::text,
                sum(ticket.price_paid) AS paid
            FROM ticketing.tickets AS ticket
            INNER JOIN ticketing.attendees AS attendee USING (function_id, attendee_id)
            WHERE ticket.registration_id = %s AND ticket.package_id IS NOT NULL
            GROUP BY attendee.client_attendee_id, ticket.package_id, ticket.package_number
            ORDER BY attendee.client_attendee_id, ticket.package_id, ticket.package_number
            """,
            registration_id,
        )
    ]


def pool_counters(
    connection: Connection, function_id: str = FUNCTION
) -> dict[str, tuple[int, int, int]]:
    """Return capacity, reserved and sold of every pool of a function, by its id.

    Raises:
        AssertionError: When a counter is not what the tickets amount to.
    """
    pools = rows(
        connection,
        """
        SELECT pool.capacity_pool_id::text AS id, pool.capacity, pool.reserved, pool.sold,
            (
                SELECT count(*) FROM ticketing.tickets AS ticket
                INNER JOIN ticketing.registrations USING (function_id, registration_id)
                INNER JOIN ticketing.ticket_type_pools AS membership
                    USING (function_id, ticket_type_id)
                WHERE membership.capacity_pool_id = pool.capacity_pool_id
                    AND ticket.status = 'Active'
                    AND registrations.status IN ('draft', 'pending', 'completed')
            ) + (
                SELECT count(DISTINCT (ticket.attendee_id, ticket.package_number, package_id))
                FROM ticketing.tickets AS ticket
                INNER JOIN ticketing.registrations USING (function_id, registration_id)
                INNER JOIN ticketing.package_pools AS membership USING (function_id, package_id)
                WHERE membership.capacity_pool_id = pool.capacity_pool_id
                    AND ticket.status = 'Active'
                    AND registrations.status IN ('draft', 'pending', 'completed')
            ) AS used
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = %s
        """,
        function_id,
    )
    assert [pool for pool in pools if pool["reserved"] + pool["sold"] != pool["used"]] == []
    return {pool["id"]: (pool["capacity"], pool["reserved"], pool["sold"]) for pool in pools}


TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'ticketing'::regnamespace"
)


# they follow from the others, some from the time
GENERATED = """
    SELECT coalesce(array_agg(attname::text), '{}') FROM pg_attribute AS attribute
    WHERE attgenerated <> '' AND EXISTS (
        SELECT FROM pg_class
        WHERE oid = attribute.attrelid AND relnamespace = 'ticketing'::regnamespace
    )
"""


def dump(connection: Connection, without: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return every row of every table that callers know of, as text, in order.

    Generated columns are left out.

    Args:
        connection: To the database.
        without: Columns to leave out.

    Returns:
        The rows by table.
    """
    tables = [table for (table,) in connection.execute(TABLES)]
    assert len(tables) > 10
    generated = connection.execute(GENERATED).fetchall()[0][0]
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, (to_jsonb(t) - %(without)s::text[])::text FROM {} AS t").format(
            sql.Literal(table), sql.Identifier("ticketing", table)
        )
        for table in tables
    )
    stored: dict[str, list[str]] = {table: [] for table in tables}
    for table, row in connection.execute(query, {"without": [*without, *generated]}):
        stored[table].append(row)
    return {table: sorted(found) for table, found in stored.items()}


def counters(db: Connection) -> dict[UUID, tuple[int, int]]:
    """Return what every pool says is reserved and sold."""
    return {
        pool: (reserved, sold)
        for pool, reserved, sold in db.execute(
            "SELECT capacity_pool_id, reserved, sold FROM ticketing.capacity_pools"
        )
    }


def recount(db: Connection) -> dict[UUID, tuple[int, int]]:
    """Count from the tickets what `counters` should say: here with no help of the package."""
    return {
        pool: (reserved, sold)
        for pool, reserved, sold in db.execute(
            """
            WITH held AS (
                SELECT t.*, r.status = 'completed' AS is_sold
                FROM ticketing.tickets AS t JOIN ticketing.registrations AS r
                    USING (function_id, registration_id)
                WHERE t.status = 'Active' AND r.status IN ('draft', 'pending', 'completed')
            ),
            unit AS (
                SELECT p.capacity_pool_id, held.is_sold
                FROM held JOIN ticketing.ticket_type_pools AS p USING (function_id, ticket_type_id)
                UNION ALL
                SELECT p.capacity_pool_id, copy.is_sold
                FROM (
                    SELECT DISTINCT function_id, attendee_id, package_id, package_number, is_sold
                    FROM held WHERE package_id IS NOT NULL
                ) AS copy JOIN ticketing.package_pools AS p USING (function_id, package_id)
            )
            SELECT p.capacity_pool_id,
                count(*) FILTER (WHERE NOT unit.is_sold), count(*) FILTER (WHERE unit.is_sold)
            FROM ticketing.capacity_pools AS p LEFT JOIN unit USING (capacity_pool_id)
            GROUP BY p.capacity_pool_id
            """
        )
    }


def everything(db: Connection) -> dict[str, list[str]]:
    """Return every row of every table, and the transaction that wrote it: equal means untouched."""
    return {
        table: [
            row
            for (row,) in db.execute(
                sql.SQL(
                    "SELECT concat_ws(' ', t.ctid, t.xmin, t::text) FROM {} AS t ORDER BY 1"
                ).format(sql.Identifier("ticketing", table))
            )
        ]
        for (table,) in db.execute(TABLES).fetchall()
    }
