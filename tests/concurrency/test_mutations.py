"""The tests of this folder can fail: without a safeguard, the one that is named goes red."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import LiteralString

import psycopg
import pytest
from tests.support.caller import (
    Connection,
)
from tests.support.crowd import (
    Connect,
)

from . import test_allotments as allotments
from . import test_races as races


@dataclass(frozen=True)
class Mutation:
    """A safeguard taken away.

    Attributes:
        without: For each function that has it: what stands there, and what stands there without it.
        test: The test that goes red, called with `connect` and `hand`.
        also: A statement to run as well.
    """

    without: dict[str, dict[str, str]]
    test: Callable[[Connect, Connection], None]
    also: LiteralString = ""


GUARD = {
    "ticketing_internal.take_capacity": {
        "AND v_change.reserved + v_change.sold <= "
        "greatest(pool.capacity - pool.reserved - pool.sold, 0)": ""
    },
    "ticketing_internal.take_idle_pools": {
        "AND change.reserved + change.sold <= "
        "greatest(pool.capacity - pool.reserved - pool.sold, 0)": ""
    },
}

WITHOUT_CHECK: LiteralString = """
ALTER TABLE ticketing.capacity_pools DROP CONSTRAINT capacity_pools_not_oversold
"""


def order_of_pools(connect: Connect, hand: Connection) -> None:
    """Run the test of the lock order in both of its forms."""
    races.test_who_waits_for_a_pool_holds_none_that_comes_later(
        connect, hand, stored_in_order=False
    )


def pools_given_up(connect: Connect, hand: Connection) -> None:
    """Run the test of who waits for an allotment where a later pool is taken."""
    allotments.test_who_waits_for_an_allotment_holds_no_pool_that_its_user_may_want(
        connect, hand, last_pool_is_taken=True
    )


MUTATIONS = {
    "the look at the pool and the CHECK behind it": Mutation(
        GUARD,
        races.test_a_refusal_after_a_lost_race_names_only_what_is_short,
        WITHOUT_CHECK,
    ),
    "the look at the pool, with the CHECK": Mutation(
        GUARD,
        races.test_a_refusal_after_a_lost_race_names_only_what_is_short,
    ),
    "the order of the pools": Mutation(
        {
            "ticketing_internal.take_capacity": {
                "DECLARE": "DECLARE p_changes ticketing_internal.capacity_change[] := ARRAY("
                "SELECT change FROM unnest($2) AS change ORDER BY change.capacity_pool_id DESC);"
            }
        },
        order_of_pools,
    ),
    "giving pools up again before waiting for one": Mutation(
        {
            "ticketing_internal.take_idle_pools": {
                "RAISE raise_exception;\n        END IF;\n        v_pool_ids": (
                    "RETURN FALSE;\n        END IF;\n        v_pool_ids"
                )
            }
        },
        pools_given_up,
    ),
    "the look at an allotment, with the CHECK": Mutation(
        {
            "ticketing_internal.take_capacity": {
                "AND unused.available >= v_change.reserved + v_change.sold": ""
            }
        },
        allotments.test_who_wants_more_than_an_allotment_has_waits_for_the_pool,
    ),
    "the recall of allotments": Mutation(
        {
            "ticketing_internal.take_capacity": {
                "PERFORM ticketing_internal.drain_allotments"
                "(p_function_id, ARRAY[v_change.capacity_pool_id])": "NULL"
            }
        },
        allotments.test_what_is_in_allotments_is_sold_to_the_last_unit,
    ),
    "the recall of allotments before an import": Mutation(
        {
            "ticketing_internal.save_pools": {
                "PERFORM ticketing_internal.drain_allotments": "PERFORM row"
            }
        },
        allotments.test_an_import_may_cut_a_pool_to_what_its_tickets_need,
    ),
    "what is in allotments, in what is left": Mutation(
        {
            "ticketing_internal.free_capacity": {
                "ticketing_internal.pool_availability(p_function_id)": "ticketing.capacity_pools"
            }
        },
        allotments.test_what_is_in_allotments_counts_as_free,
    ),
    "the snapshot rule of the feed": Mutation(
        {
            "ticketing.get_ticket_changes": {
                "OR change.transaction_id < pg_snapshot_xmin(pg_current_snapshot())": "OR TRUE"
            }
        },
        races.test_the_feed_waits_for_a_slower_transaction_and_skips_nothing,
    ),
    "the shared lock of the catalogue": Mutation(
        {
            "ticketing_internal.lock_catalogue": {
                "PERFORM pg_advisory_xact_lock_shared(v_key);": "NULL;"
            }
        },
        races.test_a_type_enters_a_pool_only_after_those_who_are_buying_it,
    ),
    "SKIP LOCKED": Mutation(
        {
            "ticketing_internal.expire_overdue": {
                "FOR NO KEY UPDATE SKIP LOCKED": "FOR NO KEY UPDATE"
            }
        },
        races.test_a_buyer_never_waits_for_another_owners_overdue_registration,
    ),
    "the lock of the registration": Mutation(
        {"ticketing_internal.lock_registration": {"FOR NO KEY UPDATE;": ";"}},
        races.test_of_two_payments_with_different_references_one_is_recorded,
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_missing_safeguard_is_noticed(connect: Connect, mutation: Mutation) -> None:
    hand = connect(autocommit=True)
    for function, texts in mutation.without.items():
        row = hand.execute("SELECT pg_get_functiondef(%s::regproc)", [function]).fetchone()
        assert row is not None
        definition: str = row[0]
        for text, instead in texts.items():
            assert definition.count(text) == 1, "the safeguard has moved: name it anew"
            definition = definition.replace(text, instead)
        hand.execute(definition.encode())
    hand.execute(mutation.also or "SELECT")
    with pytest.raises((AssertionError, psycopg.Error, pytest.fail.Exception)):
        mutation.test(connect, hand)


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_with_the_safeguard_the_same_test_passes(connect: Connect, mutation: Mutation) -> None:
    mutation.test(connect, connect(autocommit=True))
