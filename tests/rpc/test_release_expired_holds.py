"""release_expired_holds: returning the capacity of overdue holds."""

from datetime import datetime

import psycopg
import pytest
from tests.support.bookings import ONE, age, book, integrity, pay, stored
from tests.support.caller import Connection, anonymous, owner, service, staff, stranger
from tests.support.example import CEREMONY, WALTER, selection
from tests.support.stored import pool_counters


def test_release_expired_holds_takes_the_longest_overdue_first(event_db: Connection) -> None:
    overdue = [book(event_db, ONE) for _ in range(5)]
    living, paid = book(event_db, ONE), book(event_db, ONE)
    pay(event_db, paid)
    for minutes, registration_id in enumerate(overdue, start=1):
        event_db.execute(
            """
            UPDATE ticketing.registrations
            SET hold_expires_at = now() - make_interval(mins => %s) WHERE registration_id = %s
            """,
            [minutes, registration_id],
        )
    answer = service(event_db).call("release_expired_holds", p_limit=2)
    assert datetime.fromisoformat(answer.pop("server_time"))
    assert answer == {"success": True, "released": 2}
    assert [stored(event_db, row)["status"] for row in overdue] == ["draft"] * 3 + ["expired"] * 2
    assert pool_counters(event_db)[CEREMONY] == (600, 4, 1)
    assert service(event_db).call("release_expired_holds")["released"] == 3
    assert service(event_db).call("release_expired_holds")["released"] == 0
    assert {stored(event_db, row)["status"] for row in overdue} == {"expired"}
    assert (stored(event_db, living)["status"], stored(event_db, paid)["status"]) == (
        "draft",
        "completed",
    )
    assert pool_counters(event_db)[CEREMONY] == (600, 1, 1)


@pytest.mark.parametrize("limit", [0, -1, 10001])
def test_release_expired_holds_refuses_a_limit_out_of_range(
    event_db: Connection, limit: int
) -> None:
    refusal = service(event_db).refusal("release_expired_holds", p_limit=limit)
    assert (refusal.sqlstate, refusal.found) == ("TK001", [("invalid_value", "p_limit")])


def test_release_expired_holds_is_for_the_service_alone(event_db: Connection) -> None:
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(event_db).call("release_expired_holds")


# Left alone, with nothing selected


def test_release_ends_what_was_left_alone_empty(event_db: Connection) -> None:
    caller = owner(event_db)
    empty, given_up, held, recent = (book(event_db, chosen) for chosen in ({}, ONE, ONE, {}))
    caller.call(
        "persist_ticket_selections",
        p_registration_id=given_up,
        p_selections={WALTER: selection()},
    )
    for registration_id in (empty, given_up):
        age(event_db, registration_id, 24 * 60)
    age(event_db, recent, 24 * 60 - 1)
    # a hold is renewed without a change
    event_db.execute(
        "UPDATE ticketing.registrations SET updated_at = now() - interval '2 days' "
        "WHERE registration_id = %s",
        [held],
    )

    def seen(registration_id: str) -> str:
        answer = caller.call("get_registration", p_registration_id=registration_id)
        return str(answer["status"])

    # released or not
    everything = (empty, given_up, held, recent)
    assert [seen(row) for row in everything] == ["expired", "expired", "draft", "draft"]
    assert service(event_db).call("release_expired_holds", p_limit=1)["released"] == 1
    assert service(event_db).call("release_expired_holds")["released"] == 1
    assert service(event_db).call("release_expired_holds")["released"] == 0
    statuses = [stored(event_db, row)["status"] for row in everything]
    assert statuses == ["expired", "expired", "draft", "draft"]
    assert integrity(event_db) == []
    # its owner can go on
    answer = caller.call("persist_ticket_selections", p_registration_id=empty, p_selections=ONE)
    assert answer["status"] == "draft"
