"""What the planner and the lock table tell about rows and functions of others: nothing."""

import hashlib
from typing import LiteralString
from uuid import UUID, uuid4

import pytest
from psycopg import sql
from tests.support.bookings import book, hand_out
from tests.support.caller import Connection
from tests.support.example import (
    CEREMONY,
    CEREMONY_AND_BANQUET,
    FUNCTION,
    OWNER,
    STRANGER,
    TOMAS,
    WALTER,
    selection,
)
from tests.support.personas import acting, claims_of

KEPT_SECRET = (
    "attendees",
    "capacity_pools",
    "payments",
    "registration_changes",
    "registrations",
    "ticket_changes",
    "ticket_holders",
    "tickets",
)

WITH_STATISTICS: LiteralString = """
    SELECT attribute.attrelid::regclass::text, attribute.attname
    FROM pg_attribute AS attribute
    INNER JOIN pg_index AS key ON key.indrelid = attribute.attrelid AND key.indisprimary
    WHERE attribute.attrelid = ANY (%s::regclass[])
        AND attribute.attnum > 0
        AND NOT attribute.attisdropped
        AND attribute.attnum <> ALL (key.indkey::smallint[])
        AND attribute.attstattarget IS DISTINCT FROM 0
"""


def test_columns_but_primary_keys_have_no_statistics(db: Connection) -> None:
    tables = [f"ticketing.{name}" for name in KEPT_SECRET]
    assert db.execute(WITH_STATISTICS, [tables]).fetchall() == []
    db.execute("ALTER TABLE ticketing.tickets ADD COLUMN seat text")
    assert db.execute(WITH_STATISTICS, [tables]).fetchall() == [("ticketing.tickets", "seat")]


def test_extended_statistics_are_none(db: Connection) -> None:
    assert db.execute("SELECT stxname FROM pg_statistic_ext").fetchall() == []


CONDITIONS: dict[str, tuple[LiteralString, LiteralString]] = {
    "the tickets of a type": ("tickets", f"ticket_type_id = '{CEREMONY}'"),
    "the paid tickets": ("tickets", "payment_status = 'Unpaid'"),
    "a name": ("attendees", "last_name = 'Smith'"),
    "an e-mail address": ("attendees", "email = 'walter@example.org'"),
    "the name of a holder": ("ticket_holders", "last_name = 'Lind'"),
    "a status": ("registrations", "status = 'draft'"),
}


@pytest.mark.parametrize("what", CONDITIONS)
def test_estimates_are_the_same_for_what_is_there_and_what_is_not(
    event_db: Connection, what: str
) -> None:
    table, condition = CONDITIONS[what]
    book(event_db, {WALTER: selection({CEREMONY_AND_BANQUET: 1}), TOMAS: selection()})
    hand_out(event_db)
    for name in KEPT_SECRET:
        event_db.execute(sql.SQL("ANALYZE ticketing.{}").format(sql.Identifier(name)))
    # as if there were a billion times as many
    event_db.execute(
        "UPDATE pg_class SET reltuples = 1e9 * reltuples WHERE oid = ANY (%s::regclass[])",
        [[f"ticketing.{name}" for name in KEPT_SECRET]],
    )
    column, _, value = condition.partition(" = ")
    absent = f"{column} = '{uuid4()}'"
    assert value
    estimates = {one: estimate(event_db, table, one) for one in (condition, absent)}
    assert estimates[condition] == estimates[absent] > 1, estimates


def estimate(connection: Connection, table: str, condition: str) -> float:
    """Return how many rows the planner tells a stranger that a condition finds."""
    with acting(connection, "authenticated", claims_of(STRANGER)):
        row = connection.execute(
            f"EXPLAIN (FORMAT JSON) SELECT FROM ticketing.{table} WHERE {condition}".encode()
        ).fetchone()
    assert row is not None
    rows: float = row[0][0]["Plan"]["Plan Rows"]
    return rows


def key(kind: str, *ids: object) -> int:
    """Compute the key of a lock: the first 64 bits of a SHA-256."""
    parts = (kind.encode(), *(UUID(str(one)).bytes for one in ids))
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest()[:8], "big", signed=True)


def test_lock_keys_come_from_a_hash_that_cannot_be_inverted(event_db: Connection) -> None:
    book(event_db, {WALTER: selection(tickets={CEREMONY: 1})})
    held = {
        number
        for (number,) in event_db.execute(
            """
            SELECT classid::bigint << 32 | objid::bigint FROM pg_locks
            WHERE locktype = 'advisory' AND pid = pg_backend_pid()
            """
        )
    }
    pools = {
        key("pool", FUNCTION, pool_id)
        for (pool_id,) in event_db.execute(
            "SELECT capacity_pool_id FROM ticketing.capacity_pools WHERE reserved > 0"
        )
    }
    assert pools
    assert held == {key("catalogue", FUNCTION), key("owner", FUNCTION, OWNER), *pools}
