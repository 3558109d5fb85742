"""Calls that take the catalogue exclusively: buyers do not wait for long behind them."""

from collections.abc import Callable
from typing import TypeAlias

import pytest
from tests.support.bookings import ONE, book, import_catalogue, integrity
from tests.support.caller import Connect, Connection, Document, service
from tests.support.example import (
    CEREMONY,
    COMMUNICATION,
    STRANGER,
    WALTER,
    document,
    selection,
)
from tests.support.sessions import PATIENCE, outcome, rivals
from tests.support.stored import pool_counters


def imported(connection: Connection) -> Document:
    """Import the catalogue of the example event again."""
    return import_catalogue(connection, document("catalogue"))


def repaired(connection: Connection) -> Document:
    """Recount all pools."""
    return service(connection).call("repair_capacity")


def begun(connection: Connection) -> Document:
    """Begin an epoch of the change feed."""
    return service(connection).call("begin_feed_epoch")


def bought(connection: Connection) -> Document:
    """Book, as another user, a ticket that shares no pool with the first."""
    chosen = {WALTER: selection(tickets={COMMUNICATION: 1})}
    return {"registration_id": book(connection, chosen, STRANGER)}


Call: TypeAlias = Callable[[Connection], Document]

EXCLUSIVE = pytest.mark.parametrize(
    "call",
    [imported, repaired, begun],
    ids=["import_catalogue", "repair_capacity", "begin_feed_epoch"],
)


@EXCLUSIVE
@pytest.mark.parametrize("timeout", ["0", "1min"], ids=["no lock_timeout", "a long lock_timeout"])
def test_buyers_go_on_while_a_transaction_of_another_buyer_is_open(
    event_connect: Connect, call: Call, timeout: str
) -> None:
    ahead = event_connect(autocommit=True)
    with rivals(event_connect, 2) as (waiting, buyer):
        waiting.connection.execute(f"SET lock_timeout = '{timeout}'".encode())
        with ahead.transaction():
            book(ahead, ONE)
            refused = waiting.start_waiting(call)
            late = buyer.start(bought)
            assert outcome(refused) == "55P03"
            assert late.result(PATIENCE)["registration_id"]
        assert waiting.connection.execute("SHOW lock_timeout").fetchone() == (timeout,)
        # nothing was written; the same call succeeds now
        assert waiting.start(call).result(PATIENCE)["success"]
    counters = pool_counters(ahead)
    assert (counters[CEREMONY], counters[COMMUNICATION]) == ((600, 1, 0), (500, 1, 0))
    assert integrity(ahead) == []


@EXCLUSIVE
def test_calls_that_change_pools_do_not_wait_for_each_other_for_long(
    event_connect: Connect, call: Call
) -> None:
    ahead = event_connect(autocommit=True)
    with rivals(event_connect, 1) as (waiting,):
        with ahead.transaction():
            imported(ahead)
            assert outcome(waiting.start_waiting(call)) == "55P03"
        assert waiting.start(call).result(PATIENCE)["success"]
