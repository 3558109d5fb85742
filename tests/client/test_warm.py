"""A warmed connection: its first calls are prepared, and nothing else has changed."""

import asyncio
from pathlib import Path
from typing import Any, LiteralString, TypeAlias
from uuid import uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from tests.support.caller import Connect
from tests.support.example import CHOSEN, FUNCTION, TICKETS, WALTER, updates_of, wizard_registration

from ticketing_client import AsyncClient, Client, NotConfigured, calls
from ticketing_client._call import Call
from ticketing_client._warm import WARM_UP

Connection: TypeAlias = psycopg.Connection[Any]

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"

EXPLAIN: LiteralString = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "

CALLS: dict[str, Call[Any]] = {
    "availability": calls.get_ticket_availability(FUNCTION),
    "quote": calls.quote_ticket_selections(FUNCTION, {WALTER: CHOSEN[WALTER]}),
    "create": calls.create_individual_registration_with_tickets(
        wizard_registration(str(uuid4()), CHOSEN), TICKETS, updates_of(CHOSEN)
    ),
}


def pages(row: Any) -> int:  # noqa: ANN401 - of psycopg
    """Return how many shared buffers an explained call has read, the catalogue's included."""
    plan = row[0][0]["Plan"]
    found: int = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return found


def stored(connection: Connection) -> list[tuple[int, int]]:
    """Return how much is registered, and how much capacity is taken."""
    return connection.execute(
        "SELECT (SELECT count(*) FROM ticketing.registrations),"
        " (SELECT sum(reserved + sold) FROM ticketing.capacity_pools)"
    ).fetchall()


@pytest.mark.parametrize("name", CALLS)
def test_first_call_of_warmed_connection_is_prepared(event_url: str, name: str) -> None:
    explained: tuple[LiteralString, Any] = (EXPLAIN + CALLS[name].sql, CALLS[name].params)

    async def warmed_by_asyncio() -> int:
        async with (
            AsyncConnectionPool(
                event_url, min_size=1, max_size=1, open=False, configure=AsyncClient.warm
            ) as pool,
            pool.connection() as connection,
            connection.transaction(force_rollback=True),
        ):
            return pages(await (await connection.execute(*explained)).fetchone())

    with psycopg.connect(event_url) as connection, connection.transaction(force_rollback=True):
        cold = pages(connection.execute(*explained).fetchone())
    with (
        ConnectionPool(event_url, min_size=1, max_size=1, open=True, configure=Client.warm) as pool,
        pool.connection() as connection,
        connection.transaction(force_rollback=True),
    ):
        warmed = pages(connection.execute(*explained).fetchone())
    assert max(warmed, asyncio.run(warmed_by_asyncio())) < cold / 2


@pytest.mark.parametrize("autocommit", [False, True])
def test_warm_leaves_nothing_behind(event_connect: Connect, autocommit: bool) -> None:
    observer, connection = event_connect(), event_connect()
    connection.autocommit = autocommit
    before = stored(observer)
    Client.warm(connection)
    assert connection.info.transaction_status == TransactionStatus.IDLE
    assert stored(observer) == before


@pytest.mark.parametrize(
    "obstacle",
    [
        "UPDATE ticketing.capacity_pools SET capacity = 0",
        "UPDATE ticketing.functions SET status = 'draft'",
        "UPDATE ticketing.ticket_types SET is_active = false",
        "UPDATE ticketing.ticket_types SET sale_ends_at = now() - interval '1 day'",
    ],
)
def test_warm_does_without_anything_to_sell(
    event_connect: Connect, obstacle: LiteralString
) -> None:
    connection = event_connect()
    connection.execute(obstacle)
    connection.commit()
    Client.warm(connection)
    assert connection.info.transaction_status == TransactionStatus.IDLE
    connection.execute("SELECT")


@pytest.mark.parametrize(("role", "may"), [("service_role", True), ("anon", False)])
def test_warm_needs_a_member_of_service_role(
    event_connect: Connect, role: LiteralString, may: bool
) -> None:
    connection = event_connect()
    connection.execute(f"SET ROLE {role}".encode())
    connection.commit()
    if may:
        Client.warm(connection)
    else:
        with pytest.raises(NotConfigured):
            Client.warm(connection)
    assert connection.info.transaction_status == TransactionStatus.IDLE


def test_operations_page_shows_what_warms_a_connection() -> None:
    page = OPERATIONS.read_text(encoding="utf-8")
    assert f"```sql\nBEGIN;\n{WARM_UP}ROLLBACK;\n```" in page
