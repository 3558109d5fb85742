"""repair_capacity: counters of pools become what the tickets amount to."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests.support.bookings import ONE, book, import_catalogue, integrity
from tests.support.caller import Connect, Connection, anonymous, owner, service, staff, stranger
from tests.support.example import (
    ABSENT,
    BANQUET,
    CEREMONY,
    FUNCTION,
    MASONS,
    STRANGER,
    WALTER,
    Document,
    other_event,
    other_id,
    selection,
)
from tests.support.sessions import await_lock
from tests.support.stored import dump, pool_counters


def repair(connection: Connection, **arguments: object) -> int:
    """Repair counters and return how many pools were wrong."""
    answer = service(connection).call("repair_capacity", **arguments)
    assert answer.keys() == {"success", "pools_repaired", "server_time"}
    assert answer["success"] is True
    repaired: int = answer["pools_repaired"]
    return repaired


def test_repair_capacity_puts_counters_right(sold_db: Connection) -> None:
    right = pool_counters(sold_db)
    assert repair(sold_db) == 0
    sold_db.execute(
        "UPDATE ticketing.capacity_pools SET reserved = 0, sold = 1 WHERE capacity_pool_id = %s",
        [CEREMONY],
    )
    sold_db.execute(
        "UPDATE ticketing.capacity_pools SET sold = sold + 7 WHERE capacity_pool_id = %s",
        [MASONS],
    )
    assert [row["check_name"] for row in integrity(sold_db)] == ["pool_counters"] * 2
    assert repair(sold_db) == 2
    assert pool_counters(sold_db) == right
    assert integrity(sold_db) == []
    assert repair(sold_db, p_function_id=FUNCTION) == 0


def test_repair_capacity_of_one_function_leaves_others_alone(
    seller: Connection, catalogue: Document
) -> None:
    import_catalogue(seller, other_event(catalogue))
    seller.execute("UPDATE ticketing.capacity_pools SET reserved = 5 WHERE capacity > 400")
    wrong = len(integrity(seller))
    assert wrong % 2 == 0
    assert repair(seller, p_function_id=other_id(FUNCTION)) == wrong // 2
    assert {str(row["function_id"]) for row in integrity(seller)} == {FUNCTION}
    assert repair(seller) == wrong // 2
    assert integrity(seller) == []


def test_capacity_below_use_is_raised_by_repair_capacity(sold_db: Connection) -> None:
    sold_db.execute(
        """
        UPDATE ticketing.capacity_pools SET capacity = 11, reserved = 0, sold = 0
        WHERE capacity_pool_id = %s
        """,
        [CEREMONY],
    )
    # overdue holds would count as free
    sold_db.execute(
        "UPDATE ticketing.registrations SET hold_expires_at = now() + interval '1 day'"
        " WHERE hold_expires_at IS NOT NULL"
    )
    before = dump(sold_db)
    refusal = service(sold_db).refusal("repair_capacity", p_function_id=FUNCTION)
    assert refusal.sqlstate == "TK004"
    (issue,) = refusal.issues
    assert (issue["code"], issue["path"]) == ("capacity_below_use", "p_function_id")
    assert (issue["expected"], issue["actual"]) == (12, 11)
    assert issue["item_name"] == "Grand Proclamation Ceremony"
    assert dump(sold_db) == before
    sold_db.execute(
        "UPDATE ticketing.capacity_pools SET capacity = 12 WHERE capacity_pool_id = %s", [CEREMONY]
    )
    assert repair(sold_db) == 1
    assert pool_counters(sold_db)[CEREMONY] == (12, 9, 3)


def test_repair_capacity_is_for_the_service_alone(event_db: Connection) -> None:
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(event_db).call("repair_capacity")
    refusal = service(event_db).refusal("repair_capacity", p_function_id=ABSENT)
    assert (refusal.sqlstate, refusal.found) == (
        "TK008",
        [("function_not_found", "p_function_id")],
    )


@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
def test_repair_capacity_waits_for_a_sale_and_counts_it(
    seller: Connection, event_connect: Connect, *, commits: bool
) -> None:
    book(seller, ONE)
    seller.execute(
        "UPDATE ticketing.capacity_pools SET reserved = 40 WHERE capacity_pool_id = %s", [CEREMONY]
    )
    buyer, repairer = event_connect(), event_connect(autocommit=True, options="-c lock_timeout=60s")
    buyer.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    book(buyer, {WALTER: selection(tickets={CEREMONY: 2, BANQUET: 1})}, STRANGER)

    late = event_connect(autocommit=True, options="-c lock_timeout=60s")
    with ThreadPoolExecutor() as sessions:
        repairing = sessions.submit(repair, repairer)
        await_lock(seller, repairer.info.backend_pid)
        # a sale that comes now waits its turn, and is not lost
        selling = sessions.submit(book, late, ONE, STRANGER)
        await_lock(seller, late.info.backend_pid)
        if commits:
            buyer.commit()
        else:
            buyer.rollback()
        assert repairing.result() == 1
        assert selling.result()
    assert integrity(seller) == []
    assert pool_counters(seller)[CEREMONY] == (600, 4 if commits else 2, 0)
    assert pool_counters(seller)[BANQUET] == (480, 1 if commits else 0, 0)
