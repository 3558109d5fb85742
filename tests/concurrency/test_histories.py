"""Randomised histories; `make soak` runs them for any length of time."""

import random

import pytest
from tests.support.histories import (
    History,
    report,
    steps,
)


def test_history_of_one_round_has_no_fault(database_url: str) -> None:
    assert History(database_url, seed=1).run(seconds=0) == []


@pytest.mark.long
@pytest.mark.parametrize("small_pools", ["without allotments", "with allotments"])
def test_history_of_many_sessions_has_no_fault(database_url: str, small_pools: str) -> None:
    seed = 2 * random.SystemRandom().randrange(1 << 31) + (small_pools == "with allotments")
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    history = History(database_url, seed)
    faults = history.run(seconds=15)
    print(report(history))  # noqa: T201
    assert faults == [], f"repeat with: make soak ARGS='--seed {seed} --seconds 60'"
    outcomes = history.ledger.outcomes
    for rpc in (
        "create_individual_registration_with_tickets",
        "persist_attendee_tickets",
        "persist_ticket_selections",
        "start_payment",
        "complete_registration_payment",
        "amend_registration",
        "cancel_tickets",
        "cancel_registration",
        "record_refund",
        "adjust_registration",
        "update_attendees",
        "assign_tickets",
        "transfer_registration",
        "extend_hold",
        "import_catalogue",
    ):
        assert outcomes[rpc, "success"] > 0, report(history)
    assert outcomes["create_individual_registration_with_tickets", "TK005"] > 0
    assert history.ledger.total("gave up") == 0
    assert history.was_crowded == (small_pools == "with allotments")
    # asked to repeat at READ COMMITTED only where overdue rows are locked, which is rare
    assert history.ledger.total("changing hands") < sum(outcomes.values()) / 50


def test_history_seed_determines_every_step() -> None:
    assert list(steps(7, 3, 1)) == list(steps(7, 3, 1))
    assert list(steps(7, 3, 1)) != list(steps(8, 3, 1))
    assert list(steps(7, 3, 1)) != list(steps(7, 4, 1))
    assert list(steps(7, 3, 1)) != list(steps(7, 3, 2))
