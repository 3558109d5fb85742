"""Randomised histories, in the short form; `make soak` runs them for as long as one likes."""

import random

import pytest
from tests.support.histories import (
    History,
    report,
    steps,
)


@pytest.mark.parametrize("small_pools", ["without allotments", "with allotments"])
def test_whatever_many_sessions_do_at_once_the_tickets_stay_right(
    database_url: str, small_pools: str
) -> None:
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
        "cancel_registration",
        "import_catalogue",
    ):
        assert outcomes[rpc, "success"] > 0, report(history)
    assert outcomes["create_individual_registration_with_tickets", "TK005"] > 0
    assert history.ledger.total("gave up") == 0
    assert history.was_crowded == (small_pools == "with allotments")
    # asked to repeat at READ COMMITTED only where overdue rows are locked, which is rare
    assert history.ledger.total("changing hands") < sum(outcomes.values()) / 50


def test_a_seed_says_what_every_session_decides() -> None:
    assert list(steps(7, 3, 1)) == list(steps(7, 3, 1))
    assert list(steps(7, 3, 1)) != list(steps(8, 3, 1))
    assert list(steps(7, 3, 1)) != list(steps(7, 4, 1))
    assert list(steps(7, 3, 1)) != list(steps(7, 3, 2))
