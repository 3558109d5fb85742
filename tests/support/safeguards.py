"""The safeguards of docs/concurrency.md, and how to run a test without one of them.

A test that guards a safeguard says so:

    @guards("SKIP LOCKED in expire_overdue")
    def test_...(connect: Connect, hand: Connection) -> None:

It then runs once on the database as it is installed, and once more on one without the safeguard,
where it has to fail.
"""

from collections.abc import Mapping, Sequence
from typing import LiteralString, NamedTuple

import psycopg
import pytest
from tests.support.caller import Connection


class Removal(NamedTuple):
    """What to change in a function.

    Attributes:
        function: Its name; it is an internal one unless a schema is named.
        text: What stands there, once.
        instead: What stands there without the safeguard.
    """

    function: str
    text: str
    instead: str = ""


_NOT_THE_POOL = (
    Removal(
        "take_capacity",
        "AND v_change.reserved + v_change.sold <= "
        "greatest(pool.capacity - pool.reserved - pool.sold, 0)",
    ),
    Removal(
        "take_idle_pools",
        "AND change.reserved + change.sold <= "
        "greatest(pool.capacity - pool.reserved - pool.sold, 0)",
    ),
)
_NO_CHECK: LiteralString = (
    "ALTER TABLE ticketing.capacity_pools DROP CONSTRAINT capacity_pools_not_oversold"
)

SAFEGUARDS: Mapping[str, Sequence[Removal | LiteralString]] = {
    "the check of the pool in take_capacity": _NOT_THE_POOL,
    "the same check and the CHECK capacity_pools_not_oversold": (*_NOT_THE_POOL, _NO_CHECK),
    "the order of the pools in take_capacity": [
        Removal(
            "take_capacity",
            "DECLARE",
            "DECLARE p_changes ticketing_internal.capacity_change[] := "
            "ARRAY(SELECT change FROM unnest($2) AS change ORDER BY change.capacity_pool_id DESC);",
        )
    ],
    "releasing the pools in take_idle_pools": [
        Removal(
            "take_idle_pools",
            "RAISE raise_exception;\n        END IF;\n        v_pool_ids",
            "RETURN FALSE;\n        END IF;\n        v_pool_ids",
        )
    ],
    "the check of an allotment in take_capacity": [
        Removal("take_capacity", "AND unused.available >= v_change.reserved + v_change.sold")
    ],
    "draining the allotments in take_capacity": [
        Removal(
            "take_capacity",
            "PERFORM ticketing_internal.drain_allotments"
            "(p_function_id, ARRAY[v_change.capacity_pool_id])",
            "NULL",
        )
    ],
    "draining the allotments in save_pools": [
        Removal("save_pools", "PERFORM ticketing_internal.drain_allotments", "PERFORM row")
    ],
    "pool_availability in free_capacity": [
        Removal(
            "free_capacity",
            "ticketing_internal.pool_availability(p_function_id)",
            "ticketing.capacity_pools",
        )
    ],
    "the snapshot rule of get_ticket_changes": [
        Removal(
            "ticketing.get_ticket_changes",
            "OR change.transaction_id < pg_snapshot_xmin(pg_current_snapshot())",
            "OR TRUE",
        )
    ],
    "the shared lock in lock_catalogue": [
        Removal("lock_catalogue", "NOT pg_try_advisory_xact_lock_shared(v_key)", "FALSE")
    ],
    "SKIP LOCKED in expire_overdue": [
        Removal(
            "expire_overdue",
            f"FOR NO KEY UPDATE SKIP LOCKED\n        );\n    {branch}",
            f"FOR NO KEY UPDATE\n        );\n    {branch}",
        )
        for branch in ("ELSE", "END IF")
    ],
    "the lock of lock_owner": [
        Removal("lock_owner", "NOT pg_try_advisory_xact_lock(v_key)", "FALSE")
    ],
    "the row lock in lock_registration": [Removal("lock_registration", "FOR NO KEY UPDATE;", ";")],
    "the unique key of payments": [
        "ALTER TABLE ticketing.payments DROP CONSTRAINT payments_reference_key",
        Removal("record_payment", "ON CONFLICT (function_id, provider, reference) DO NOTHING"),
    ],
    "the owner's check in lock_registration": [
        Removal("lock_registration", "v_registration.owner_id <> p_access.owner_id", "FALSE")
    ],
    "the owner's check in create_individual_registration_with_tickets": [
        Removal(
            "ticketing.create_individual_registration_with_tickets",
            "v_registration.owner_id <> v_owner_id",
            "FALSE",
        )
    ],
}
"""What to change or run for each of them, named as in docs/concurrency.md."""


def guards(*names: str) -> pytest.MarkDecorator:
    """Run a test of tests/concurrency also without each of these safeguards, to see it fail."""
    without = [
        pytest.param(
            name,
            id=f"without {name}",
            marks=[
                pytest.mark.long,
                pytest.mark.xfail(
                    strict=True,
                    reason="a safeguard is missing",
                    raises=(AssertionError, psycopg.Error, pytest.fail.Exception),
                ),
            ],
        )
        for name in names
    ]
    return pytest.mark.parametrize(
        "missing", [pytest.param(None, id="as installed"), *without], indirect=True
    )


def remove(connection: Connection, name: str) -> None:
    """Remove a safeguard from a database.

    Args:
        connection: The superuser's.
        name: Which one.

    Raises:
        LookupError: When the safeguard is not where it was, so that it has to be named anew.
    """
    for removal in SAFEGUARDS[name]:
        if isinstance(removal, str):
            connection.execute(removal)
            continue
        function, text, instead = removal
        qualified = function if "." in function else f"ticketing_internal.{function}"
        row = connection.execute("SELECT pg_get_functiondef(%s::regproc)", [qualified]).fetchone()
        definition: str = row[0] if row else ""
        if definition.count(text) != 1:
            message = f"{name} has moved inside of {qualified}: name it anew"
            raise LookupError(message)
        connection.execute(definition.replace(text, instead).encode())
